"""What is looked at: a model, pictures, and everything that was found out about them."""

import itertools
from collections.abc import Callable, Hashable, Iterator, Sequence
from dataclasses import replace
from functools import cached_property
from typing import Any, TypeVar

import torch

from ..anytime import Step
from ..errors import ParameterError
from ..inputs import baselines, images
from ..inputs.images import Picture
from ..live import messages
from ..live.cache import ByteCache, remembered
from ..metrics.randomisation import randomised
from ..model import targets
from ..model.handle import Model
from ..model.layers import Layer, LayerTree
from ..model.predictions import Prediction, foremost
from ..model.similarity import Similarity
from ..model.target import Target
from ..results import Explanation
from . import topics

# Shared by all scenes of the kernel: a cell that is run thirty times makes thirty scenes, which ipywidgets
# keeps until they are closed.
_records: ByteCache[dict[str, torch.Tensor]] = ByteCache(768 * 2**20, topics.record_bytes)
_explained: ByteCache[Explanation] = ByteCache(
    128 * 2**20, lambda found: int(found.values.nbytes + found.input.nbytes)
)
_pixels: ByteCache[torch.Tensor] = ByteCache(128 * 2**20, lambda x: x.nbytes)
_predicted: ByteCache[list[Prediction]] = ByteCache(16 * 2**20, lambda found: 200 * len(found))
_worked: ByteCache[Any] = ByteCache(192 * 2**20, topics.result_bytes)
_numbers = itertools.count()

T = TypeVar("T")


class Subject:
    """A model and pictures, each question about them worked out once.

    Args:
        model: the model.
        pictures: the pictures.
    """

    def __init__(self, model: Model, pictures: list[Picture]) -> None:
        self.model = model
        self.pictures = pictures
        self._number = next(_numbers)

    def look_at(self, pictures: list[Picture]) -> None:
        """Take other pictures, where those that stay keep their places."""
        self.pictures = pictures
        self.__dict__.pop("shuffled", None)

    @cached_property
    def shuffled(self) -> "Subject":
        """The model with shuffled weights, to hold explanations against; see `metrics.randomisation`."""
        return Subject(randomised(self.model), self.pictures)

    def picture(self, image: int) -> Picture:
        """Return one of the pictures."""
        return self.pictures[image]

    def ready(self, image: int) -> Picture:
        """Return a picture whose pixels are what the network sees, so that no wish resizes it again."""
        return self.picture(image).seen_as(self.pixels(image))

    def inputs(self, image: int) -> torch.Tensor:
        """Return what the network sees of a picture, normalised, `(1, c, h, w)`."""
        return self.model.normalise(self.pixels(image))

    def pixels(self, image: int) -> torch.Tensor:
        """Return what the network sees of a picture before normalisation, `(1, c, h, w)` in [0, 1]."""
        return self._known(_pixels, image, lambda: self.model.pixels(self.picture(image)))

    def tree(self, image: int) -> LayerTree:
        """Return the layers as a picture of this size runs through them."""
        return self.model.layers(self.inputs(image))

    def layer(self, image: int, name: str) -> Layer:
        """Return one layer."""
        found: Layer = self.tree(image)[name]
        return found

    def record(self, image: int) -> dict[str, torch.Tensor]:
        """Return the activations of all viewable layers, from one forward pass for all panels."""
        return self._known(_records, image, lambda: self._look(image))

    def predictions(self, image: int) -> list[Prediction]:
        """Return what a picture is answered, the first thing first; from the pass of `record` if that ran."""
        return self._known(_predicted, image, lambda: self.model.predict(self.inputs(image)))

    def target(self, image: int, value: Any) -> Any:
        """Return the target that a wish names, as `explain` takes it; pictures of the session are read.

        Raises:
            ParameterError: there is no such picture, or nothing was found that could be explained.
        """
        if value is None:  # not asked of the network again: the predictions know it
            return targets.of_prediction(foremost(self.predictions(image)), self.model.kind)
        found = targets.from_json(value) if isinstance(value, dict) else value
        if not isinstance(found, Similarity) or not isinstance(found.reference, int):
            return found
        count = len(self.pictures)
        if not 0 <= found.reference < count:
            words = f"There is no picture {found.reference} to be similar to."
            raise ParameterError(words, f"There are {count}, counted from 0.")
        return replace(found, reference=self.ready(found.reference), number=found.reference)

    def resolved(self, image: int, value: Any) -> Target:
        """Return that target, ready to be asked for."""
        read = lambda source: self.model.pixels(images.load(source))  # noqa: E731
        return targets.resolve(self.target(image, value), self.model, self.inputs(image), read)

    def baseline(self, value: Any) -> baselines.Baseline:
        """Return the baseline that a JSON dict names; it may take the session's own pictures."""
        found = baselines.resolve(value, _Pixels(self))
        if found is None:
            raise ParameterError("A baseline is missing.", 'Black is usual: {"name": "black"}.')
        return found

    def explained(self, params: dict[str, Any]) -> Iterator[Step[Explanation]]:
        """Explain what `params` (of topic "attribution") names, from the cache where it is kept."""
        wish = topics.settled(self, params)
        of: dict[str, Any] = {"image": self.picture(wish["image"]).key}
        if wish["baseline"] and wish["baseline"]["name"] in ("image", "distribution"):
            of["pictures"] = [picture.key for picture in self.pictures]
        key = (self._number, messages.canonical(wish | of))
        return remembered(_explained, key, lambda: topics.explain(self, wish))

    def kept(
        self, topic: str, params: dict[str, Any], work: Callable[[], Iterator[Step[Any]]]
    ) -> Iterator[Step[Any]]:
        """Run the work of a topic, or give what is kept of it."""
        pictures = [picture.key for picture in self.pictures]
        key = (self._number, topic, messages.canonical(params | {"pictures": pictures}))
        return remembered(_worked, key, work)

    def renew(self) -> None:
        """Forget everything: for a network whose weights have changed."""
        self.forget()
        self._number = next(_numbers)  # what is still being worked out ends up under the old one

    def forget(self) -> None:
        """Free what is kept."""
        shuffled = self.__dict__.pop("shuffled", None)
        if shuffled is not None:
            shuffled.forget()

        def ours(key: Hashable) -> bool:
            return isinstance(key, tuple) and key[0] == self._number

        for cache in (_records, _explained, _pixels, _predicted, _worked):
            cache.drop_where(ours)

    def _known(self, cache: ByteCache[T], image: int, work: Callable[[], T]) -> T:
        """Return what is known of a picture, worked out once."""
        key = (self._number, self.picture(image).key)
        known = cache.get(key)
        if known is None:
            known = work()
            cache.put(key, known)
        return known

    def _look(self, image: int) -> dict[str, torch.Tensor]:
        answer, record = self.model.look(self.inputs(image))
        if answer is not None:
            _predicted.put((self._number, self.picture(image).key), self.model.ranked(answer[0]))
        return record


class _Pixels(Sequence[torch.Tensor]):
    """The pixels of a subject's images, each worked out when it is looked at."""

    def __init__(self, subject: Subject) -> None:
        self._subject = subject

    def __len__(self) -> int:
        return len(self._subject.pictures)

    def __getitem__(self, index: Any) -> Any:
        if isinstance(index, slice):
            return [self[i] for i in range(len(self))[index]]
        if not 0 <= index < len(self):
            raise IndexError(index)
        return self._subject.pixels(index)
