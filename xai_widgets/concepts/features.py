"""What a unit likes: pictures made to excite a class, a channel, a neuron or a direction."""

import io
import threading
from base64 import b64encode
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor, nn

from ..anytime import Step, last
from ..errors import ParameterError
from ..inputs import images
from ..model.handle import GRADIENTS, Model
from ..model.target import Target
from ..model.targets import ClassTarget, resolve
from ..parameters import Choice, Range, checked, declared
from ..results import Check, Evidence, Verdict
from . import canvas
from .ascent import Ascent, Penalties
from .objective import Different
from .views import Views

OWNER = "visualize"
BLOCK = 16
"""The most iterations between two pictures."""
EDGE = 0.02
"""Pixels within this of black or white count as clipped."""


@dataclass(frozen=True, eq=False)
class Visualization:
    """Pictures that excite a unit, with what is needed to judge them and to make them again.

    Attributes:
        pictures: uint8 `(n, h, w, 3)`.
        importance: how much each pixel has mattered on the way, float32 `(n, h, w)`, at most 1.
        scores: the target's value of each picture as it is, `(n,)`; before the last step, of the view that
            was looked at last.
        history: the objective of each picture in each iteration, as it was moved then, `(iterations, n)`.
        iterations: how many were made.
        target: what was climbed, for a person.
        params: everything that can be set, seed and spectrum included.
        model: fingerprint of the network.
        evidence: what speaks for and against the pictures.
        code: Python that makes them again.
    """

    pictures: NDArray[np.uint8]
    importance: NDArray[np.float32]
    scores: NDArray[np.float32]
    history: NDArray[np.float32]
    iterations: int
    target: str
    params: Mapping[str, Any]
    model: str
    evidence: Evidence
    code: str = field(default="", repr=False)

    @property
    def picture(self) -> NDArray[np.uint8]:
        """The first picture, `(h, w, 3)`."""
        first: NDArray[np.uint8] = self.pictures[0]
        return first

    @property
    def sheet(self) -> NDArray[np.uint8]:
        """All pictures in a row, `(h, n * w, 3)`."""
        row: NDArray[np.uint8] = np.concatenate(list(self.pictures), axis=1)
        return row

    def to_code(self) -> str:
        """Return Python that makes these pictures again."""
        return self.code

    def save(self, path: str | Path) -> Path:
        """Write the pictures in a row as a picture file and return the path.

        Raises:
            ParameterError: no picture format has this ending.
        """
        path = Path(path)
        if path.suffix.lower() not in Image.registered_extensions():
            raise ParameterError(f"A picture is not saved as {path.name!r}.", "Use .png, .jpg or .webp.")
        Image.fromarray(self.sheet).save(path)
        return path

    def __repr__(self) -> str:
        height, width = self.pictures.shape[1:3]
        head = f"{len(self.pictures)} × {height} × {width}, {self.iterations} iterations"
        return f"<Visualization {self.target}, {head}>\n{self.evidence!r}"

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> dict[str, Any]:
        buffer = io.BytesIO()
        Image.fromarray(self.sheet).save(buffer, "PNG")
        return {"image/png": b64encode(buffer.getvalue()).decode(), "text/plain": repr(self)}


def visualize(
    model: Model | nn.Module, target: int | str | Target | Mapping[str, Any], **settings: Any
) -> Visualization:
    """Make pictures that excite a target; what can be set stands at `visualize_steps`.

    Example:
        >>> found = visualize(model, "macaw")
        >>> found = visualize(model, xw.Channel("features.7", 12), count=4, diversity=0.5)
        >>> found.save("channel 12.png")
    """
    return last(visualize_steps(model, target, **settings)).value


def visualize_steps(
    model: Model | nn.Module,
    target: int | str | Target | Mapping[str, Any],
    *,
    parametrisation: Annotated[
        str, Choice(canvas.KINDS, help="What is moved: frequencies, their phases alone, or pixels.")
    ] = "fourier",
    steps: Annotated[int, Range(1, 1024, log=True, help="Iterations of gradient ascent.")] = 128,
    count: Annotated[int, Range(1, 9, label="pictures", help="At once.")] = 1,
    diversity: Annotated[
        float, Range(0, 2, step=0.05, help="How much of its score a picture pays for being like the others.")
    ] = 0.0,
    rate: Annotated[float, Range(0.1, 10, log=True, label="step size", help="Beside the usual one.")] = 1.0,
    jitter: Annotated[float, Range(0, 64, step=1, unit="px", help="Shift before each look.")] = 8.0,
    scale: Annotated[float, Range(0, 0.5, step=0.01, help="Resize before each look.")] = 0.1,
    rotate: Annotated[float, Range(0, 45, step=1, unit="°", help="Turn before each look.")] = 5.0,
    crop: Annotated[float, Range(0, 0.9, step=0.05, help="Leave out up to this share of a side.")] = 0.0,
    variation: Annotated[
        float, Range(0, 1, step=0.01, label="total variation", help="What edges cost.")
    ] = 0.0,
    energy: Annotated[float, Range(0, 1, step=0.01, label="contrast", help="What contrast costs.")] = 0.0,
    frequency: Annotated[
        float, Range(0, 1, step=0.01, label="high frequencies", help="What fine detail costs.")
    ] = 0.0,
    seed: int = 0,
    size: int | tuple[int, int] | None = None,
    spectrum: Any = None,
) -> Iterator[Step[Visualization]]:
    """Make pictures that excite a target, and yield them as they get better.

    Activation maximisation: gradient ascent on the target from nearly grey, with Adam, where each iteration
    looks at the pictures shifted, scaled and turned a little, so that what survives is structure and not
    noise (Olah, Mordvintsev and Schubert, "Feature Visualization", Distill 2017). Between two steps the
    model is as it came; not asking for another ends the work; the same seed gives the same pictures.

    Args:
        model: a Model, or the bare network where it takes pixels in [0, 1].
        target: a class by index or name, a Target such as `Channel`, `Neuron`, `Margin`, or a `Direction`.
        parametrisation: "fourier" moves frequencies in decorrelated colours; "maco" moves phases alone, with
            the magnitudes of natural pictures (Fel et al. 2023); "pixels" moves pixels.
        steps: iterations.
        count: pictures at once, `(count, c, h, w)`.
        diversity: with several pictures, the share of its score that each pays for being like the others.
        rate: of the parametrisation's own step size.
        jitter, scale, rotate, crop: how far a picture is moved before each look, see `views.Views`.
        variation, energy, frequency: what a picture pays for, see `ascent.Penalties`.
        seed: where random numbers start.
        size: of the pictures, a side or height and width in pixels; None: as the network has seen them.
        spectrum: pictures, as `inputs.images.load_all` takes them, whose mean magnitudes "maco" holds; None
            for the 1/f law.

    Raises:
        ParameterError: something is not known, out of range, or not used by this parametrisation.
        InputError, ModelError, UnknownClassError, UnknownLayerError: what their names say.
    """
    given = {key: value for key, value in locals().items() if key in _NAMES}
    climb = Climb.begun(model, target, given, seed, size, spectrum)
    return climb.steps(climb.params["steps"])


PARAMS = declared(visualize_steps)
_NAMES = frozenset(param.name for param in PARAMS)


@dataclass(eq=False)
class Climb:
    """A visualisation that can be left and gone on with: the same iterations, in as many goes as one likes.

    Attributes:
        ascent: where it is.
        target: what it climbs.
        params: everything that was set.
        label: of the target.
        fingerprint: of the network as it was at the beginning.
    """

    ascent: Ascent
    target: Target
    params: dict[str, Any]
    label: str
    fingerprint: str
    lock: threading.Lock = field(default_factory=threading.Lock, repr=False)

    @classmethod
    def begun(
        cls,
        model: Model | nn.Module,
        target: Any,
        settings: Mapping[str, Any],
        seed: int = 0,
        size: Any = None,
        spectrum: Any = None,
    ) -> "Climb":
        """Return a climb that has made no iteration; arguments and errors as of `visualize_steps`."""
        params = checked(PARAMS, settings, OWNER)
        model = model if isinstance(model, Model) else Model(model)
        blank = _blank(model, size)
        if target is None:
            raise ParameterError("There is no picture whose class could be taken.", "Give a target.")
        found = resolve(target, model, blank)
        generator = torch.Generator().manual_seed(_seed(seed))
        shape = (blank.shape[1], blank.shape[2], blank.shape[3])
        magnitude, law = _magnitude(model, params["parametrisation"], spectrum, blank)
        views = Views(*(params[key] for key in ("jitter", "scale", "rotate", "crop")))
        penalties = Penalties(*(params[key] for key in ("variation", "energy", "frequency")))
        objective = _objective(model, found, params, blank)
        with torch.inference_mode(False):  # a leaf made in it could never be moved
            drawn = canvas.made(params["parametrisation"], params["count"], shape, generator, magnitude)
            ascent = Ascent(model, objective, drawn, views, penalties, generator, params["rate"])
        params |= {"seed": seed, "size": shape[1:], "spectrum": law}
        return cls(ascent, found, params, found.label(model), model.fingerprint)

    def steps(self, until: int) -> Iterator[Step[Visualization]]:
        """Go on to so many iterations, and yield what is there at least every `BLOCK`."""
        ascent = self.ascent
        while ascent.iterations < until:
            found = self._go_on(until)
            if ascent.iterations < until:
                yield Step(found, found.iterations / until, None, False)
        with self.lock:
            found = self.found(whole=True)
        yield Step(found, 1.0, None, True)

    def _go_on(self, until: int) -> Visualization:
        """Make as many iterations as a step takes. Whoever else goes on with this climb waits."""
        with self.lock:
            for _ in range(min(until - self.ascent.iterations, self._pace())):
                self.ascent.climb()
            return self.found()

    def found(self, whole: bool = False) -> Visualization:
        """Return what is there; `whole` asks the network once more, for the pictures as they are."""
        ascent = self.ascent
        scores = ascent.scores(self.target) if whole or not ascent.history else ascent.history[-1]
        pixels = ascent.pixels()
        history = torch.stack(ascent.history) if ascent.history else torch.zeros(0, len(pixels))
        most = ascent.importance.amax(dim=(1, 2), keepdim=True).clamp(min=1e-12)
        return Visualization(
            pictures=np.stack([images.shown(one) for one in pixels]),
            importance=(ascent.importance / most).numpy(),
            scores=scores.numpy(),
            history=history.numpy(),
            iterations=ascent.iterations,
            target=self.label,
            params=self.params | {"steps": ascent.iterations},
            model=self.fingerprint,
            evidence=_judged(self, pixels, history, scores),
            code=_code(self),
        )

    def _pace(self) -> int:
        """Return how many iterations fit into a step: what is found does not depend on it."""
        count = len(self.ascent.importance)
        inputs = self.ascent.pixels()[:1]
        return max(1, self.ascent.model.at_once(inputs, GRADIENTS, BLOCK * count) // count)


def _blank(model: Model, size: Any) -> Tensor:
    """Return a grey picture as the network is fed it, `(1, c, h, w)`."""
    if size is None:
        return model.blank()
    sides = (size, size) if isinstance(size, int) else size
    if isinstance(size, bool) or not _are_sides(sides):
        raise ParameterError(f"A size is a side or (height, width) in pixels, not {size!r}.")
    return model.normalise(torch.full((1, model.channels, *sides), 0.5))


def _are_sides(given: Any) -> bool:
    return (
        isinstance(given, (tuple, list))
        and len(given) == 2
        and all(isinstance(one, int) and 8 <= one <= 4096 for one in given)
    )


def _seed(given: Any) -> int:
    if isinstance(given, bool) or not isinstance(given, (int, np.integer)) or not 0 <= given < 2**63:
        raise ParameterError(f"A seed is a whole number from 0 on, not {given!r}.")
    return int(given)


def _magnitude(model: Model, kind: str, spectrum: Any, blank: Tensor) -> tuple[Tensor | None, str | None]:
    """Return the magnitudes that MaCo holds, and where they are from; None where there are none."""
    if kind != "maco":
        if spectrum is not None:
            raise ParameterError(f"{kind!r} holds no spectrum.", "Leave it out, or take 'maco'.")
        return None, None
    if spectrum is None:
        return None, "the 1/f law"
    seen = [model.pixels(picture) for picture in images.load_all(spectrum)]
    fitting = [_fitted(pixels, blank) for pixels in seen]
    counted = "1 picture" if len(seen) == 1 else f"the mean of {len(seen)} pictures"
    return canvas.magnitude_of(torch.cat(fitting)), counted


def _fitted(pixels: Tensor, blank: Tensor) -> Tensor:
    if pixels.shape == blank.shape:
        return pixels
    return nn.functional.interpolate(pixels, blank.shape[2:], mode="bilinear", antialias=True)


def _objective(model: Model, target: Target, params: Mapping[str, Any], blank: Tensor) -> Target:
    if params["count"] == 1 or params["diversity"] == 0:
        return target
    return Different(target, target.layer or model.layers(blank).default_cam(), params["diversity"])


def _judged(climb: Climb, pixels: Tensor, history: Tensor, scores: Tensor) -> Evidence:
    """Return what speaks for and against the pictures."""
    ascent = climb.ascent
    checks = [_rose(history, scores)] if len(history) else []
    clipped = float(((pixels < EDGE) | (pixels > 1 - EDGE)).float().mean())
    words = f"{clipped:.0%} of the pixel values are as good as black or white."
    checks.append(Check("range", "doubtful" if clipped > 0.5 else "holds", clipped, words))
    if ascent.silent:
        words = (
            f"In {ascent.silent} iterations the unit passed nothing back, and was asked past its ReLUs: "
            "where it stays silent, the pictures show what its inputs like."
        )
        verdict: Verdict = "doubtful" if ascent.silent > len(history) / 2 else "holds"
        checks.append(Check("silence", verdict, float(ascent.silent), words, "was silent"))
    limit = ascent.model.batch_limit or len(pixels)
    if isinstance(ascent.objective, Different) and limit < len(pixels):
        words = f"The network takes {limit} at a time: pictures were not held against all the others."
        checks.append(Check("diversity", "doubtful", float(limit), words, "not held apart"))
    if climb.params["spectrum"]:
        words = f"The magnitude of every frequency is held at that of {climb.params['spectrum']}."
        checks.append(Check("spectrum", "holds", None, words))
    return Evidence(tuple(checks), climb.params["seed"], len(history) * len(pixels), "gradients")


def _rose(history: Tensor, scores: Tensor) -> Check:
    start, end = float(history[0].mean()), float(scores.mean())
    verdict: Verdict = "holds" if end > start else "fails"
    words = f"The target went from {start:.3g}, nearly grey, to {end:.3g}."
    return Check("climb", verdict, end - start, words, f"{start:.3g} → {end:.3g}")


def _code(climb: Climb) -> str:
    target = climb.target
    meant = repr(target.index) if isinstance(target, ClassTarget) else f"xw.{target!r}"
    params = climb.params | {"steps": climb.ascent.iterations}
    usual = {param.name: param.default for param in PARAMS} | {"seed": 0, "spectrum": None}
    differing = {key: value for key, value in params.items() if usual.get(key, ...) != value}
    pictures = differing.get("spectrum")
    if pictures in (None, "the 1/f law"):
        differing.pop("spectrum", None)
    given = [
        f"    {key}={'pictures' if key == 'spectrum' else repr(value)},\n" for key, value in differing.items()
    ]
    return (
        "import xai_widgets as xw\n\n"
        f"# model: the xw.Model with fingerprint {climb.fingerprint}; target: {ascii(climb.label)[1:-1]}\n"
        + (f"# pictures: the spectrum is {pictures}\n" if pictures and "spectrum" in differing else "")
        + f"found = xw.visualize(\n    model,\n    {meant},\n{''.join(given)})\n"
    )
