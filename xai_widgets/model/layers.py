"""The tree of named layers: kind, shape, size, and how each can be looked at."""

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal

from torch import Tensor

from xai_widgets.errors import NotValidError, UnknownLayerError, did_you_mean

View = Literal["maps", "tokens", "vector", "none"]
Layout = Literal["first", "last"]


@dataclass(frozen=True)
class Layer:
    """One call of one submodule, seen in a forward pass.

    Attributes:
        name: path of the module; the k-th call of a module that is used again is `path#k` (k ≥ 2).
        kind: class of the module, such as "Conv2d".
        shape: shape of what it gave, without the batch; () where that is no tensor.
        parameters: number of parameters, its submodules' included.
        depth: nesting, 0 for the outermost.
        order: place in the order in which the calls ended.
        view: "maps" `(c, h, w)` in some layout, "tokens" `(t, c)` on a grid, "vector" `(c,)`, or "none".
        grid: height and width of the maps or of the token grid.
        channels: number of maps, of features a token, or of units.
        receptive_field: side in input pixels of the square that one position depends on; None where
            positions depend on the whole picture or where it is not defined.
        block: path of the parent module ("" at the top), for folding.
        container: whether other layers ran inside it.
        size: bytes of the activation of one image, in float32.
        layout: whether channels come first or last in `shape`.
        class_tokens: number of leading tokens that lie on no place of the grid.
        same_as: the layer whose values this one merely passes on, such as the last layer of a sequence.
        carries: share of the positions whose activation has a gradient to the predicted class.
        averaged: whether that gradient is the same at all positions, as below a classifier on means.
    """

    name: str
    kind: str
    shape: tuple[int, ...]
    parameters: int
    depth: int
    order: int
    view: View
    grid: tuple[int, int] | None
    channels: int
    receptive_field: int | None
    block: str
    container: bool
    size: int
    layout: Layout = "first"
    class_tokens: int = 0
    same_as: str | None = None
    carries: float = 0.0
    averaged: bool = False

    def to_dict(self) -> dict[str, Any]:
        """Return the fields as JSON values."""
        return asdict(self)


@dataclass(frozen=True)
class LayerTree(Sequence[Layer]):
    """The layers of a network in the order in which they ran, found by place or by name.

    `tree["layer4"]` raises UnknownLayerError with the closest names where there is no such layer.

    Attributes:
        layers: in that order.
        functions: plain names of the PyTorch functions that ran, such as "relu" and "softmax".
    """

    layers: tuple[Layer, ...]
    functions: frozenset[str] = frozenset()

    def __iter__(self) -> Iterator[Layer]:
        return iter(self.layers)

    def __len__(self) -> int:
        return len(self.layers)

    def __contains__(self, name: object) -> bool:
        return any(layer.name == name or layer is name for layer in self.layers)

    def __getitem__(self, name: Any) -> Any:
        if not isinstance(name, str):
            return self.layers[name]
        found = next((layer for layer in self.layers if layer.name == name), None)
        if found is None:
            names = [layer.name for layer in self.layers]
            raise UnknownLayerError(f"The network has no layer {name!r}.", did_you_mean(name, names))
        return found

    @property
    def viewable(self) -> tuple[Layer, ...]:
        """The layers with something new to look at: without those that only pass values on."""
        return tuple(layer for layer in self.layers if layer.view != "none" and layer.same_as is None)

    def default_cam(self) -> str:
        """Return the layer for Grad-CAM: the last one whose every position still matters to the output.

        It must have more than one position. In a ViT the patch tokens of the last block's output have no
        gradient (only the class token is read), so an earlier layer is taken.

        Raises:
            NotValidError: no layer has positions that carry gradient to the output.
        """
        spatial = [layer for layer in self.viewable if layer.grid and layer.grid[0] * layer.grid[1] > 1]
        most = max((layer.carries for layer in spatial), default=0.0)
        if most == 0.0:
            raise NotValidError(
                "No layer of this network has positions whose activations carry gradient to the output.",
                "Give a layer by name, use a larger picture, or a method that needs no layer.",
            )
        return next(layer.name for layer in reversed(spatial) if layer.carries == most)

    def default_layer(self) -> str | None:
        """Return the layer to show first: that of Grad-CAM, else the last with something to see."""
        try:
            return self.default_cam()
        except NotValidError:
            return self.viewable[-1].name if self.viewable else None


def as_maps(tensor: Tensor, layer: Layer) -> Tensor:
    """Return what a layer gave, `(n, *layer.shape)`, as maps `(n, c, h, w)`.

    Tokens go to their places on the grid, class tokens are dropped, channels come first; the units of a
    vector become maps of one pixel. Works on activations and on their gradients alike.

    Raises:
        NotValidError: the layer has no such view.
    """
    if layer.view == "vector":
        return tensor.reshape(tensor.shape[0], -1, 1, 1)
    if layer.view == "none" or layer.grid is None:
        raise NotValidError(f"{layer.name!r} gives {layer.shape}: no picture.", "Choose another layer.")
    if layer.view == "tokens":
        tensor = tensor[:, layer.class_tokens :].reshape(len(tensor), *layer.grid, -1)
    return tensor.permute(0, 3, 1, 2) if layer.layout == "last" else tensor


def view_of(
    kind: str, shape: tuple[int, ...], picture: tuple[int, int], before: "Layer | None"
) -> tuple[View, tuple[int, int] | None, Layout, int]:
    """Return view, grid, layout and number of class tokens of an output of this shape.

    Args:
        kind: class name of the module, which settles the layout of convolutions and of linear layers.
        shape: without the batch.
        picture: height and width of the network's input, whose aspect the grid must have.
        before: the last layer with a grid that ran before, which settles what is left open.
    """
    if len(shape) == 1 or (len(shape) == 3 and shape[1:] == (1, 1)):
        return "vector", None, "first", 0
    if len(shape) == 3:
        return _maps(kind, shape, picture, before)
    if len(shape) == 2:
        return _tokens(shape, picture, before)
    return "none", None, "first", 0


_NOTHING: tuple[View, None, Layout, int] = ("none", None, "first", 0)


def _maps(
    kind: str, shape: tuple[int, ...], picture: tuple[int, int], before: Layer | None
) -> tuple[View, tuple[int, int] | None, Layout, int]:
    first, last = _fits(shape[1:], picture), _fits(shape[:2], picture)
    if kind.startswith(("Conv", "BatchNorm", "MaxPool", "AvgPool", "Adaptive", "GroupNorm", "InstanceNorm")):
        first, last = True, False
    elif kind in ("Linear", "LayerNorm", "RMSNorm"):
        first = False
    if first and last and before is not None and before.shape == shape:
        first = before.layout == "first"
    if first:
        return "maps", (shape[1], shape[2]), "first", 0
    return ("maps", (shape[0], shape[1]), "last", 0) if last else _NOTHING


def _tokens(
    shape: tuple[int, ...], picture: tuple[int, int], before: Layer | None
) -> tuple[View, tuple[int, int] | None, Layout, int]:
    count = shape[0]
    if before is not None and before.grid is not None:
        extra = count - before.grid[0] * before.grid[1]
        if 0 <= extra <= 16:
            return "tokens", before.grid, "last", extra
    grids = (
        (h, count - extra, extra) for extra in range(min(count, 17)) for h in range(1, count - extra + 1)
    )
    for height, tokens, extra in grids:
        if tokens > 1 and tokens % height == 0 and _same_aspect((height, tokens // height), picture):
            return "tokens", (height, tokens // height), "last", extra
    return _NOTHING


def _fits(grid: tuple[int, ...], picture: tuple[int, int]) -> bool:
    # Strides round, paddings add: a grid may be off the picture's aspect by two cells.
    height, width = grid
    if height > 2 * picture[0] or width > 2 * picture[1]:
        return False
    return abs(height * picture[1] / picture[0] - width) <= 2 * max(1.0, picture[1] / picture[0])


def _same_aspect(grid: tuple[int, int], picture: tuple[int, int]) -> bool:
    return abs(grid[0] * picture[1] - grid[1] * picture[0]) <= max(picture) / 2
