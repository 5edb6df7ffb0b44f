"""Methods that weigh the channels of a layer."""

from collections.abc import Callable

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional as F

from ..anytime import Step
from ..errors import NotValidError
from ..model.activations import SAME
from ..model.layers import Layer, LayerTree, as_maps
from ..results import Check
from .backprop import guided_backprop, without_relu
from .method import Method
from .problem import Attribution, Problem, Steps, untargeted


class Maps:
    """What a layer gives for the picture, as maps `(1, c, h, w)`, and the target's slopes by them."""

    def __init__(self, problem: Problem) -> None:
        self.problem = problem
        self.tree = problem.model.layers(problem.inputs)
        self.layer = checked_layer(self.tree, problem.layer or self.tree.default_cam())
        output, self.activation, gradient = problem.model.layer_gradients(
            problem.inputs, problem.target, self.layer.name
        )
        self.output = float(output[0])
        self.maps, self.slopes = as_maps(self.activation, self.layer), as_maps(gradient, self.layer)

    @property
    def carried(self) -> Check:
        """Whether the target depends on the positions of the layer at all."""
        local = getattr(self.problem.target, "box", None) is not None
        return _carried(self.slopes, self.layer, self.tree, local)

    def large(self, map_: Tensor) -> NDArray[np.float32]:
        """Return a map `(1, 1, h, w)` of the layer at the size of the input, `(h, w)`."""
        size = self.problem.inputs.shape[-2:]
        found = F.interpolate(map_, size, mode="bilinear", align_corners=False)
        values: NDArray[np.float32] = found[0, 0].numpy().astype(np.float32)
        return values


def _weighed(problem: Problem, weigh: Callable[[Tensor, Tensor], Tensor], relu: bool = True) -> Steps:
    """Weigh the maps once: `weigh` makes weights that go with `(1, c, h, w)` from maps and slopes."""
    seen = Maps(problem)
    found = (weigh(seen.maps, seen.slopes) * seen.maps).sum(dim=1, keepdim=True)
    values = seen.large(found.relu() if relu else found)
    yield Step(Attribution(values, 1, checks=(seen.carried,)), 1.0, None, True)


def grad_cam(problem: Problem) -> Steps:
    """Channels of a layer, each weighted by its mean gradient, the positive part of the sum, `(h, w)`.

    Selvaraju et al., "Grad-CAM", ICCV 2017: ReLU(Σ_k α_k A_k) with α_k the mean over the positions of
    ∂f/∂A_k (equations 1 and 2), brought to the size of the input bilinearly. Layers of tokens are brought
    onto their grid, class tokens apart.

    Raises:
        NotValidError: the layer has no positions.
    """
    return _weighed(problem, lambda maps, slopes: slopes.mean(dim=(2, 3), keepdim=True))


def grad_cam_pp(problem: Problem) -> Steps:
    """Channels weighted by their positive gradients, those of few places more, `(h, w)`.

    Chattopadhyay et al., "Grad-CAM++", WACV 2018, equations 10 and 19 for a target passed through exp:
    α = g² / (2 g² + Σ A g³), weights Σ α ReLU(g).
    """

    def weigh(maps: Tensor, slopes: Tensor) -> Tensor:
        below = 2 * slopes**2 + maps.sum(dim=(2, 3), keepdim=True) * slopes**3
        alpha = torch.where(below != 0, slopes**2 / torch.where(below != 0, below, 1.0), 0.0)
        return (alpha * slopes.relu()).sum(dim=(2, 3), keepdim=True)

    return _weighed(problem, weigh)


def xgrad_cam(problem: Problem) -> Steps:
    """Channels weighted by their gradients where they are active, `(h, w)`.

    Fu et al., "Axiom-based Grad-CAM", BMVC 2020, equation 8: weights Σ (A / Σ A) g.
    """

    def weigh(maps: Tensor, slopes: Tensor) -> Tensor:
        whole = maps.sum(dim=(2, 3), keepdim=True)
        share = torch.where(whole != 0, maps / torch.where(whole != 0, whole, 1.0), 0.0)
        return (share * slopes).sum(dim=(2, 3), keepdim=True)

    return _weighed(problem, weigh)


def hires_cam(problem: Problem) -> Steps:
    """Each place of each channel weighted by its own gradient, `(h, w)`.

    Draelos and Carin, "Use HiResCAM instead of Grad-CAM for faithful explanations", 2020: Σ_k g_k ⊙ A_k,
    its positive part as in their figures.
    """
    return _weighed(problem, lambda maps, slopes: slopes)


def layer_cam(problem: Problem) -> Steps:
    """Each place of each channel weighted by its own positive gradient, `(h, w)`; good at early layers.

    Jiang et al., "LayerCAM", IEEE TIP 2021, equations 5 and 6: ReLU(Σ_k ReLU(g_k) ⊙ A_k).
    """
    return _weighed(problem, lambda maps, slopes: slopes.relu())


def class_activation_map(problem: Problem) -> Steps:
    """Channels weighted by the classifier that reads their means, `(h, w)`.

    Zhou et al., "Learning Deep Features for Discriminative Localization", CVPR 2016, equation 2: Σ_k w_k A_k.
    It holds where the target reads nothing of the layer but its means; then every place of a channel has
    the same gradient w_k / (h w).

    Raises:
        NotValidError: the target reads more of the layer than the means of its channels.
    """
    tree = problem.model.layers(problem.inputs)
    name = problem.layer or tree.default_cam()

    def weigh(maps: Tensor, slopes: Tensor) -> Tensor:
        spread = (slopes - slopes[:, :, :1, :1]).abs().max()
        if spread > SAME * slopes.abs().max():
            better = f"Take {tree.default_cam()!r}." if unread(tree) is None else _INSTEAD
            raise NotValidError(f"{_MEANS}; the target reads more of {name!r}.", better)
        return slopes * slopes[0, 0].numel()

    return _weighed(problem, weigh, relu=False)


_MEANS = "CAM needs a classifier that reads a layer by the means of its channels"
_INSTEAD = "Take Grad-CAM, which is the same where CAM holds."


def unread(tree: LayerTree) -> str | None:
    """Return why no classifier reads the means of a layer, None where one does."""
    if why_not(tree):
        return why_not(tree)
    return None if tree[tree.default_cam()].averaged else f"{_MEANS}; this network has none. {_INSTEAD}"


def eigen_cam(problem: Problem) -> Steps:
    """The first principal component of a layer, whatever the target, `(h, w)`.

    Muhammad and Yeasin, "Eigen-CAM", IJCNN 2020, equations 5 and 6: the maps projected on the first right
    singular vector. Its sign, which the decomposition leaves open, is that of most of the activation.
    """

    def weigh(maps: Tensor, slopes: Tensor) -> Tensor:
        places = maps[0].flatten(1).T
        vector = torch.linalg.svd(places.double(), full_matrices=False).Vh[0].to(maps)
        turned: Tensor = vector if (places @ vector).sum() >= 0 else -vector
        return turned.view(1, -1, 1, 1)

    return _without_target(_weighed(problem, weigh))


def _without_target(steps: Steps) -> Steps:
    check = untargeted("It shows what the layer sees most of")
    for step in steps:
        value = Attribution(step.value.values, step.value.evaluations, checks=(check,))
        yield Step(value, step.done, step.error, step.final)


def guided_grad_cam(problem: Problem) -> Steps:
    """Guided backpropagation where Grad-CAM is high, `(c, h, w)`.

    Selvaraju et al., "Grad-CAM", ICCV 2017, section 3.2: their product.
    """
    fine = next(iter(guided_backprop(problem))).value
    yield Step(fine, 0.5, float(np.abs(fine.values).mean()), False)
    cam = next(iter(grad_cam(problem))).value
    values = (fine.values * cam.values).astype(np.float32)
    yield Step(Attribution(values, 2, checks=cam.checks), 1.0, None, True)


def checked_layer(tree: LayerTree, name: str) -> Layer:
    """Return a layer that Grad-CAM can use.

    Raises:
        UnknownLayerError: there is no such layer.
        NotValidError: it has no positions, only a vector or nothing to look at.
    """
    layer: Layer = tree[name]
    if layer.grid is None or layer.grid == (1, 1):
        words = (
            f"Grad-CAM needs positions, but {name!r} gives {'×'.join(map(str, layer.shape)) or 'no tensor'}."
        )
        better = "Take a method that needs no layer." if why_not(tree) else f"Take {tree.default_cam()!r}."
        raise NotValidError(words, better)
    return layer


def why_not(tree: LayerTree) -> str | None:
    """Return why no layer of a network can be used, None where one can."""
    try:
        tree.default_cam()
    except NotValidError as error:
        return str(error)
    return None


def _not_guided(tree: LayerTree) -> str | None:
    return why_not(tree) or without_relu(tree)


def _carried(slopes: Tensor, layer: Layer, tree: LayerTree, local: bool) -> Check:
    """Return whether the target depends on the positions of the layer at all; a local one on a few only."""
    share = float((slopes != 0).any(dim=1).double().mean())
    grid = " × ".join(map(str, layer.grid or ()))
    if share == 0:
        better = _remedy(tree, layer)
        why = "only the class token does" if layer.class_tokens else "the target does not depend on them"
        words = f"No position of {layer.name} carries a gradient to the target ({why}); {better}."
        return Check("architecture", "fails", share, words, "not valid at this layer")
    if share < 0.5 and not local:
        words = f"Only {share:.0%} of the {grid} positions of {layer.name} carry a gradient to the target."
        return Check("architecture", "doubtful", share, words, f"{share:.0%} of positions count")
    words = f"{layer.name} has {grid} positions that matter to the target."
    if share < 0.5:
        words = f"The target lies in a box: it reads {share:.0%} of the {grid} positions of {layer.name}."
    return Check("architecture", "holds", share, words)


def _remedy(tree: LayerTree, layer: Layer) -> str:
    better = tree.default_cam() if why_not(tree) is None else layer.name
    return f"take {better} instead" if better != layer.name else "take an earlier layer or another target"


def cam_method(
    name: str,
    label: str,
    function: Callable[..., Steps],
    paper: str,
    summary: str,
    *,
    counted: str = "gradients",
    signed: bool = False,
    per_channel: bool = False,
    why_not: Callable[[LayerTree], str | None] = why_not,
) -> Method:
    """Return the entry of a method that looks at the places of a layer."""
    return Method(
        name,
        label,
        function,
        paper,
        summary,
        frozenset({"layer"}),
        signed=signed,
        per_channel=per_channel,
        counted=counted,
        why_not=why_not,
        family="Class activation maps",
    )


METHODS = (
    cam_method(
        "grad_cam",
        "Grad-CAM",
        grad_cam,
        "Selvaraju et al. 2017",
        "The places of a layer that speak for the target.",
    ),
    cam_method(
        "grad_cam_pp",
        "Grad-CAM++",
        grad_cam_pp,
        "Chattopadhyay et al. 2018",
        "As Grad-CAM, with several objects of a class each at full strength.",
    ),
    cam_method(
        "xgrad_cam",
        "XGrad-CAM",
        xgrad_cam,
        "Fu et al. 2020",
        "As Grad-CAM, with gradients counted where a channel is active.",
    ),
    cam_method(
        "layer_cam",
        "Layer-CAM",
        layer_cam,
        "Jiang et al. 2021",
        "Each place of a layer by its own positive gradient; fine at early layers.",
    ),
    cam_method(
        "hires_cam",
        "HiResCAM",
        hires_cam,
        "Draelos and Carin 2020",
        "Each place of a layer by its own gradient: what the target was computed from.",
    ),
    cam_method(
        "cam",
        "CAM",
        class_activation_map,
        "Zhou et al. 2016",
        "The places of the last layer as the classifier reads them.",
        signed=True,
        why_not=unread,
    ),
    cam_method(
        "eigen_cam",
        "Eigen-CAM",
        eigen_cam,
        "Muhammad and Yeasin 2020",
        "What a layer sees most of, whatever the target.",
    ),
    cam_method(
        "guided_grad_cam",
        "Guided Grad-CAM",
        guided_grad_cam,
        "Selvaraju et al. 2017",
        "Guided backpropagation where Grad-CAM is high.",
        signed=True,
        per_channel=True,
        why_not=_not_guided,
    ),
)
