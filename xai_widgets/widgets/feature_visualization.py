"""What a unit likes: pictures that are made while you watch, beside those of the data that excite it."""

from typing import Any

import numpy as np
import traitlets
from numpy.typing import NDArray

from ..anytime import Step, last
from ..concepts.examples import Examples, source_of
from ..concepts.features import PARAMS, Visualization
from ..errors import NotValidError
from ..parameters import checked
from . import feature_topics, topics
from .base import Panel
from .feature_topics import UNITS
from .offline import Place
from .scene import Scene
from .traits import followed, shown

SETTINGS = tuple(param for param in PARAMS if param.name != "steps")


class FeatureVisualization(Panel):
    """Activation maximisation of a channel, a neuron or a class, live, with the examples that excite it too.

    It follows the layer and the channel of the selection, or, for a class, the target. Left at any
    iteration, it goes on from there. `visualization` and `found` are what is on the screen; observe them.

    Args:
        model: a `Model`, or any `nn.Module` that takes `(n, c, h, w)` and gives logits `(n, k)`.
        images: one or many paths, PIL images, arrays `(h, w, c)` uint8, tensors `(n, c, h, w)`.
        examples: where to look for examples: a folder, a torch `Dataset`, or pictures; None for the images.
        scene: share the scene of other panels instead of model and images.
        persist: True saves a PNG in the notebook with its output.
        values: first values of the traits.

    Raises:
        XaiWidgetsError: what was given cannot be shown; the message says what to do.

    Example:
        >>> xw.FeatureVisualization(scene=explorer.scene, examples="photographs/")
    """

    bundle = "feature_visualization"
    _of: Any = None  # what the pictures on the screen are about
    follows = ("image", "target", "layer", "channel")
    topics = ("layers", "predictions", "feature", "examples")

    image: Any = followed("image")
    target: Any = followed("target")
    layer: Any = followed("layer")
    channel: Any = followed("channel")
    unit = shown(traitlets.Enum(UNITS, "channel"), "what is to be excited")
    settings = shown(traitlets.Dict(), "what differs from the defaults of `xw.visualize`")
    steps = shown(traitlets.Int(128, min=1, max=1024), "iterations")
    attempt = shown(traitlets.Int(0, min=0), "the seed of the pictures; another one starts anew")
    playing = shown(traitlets.Bool(True), "whether it goes on by itself")
    most = shown(traitlets.Int(8, min=1, max=24), "how many examples are shown")
    _params = shown(traitlets.List(), "what can be set")
    _source = shown(traitlets.Int(feature_topics.IMAGES), "where examples are from")

    visualization = traitlets.Instance(Visualization, allow_none=True, help="the pictures on the screen")
    found = traitlets.Instance(Examples, allow_none=True, help="the examples on the screen")

    def __init__(
        self,
        model: Any = None,
        images: Any = None,
        *,
        examples: Any = None,
        scene: Scene | None = None,
        persist: Any = False,
        **values: Any,
    ) -> None:
        if examples is not None:
            source_of(examples)  # raises here what is wrong with it
        super().__init__(model, images, scene=scene, persist=persist, **values)
        self._params = [param.to_dict() for param in PARAMS]
        self._source = feature_topics.offer(self.scene, examples)
        self.scene.follow("feature", self._hear)
        self.scene.follow("examples", self._hear_examples)

    @traitlets.validate("settings")
    def _valid_settings(self, proposal: Any) -> dict[str, Any]:
        full = checked(SETTINGS, proposal.value, "the panel")
        return {key: full[key] for key in proposal.value}

    def wish(self, until: int | None = None) -> dict[str, Any]:
        """Return what is asked for: the params of the topic "feature"."""
        return self._unit() | {
            "settings": self.settings,
            "seed": self.attempt,
            "until": self.steps if until is None else until,
        }

    def compute(self) -> Visualization:
        """Work out the pictures, here and now, to the last iteration, and return them."""
        found: Visualization = last(topics.TOPICS["feature"].work(self.scene, self.wish())).value
        self._of, self.visualization = feature_topics.settled(self.wish()), found
        return found

    def snapshot(self) -> NDArray[np.uint8]:
        """Return the pictures in a row, worked out here and now where they are not on the screen."""
        on_screen = self.visualization
        if on_screen is not None and on_screen.iterations == self.steps:
            return on_screen.sheet
        return self.compute().sheet

    def _unit(self) -> dict[str, Any]:
        channel = 0 if self.channel is None else self.channel
        keys = {"unit": self.unit, "image": self.image, "target": self.target, "layer": self.layer}
        return keys | {"channel": channel}

    @traitlets.observe("unit", "settings", "attempt", "layer", "channel", "image", "target")
    def _other(self, _: Any) -> None:
        if self._of != feature_topics.settled(self.wish()):
            self.visualization = None

    def _hear(self, params: dict[str, Any], step: Step[Any]) -> None:
        about = feature_topics.settled(params)
        if about == feature_topics.settled(self.wish()):
            self._of, self.visualization = about, step.value

    def _hear_examples(self, params: dict[str, Any], step: Step[Any]) -> None:
        mine = self._unit() | {"source": self._source, "count": self.most}
        if feature_topics.settled(params) == feature_topics.settled(mine):
            self.found = step.value

    def _released(self) -> None:
        self.scene.unfollow("feature", self._hear)
        self.scene.unfollow("examples", self._hear_examples)

    def _places(self) -> list[Place]:
        raise NotValidError(
            "A page without a kernel can't make pictures, so this panel is not kept as one.",
            "Use panel.save('unit.png') for the pictures, or persist=True.",
        )
