"""What an explanation is and what it carries: frozen results with their shapes.

No explanation is shown without its evidence, so every way out of here (PNG, SVG, HTML, arrays) takes
the evidence along.
"""

import io
import json
from base64 import b64encode
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from . import render, sheet
from .errors import ParameterError, did_you_mean
from .sheet import Sheet

Verdict = Literal["holds", "doubtful", "fails", "not applicable"]
_WORST_FIRST: tuple[Verdict, ...] = ("fails", "doubtful", "holds", "not applicable")


@dataclass(frozen=True)
class Check:
    """One question asked of an explanation, and its answer.

    Attributes:
        name: what was checked, such as "completeness".
        verdict: "holds", "doubtful", "fails" or "not applicable".
        figure: the number behind the verdict, where there is one.
        sentence: the answer in one line of plain words.
        brief: the same in a few words for the line under the picture; empty where the line needs none.
    """

    name: str
    verdict: Verdict
    figure: float | None
    sentence: str
    brief: str = ""

    def to_dict(self) -> dict[str, Any]:
        """Return it as JSON."""
        return asdict(self)


@dataclass(frozen=True)
class Evidence:
    """Why an explanation may be believed, or not.

    Attributes:
        checks: in the order in which a list should show them.
        seed: the seed, where the method draws random numbers.
        evaluations: how often the network was asked.
        counted: what was counted, "gradients" or "forward passes".
    """

    checks: tuple[Check, ...] = ()
    seed: int | None = None
    evaluations: int = 0
    counted: str = "gradients"

    @property
    def worst(self) -> Verdict:
        """The worst verdict of all checks."""
        found = {check.verdict for check in self.checks}
        return next((verdict for verdict in _WORST_FIRST if verdict in found), "not applicable")

    @property
    def line(self) -> str:
        """One calm line: what went wrong first, then the figures, then the cost."""
        ordered = sorted(self.checks, key=lambda check: min(_WORST_FIRST.index(check.verdict), 2))
        one = {"gradients": "gradient", "forward passes": "forward pass"}.get(self.counted, self.counted)
        counted = one if self.evaluations == 1 else self.counted
        parts = [check.brief for check in ordered if check.brief]
        parts.append(f"{self.evaluations} {counted}")
        line = " · ".join(parts)
        return line[0].upper() + line[1:]

    def to_dict(self) -> dict[str, Any]:
        """Return it as JSON, with `line` and `worst`."""
        return {
            "line": self.line,
            "worst": self.worst,
            "checks": [check.to_dict() for check in self.checks],
            "seed": self.seed,
            "evaluations": self.evaluations,
            "counted": self.counted,
        }

    def __getitem__(self, name: str) -> Check:
        """Return a check by its name; ParameterError with close names where there is none."""
        for check in self.checks:
            if check.name == name:
                return check
        names = [check.name for check in self.checks]
        raise ParameterError(f"The evidence has no check {name!r}.", did_you_mean(name, names, len(names)))

    def __repr__(self) -> str:
        rows = [f"  {check.verdict:<14} {check.name}: {check.sentence}" for check in self.checks]
        return "\n".join([f"Evidence: {self.line}", *rows])


@dataclass(frozen=True, eq=False)
class Explanation:
    """What a method found, with everything needed to judge it, keep it and make it again.

    Attributes:
        values: float32 `(c, h, w)` where the method is per channel, else `(h, w)`, at the size of the
            network's input.
        input: what the network saw before normalisation, uint8 `(h, w, 3)`.
        target: what was explained, for a person.
        target_index: the class, where the target is one.
        method: name in `METHODS`.
        params: the method's parameters, all of them.
        baseline: the baseline as JSON, where the method has one.
        seed: the seed, where the method draws random numbers.
        model: fingerprint of the network.
        seconds: how long it took.
        signed: whether negative values mean something.
        layer: the layer, where the method has one.
        code: Python that makes it again.
    """

    values: NDArray[np.float32]
    input: NDArray[np.uint8]
    target: str
    target_index: int | None
    method: str
    params: Mapping[str, Any]
    baseline: Mapping[str, Any] | None
    seed: int | None
    model: str
    evidence: Evidence
    seconds: float
    signed: bool
    layer: str | None = None
    code: str = field(default="", repr=False)

    @property
    def map(self) -> NDArray[np.float32]:
        """The map `(h, w)`: the values, summed over the channels where there are any."""
        return self.values if self.values.ndim == 2 else self.values.sum(axis=0, dtype=np.float32)

    @property
    def title(self) -> str:
        """Method and target in a few words."""
        layer = f" at {self.layer}" if self.layer else ""
        return f"{self.method.replace('_', ' ').capitalize()}{layer} · {self.target}"

    def to_code(self) -> str:
        """Return Python that makes this explanation again."""
        return self.code

    def to_dict(self) -> dict[str, Any]:
        """Return everything but the arrays as JSON."""
        names = ("target", "target_index", "method", "layer", "seed", "model", "seconds", "signed", "code")
        rest = {"params": dict(self.params), "baseline": self.baseline, "evidence": self.evidence.to_dict()}
        return {name: getattr(self, name) for name in names} | rest

    def picture(self, colormap: str = "auto", clip_percentile: float = 99.0) -> NDArray[np.uint8]:
        """Return the map painted, `(h, w, 3)` uint8."""
        return render.colorize(self.map, colormap, clip_percentile, self._sign)

    def overlay(self, opacity: float = 0.8, **how: Any) -> NDArray[np.uint8]:
        """Return the map laid over the picture, `(h, w, 3)` uint8; `how` as in `render.overlay`."""
        return render.overlay(self.input, self.map, opacity, **{"sign": self._sign, **how})

    def save(self, path: str | Path) -> Path:
        """Write it to a file and return the path; the ending says how: png, svg, npz or html.

        Raises:
            ParameterError: another ending.
        """
        path = Path(path)
        ending = path.suffix.lower().removeprefix(".")
        writer = _WRITERS.get(ending)
        if writer is None:
            raise ParameterError(
                f"An explanation is not saved as {path.name!r}.", "Use .png, .svg, .npz or .html."
            )
        path.write_bytes(writer(self))
        return path

    def __repr__(self) -> str:
        return f"<Explanation {self.title}, {'×'.join(map(str, self.values.shape))}>\n{self.evidence!r}"

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> dict[str, Any]:
        return {"image/png": b64encode(sheet.png(_sheet(self))).decode(), "text/plain": repr(self)}

    @property
    def _sign(self) -> render.Sign:
        return "both" if self.signed else "positive"


def _sheet(found: Explanation) -> Sheet:
    return Sheet(
        found.title,
        found.evidence.line,
        {"picture": found.input, found.method.replace("_", " "): found.picture(), "both": found.overlay()},
        render.clip_range(found.map, 99.0, found._sign),
        render.default_colormap(found._sign),
        tuple((check.verdict, check.name, check.sentence) for check in found.evidence.checks),
        found.code,
    )


def _npz(found: Explanation) -> bytes:
    buffer = io.BytesIO()
    meta = json.dumps(found.to_dict(), default=str)
    np.savez_compressed(buffer, values=found.values, map=found.map, input=found.input, meta=np.array(meta))
    return buffer.getvalue()


_WRITERS: dict[str, Callable[[Explanation], bytes]] = {
    "png": lambda found: sheet.png(_sheet(found)),
    "svg": lambda found: sheet.svg(_sheet(found)),
    "html": lambda found: sheet.html(_sheet(found)),
    "npz": _npz,
}
