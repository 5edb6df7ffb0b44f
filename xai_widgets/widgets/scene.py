"""What the panels of one session share: model, images, selection, results, and the line to the browser."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import ipywidgets
import numpy as np
from torch import nn

from ..anytime import Step
from ..errors import InputError, ParameterError, did_you_mean
from ..explain import METHODS
from ..explain.registry import find
from ..inputs import baselines, images
from ..live import messages
from ..live.session import Session
from ..model import targets
from ..model.handle import Model
from ..model.layers import Layer
from ..model.predictions import MEASURES
from ..model.similarity import Similarity
from ..model.target import Target
from . import ahead, lifetime, topics
from .selection import KEYS, Selection
from .subject import Subject

Seen = Callable[[dict[str, Any], Step[Any]], None]


class Scene(Subject):
    """The model, the images and the selection behind a set of panels, and the line to the browser.

    `others` are further models by name, that look at the same images.

    Args:
        model: a `Model`, or a network that becomes one.
        pictures: what `inputs.images.load_all` takes: one or many paths, PIL images, arrays, tensors.
        values: first values of the selection.

    Raises:
        XaiWidgetsError: the network cannot take the first image, a value does not exist, …; at once, where
            the panel was asked for.
    """

    def __init__(self, model: Model | nn.Module, pictures: Any, **values: Any) -> None:
        lifetime.make_room()
        super().__init__(model if isinstance(model, Model) else Model(model), images.load_all(pictures))
        self.others: dict[str, Subject] = {}
        self.channel = ipywidgets.Widget()
        self.session = Session(self._send)
        self._seen: dict[str, list[Seen]] = {}
        self._again: list[Callable[[], None]] = []
        self._speaking = threading.local()
        tree = self.tree(0)
        cam = METHODS["grad_cam"].valid(self.model, tree) is None
        first: dict[str, Any] = {"method": "grad_cam" if cam else "integrated_gradients", "baseline": {}}
        first |= {"layer": tree.default_layer(), "params": {}}
        self.selection = Selection(
            self._check, **(first | {k: v for k, v in values.items() if v is not None})
        )
        self.selection.observe(self._announce, names=list(KEYS))
        lifetime.unseen(self)

    def checked_baseline(self, value: Any) -> dict[str, Any]:
        """Return a baseline as the JSON that the browser knows; {} stays {}.

        Raises:
            ParameterError: there is none like that, or its pictures lie in memory and not in the session.
        """
        if not value:
            return {}
        if isinstance(value, baselines.Image) and isinstance(value.image, int):
            value = {"name": "image", "image": value.image}
        in_memory = isinstance(value, baselines.Image | baselines.Distribution) and not _has_paths(value)
        if in_memory:
            raise ParameterError(
                "Pictures in memory cannot become a baseline of the explorer.",
                'Add them to its images and take {"name": "image", "image": 1} or "distribution", '
                "or give paths, or use xw.explain.",
            )
        return self.baseline(value).to_json()

    def subject(self, name: str | None = None) -> Subject:
        """Return another model with the scene's images by its name; the scene itself without one.

        Raises:
            ParameterError: there is no such model.
        """
        if name is None:
            return self
        if name not in self.others:
            words = f"No model is called {name!r} here."
            hint = did_you_mean(str(name), self.others) if self.others else "Give models={name: Model}."
            raise ParameterError(words, hint)
        return self.others[name]

    def checked(self, key: str, value: Any) -> Any:
        """Return a value of the selection in the form the browser knows, or raise what is wrong with it."""
        return self._check(self.selection, key, value)

    def add(self, source: Any, name: str | None = None) -> int:
        """Add an image and return its index."""
        picture = images.load(source, name=name)
        self.model.pixels(picture)
        pictures = [*self.pictures, picture]
        for subject in (self, *self.others.values()):
            subject.look_at(pictures)
        self._announce_images()
        self.session.reset()  # a distribution of all images is another one now
        return len(self.pictures) - 1

    def close(self) -> None:
        """Drop the work, free what is kept, close the data channel."""
        self.session.close()
        for subject in (self, *self.others.values()):
            subject.forget()
        self._seen.clear()
        self._again.clear()
        self.channel.close()

    def refresh(self) -> None:
        """Work out everything on the screen again: for a network whose weights have changed."""
        for subject in (self, *self.others.values()):
            subject.renew()
        self.session.reset()
        for again in list(self._again):
            again()

    def on_refresh(self, again: Callable[[], None]) -> None:
        """Call `again()` when results are worth nothing any longer."""
        self._again.append(again)

    # -- what it answers ------------------------------------------------------------------------------

    def receive(self, message: messages.FromBrowser, buffers: list[memoryview]) -> None:
        """Take a message of a panel. Short: check, enqueue, return."""
        if self.session.closed:
            return
        client = message["client"]
        if message["type"] == "hello":
            self._try(client, "hello", 0, lambda: self.session.tell(self._welcome(client)))
        elif message["type"] == "shown":
            lifetime.seen(self)
        elif message["type"] == "gone":
            self._left(client)
        elif message["type"] == "ack":
            self.session.ack(client, message["topic"])
        elif message["type"] == "cancel":
            self.session.cancel(client, message["topic"])
        elif message["type"] == "request":
            self._try(client, message["topic"], message["seq"], lambda: self.ask(message))
        elif message["type"] == "again":
            if not self.session.goes_on(client, message["topic"], message["seq"]):
                self._try(client, message["topic"], message["seq"], lambda: self.ask(message))
        elif message["type"] == "select":
            values = message["values"]
            self._try(client, "select", 0, lambda: self._select(client, values))
        elif message["type"] == "add" and buffers:
            name = message["name"]
            self._try(client, "add", 0, lambda: self._add(client, bytes(buffers[0]), name))

    def ask(self, request: messages.Request | messages.Again) -> None:
        """Answer a wish for a topic.

        Raises:
            ParameterError: there is no such topic, or a value in the wish does not exist.
        """
        topic, params = request["topic"], request["params"]
        wish = topics.wish(self, topic, params)
        if "image" in params:
            self._check_image(params["image"])
        self.session.request(request["client"], request["seq"], wish)
        if topic in ahead.AFTER:
            self.session.ahead(request["client"], topic, ahead.AFTER[topic](self, params))

    def notify(self, topic: str, params: dict[str, Any], step: Step[Any]) -> None:
        """Tell the panels' Python side what the browser is shown."""
        for seen in list(self._seen.get(topic, ())):
            seen(params, step)

    def follow(self, topic: str, seen: Seen) -> None:
        """Call `seen(params, step)` on the worker thread for every step of a topic."""
        self._seen.setdefault(topic, []).append(seen)

    def unfollow(self, topic: str, seen: Seen) -> None:
        """Stop calling it."""
        if seen in self._seen.get(topic, ()):
            self._seen[topic].remove(seen)

    def spoken_for(self) -> str | None:
        """Return the client whose wish is being carried out in this thread, None where Python acts itself."""
        return getattr(self._speaking, "client", None)

    # -- inside ---------------------------------------------------------------------------------------

    def _welcome(self, client: str) -> messages.Welcome:
        tree = self.tree(self.selection.image)
        return {
            "type": "welcome",
            "client": client,
            "model": self.model.name,
            "selection": self.selection.values(),
            "classes": None if self.model.classes is None else list(self.model.classes),
            "methods": [
                method.to_dict() | {"invalid": method.valid(self.model, tree)} for method in METHODS.values()
            ],
            "baselines": baselines.schemas(),
            "images": self._images(),
            "targets": targets.offered(self.model.kind),
            "measure": MEASURES[self.model.kind],
            # On a subshell it is heard while a cell runs; on the main thread it has to wait for the cell.
            "waits": threading.current_thread() is threading.main_thread(),
        }

    def _images(self) -> list[dict[str, Any]]:
        return [
            {"name": picture.name, "width": picture.size[0], "height": picture.size[1]}
            for picture in self.pictures
        ]

    def _left(self, client: str) -> None:
        self.session.forget(client)
        lifetime.unseen(self)  # unless another view answers
        self.session.tell({"type": "roll"})

    def _select(self, client: str, values: dict[str, Any]) -> None:
        try:
            with self._speaking_for(client):
                for key in KEYS:
                    if key in values:
                        setattr(self.selection, key, values[key])
        finally:  # refused or not: what is not confirmed would be told again
            self.session.tell({"type": "state", "origin": client, "values": {}, "heard": values})

    def _add(self, client: str, data: bytes, name: str) -> None:
        self.selection.image = self.add(data, name)

    def _try(self, client: str, topic: str, seq: int, act: Callable[[], None]) -> None:
        try:
            act()
        except Exception as error:
            told = messages.failure(error)
            self.session.tell({"type": "error", "client": client, "topic": topic, "seq": seq, "error": told})

    def _announce(self, change: Any) -> None:
        origin = self.spoken_for() or "kernel"
        self.session.tell({"type": "state", "origin": origin, "values": {change.name: change.new}})

    def _announce_images(self) -> None:
        self.session.tell({"type": "state", "origin": "kernel", "values": {}, "images": self._images()})

    @contextmanager
    def _speaking_for(self, client: str) -> Iterator[None]:
        self._speaking.client = client
        try:
            yield
        finally:
            self._speaking.client = None

    def _send(self, message: messages.ToBrowser, buffers: list[bytes]) -> None:
        if self.channel.comm is not None:
            self.channel.send(message, buffers)

    def _check(self, selection: Selection, key: str, value: Any) -> Any:
        """Return a value of the selection in the form the browser knows, or raise what is wrong with it."""
        if key == "image":
            return self._check_image(value)
        if key == "layer" and value is not None:
            return self.tree(0)[value].name
        if key == "channel" and value is not None and selection.layer is not None:
            return self._check_channel(value, self.tree(0)[selection.layer])
        if key == "target":
            return self._check_target(value)
        if key == "method":
            return find(value).name
        if key == "params" and selection.method:
            find(selection.method).check(value)
        if key == "baseline":
            return self.checked_baseline(value)
        if key == "seed" and value < 0:
            raise ParameterError(f"A seed is a whole number from 0 on, not {value}.")
        return value

    def _check_channel(self, value: int, layer: Layer) -> int:
        if not 0 <= value < layer.channels:
            words = f"{layer.name!r} has no channel {value}."
            raise ParameterError(words, f"It has {layer.channels}, from 0 to {layer.channels - 1}.")
        return value

    def _check_image(self, value: Any) -> int:
        count = len(self.pictures)
        if isinstance(value, bool) or not isinstance(value, int | np.integer) or not -count <= value < count:
            raise InputError(f"There is no image {value!r}; there are {count}.", f"Give 0 to {count - 1}.")
        return int(value) % count

    def _check_target(self, value: Any) -> Any:
        if value is None:
            return None
        value = self.target(0, value)
        if not isinstance(value, Target):
            return self.model.class_index(value)
        if isinstance(value, Similarity) and value.to_json()["reference"] is None:
            raise ParameterError(
                "A picture in memory cannot be a target of the explorer.",
                'Add it to its images and take {"kind": "similarity", "reference": 1}, or use xw.explain.',
            )
        return targets.checked(value, self.model, self.inputs(0)).to_json()


def _has_paths(value: baselines.Image | baselines.Distribution) -> bool:
    given = value.images if isinstance(value, baselines.Distribution) else [value.image]
    return len(given) > 0 and all(isinstance(one, str | Path) for one in given)
