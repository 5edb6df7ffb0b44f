"""Record what the layers of a network produce, and differentiate with respect to it.

The functions here take a plain module and inputs of its own dtype and device; `handle.Model` adds batches,
errors and dtypes around them.
"""

from collections import defaultdict
from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor, nn

from xai_widgets.model.answers import SCORE, class_scores, find_answer
from xai_widgets.model.hooks import untouched, watched
from xai_widgets.model.layers import Layer, LayerTree, as_maps, view_of
from xai_widgets.model.layout import gradient
from xai_widgets.model.outputs import first_tensor, with_tensor
from xai_widgets.model.receptive_field import ReceptiveFields
from xai_widgets.model.rules import Rules

SAME = 1e-4
"""Gradients that differ by less, as a share of the largest, are taken as equal."""

# From the network's output and the activations of named layers, as maps, to one scalar an image.
Scalar = Callable[[Tensor, dict[str, Tensor]], Tensor]


def record(module: nn.Module, inputs: Tensor, tree: LayerTree) -> tuple[Any, dict[str, Tensor]]:
    """Return the output, and the activations `(1, *shape)` of the first image in all layers to look at.

    One forward pass without gradients, in the order of execution, float32 on the CPU. Activations are
    copied when they appear, so that a later in-place layer cannot change them. Layers that only pass on
    the values of another share its memory.
    """
    found: dict[str, Tensor] = {}
    wanted = {layer.name: layer for layer in tree if layer.view != "none"}

    def keep(name: str, _child: nn.Module, output: Any) -> None:
        layer = wanted.get(name)
        tensor = first_tensor(output)
        if layer is None or tensor is None:
            return
        twin = found.get(layer.same_as or "")
        found[name] = twin if twin is not None and twin.shape[1:] == layer.shape else plain(tensor[:1])

    with untouched(module), watched(module, keep):
        output = module(inputs[:1])
    return output, found


def plain(tensor: Tensor) -> Tensor:
    """Return a detached float32 copy on the CPU, in memory of its own."""
    return tensor.detach().to("cpu", torch.float32, copy=True)


def scalars(module: nn.Module, inputs: Tensor, scalar: Scalar, layer: Layer | None) -> Tensor:
    """Return the explained scalar of each image `(n,)`, without gradients."""
    with untouched(module), _Catch(module, [layer] if layer else [], cut=False) as caught:
        return scalar(find_answer(module(inputs), inputs), caught.maps())


def input_gradients(
    module: nn.Module, inputs: Tensor, scalar: Scalar, layer: Layer | None
) -> tuple[Tensor, Tensor]:
    """Return the scalars `(n,)` and their gradients with respect to the inputs `(n, c, h, w)`.

    One backward pass of the sum: images do not influence each other in evaluation mode.
    """
    with untouched(module, gradients=True), _Catch(module, [layer] if layer else [], cut=False) as caught:
        leaf = inputs.detach().clone().requires_grad_()
        # The network gets a copy, because its first layer may work in place.
        values = scalar(find_answer(module(leaf.clone()), inputs), caught.maps())
        return values, gradient(values, leaf)


def ruled_gradients(
    module: nn.Module, inputs: Tensor, scalar: Scalar, layer: Layer | None, rules: Rules
) -> tuple[Tensor, ...]:
    """Return scalars and input gradients under rules; then what the rules kept, and the gradients by that."""
    with untouched(module, gradients=True), _Catch(module, [layer] if layer else [], cut=False) as caught:
        leaf = inputs.detach().clone().requires_grad_()
        with rules, watched(module, lambda name, child, output: rules.left(name)):
            values = scalar(find_answer(module(leaf.clone()), inputs), caught.maps())
        found = torch.autograd.grad(values.sum(), [leaf, *rules.kept], materialize_grads=True)
        return values, found[0], *rules.kept, *found[1:]


def activation_gradients(
    module: nn.Module, inputs: Tensor, scalar: Scalar, layer: Layer, other: Layer | None
) -> tuple[Tensor, Tensor, Tensor]:
    """Return the scalars, the activation of a layer and the gradient with respect to it, in its own shape.

    The graph begins at the layer, so nothing below it is differentiated.
    """
    wanted = [layer] if other is None or other.name == layer.name else [layer, other]
    with untouched(module, gradients=True), _Catch(module, wanted, cut=True) as caught:
        values = scalar(find_answer(module(inputs), inputs), caught.maps())
        activation = caught.tensors[layer.name]
        if not values.requires_grad:
            return values, activation, torch.zeros_like(activation)
        return values, activation, gradient(values, activation, reaches=False)


def replaced(
    module: nn.Module,
    inputs: Tensor,
    scalar: Scalar,
    layer: Layer,
    other: Layer | None,
    activation: Tensor,
    gradients: bool,
) -> tuple[Tensor, ...]:
    """Return the scalars when a layer gives another activation, and their gradients by it if wanted."""
    wanted = [layer] if other is None or other.name == layer.name else [layer, other]
    with untouched(module, gradients=gradients), _Catch(module, wanted, True, activation) as caught:
        values = scalar(find_answer(module(inputs), inputs), caught.maps())
        if not gradients:
            return (values,)
        leaf = caught.tensors[layer.name]
        if not values.requires_grad:
            return values, torch.zeros_like(leaf)
        return values, gradient(values, leaf, reaches=False)


class _Catch:
    """Catch the outputs of a few layers; the network goes on with copies, so they stay intact.

    With `cut`, the first layer's output, or `value` in its place, is made the leaf of a new graph.
    """

    def __init__(
        self, module: nn.Module, layers: list[Layer], cut: bool, value: Tensor | None = None
    ) -> None:
        self._value = value
        self.layers = {layer.name: layer for layer in layers}
        self.tensors: dict[str, Tensor] = {}
        self._leaf = layers[0].name if cut else None
        self._watch = watched(module, self._keep) if layers else None

    def _keep(self, name: str, _child: nn.Module, output: Any) -> Any:
        tensor = first_tensor(output) if name in self.layers else None
        if tensor is None:
            return None
        if name == self._leaf:
            value = tensor if self._value is None else self._value.to(tensor)
            kept = value.detach().clone().requires_grad_(torch.is_grad_enabled())
        else:
            kept = tensor.clone()
        self.tensors[name] = kept
        return with_tensor(output, tensor, kept.clone())

    def maps(self) -> dict[str, Tensor]:
        return {name: as_maps(tensor, self.layers[name]) for name, tensor in self.tensors.items()}

    def __enter__(self) -> "_Catch":
        if self._watch:
            self._watch.__enter__()
        return self

    def __exit__(self, *error: Any) -> None:
        if self._watch:
            self._watch.__exit__(*error)


@dataclass
class _Call:
    name: str
    child: nn.Module
    output: Tensor | None
    same_as: str | None


def trace(module: nn.Module, inputs: Tensor) -> tuple[LayerTree, Tensor]:
    """Run the network; return the tree of its layers, `carries` included, and its answer to the first image.

    Two images go in, so that outputs that do not belong to an image (position tables, windows folded into
    the batch) are told apart by their first dimension.
    """
    batch = torch.cat([inputs[:1], inputs[:1]])
    fields = ReceptiveFields(batch)
    try:
        calls = _calls(module, batch, fields)
    except Exception:  # a network that takes one image only
        batch = inputs[:1].clone()
        fields = ReceptiveFields(batch)
        calls = _calls(module, batch, fields)
    layers: list[Layer] = []
    grid: Layer | None = None
    names = {call.name.split("#")[0] for call in calls}
    for call in calls:
        layer = _layer(call, len(layers), len(batch), (inputs.shape[2], inputs.shape[3]), grid, names)
        side = None if call.output is None else fields.side(call.output, layer.grid)
        layer = replace(layer, receptive_field=side)
        layers.append(layer)
        grid = layer if layer.grid and layer.view == "maps" else grid
    shares, answer = _carries(module, inputs[:1], layers)
    known = [
        replace(one, carries=share, averaged=same) for one in layers for share, same in [shares[one.name]]
    ]
    return LayerTree(tuple(known), frozenset(fields.functions)), answer.detach()


def _calls(module: nn.Module, batch: Tensor, fields: ReceptiveFields) -> list[_Call]:
    calls: list[_Call] = []
    givers: dict[tuple[int, int, int], str] = {}

    def note(name: str, child: nn.Module, output: Any) -> None:
        tensor = first_tensor(output)
        same_as = None
        if tensor is not None:
            # Same memory, same size, not written to since: the same values, perhaps in another order.
            key = (tensor.untyped_storage().data_ptr(), tensor.numel(), tensor._version)
            same_as = givers.get(key)
            givers.setdefault(key, name)
        calls.append(_Call(name, child, tensor, same_as))  # holding the tensor keeps its address taken

    with untouched(module), watched(module, note), fields:
        module(batch)
    return calls


def _layer(
    call: _Call, order: int, batch: int, picture: tuple[int, int], grid: Layer | None, names: Collection[str]
) -> Layer:
    path, kind = call.name.split("#")[0], type(call.child).__name__
    tensor = call.output
    usable = tensor is not None and tensor.shape[:1] == (batch,) and tensor.is_floating_point()
    shape = tuple(tensor.shape[1:]) if tensor is not None else ()
    view = view_of(kind, shape, picture, grid) if usable else ("none", None, "first", 0)
    return Layer(
        name=call.name,
        kind=kind,
        shape=shape,
        parameters=sum(parameter.numel() for parameter in call.child.parameters()),
        depth=path.count("."),
        order=order,
        view=view[0],
        grid=view[1],
        channels=0 if not shape or view[0] == "none" else shape[-1] if view[2] == "last" else shape[0],
        receptive_field=None,
        block=path.rpartition(".")[0],
        container=any(name.startswith(path + ".") for name in names),
        size=4 * int(torch.Size(shape).numel()) if tensor is not None else 0,
        layout=view[2],
        class_tokens=view[3],
        same_as=call.same_as,
    )


Carried = defaultdict[str, tuple[float, bool]]


def _carries(module: nn.Module, inputs: Tensor, layers: Iterable[Layer]) -> tuple[Carried, Tensor]:
    wanted = [layer for layer in layers if layer.grid is not None and layer.same_as is None]
    shares, answer = _shares(module, inputs, wanted, {})
    if any(share for share, _ in shares.values()):
        return shares, answer
    # Some networks start with a last layer of zeros (torchvision's ViT): then it is asked what would be.
    noise = torch.Generator().manual_seed(0)
    filled = {
        name: torch.randn(weight.shape, generator=noise).to(weight)
        for name, weight in module.named_parameters()
        if not weight.any()
    }
    return _shares(module, inputs, wanted, filled)[0] if filled else shares, answer


def _shares(
    module: nn.Module, inputs: Tensor, wanted: list[Layer], weights: dict[str, Tensor]
) -> tuple[Carried, Tensor]:
    """Return `carries` and `averaged` of each layer, with some weights replaced meanwhile, and the answer."""
    found: Carried = defaultdict(lambda: (0.0, False))
    with untouched(module, gradients=True), _Catch(module, wanted, cut=False) as caught:
        leaf = inputs.detach().clone().requires_grad_()
        output = (
            torch.func.functional_call(module, weights, (leaf.clone(),)) if weights else module(leaf.clone())
        )
        answer = find_answer(output, inputs)
        if not answer.requires_grad:
            return found, answer
        kept = [name for name, tensor in caught.tensors.items() if tensor.requires_grad]
        if not kept:
            return found, answer
        gradients = torch.autograd.grad(
            _said(answer), [caught.tensors[name] for name in kept], materialize_grads=True
        )
    body = _body(kept) if answer.ndim == 3 else kept
    for name, gradient_ in zip(kept, gradients, strict=True):
        slopes = as_maps(gradient_, caught.layers[name])
        spread = (slopes - slopes[:, :, :1, :1]).abs().max()
        same = bool(slopes.any()) and bool(spread <= SAME * slopes.abs().max())
        found[name] = (_carried(slopes, answer) if name in body else 0.0, same)
    return found, answer


def _said(answer: Tensor) -> Tensor:
    """Return what a network says first of an image, or all that a detection found."""
    return answer[0, :, SCORE].sum() if answer.ndim == 3 else class_scores(answer)[0].max()


def _carried(slopes: Tensor, answer: Tensor) -> float:
    """Return the share of the positions that what is said depends on.

    A layer that gives the logits of a segmentation carries nothing but the answer: its share is 0. Of a
    detection that reads the places of its boxes, and no others, one position counts as all of them.
    """
    nonzero = slopes != 0
    if answer.ndim == 3:
        return float(nonzero.any())
    if answer.ndim == 4 and slopes.shape[1] == answer.shape[1] and nonzero.any(dim=(0, 2, 3)).sum() == 1:
        return 0.0
    return float(nonzero.any(dim=1).float().mean())


def _body(names: list[str]) -> list[str]:
    """Return the layers before a detection goes on at many scales at once, as torchvision calls them."""
    found = [name for name in names if name.startswith(("backbone.body.", "backbone.features."))]
    return found or names
