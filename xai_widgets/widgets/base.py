"""What every panel is: a scene shared with others or its own, followed traits, and ways to take it along."""

import logging
from pathlib import Path
from typing import Any, ClassVar

import anywidget
import ipywidgets
import numpy as np
import traitlets
from numpy.typing import NDArray
from PIL import Image

from .. import render
from ..errors import ParameterError, did_you_mean
from ..live import messages
from . import lifetime
from .bundles import bundled
from .offline import Portable, checked_persist
from .scene import Scene
from .selection import KEYS, Follow

_log = logging.getLogger(__name__)


class Panel(Portable, anywidget.AnyWidget):
    """A live picture in the cell.

    Args:
        model: a `Model`, or any `nn.Module` that takes `(n, c, h, w)` and gives logits `(n, k)`.
        images: one or many paths, PIL images, arrays `(h, w, c)` uint8, tensors `(n, c, h, w)`.
        scene: share the scene of other panels instead of model and images.
        persist: what is saved in the notebook with its output: True for a PNG, "html" for a page that still
            scrubs (the selected method and baseline), or a dict of what `to_html` takes.
        values: first values of the traits.

    Raises:
        XaiWidgetsError: what was given cannot be shown; the message says what to do.
    """

    bundle: ClassVar[str]
    follows: ClassVar[tuple[str, ...]] = ()
    topics: ClassVar[tuple[str, ...]] = ()
    """What it asks for."""
    scene: Scene
    # `close` also runs on what could not be built to its end.
    _own = False
    _follow: Follow | None = None

    _channel = traitlets.Instance(ipywidgets.Widget).tag(sync=True, **ipywidgets.widget_serialization)

    def __init__(
        self,
        model: Any = None,
        images: Any = None,
        *,
        scene: Scene | None = None,
        persist: Any = False,
        **values: Any,
    ) -> None:
        self._esm, self._css = bundled(self.bundle, "js"), bundled(self.bundle, "css")
        known = {key for key in self.traits() if not key.startswith("_")}
        for key in values:
            if key not in known | set(KEYS):
                raise ParameterError(f"{type(self).__name__} has no {key!r}.", did_you_mean(key, known))
        chosen = {key: values.pop(key) for key in list(values) if key in KEYS}
        self.scene = scene if scene is not None else Scene(model, images, **chosen)
        if scene is not None:
            for key, value in chosen.items():
                setattr(scene.selection, key, value)
        self._own = scene is None
        self.persist = checked_persist(persist)
        start = self.scene.selection.values()
        super().__init__(_channel=self.scene.channel, **{key: start[key] for key in self.follows}, **values)
        self._follow = Follow(self, self.scene.selection, self.follows)
        self.on_msg(self._receive)

    def snapshot(self) -> NDArray[np.uint8]:
        """Return what the panel shows as a picture `(h, w, 3)`, worked out here and now."""
        raise NotImplementedError

    def refresh(self) -> None:
        """Work out everything on the screen again: for a network whose weights have changed."""
        self.scene.refresh()

    def to_code(self) -> str:
        """Return the Python that makes this panel again."""
        values = {key: getattr(self, key) for key in (*self.follows, *self._display())}
        return code(type(self).__name__, self.scene, values)

    def save(self, path: str | Path) -> None:
        """Write the snapshot as a picture file; the format follows from the name."""
        save(self.snapshot(), path)

    def close(self) -> None:
        """Close the panel; its own scene, with the work and the memory behind it, ends too."""
        if self._follow is not None:
            self._follow.unlink()
            self._follow = None
            self._released()
        if self._own:
            self.scene.close()
        if self.layout is not None:
            self.layout.close()
        super().close()

    def _released(self) -> None:
        """Let go of what the panel holds of the scene."""

    def _display(self) -> tuple[str, ...]:
        """Return the names of the traits that only the browser needs."""
        others = {*self.follows, *anywidget.AnyWidget.class_trait_names()}
        return tuple(key for key in self.traits(sync=True) if key not in others and not key.startswith("_"))

    def _receive(self, _: Any, content: object, buffers: list[memoryview]) -> None:
        message = messages.read(content)
        if message is None:
            return
        if message["type"] != "traits":
            self.scene.receive(message, buffers)
            return
        values = message["values"]
        try:
            self.set_state({key: values[key] for key in self._display() if key in values})
        except traitlets.TraitError:  # no view sends that
            _log.debug("a page sent what is no value of a trait", exc_info=True)

    def open(self) -> None:
        """Open the panel's comm."""
        super().open()
        self._hear_everywhere()

    def _send(self, msg: Any, buffers: Any = None) -> None:
        super()._send(msg, buffers)
        self._hear_everywhere()

    def _hear_everywhere(self) -> None:
        # ipykernel 7.4 sends a comm's input to the shell that last published on it, `comm_open` included:
        # the main one, where it waits for the running cell. Forgotten, the browser's own subshell decides.
        if self.comm is not None:
            self.comm.__dict__.pop("_reply_subshell_id", None)

    def set_state(self, sync_data: dict[str, Any]) -> None:
        """Take over what the host synchronises, but for the selection, wished over the data channel."""
        # A host sends all traits that changed, and late: a layer that is long left would come back.
        followed = self.follows if self._follow is not None else ()
        super().set_state({key: value for key, value in sync_data.items() if key not in followed})

    def _should_send_property(self, key: str, value: Any) -> bool:
        # The selection travels over the data channel; published here, it would also move this panel's
        # input to the shell that a running cell blocks.
        if key in self.follows and self._follow is not None:
            return False
        return bool(super()._should_send_property(key, value))

    def _repr_mimebundle_(self, **kwargs: Any) -> Any:
        return with_saved(super()._repr_mimebundle_(**kwargs), self)


def save(picture: NDArray[np.uint8], path: str | Path) -> None:
    """Write a picture to a file; the format follows from the name, and only PNG keeps it exactly.

    Raises:
        ParameterError: no picture format has this ending.
    """
    ending = Path(path).suffix.lower()
    if ending not in Image.registered_extensions():
        raise ParameterError(f"A picture is not saved as {Path(path).name!r}.", "Use .png, .jpg or .webp.")
    Image.fromarray(picture).save(path)


def close_all(*widgets: Any) -> None:
    """Close widgets with what ipywidgets made for them."""
    for widget in widgets:
        for name in ("layout", "style", "tooltip"):
            part = getattr(widget, name, None)
            if isinstance(part, ipywidgets.Widget):
                part.close()
        ipywidgets.Widget.close(widget)


def with_saved(mimes: Any, panel: Any) -> Any:
    """Return what the notebook is given of a panel; a picture or a page of it too, where its owner asked."""
    lifetime.seen(panel.scene)  # a page asks for it in order to show it
    if mimes is None or not panel.persist:
        return mimes
    data, metadata = mimes if isinstance(mimes, tuple) else (mimes, {})
    if panel.persist is True:
        return {**data, "image/png": render.png_bytes(panel.snapshot())}, metadata
    return {**data, **panel._as_html()}, metadata


def code(name: str, scene: Scene, values: dict[str, Any]) -> str:
    """Return the Python that makes a panel or an explorer again.

    It takes the name `model` for the Model, and `images` for pictures that have no path.
    """
    sources = [picture.source for picture in scene.pictures]
    names = ", ".join(picture.name for picture in scene.pictures)
    lines = [
        "import xai_widgets as xw",
        "",
        f"# model: {scene.model.name}, fingerprint {scene.model.fingerprint}",
    ]
    if not all(sources):
        lines.append(f"# images: {names}")
    call = [f"panel = xw.{name}(", "    model,", f"    {sources!r}," if all(sources) else "    images,"]
    return "\n".join([*lines, *call, *(f"    {key}={value!r}," for key, value in values.items()), ")"])
