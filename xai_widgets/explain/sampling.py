"""What grows with every sample: means, variances, and how far a picture still moves."""

from dataclasses import dataclass, field

import numpy as np

from .problem import Floats


@dataclass
class Running:
    """Mean and variance of arrays of one shape, by Chan, Golub and LeVeque's pairwise update (1979)."""

    count: int = 0
    mean: Floats | float = 0.0
    squares: Floats | float = 0.0

    def add(self, samples: Floats) -> None:
        """Take in samples `(n, ...)`."""
        more = len(samples)
        mean = samples.mean(axis=0)
        shift = mean - self.mean
        whole = self.count + more
        squares = ((samples - mean) ** 2).sum(axis=0)
        self.squares = self.squares + squares + shift**2 * (self.count * more / whole)
        self.mean = self.mean + shift * (more / whole)
        self.count = whole

    @property
    def variance(self) -> Floats:
        """The unbiased variance; zero of a single sample."""
        return np.asarray(self.squares / max(1, self.count - 1))

    @property
    def error(self) -> float:
        """The mean standard error an entry; of a single sample, which has none, the size of the mean."""
        if self.count < 2:
            return float(np.abs(self.mean).mean())
        return float(np.sqrt(self.variance / self.count).mean())


@dataclass
class Settling:
    """Tells an error for work that has no other: how far the picture moved since half as much was known."""

    known: list[tuple[int, Floats]] = field(default_factory=list)

    def error(self, count: int, values: Floats) -> float:
        """Return the mean distance an entry to the picture of at most half the count; take this one in."""
        before = [earlier for asked, earlier in self.known if asked <= count / 2]
        self.known = [one for one in self.known if one[0] >= count / 4] + [(count, values)]
        return float(np.abs(values - before[-1]).mean() if before else np.abs(values).mean())
