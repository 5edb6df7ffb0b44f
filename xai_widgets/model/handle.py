"""Model: the network, its preprocessing, classes and device behind one call."""

import time
from collections.abc import Callable, Mapping, Sequence
from importlib import import_module
from typing import Any, TypeVar

import torch
from PIL import Image
from torch import Tensor, nn

from xai_widgets.errors import (
    InputError,
    ModelError,
    NotValidError,
    XaiWidgetsError,
)
from xai_widgets.model import activations, predictions
from xai_widgets.model.answers import Kind, class_scores, find_answer, kind_of, label_count
from xai_widgets.model.batches import Pace, in_batches, independent
from xai_widgets.model.classes import checked_index, class_names, index_of
from xai_widgets.model.failure import check_inputs, explained, fit_channels
from xai_widgets.model.hooks import draws, lock_of, untouched
from xai_widgets.model.layers import LayerTree
from xai_widgets.model.layout import Layout
from xai_widgets.model.network import channels_of, fingerprint, on_device, unwrapped
from xai_widgets.model.outputs import check_finite
from xai_widgets.model.predictions import Prediction
from xai_widgets.model.preprocess import Preprocess
from xai_widgets.model.rules import Rules
from xai_widgets.model.scalar import Scalar
from xai_widgets.model.target import Target
from xai_widgets.model.twin import Twin

T = TypeVar("T")
FORWARD, GRADIENTS, LOGITS, RULED = "forward passes", "gradients", "logits", "gradients by rules"
_EXACT = (LOGITS, RULED)  # never in half precision
_SIZES = (224, 32, 28, 64, 96, 128, 160, 227, 256, 299, 384)


class Model:
    """A network to look into: any `nn.Module` from `(n, c, h, w)` to logits `(n, k)`.

    Networks for segmentation, with logits `(n, k, h, w)`, and for detection, with lists of dicts as in
    torchvision, go in as they are too.

    The module is left exactly as it came after every call. All tensors come back detached, in float32, on
    the CPU. Calls are serialised by a lock a module, so they may come from any thread.

    Args:
        module: the network; `DataParallel` and compiled modules are unwrapped.
        preprocess: torchvision transforms or any callable from a PIL picture to a tensor, a pair
            `(mean, std)` for pixels in [0, 1], or None where the network takes pixels in [0, 1].
        classes: names in the order of the outputs.
        device: where to run; a copy is made if the module lies elsewhere. None: where the module lies.
        autocast: whether explanations on a GPU may be computed in half precision; their evidence says so.
        kind: "classification", "segmentation", "detection" or "embedding"; None: as the output looks.

    Raises:
        ModelTypeError: `module` is no network.
        InputError: the normalisation of `preprocess` cannot be found.

    Example:
        >>> weights = torchvision.models.ResNet18_Weights.DEFAULT
        >>> model = Model(torchvision.models.resnet18(weights=weights), weights.transforms(),
        ...               weights.meta["categories"])
        >>> model.predict(model.normalise(model.pixels(Image.open("cat.jpg"))))[0].name
        'tabby'
    """

    def __init__(
        self,
        module: nn.Module,
        preprocess: Any = None,
        classes: Sequence[str] | Mapping[int, str] | None = None,
        device: str | torch.device | None = None,
        autocast: bool = True,
        kind: Kind | None = None,
    ) -> None:
        self.module = on_device(unwrapped(module), device)
        self.name = type(self.module).__name__
        self._twin = Twin(self.module)
        self.classes = class_names(classes)
        self.batch_limit: int | None = None  # the largest batch that fitted, once one did not
        self._batches: bool | None = None  # whether images of a batch are independent, once that was tried
        self.input_size: int | None = None  # the size found by trying, once a picture was rejected
        self._pace = Pace()
        self._layout = Layout(self.module, autocast)
        self.preprocess = preprocess if isinstance(preprocess, Preprocess) else Preprocess(preprocess)
        self._accepted: dict[tuple[int, ...], bool] = {}
        self._trees: dict[tuple[int, ...], LayerTree] = {}
        self.class_count = len(self.classes) if self.classes else None  # else known after a first run
        self._kind = predictions.checked_kind(kind)
        self.channels = self.preprocess.channels or channels_of(self.module)

    @classmethod
    def from_torchvision(cls, name: str, weights: Any = "DEFAULT", device: Any = None) -> "Model":
        """Load a classification network with its weights, classes and transforms through torchvision.

        Raises:
            ModelError: there is no such network or no such weights, or they could not be downloaded.
        """
        from xai_widgets.model.zoo import load

        module, preprocess, classes = load(name, weights)
        return cls(module, preprocess, classes, device)

    @property
    def mean(self) -> Tensor | None:
        """Mean of the normalisation `(c,)`, or None."""
        return self.preprocess.mean

    @property
    def std(self) -> Tensor | None:
        """Standard deviation of the normalisation `(c,)`, or None."""
        return self.preprocess.std

    @property
    def kind(self) -> Kind:
        """What the network is for; found from one pass where nothing was said and nothing was seen yet."""
        return self.kind_for(self.blank()) if self._kind is None else self._kind

    def kind_for(self, inputs: Tensor) -> Kind:
        """Return what the network is for, tried on these inputs where that is not known yet."""
        if self._kind is None:
            self.answer(inputs[:1])
        return self._kind or "classification"

    @property
    def draws(self) -> bool:
        """Whether the network was seen to draw random numbers, so that no two runs of it are equal."""
        return draws(self._twin.last)

    @property
    def device(self) -> torch.device:
        """Where the first parameter lies."""
        return next((p.device for p in self.module.parameters()), torch.device("cpu"))

    @property
    def dtype(self) -> torch.dtype:
        """The floating-point type of the first parameter."""
        found = (p.dtype for p in self.module.parameters() if p.is_floating_point())
        return next(found, torch.float32)

    @property
    def half(self) -> bool:
        """Whether explanations are computed in half precision; predictions and layers never are."""
        return self._layout.half(self.device, self.dtype)

    @property
    def fingerprint(self) -> str:
        """Class name and a hash of the shapes and of a few values of every weight."""
        with lock_of(self.module):
            return f"{self.name}-{fingerprint(self.module, self.mean, self.std)}"

    def pixels(self, picture: Any) -> Tensor:
        """Return a picture as the network sees it, before normalisation: `(1, c, h, w)` in [0, 1].

        A PIL picture goes through the geometry (resize, crop) of the preprocessing; a tensor `(c, h, w)`
        or `(1, c, h, w)` is taken as it is. Without transforms, a size that the network rejects is
        replaced by the first that it takes (`input_size`).

        Raises:
            InputError: neither picture nor tensor, or the wrong number of channels.
            ModelError: the network takes no size that was tried.
        """
        picture = getattr(picture, "pixels", picture)
        if isinstance(picture, Tensor):
            return fit_channels(picture, self.channels)
        if not isinstance(picture, Image.Image):
            raise InputError(
                f"A {type(picture).__name__} is no picture.",
                "Open it with xai_widgets.inputs.images.load(...), or give a PIL picture or a tensor.",
            )
        pixels = self.preprocess.pixels(picture, self.channels)
        if self.preprocess.resizes or self._accepts(pixels):
            return pixels
        return self.preprocess.pixels(picture, self.channels, self._find_size(picture))

    def normalise(self, pixels: Tensor) -> Tensor:
        """Return the network's inputs from pixels `(n, c, h, w)` in [0, 1]."""
        return self.preprocess.normalise(pixels)

    def unnormalise(self, inputs: Tensor) -> Tensor:
        """Return the pixels from the network's inputs `(n, c, h, w)`."""
        return self.preprocess.unnormalise(inputs)

    def answer(self, inputs: Tensor) -> Tensor:
        """Return what the network gives for the first of normalised inputs: see `model.answers`.

        Raises:
            InputError: the inputs have a wrong shape or contain NaN.
            ModelError: the network raises, gives nothing that can be explained, or gives NaN.
        """
        return self._answers(inputs[:1], lambda answer: answer)

    def logits(self, inputs: Tensor) -> Tensor:
        """Return one score a class `(n, k)` of normalised inputs `(n, c, h, w)`.

        Of a classification or an embedding these are the outputs, of a segmentation their means over the
        picture, of a detection the best score of each label.

        Raises:
            InputError, ModelError: as of `answer`.
        """
        return self._answers(inputs, lambda answer: class_scores(answer, self.class_count))

    def _answers(self, inputs: Tensor, read: Callable[[Tensor], Tensor]) -> Tensor:
        def work(batch: Tensor) -> tuple[Tensor, ...]:
            net = self._twin.current()
            with untouched(net):
                answer = find_answer(net(batch), batch)
            self._learn(answer)
            return (read(answer),)

        return self._run(work, inputs, LOGITS)[0]

    def predict(self, inputs: Tensor) -> list[Prediction]:
        """Return all classes, or the boxes, of one image, the first thing first; see `ranked`."""
        return self.ranked(self.answer(inputs[:1])[0])

    def ranked(self, answer: Tensor) -> list[Prediction]:
        """Return all classes or the boxes in the answer to one image, the first thing first.

        The probabilities are the softmax of the outputs; of a single output, its sigmoid; and the outputs
        themselves where they are probabilities already (none negative, their sum 1). Of other kinds of
        networks: see `Prediction`.
        """
        return predictions.ranked(answer, self._kind or kind_of(answer[None]), self.class_name)

    def layers(self, inputs: Tensor) -> LayerTree:
        """Return the tree of layers for inputs of this shape; traced once, then remembered."""
        check_inputs(inputs, self.channels)
        key = tuple(inputs.shape[1:])
        if key in self._trees:  # without the lock: a handler must not wait for a step that is being made
            return self._trees[key]
        with lock_of(self.module):
            if key not in self._trees:
                tree, answer = self._call(lambda x: activations.trace(self._twin.current(), x), inputs)
                self._kind = self._kind or kind_of(answer)
                self._trees[key] = tree
            return self._trees[key]

    def blank(self) -> Tensor:
        """Return a grey picture `(1, c, h, w)`, normalised, of the size seen first, else of the usual one."""
        if self._trees:
            return self.normalise(torch.full((1, *next(iter(self._trees))), 0.5))
        return self.normalise(self.pixels(Image.new("RGB", (256, 256), "#808080")))

    def methods(self, inputs: Tensor | None = None) -> dict[str, str | None]:
        """Return every method by name: None where it fits this network, else the reason why it does not.

        Args:
            inputs: what to try it on; a grey picture where nothing is given and nothing was seen yet.
        """
        tree = self.layers(self.blank() if inputs is None else inputs)
        # The methods stand above the model: they are looked up when somebody asks for them.
        known = import_module("xai_widgets.explain.registry").METHODS
        return {name: method.valid(self, tree) for name, method in known.items()}

    def record(self, inputs: Tensor) -> dict[str, Tensor]:
        """Return the activation `(1, *shape)` of the first image in every layer that can be looked at.

        One forward pass, in the order of execution; see `layers.as_maps` for the way to maps.
        """
        return self.look(inputs)[1]

    def look(self, inputs: Tensor) -> tuple[Tensor | None, dict[str, Tensor]]:
        """Return the answer to the first image and what `record` gives, from one forward pass.

        The answer is None where the network gives none; ask `answer` for the reason.
        """
        tree = self.layers(inputs)
        output, record = self._call(lambda x: activations.record(self._twin.current(), x, tree), inputs)
        try:
            answer = find_answer(output, inputs[:1].to(self.device)).detach().to("cpu", torch.float32)
            check_finite(answer, "outputs")
            self._learn(answer)
        except XaiWidgetsError:
            return None, record
        return answer, record

    def outputs(self, inputs: Tensor, target: Target) -> Tensor:
        """Return the explained scalar of each image `(n,)`."""
        layer = self.layers(inputs)[target.layer] if target.layer else None
        work = lambda x: (activations.scalars(self._twin.current(), x, target.of, layer),)  # noqa: E731
        return self._run(work, inputs)[0]

    def gradients(self, inputs: Tensor, target: Target) -> tuple[Tensor, Tensor]:
        """Return the explained scalars `(n,)` and their gradients by the inputs `(n, c, h, w)`.

        Raises:
            ModelError: the target cannot be differentiated, or the network raises.
        """
        layer = self.layers(inputs)[target.layer] if target.layer else None
        values, found = self._run(
            lambda x: activations.input_gradients(self._twin.current(), x, target.of, layer),
            inputs,
            GRADIENTS,
        )
        return values, found

    def ruled_gradients(
        self, inputs: Tensor, target: Target, rules: Callable[[], Rules]
    ) -> tuple[Tensor, Tensor, list[Tensor], list[Tensor]]:
        """Return scalars and gradients as `gradients` does, under rules of differentiation.

        Beside them come the tensors that the rules kept on the way, and the gradients by these.

        Args:
            inputs: `(n, c, h, w)`.
            target: the explained scalar.
            rules: makes the rules, anew for each run.
        """
        layer = self.layers(inputs)[target.layer] if target.layer else None

        def work(batch: Tensor) -> tuple[Tensor, ...]:
            return activations.ruled_gradients(self._twin.current(), batch, target.of, layer, rules())

        values, found, *kept = self._run(work, inputs, RULED)
        half = len(kept) // 2
        return values, found, kept[:half], kept[half:]

    def layer_gradients(self, inputs: Tensor, target: Target, layer: str) -> tuple[Tensor, Tensor, Tensor]:
        """Return the scalars `(n,)`, the activation of a layer and the scalars' gradient with respect to it.

        Activation and gradient have the layer's own shape `(n, *shape)`; `layers.as_maps` makes maps.
        """
        tree = self.layers(inputs)
        wanted, other = tree[layer], tree[target.layer] if target.layer else None
        values, activation, gradient = self._run(
            lambda x: activations.activation_gradients(self._twin.current(), x, target.of, wanted, other),
            inputs,
            f"{GRADIENTS} of {layer}",
        )
        return values, activation, gradient

    def at_layer(
        self, inputs: Tensor, target: Target, layer: str, activation: Tensor, gradients: bool = False
    ) -> tuple[Tensor, Tensor | None]:
        """Return the scalars `(m,)` when a layer gives other activations for one image, and their gradients.

        Args:
            inputs: the image, `(1, c, h, w)`.
            target: the explained scalar.
            layer: name of the layer.
            activation: what it gives instead, in its own shape, `(m, *shape)`.
            gradients: whether gradients `(m, *shape)` by the activation are wanted too.
        """
        tree = self.layers(inputs)
        wanted, other = tree[layer], tree[target.layer] if target.layer else None

        def run(ready: Tensor) -> tuple[Tensor, ...]:
            def work(values: Tensor) -> tuple[Tensor, ...]:
                images = ready.expand(len(values), -1, -1, -1)
                net = self._twin.current()
                found = activations.replaced(net, images, target.of, wanted, other, values, gradients)
                return tuple(activations.plain(part) for part in found)

            self._know_batches(torch.cat([ready, ready]))
            found, self.batch_limit = in_batches(work, activation.to(ready), self.batch_limit)
            return found

        with lock_of(self.module):
            values, *slopes = self._call(run, inputs)
        check_finite(values, "outputs")
        return values, slopes[0] if slopes else None

    def scalar_module(self, target: Target) -> nn.Module:
        """Return a copy of the network that gives the explained scalar `(n,)`, to hook and change at will.

        Activations work out of place in it, as the hooks of other libraries want.

        Raises:
            NotValidError: the target lies within the network.
        """
        if target.layer is not None:
            raise NotValidError(f"{target.label(self)} lies inside the network.", "Take a class or a margin.")
        return Scalar(self._twin.current(), target)

    def at_once(self, inputs: Tensor, counted: str, most: int) -> int:
        """Return how many images like these a step of 50 to 100 ms may take, at least one.

        `counted` is "gradients" or "forward passes"; what they take is learned from every call.
        """
        return self._pace.at_once((counted, inputs.shape[1:]), most)

    def class_index(self, name_or_index: int | str) -> int:
        """Return the index of a class.

        Raises:
            UnknownClassError: there is none, with close names; or several have this name.
        """
        if isinstance(name_or_index, str):
            return index_of(name_or_index, self.classes)
        return checked_index(name_or_index, self.class_count)

    def class_name(self, index: int) -> str:
        """Return the name of a class, "class 7" where it has none."""
        if self.classes is None or not 0 <= index < len(self.classes):
            return f"class {index}"
        return self.classes[index]

    def _learn(self, answer: Tensor) -> None:
        """Take in the kind of network and how many classes it knows."""
        self._kind = self._kind or kind_of(answer)
        count = label_count(self.module) if answer.ndim == 3 else answer.shape[1]
        self.class_count = count if count is not None else self.class_count
        if self.classes is not None and len(self.classes) != self.class_count:
            raise InputError(
                f"There are {len(self.classes)} class names for {self.class_count} outputs of the network.",
                "Give one name an output, in their order, or none.",
            )

    def _run(
        self, work: Callable[[Tensor], tuple[Tensor, ...]], inputs: Tensor, kind: str = FORWARD
    ) -> tuple[Tensor, ...]:
        """Run work in batches that fit; the results come back detached, in float32, on the CPU."""

        def plain(batch: Tensor) -> tuple[Tensor, ...]:
            found = self._layout.run(work, batch, kind not in _EXACT)
            check_finite(found[0], "outputs")
            check_finite(found[-1], "gradients")
            return found

        def run(ready: Tensor) -> tuple[Tensor, ...]:
            self._know_batches(ready)
            start = time.perf_counter()
            try:
                found, self.batch_limit = in_batches(plain, self._layout.of(ready), self.batch_limit)
            except RuntimeError as error:
                if not self._layout.refused(error):
                    raise
                found, self.batch_limit = in_batches(plain, self._layout.of(ready), self.batch_limit)
            self._pace.learn((kind, ready.shape[1:]), len(ready), time.perf_counter() - start)
            return found

        with lock_of(self.module):
            return self._call(run, inputs)

    def _call(self, work: Callable[[Tensor], T], inputs: Tensor) -> T:
        """Bring inputs to device and dtype, and turn what the network raises into a ModelError."""
        check_inputs(inputs, self.channels)
        with torch.inference_mode(False):  # inside it a caller's tensors could not be differentiated
            clean = inputs.clone() if inputs.is_inference() else inputs
            ready = clean.detach().to(self.device, self.dtype)
        try:
            with lock_of(self.module):
                return work(ready)
        except XaiWidgetsError:
            raise
        except Exception as error:
            raise explained(error, self._twin.current(), ready) from error

    def _know_batches(self, ready: Tensor) -> None:
        if len(ready) > 1 and self._batches is None:
            self._batches = independent(self._twin.current(), ready)
            self.batch_limit = self.batch_limit if self._batches else 1

    def _accepts(self, pixels: Tensor) -> bool:
        key = tuple(pixels.shape[1:])
        if key not in self._accepted:
            try:
                self.answer(self.normalise(pixels))
                self._accepted[key] = True
            except ModelError:
                self._accepted[key] = False
        return self._accepted[key]

    def _find_size(self, picture: Image.Image) -> int:
        if self.input_size is None:
            declared = [getattr(m, "image_size", None) for m in self.module.modules()]
            sizes = [size for size in declared if isinstance(size, int)] + list(_SIZES)
            taken = (s for s in sizes if self._accepts(self.preprocess.pixels(picture, self.channels, s)))
            self.input_size = next(taken, None)
        if self.input_size is None:
            self.answer(self.normalise(self.preprocess.pixels(picture, self.channels)))  # raises the reason
            raise ModelError("The network takes no picture size.", "Give preprocess its transforms.")
        return self.input_size
