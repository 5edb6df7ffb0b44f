"""Attention: read by hand from the blocks of a small transformer, and laid out from windows."""

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torchvision import models

from tests.explain.nets import SIDE, Conv, Tokens, picture, seeded
from xai_widgets.errors import NotValidError, ParameterError
from xai_widgets.explain import METHODS, explain
from xai_widgets.explain.attention import _windows, paid
from xai_widgets.explain.problem import Problem
from xai_widgets.model import Model
from xai_widgets.model.targets import ClassTarget


def by_hand(module: nn.Module) -> tuple[list[Tensor], Tensor]:
    """Return the attention of both blocks `(heads, t, t)` in one graph with the logits."""
    x = picture()[None]
    tokens = module.patch(x).flatten(2).transpose(1, 2)
    tokens = torch.cat([module.token.expand(1, -1, -1), tokens], dim=1)
    found = []
    for block in module.blocks:
        inner = block.norm1(tokens)
        own = block.self_attn
        q, k, v = F.linear(inner, own.in_proj_weight, own.in_proj_bias).chunk(3, dim=-1)
        q, k, v = (part.unflatten(-1, (2, 8)).transpose(1, 2) for part in (q, k, v))
        weights = (q @ k.transpose(-1, -2) / 8**0.5).softmax(dim=-1)
        found.append(weights)
        mixed = own.out_proj((weights @ v).transpose(1, 2).flatten(2))
        tokens = tokens + mixed
        tokens = tokens + block.linear2(F.relu(block.linear1(block.norm2(tokens))))
    return found, module.head(tokens[:, 0])


def large(row: Tensor) -> np.ndarray:
    map_ = row.detach().double().reshape(1, 1, 4, 4)
    return F.interpolate(map_, (SIDE, SIDE), mode="bilinear", align_corners=False)[0, 0].numpy()


def test_what_is_paid() -> None:
    module = seeded(Tokens)
    expected, logits = by_hand(module)
    slopes = torch.autograd.grad(logits[0, 2], expected)
    model = Model(module)
    torch.testing.assert_close(model.logits(picture()[None]), logits.detach(), rtol=1e-4, atol=1e-5)
    found = paid(Problem(model, picture()[None], picture()[None], ClassTarget(2)))
    assert [one.owner for one in found] == ["blocks.0.self_attn", "blocks.1.self_attn"]
    for one, weights, slope in zip(found, expected, slopes, strict=True):
        torch.testing.assert_close(one.weights, weights.detach(), rtol=1e-4, atol=1e-6)
        torch.testing.assert_close(one.slopes, slope, rtol=1e-3, atol=1e-6)


def test_rollout_by_hand() -> None:
    module = seeded(Tokens)
    expected, _ = by_hand(module)
    whole = torch.eye(17, dtype=torch.float64)
    for weights in expected:
        mixed = 0.5 * weights[0].double().mean(dim=0) + 0.5 * torch.eye(17, dtype=torch.float64)
        whole = mixed @ whole
    found = explain(Model(module), picture(), "attention_rollout", target=2).values
    np.testing.assert_allclose(found, large(whole[0, 1:]), rtol=1e-3, atol=1e-7)


def test_attention_gradient_by_hand() -> None:
    module = seeded(Tokens)
    expected, logits = by_hand(module)
    slopes = torch.autograd.grad(logits[0, 2], expected)
    whole = torch.eye(17)
    for weights, slope in zip(expected, slopes, strict=True):
        whole = whole + (weights[0] * slope[0]).clamp(min=0).mean(dim=0) @ whole
    found = explain(Model(module), picture(), "attention_gradient", target=2).values
    np.testing.assert_allclose(found, large(whole[0, 1:]), rtol=1e-3, atol=1e-7)


@pytest.mark.parametrize(("head", "token", "row"), [(0, -1, 0), (1, 5, 6), (-1, 0, 1)])
def test_heads_and_tokens(head: int, token: int, row: int) -> None:
    module = seeded(Tokens)
    weights = by_hand(module)[0][1][0]
    expected = weights.mean(dim=0)[row, 1:] if head < 0 else weights[head, row, 1:]
    given = {"layer": "blocks.1", "head": head, "token": token}
    found = explain(Model(module), picture(), "attention", target=2, **given)
    np.testing.assert_allclose(found.values, large(expected), rtol=1e-3, atol=1e-7)
    assert "blocks.1.self_attn" in found.evidence.line


def test_what_is_not_there() -> None:
    model = Model(seeded(Tokens))
    with pytest.raises(ParameterError, match="2, from 0 on"):
        explain(model, picture(), "attention", head=2)
    with pytest.raises(ParameterError, match="4 × 4"):
        explain(model, picture(), "attention", token=16)
    conv = Model(seeded(Conv))
    for name in ("attention", "attention_rollout", "attention_gradient"):
        assert "no attention" in str(METHODS[name].valid(conv, conv.layers(picture()[None])))
        with pytest.raises(NotValidError, match="no attention"):
            explain(conv, picture(), name)


@pytest.fixture(scope="module")
def swin() -> nn.Module:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return models.SwinTransformer([4, 4], 16, [2, 2], [2, 4], [4, 4], num_classes=10).eval()


def test_windows_lie_where_they_were_cut_out(swin: nn.Module) -> None:
    """Numbers instead of attention, cut into shifted windows as torchvision cuts, come back in order."""
    x = torch.rand(3, 64, 64, generator=torch.Generator().manual_seed(0))
    model = Model(swin)
    tree = model.layers(x[None])
    for name in ("features.1.0.attn", "features.1.1.attn"):
        layer = tree[name]
        height, width = layer.grid
        numbers = torch.arange(height * width, dtype=torch.float32).view(height, width)
        shift = 0 if name.endswith("0.attn") else 2
        cut = numbers.roll((-shift, -shift), (0, 1))
        cut = cut.view(height // 4, 4, width // 4, 4).permute(0, 2, 1, 3).reshape(-1, 16)
        weights = cut[:, None, :].expand(-1, 16, -1)  # every query of a window sees the numbers of its keys
        problem = Problem(
            model, torch.zeros(1, 3, height, width), torch.zeros(1, 3, height, width), ClassTarget(0)
        )
        found = _windows(problem, layer, weights, -1)
        np.testing.assert_allclose(found, numbers.numpy())


def test_attention_of_swin(swin: nn.Module) -> None:
    x = torch.rand(3, 64, 64, generator=torch.Generator().manual_seed(0))
    model = Model(swin)
    found = explain(model, x, "attention", layer="features.1.1", head=1)
    assert found.values.shape == (64, 64) and found.values.max() > 0
    one = explain(model, x, "attention", layer="features.1.1", head=1, token=0).values
    assert (one == 0).any() and one.max() > 0, "a token looks at its own window only"
    alone = explain(model, x, "attention", layer="features.3.1").values
    assert alone.shape == (64, 64), "a single window that is larger than the grid"
    for name in ("lrp_alpha2_beta1", "excitation_backprop"):
        assert "LRP-ε" in str(METHODS[name].valid(model, model.layers(x[None])))
    tokens = Model(seeded(Tokens))
    assert "LRP-ε" in str(METHODS["excitation_backprop"].valid(tokens, tokens.layers(picture()[None])))
    for name in ("attention_rollout", "attention_gradient"):
        with pytest.raises(NotValidError, match="windows"):
            explain(model, x, name)
        assert "windows" in str(METHODS[name].valid(model, model.layers(x[None])))
