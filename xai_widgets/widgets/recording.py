"""The answers to every wish that a page without a kernel can make, worked out beforehand.

The same topics are run as in the notebook, each to its last step, and encoded in the same way: what the page
shows is what the notebook showed.
"""

import gzip
import hashlib
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import torch

from ..anytime import last
from ..errors import XaiWidgetsError
from ..explain import METHODS
from ..explain.registry import find
from ..live.codec import Packed, pack_signed, unpack
from ..live.messages import canonical, failure
from ..live.session import Encoded
from ..model.predictions import foremost
from . import topics
from .choice import (
    DISTRIBUTION,
    Choice,
    Params,
    baseline_schemas,
    first_selection,
    method_schemas,
    offered,
    targets_of,
)
from .lab_topics import FILLS, NODES
from .topic import reduce_maps

if TYPE_CHECKING:
    from .scene import Scene

PATH_VALUES = 2**19
"""The most values of the maps of one path, two bytes each."""


class Blobs:
    """Bytes, compressed, each kept once.

    Attributes:
        data: the compressed bytes, by number.
    """

    def __init__(self) -> None:
        self.data: list[bytes] = []
        self._numbers: dict[bytes, int] = {}

    def add(self, data: bytes) -> int:
        """Keep bytes and return their number."""
        key = hashlib.sha256(data).digest()
        if key not in self._numbers:
            self._numbers[key] = len(self.data)
            self.data.append(gzip.compress(data, 6, mtime=0))  # no time: the same recording, the same bytes
        return self._numbers[key]


@dataclass(frozen=True)
class Recording:
    """What the page is told.

    Attributes:
        choice: what is in it.
        welcome: the greeting, which offers no more than that.
        frames: each a topic, its params and either step, meta and arrays or a failure. `blob` is the number
            of an array's bytes.
        blobs: the bytes.
        bytes: how many of them each topic takes, compressed.
        held: how many of how many there are of each kind, such as "layers": (12, 65).
    """

    choice: Choice
    welcome: Params
    frames: list[Params]
    blobs: Blobs
    bytes: Mapping[str, int]
    held: Mapping[str, tuple[int, int]]

    @property
    def line(self) -> str:
        """What is in it, in a few words: "2 images, 12 layers, 4 methods, 3 baselines"."""
        return ", ".join(_counted(held, name) for name, (held, _) in self.held.items() if held)

    @property
    def sentence(self) -> str:
        """What is in it, and of how many."""
        parts = [_share(name, *counts) for name, counts in self.held.items() if counts[0]]
        return f"This page holds {', '.join(parts[:-1])}{' and ' if parts[1:] else ''}{parts[-1]}."


def record(scene: "Scene", choice: Choice, wanted: Iterable[str]) -> Recording:
    """Work out the wanted topics for everything that was chosen, here and now."""
    wanted = set(wanted)
    recorder = _Recorder(scene, choice)
    for topic, asked, kept in wishes(scene, choice, wanted):
        recorder.add(topic, asked, kept)
    return Recording(
        choice,
        _welcome(scene, choice),
        recorder.frames,
        recorder.blobs,
        recorder.bytes,
        _held(scene, choice, wanted),
    )


def wishes(scene: "Scene", choice: Choice, wanted: set[str]) -> Iterator[tuple[str, Params, Params]]:
    """Yield every wish that the page can make: topic, params for the scene, params as the page has them."""
    if "thumbnails" in wanted:
        yield "thumbnails", {"count": len(scene.pictures)}, {"count": len(choice.images)}
    for place, image in enumerate(choice.images):
        predicted = foremost(scene.predictions(image)).index
        for topic, asked, kept in _of_an_image(choice, predicted, scene.selection.seed):
            if topic in wanted:
                yield topic, {"image": image, **asked}, {"image": place, **kept}


def _of_an_image(choice: Choice, predicted: int, seed: int) -> Iterator[tuple[str, Params, Params]]:
    for topic in ("input", "layers", "predictions"):
        yield topic, {}, {}
    for layer in choice.layers:
        yield "maps", {"layer": layer}, {"layer": layer}
    for name, baseline in choice.baselines.items():
        yield "baseline", {"baseline": baseline}, {"baseline": {"name": name}}
    for target, number in targets_of(choice, predicted):
        for layer in choice.layers:
            yield "scores", {"layer": layer, "target": target}, {"layer": layer, "target": number}
        for asked, kept in _explanations(choice):
            always = {"seed": seed}
            yield "attribution", {**asked, **always, "target": target}, {**kept, **always, "target": number}
        for topic, asked, kept in _lab(choice):
            always = {"seed": seed}
            yield topic, {**asked, **always, "target": target}, {**kept, **always, "target": number}


def _lab(choice: Choice) -> Iterator[tuple[str, Params, Params]]:
    """Yield what the baseline lab asks for of one target."""
    for name, baseline in choice.baselines.items():
        nodes = {"nodes": NODES}
        yield "path", {**nodes, "baseline": baseline}, {**nodes, "baseline": {"name": name}}
    asked: Params = {"baselines": list(choice.compared.values())}
    kept: Params = {"baselines": [{"name": name} for name in choice.compared]}
    if choice.compared:
        yield "compare", asked, kept
        for fill in FILLS:
            yield "ablation", {**asked, "fill": fill}, {**kept, "fill": fill}


def _explanations(choice: Choice) -> Iterator[tuple[Params, Params]]:
    for name, params in choice.methods.items():
        needs = find(name).needs
        layers = (None, *choice.layers) if "layer" in needs else (None,)
        pairs = choice.baselines.items() if "baseline" in needs else [(None, None)]
        for layer in layers:
            for key, baseline in pairs:
                if baseline and baseline["name"] == DISTRIBUTION and DISTRIBUTION not in needs:
                    continue
                common = {"method": name, "layer": layer}
                named = {"name": key} if key else None
                yield (
                    {**common, "params": params, "baseline": baseline},
                    {**common, "params": {}, "baseline": named},
                )


@dataclass
class _Recorder:
    """Runs wishes and keeps what comes of them; what is asked twice is worked out once."""

    scene: "Scene"
    choice: Choice
    frames: list[Params] = field(default_factory=list)
    blobs: Blobs = field(default_factory=Blobs)
    bytes: Counter[str] = field(default_factory=Counter)
    known: dict[str, Params] = field(default_factory=dict)

    def add(self, topic: str, asked: Params, kept: Params) -> None:
        key = f"{topic} {canonical(asked)}"
        if key not in self.known:
            self.known[key] = self._answer(topic, asked)
        self.frames.append({"topic": topic, "params": kept, **self.known[key]})

    def _answer(self, topic: str, asked: Params) -> Params:
        wish = topics.wish(self.scene, topic, asked)
        try:
            step = last(wish.work())
            encoded = wish.encode(step)
        except XaiWidgetsError as error:  # shown where a person asks for it, as in the notebook
            return {"failure": failure(error)}
        if topic in _FITTED:
            encoded = _FITTED[topic](self.scene, self.choice, asked, encoded)
        return {
            "step": {"index": 0, "done": 1.0, "error": step.error, "final": True},
            "meta": encoded.meta,
            "arrays": [{**packed.head, "blob": self._keep(topic, packed)} for packed in encoded.arrays],
        }

    def _keep(self, topic: str, packed: Packed) -> int:
        before = len(self.blobs.data)
        number = self.blobs.add(packed.data)
        self.bytes[topic] += sum(map(len, self.blobs.data[before:]))
        return number


# -- frames that would tell of what the page does not hold ---------------------------------------------


def _fit_thumbnails(scene: "Scene", choice: Choice, asked: Params, encoded: Encoded) -> Encoded:
    chosen = [
        replace(encoded.arrays[image], head={**encoded.arrays[image].head, "name": str(place)})
        for place, image in enumerate(choice.images)
    ]
    return replace(encoded, arrays=tuple(chosen))


def _fit_layers(scene: "Scene", choice: Choice, asked: Params, encoded: Encoded) -> Encoded:
    held = [layer for layer in encoded.meta["layers"] if layer["name"] in choice.layers]
    return replace(encoded, meta={"layers": held})


def _fit_predictions(scene: "Scene", choice: Choice, asked: Params, encoded: Encoded) -> Encoded:
    found = scene.predictions(asked["image"])
    return replace(
        encoded,
        meta={"top": offered(scene, choice, asked["image"], found), "likeliest": encoded.meta["top"]},
    )


def _fit_entries(scene: "Scene", choice: Choice, asked: Params, encoded: Encoded) -> Encoded:
    """Name the compared baselines as the page does."""
    entries = [
        entry | {"baseline": {"name": name}}
        for name, entry in zip(choice.compared, encoded.meta["entries"], strict=True)
    ]
    return replace(encoded, meta={**encoded.meta, "entries": entries})


def _fit_path(scene: "Scene", choice: Choice, asked: Params, encoded: Encoded) -> Encoded:
    """Make the maps of a path small, as a page carries many; a cell holds what its pixels add up to."""
    place = next(i for i, packed in enumerate(encoded.arrays) if packed.head["name"] == "maps")
    small, factor = reduce_maps(torch.from_numpy(unpack(encoded.arrays[place])), PATH_VALUES, sums=True)
    if factor == 1:
        return encoded
    arrays = list(encoded.arrays)
    arrays[place] = pack_signed("maps", small.numpy())
    return Encoded({**encoded.meta, "reduced": factor * encoded.meta["reduced"]}, tuple(arrays))


_FITTED: dict[str, Callable[["Scene", Choice, Params, Encoded], Encoded]] = {
    "thumbnails": _fit_thumbnails,
    "layers": _fit_layers,
    "predictions": _fit_predictions,
    "compare": _fit_entries,
    "ablation": _fit_entries,
    "path": _fit_path,
}


# -- words ---------------------------------------------------------------------------------------------


def _welcome(scene: "Scene", choice: Choice) -> Params:
    pictures = [scene.picture(image) for image in choice.images]
    return {
        "type": "welcome",
        "client": "",
        "model": scene.model.name,
        "selection": first_selection(scene, choice),
        "classes": None if scene.model.classes is None else list(scene.model.classes),
        "methods": method_schemas(scene, choice),
        "baselines": baseline_schemas(scene, choice),
        "images": [{"name": one.name, "width": one.size[0], "height": one.size[1]} for one in pictures],
        "recorded": True,
    }


def _held(scene: "Scene", choice: Choice, wanted: set[str]) -> dict[str, tuple[int, int]]:
    """Return how much of each kind is held, as far as the page has any use for it."""
    found = {"images": (len(choice.images), len(scene.pictures))}
    with_layers = "attribution" in wanted and any("layer" in find(name).needs for name in choice.methods)
    if with_layers or "maps" in wanted or wanted == {"layers"}:
        found["layers"] = (len(choice.layers), len(scene.tree(0).viewable))
    if "attribution" in wanted:
        found["methods"] = (len(choice.methods), len(METHODS))
    if wanted & {"attribution", "path"}:
        found["baselines"] = (len(choice.baselines), 0)
    if len(choice.targets) > 1 and wanted & {"attribution", "scores", "path"}:
        found["targets"] = (len(choice.targets), 0)
    return found


def _counted(count: int, names: str) -> str:
    return f"{count} {names if count != 1 else names.removesuffix('s')}"


def _share(names: str, held: int, whole: int) -> str:
    """Return "12 of 65 layers", "all 8 images", "3 baselines"."""
    if whole == 0 or (held == whole == 1):
        return _counted(held, names)
    return f"all {whole} {names}" if held == whole else f"{held} of {whole} {names}"
