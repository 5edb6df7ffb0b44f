"""Where networks part, and what checkpoints and shuffled weights are."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import save_file
from skimage.filters import sobel
from torch import Tensor, nn

from xai_widgets import explain
from xai_widgets.errors import InputError, ModelError
from xai_widgets.metrics.parting import Parting, alike, parting
from xai_widgets.metrics.randomisation import EDGES, randomised
from xai_widgets.model import Model
from xai_widgets.model.variants import checkpoint, variant


def drawn(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed))


def net() -> nn.Module:
    return nn.Sequential(
        nn.Sequential(nn.Conv2d(3, 6, 3, padding=1), nn.ReLU()),
        nn.Sequential(nn.Conv2d(6, 8, 3, padding=1), nn.BatchNorm2d(8), nn.ReLU()),
        nn.AdaptiveAvgPool2d(1),
        nn.Flatten(),
        nn.Linear(8, 4),
    ).eval()


@pytest.fixture
def model() -> Model:
    torch.manual_seed(0)
    return Model(net(), ((0.5, 0.4, 0.3), (0.2, 0.2, 0.3)), ["a", "b", "c", "d"])


def slow_cka(one: Tensor, other: Tensor) -> float:
    """By HSIC with the centring matrix, Kornblith et al. 2019, equations 3 and 4."""
    x, y = (m.flatten(1).T.double().numpy() for m in (one, other))
    n = len(x)
    h = np.eye(n) - 1 / n

    def hsic(k: np.ndarray, m: np.ndarray) -> float:
        return float(np.trace(k @ h @ m @ h))

    k, m = x @ x.T, y @ y.T
    return hsic(k, m) / np.sqrt(hsic(k, k) * hsic(m, m))


@pytest.mark.parametrize("channels", [(3, 4), (40, 30)])
def test_cka_is_that_of_the_paper(channels: tuple[int, int]) -> None:
    one, other = (drawn(c, 5, 6, seed=seed) for seed, c in enumerate(channels))
    assert alike(one, other) == pytest.approx(slow_cka(one, other), rel=1e-9)


def test_cka_knows_no_names_of_channels() -> None:
    one = drawn(6, 5, 5)
    turned = torch.linalg.qr(drawn(6, 6, seed=1))[0]
    assert alike(one, 3 * torch.einsum("cd,dhw->chw", turned, one) + 7) == pytest.approx(1)
    assert np.isnan(alike(one, torch.ones(2, 5, 5)))


def test_networks_part_where_their_weights_do(model: Model) -> None:
    x = model.normalise(torch.rand(1, 3, 16, 16, generator=torch.Generator().manual_seed(0)))
    weights = {k: v.clone() for k, v in model.module.state_dict().items()}
    torch.manual_seed(5)
    weights["1.0.weight"] = torch.randn_like(weights["1.0.weight"])
    other = checkpoint(model, weights, "late")
    found = parting(model, other, x, x)
    by_name = dict(zip(found.layers, found.similarity.tolist(), strict=True))
    assert by_name["0.0"] == pytest.approx(1) and by_name["0.1"] == pytest.approx(1)
    assert by_name["1.0"] < 0.9
    record, theirs = model.record(x), other.record(x)
    assert by_name["1.0"] == pytest.approx(slow_cka(record["1.0"][0], theirs["1.0"][0]), rel=1e-4)


@pytest.mark.parametrize(
    ("similarity", "at", "said"),
    [
        ([1.0, 0.4, 0.9], "b", "part at b"),
        ([1.0, 0.8, 0.9], None, "least alike is b with 0.80"),
        ([np.nan] * 3, None, "constant"),
    ],
)
def test_the_first_layer_below_a_half_is_named(similarity: Any, at: str | None, said: str) -> None:
    found = Parting(("a", "b", "c"), np.array(similarity))
    assert found.at == at
    assert said in found.why


def test_networks_without_a_common_layer_say_so(model: Model) -> None:
    class Other(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.stem = nn.Conv2d(3, 4, 3)

        def forward(self, x: Tensor) -> Tensor:
            return self.stem(x).mean((2, 3))

    x = torch.zeros(1, 3, 16, 16)
    assert "no layer in common" in parting(model, Model(Other()), x, x).why


@pytest.mark.parametrize("how", ["dict", "pt", "safetensors", "nested", "parallel"])
def test_a_checkpoint_is_read_however_it_was_saved(model: Model, tmp_path: Path, how: str) -> None:
    torch.manual_seed(1)
    weights = net().state_dict()
    source: Any = weights
    if how == "pt":
        torch.save(weights, source := tmp_path / "w.pt")
    elif how == "safetensors":
        save_file(weights, source := tmp_path / "w.safetensors")
    elif how == "nested":
        torch.save({"epoch": 3, "state_dict": weights}, source := str(tmp_path / "w.pth"))
    elif how == "parallel":
        source = {f"module.{key}": value for key, value in weights.items()}
    found = checkpoint(model, source, "epoch 3")
    assert found.name == "epoch 3" and found.classes == model.classes
    torch.testing.assert_close(found.mean, model.mean)
    torch.testing.assert_close(found.module.state_dict()["0.0.weight"], weights["0.0.weight"])
    assert not torch.equal(model.module.state_dict()["0.0.weight"], weights["0.0.weight"])


@pytest.mark.parametrize(
    ("source", "kind", "said"),
    [
        ("nowhere.pt", InputError, "no file"),
        ({}, InputError, "no state dict"),
        (3, InputError, "no state dict but a int"),
        ({"x": torch.zeros(1)}, ModelError, "it lacks 0.0.weight"),
    ],
)
def test_what_is_no_checkpoint_of_the_network_says_why(
    model: Model, source: Any, kind: type, said: str
) -> None:
    with pytest.raises(kind, match=said):
        checkpoint(model, source, "late")


def test_a_checkpoint_of_other_shapes_says_which(model: Model) -> None:
    weights = net().state_dict()
    weights["4.weight"] = torch.zeros(9, 8)
    with pytest.raises(ModelError, match=r"size mismatch for 4\.weight"):
        checkpoint(model, weights, "late")


def test_a_broken_file_says_so(model: Model, tmp_path: Path) -> None:
    (tmp_path / "w.pt").write_bytes(b"nonsense")
    with pytest.raises(InputError, match="cannot be read"):
        checkpoint(model, tmp_path / "w.pt", "late")


def test_shuffled_weights_are_the_same_values_elsewhere(model: Model) -> None:
    before = {k: v.clone() for k, v in model.module.state_dict().items()}
    found = randomised(model, seed=3).module.state_dict()
    for name, weight in before.items():
        torch.testing.assert_close(model.module.state_dict()[name], weight)
        same = torch.equal(found[name], weight)
        assert same == (weight.ndim < 2), name
        torch.testing.assert_close(found[name].flatten().sort()[0], weight.flatten().sort()[0])
    again = randomised(model, seed=3).module.state_dict()
    assert all(torch.equal(found[name], again[name]) for name in found)


def test_edges_ask_no_network(model: Model) -> None:
    pixels = torch.rand(3, 16, 18, generator=torch.Generator().manual_seed(2))
    found = explain(model, pixels, EDGES, target=1)
    assert found.evidence.evaluations == 0 and not found.signed
    np.testing.assert_allclose(found.map, sobel(pixels.double().mean(0).numpy()), rtol=1e-5)


def test_a_variant_keeps_what_belongs_to_the_pictures(model: Model) -> None:
    other = variant(model, net(), "twin")
    picture = torch.rand(1, 3, 16, 16)
    torch.testing.assert_close(other.normalise(picture), model.normalise(picture))
    assert other.preprocess is model.preprocess
