"""On trained networks and photographs: agreement with Captum, completeness, and honest errors.

Captum is an independent implementation of the same papers. Distances are mean absolute differences,
relative to the mean absolute value of Captum's map. Run it alone, with the figures, by
`pytest tests/real/test_explain_kit.py -s`.
"""

import sys
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from captum import attr
from PIL import Image
from torch import Tensor, nn

from xai_widgets.explain import explain, explain_steps
from xai_widgets.explain.perturbation import Lattice
from xai_widgets.model import Model

Load = Callable[[], nn.Module]


@pytest.fixture(scope="module")
def load(kit: Path) -> Callable[[str], tuple[Model, list[Tensor]]]:
    """Return a function from a name to the model of the kit and a few of its pictures `(c, h, w)`."""
    sys.path.insert(0, str(kit / "models"))

    @cache
    def loaded(name: str) -> tuple[Model, list[Tensor]]:
        module, pictures = LOADERS[name](kit)
        return Model(module), pictures

    yield loaded  # type: ignore[misc]
    sys.path.remove(str(kit / "models"))


def photographs(kit: Path, side: int, names: tuple[str, ...] = ("cat", "bird")) -> list[Tensor]:
    files = [kit / "images" / "ccby" / f"{name}.jpg" for name in names]
    return [tensor(Image.open(file).convert("RGB").resize((side, side))) for file in files]


def tensor(image: Image.Image) -> Tensor:
    array = np.array(image, dtype=np.float32) / 255
    return torch.from_numpy(array if array.ndim == 3 else array[..., None]).permute(2, 0, 1)


def small(kit: Path, folder: str, mode: str, count: int = 3) -> list[Tensor]:
    files = sorted((kit / "images" / folder).glob("*.png"))[:count]
    return [tensor(Image.open(file).convert(mode)) for file in files]


def squeezenet(kit: Path) -> tuple[nn.Module, list[Tensor]]:
    import squeezenet10

    return squeezenet10.load(), photographs(kit, 227)


def mobilenet(kit: Path) -> tuple[nn.Module, list[Tensor]]:
    import mobilenets

    return mobilenets.mobilenet_v1_050_160(), photographs(kit, 160)


def resnet20(kit: Path) -> tuple[nn.Module, list[Tensor]]:
    import cifar_resnet

    return cifar_resnet.load(20), small(kit, "cifar10_png", "RGB")


def cifar_lenet(kit: Path) -> tuple[nn.Module, list[Tensor]]:
    import cifar_lenet

    return cifar_lenet.load(), small(kit, "cifar10_png", "RGB")


def mnist_lenet(kit: Path) -> tuple[nn.Module, list[Tensor]]:
    import mnist_lenet5

    return mnist_lenet5.load("clean"), small(kit, "mnist_png", "L")


def mnist_robust(kit: Path) -> tuple[nn.Module, list[Tensor]]:
    import mnist_lenet5

    return mnist_lenet5.load("adv"), small(kit, "mnist_png", "L")


LOADERS: dict[str, Any] = {
    "squeezenet": squeezenet,
    "mobilenet": mobilenet,
    "resnet20": resnet20,
    "cifar_lenet": cifar_lenet,
    "mnist_lenet": mnist_lenet,
    "mnist_robust": mnist_robust,
}
NAMES = pytest.mark.parametrize("name", LOADERS)


def distance(found: np.ndarray, theirs: Tensor) -> float:
    reference = theirs.detach().double().numpy().reshape(found.shape)
    return float(np.abs(found - reference).mean() / np.abs(reference).mean())


def top(model: Model, picture: Tensor) -> int:
    return int(model.logits(picture[None]).argmax())


@NAMES
def test_gradients_equal_captum(load: Any, name: str) -> None:
    model, pictures = load(name)
    x, target = pictures[0][None], top(model, pictures[0])
    theirs = attr.Saliency(model.module).attribute(x.clone(), target=target, abs=False)
    assert distance(explain(model, pictures[0], "gradient").values, theirs) < 1e-4
    theirs = attr.InputXGradient(model.module).attribute(x.clone(), target=target)
    assert distance(explain(model, pictures[0], "input_x_gradient").values, theirs) < 1e-4


@NAMES
def test_integrated_gradients_agree_with_captum_and_are_complete(load: Any, name: str) -> None:
    """Within 4 % of Captum at 512 nodes (128 for large networks), and a completeness gap below 1 %."""
    model, pictures = load(name)
    for picture in pictures:
        found = explain(model, picture, "integrated_gradients")
        gap, error = found.evidence["completeness"].figure, found.evidence["convergence"].figure
        print(f"\n{name}: {found.evidence.line}", end="")
        assert gap is not None and error is not None
        assert gap < 0.01 and found.evidence["completeness"].verdict == "holds"
        assert found.evidence.evaluations <= 128
    nodes = 128 if name in ("squeezenet", "mobilenet") else 512
    theirs = attr.IntegratedGradients(model.module).attribute(
        picture[None],
        torch.zeros_like(picture[None]),
        top(model, picture),
        n_steps=nodes,
        internal_batch_size=8,
    )
    print(f" · {distance(found.values, theirs):.2%} from Captum", end="")
    assert distance(found.values, theirs) < 0.04


@NAMES
def test_grad_cam_equals_captum(load: Any, name: str) -> None:
    model, pictures = load(name)
    tree = model.layers(pictures[0][None])
    convolutions = [layer.name for layer in tree.viewable if "Conv" in layer.kind and layer.grid]
    for layer in (convolutions[0], convolutions[len(convolutions) // 2], convolutions[-1]):
        theirs = attr.LayerGradCam(model.module, model.module.get_submodule(layer)).attribute(
            pictures[0][None], top(model, pictures[0]), relu_attributions=True
        )
        large = attr.LayerAttribution.interpolate(theirs, pictures[0].shape[-2:], "bilinear")
        found = explain(model, pictures[0], "grad_cam", layer=layer)
        if float(large.detach().max()) == 0:
            assert found.evidence["zero map"].verdict == "fails"
            continue
        assert distance(found.values, large) < 1e-4
    default = explain(model, pictures[0], "grad_cam")
    assert default.evidence["architecture"].verdict == "holds"


@NAMES
def test_occlusion_equals_captum(load: Any, name: str) -> None:
    model, pictures = load(name)
    picture = pictures[0]
    window = 0.3 if name in ("squeezenet", "mobilenet") else 0.2
    found = explain(model, picture, "occlusion", window=window, baseline="black")
    lattice = Lattice.of(picture.shape[-2:], window, 0.5)
    theirs = attr.Occlusion(model.module).attribute(
        picture[None],
        (len(picture), lattice.window, lattice.window),
        (len(picture), lattice.stride, lattice.stride),
        0,
        top(model, picture),
        perturbations_per_eval=8,
    )
    assert distance(found.values, theirs[:, :1]) < 1e-4
    assert found.evidence.evaluations == lattice.count + 1


@pytest.mark.parametrize("name", ["resnet20", "cifar_lenet", "mnist_lenet"])
def test_smooth_grad_agrees_with_captum_in_distribution(load: Any, name: str) -> None:
    """Two independent means of 400 differ by √2 standard errors; Captum's σ is ours · (max - min)."""
    model, pictures = load(name)
    picture = pictures[0]
    found = explain(model, picture, "smooth_grad", samples=400, noise=0.15)
    with torch.random.fork_rng():
        torch.manual_seed(1)
        theirs = attr.NoiseTunnel(attr.Saliency(model.module)).attribute(
            picture[None],
            nt_type="smoothgrad",
            nt_samples=400,
            nt_samples_batch_size=20,
            stdevs=0.15 * float(picture.max() - picture.min()),
            target=top(model, picture),
            abs=False,
        )
    error = found.evidence["convergence"].figure
    assert error is not None and 0.4 * error < distance(found.values, theirs) < 2 * error


@pytest.mark.parametrize("name", ["resnet20", "cifar_lenet", "mnist_robust"])
def test_the_error_shown_is_the_error(load: Any, name: str) -> None:
    """From 12 nodes on the estimate is within a factor of two of the distance to 2,048 nodes."""
    model, pictures = load(name)
    picture, target = pictures[0], top(model, pictures[0])
    shares = (torch.arange(2048) + 0.5) / 2048
    parts = [
        model.gradients(part[:, None, None, None] * picture, target_of(target))[1].double().sum(dim=0)
        for part in shares.split(64)
    ]
    reference = (sum(parts) / 2048 * picture.double()).numpy()
    print(f"\n{name}:", end="")
    for step in explain_steps(model, picture, target=target, steps=64, tolerance=0):
        true = float(np.abs(step.value.values - reference).mean())
        asked = step.value.evidence.evaluations
        print(f" {asked}: {true / np.abs(reference).mean():.3f}", end="")
        assert step.error is not None
        if asked > 12 and true / np.abs(reference).mean() > 1e-3:
            assert 0.5 < step.error / true < 2


def target_of(index: int) -> Any:
    from xai_widgets.model.targets import ClassTarget

    return ClassTarget(index)


@pytest.mark.parametrize("name", ["cifar_lenet", "squeezenet"])
def test_occlusion_is_known_early(load: Any, name: str) -> None:
    """After half of the windows the map is within 25 %, and the estimate is at least half of the truth."""
    model, pictures = load(name)
    steps = list(explain_steps(model, pictures[0], "occlusion"))
    final = steps[-1].value.values
    half = next(step for step in steps if step.done >= 0.5)
    size = float(np.abs(final).mean())
    true = float(np.abs(half.value.values - final).mean())
    print(
        f"\n{name}: after {half.done:.0%} {true / size:.3f}, estimated {(half.error or 0) / size:.3f}", end=""
    )
    assert true < 0.25 * size
    assert half.error is not None and half.error > true / 2
