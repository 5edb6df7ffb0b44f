"""Targets beyond one class through `explain`: methods held against direct autograd and slow sums."""

from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torchvision.models import detection, segmentation

import xai_widgets as xw
from tests.model import nets
from xai_widgets.errors import NotValidError

PICTURE = torch.rand(3, 16, 16, generator=torch.Generator().manual_seed(3))
OTHER = torch.rand(3, 16, 16, generator=torch.Generator().manual_seed(4))
BOX = (0.25, 0.0, 0.75, 0.5)


def made(make: Any) -> nn.Module:
    torch.manual_seed(1)
    module: nn.Module = make()
    return module.eval()


def within_box(module: Any, x: Tensor) -> Tensor:
    return module(x)["out"][:, 2, :8, 4:12].mean(dim=(1, 2))


def score(module: Any, x: Tensor) -> Tensor:
    """The score of the one box of label 2, which is always found."""
    found = [one["scores"][one["labels"] == 2][0] for one in module(x)]
    return torch.stack(found)


def alike(module: Any, x: Tensor) -> Tensor:
    return F.cosine_similarity(module.body(x).mean((2, 3)), module.body(OTHER[None]).mean((2, 3)))


CASES: dict[str, tuple[Any, Any, Any]] = {
    "segment": (nets.Segmenter, xw.Segment(2, BOX), within_box),
    "detection": (nets.Detector, xw.Detection(2, (0.5, 0.5, 1.0, 1.0)), score),
    "similarity": (nets.Embedder, xw.Similarity(OTHER[None], layer="body"), alike),
}


@pytest.mark.parametrize("case", CASES)
def test_gradient_and_input_times_gradient(case: str) -> None:
    make, target, value = CASES[case]
    module = made(make)
    leaf = PICTURE[None].clone().requires_grad_()
    slopes = torch.autograd.grad(value(module, leaf).sum(), leaf)[0][0].numpy()
    found = xw.explain(xw.Model(module), PICTURE, "gradient", target)
    np.testing.assert_allclose(found.values, slopes, rtol=1e-4, atol=1e-7)
    found = xw.explain(xw.Model(module), PICTURE, "input_x_gradient", target)
    np.testing.assert_allclose(found.values, slopes * PICTURE.numpy(), rtol=1e-4, atol=1e-7)


@pytest.mark.parametrize("case", CASES)
def test_integrated_gradients_add_up_where_nothing_jumps(case: str) -> None:
    make, target, value = CASES[case]
    module = made(make)
    found = xw.explain(xw.Model(module), PICTURE, "integrated_gradients", target, steps=512, tolerance=0)
    with torch.no_grad():
        ends = value(module, PICTURE[None]) - value(module, torch.zeros(1, 3, 16, 16))
    assert float(found.values.sum()) == pytest.approx(float(ends), rel=0.02, abs=1e-4)


@pytest.mark.parametrize("case", CASES)
def test_occlusion_is_the_difference_that_covering_makes(case: str) -> None:
    make, target, value = CASES[case]
    module = made(make)
    found = xw.explain(xw.Model(module), PICTURE, "occlusion", target, "black", window=0.25, stride=1.0)
    expected = np.zeros((16, 16))
    with torch.no_grad():
        for y in range(0, 16, 4):
            for x in range(0, 16, 4):
                covered = PICTURE[None].clone()
                covered[:, :, y : y + 4, x : x + 4] = 0
                change = value(module, PICTURE[None]) - value(module, covered)
                expected[y : y + 4, x : x + 4] = float(change)
    np.testing.assert_allclose(found.map, expected, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("case", ["segment", "similarity"])
def test_grad_cam(case: str) -> None:
    make, target, value = CASES[case]
    module, layer = made(make), "body.1"
    kept: list[Tensor] = []
    hook = module.body[1].register_forward_hook(lambda *given: kept.append(given[2]))  # type: ignore[operator, union-attr, index]
    out = value(module, PICTURE[None])
    hook.remove()
    slopes = torch.autograd.grad(out.sum(), kept[0])[0]
    cam = (slopes.mean((2, 3), keepdim=True) * kept[0]).sum(1, keepdim=True).relu()
    expected = F.interpolate(cam, (16, 16), mode="bilinear", align_corners=False)[0, 0]
    found = xw.explain(xw.Model(module), PICTURE, "grad_cam", target, layer=layer)
    np.testing.assert_allclose(found.map, expected.detach().numpy(), rtol=1e-3, atol=1e-7)


def test_a_box_that_reads_few_positions_is_no_fault() -> None:
    target = xw.Segment(2, (0.0, 0.0, 0.2, 0.2))
    found = xw.explain(xw.Model(made(nets.Segmenter)), PICTURE, "grad_cam", target, layer="body.1")
    check = found.evidence["architecture"]
    assert check.verdict == "holds" and "lies in a box" in check.sentence and check.figure < 0.5  # type: ignore[operator]


def test_methods_that_do_not_fit_a_detection_say_why() -> None:
    model = xw.Model(made(nets.Detector))
    told = model.methods(PICTURE[None])
    for name in ("lrp_epsilon", "lrp_composite", "deep_lift", "excitation_backprop"):
        assert "scores behind their softmax" in str(told[name])
    assert told["gradient"] is None and told["occlusion"] is None
    with pytest.raises(NotValidError, match="no rule"):
        xw.explain(model, PICTURE, "lrp_epsilon")


def test_what_gradients_do_not_see_of_a_box_is_told() -> None:
    model = xw.Model(made(nets.Detector))
    check = xw.explain(model, PICTURE, "gradient").evidence["target"]
    assert check.verdict == "holds" and "gradients see neither" in check.sentence
    check = xw.explain(model, PICTURE, "integrated_gradients").evidence["target"]
    assert check.verdict == "doubtful" and "on the way" in check.sentence
    names = [check.name for check in xw.explain(made(nets.Segmenter), PICTURE, "gradient").evidence.checks]
    assert "target" not in names


def test_a_reference_by_path_is_read_and_written_into_the_code(tmp_path: Any) -> None:
    from PIL import Image

    path = tmp_path / "other.png"
    Image.fromarray((OTHER.permute(1, 2, 0).numpy() * 255).round().astype(np.uint8)).save(path)
    module = made(nets.Embedder)
    target = xw.Similarity(str(path), layer="body")
    found = xw.explain(xw.Model(module), PICTURE, "gradient", target)
    assert found.target == "similarity to other.png at body"
    assert f"target=xw.Similarity({str(path)!r}, layer='body')" in found.to_code()
    near = xw.explain(xw.Model(module), PICTURE, "gradient", xw.Similarity(OTHER[None], layer="body"))
    np.testing.assert_allclose(found.values, near.values, atol=2e-2 * np.abs(near.values).max())


@pytest.mark.slow
def test_networks_of_torchvision_go_in_as_they_are() -> None:
    torch.manual_seed(0)
    weights: dict[str, Any] = {"weights": None, "weights_backbone": None, "num_classes": 4}
    cutter = segmentation.lraspp_mobilenet_v3_large(**weights).eval()
    finder = detection.fasterrcnn_mobilenet_v3_large_320_fpn(
        **weights, box_score_thresh=0.0, min_size=64, max_size=64
    ).eval()
    picture = torch.rand(3, 64, 64)

    leaf = picture[None].clone().requires_grad_()
    logits = cutter(leaf)["out"]
    best = int(torch.bincount(logits[0].argmax(0).flatten()).argmax())
    value = logits[0, best][logits[0].argmax(0) == best].mean()
    expected = torch.autograd.grad(value, leaf)[0][0].numpy()
    found = xw.explain(xw.Model(cutter), picture, "gradient")
    np.testing.assert_allclose(found.values, expected, rtol=1e-3, atol=1e-3 * np.abs(expected).max())

    leaf = picture[None].clone().requires_grad_()
    told = finder([leaf[0]])[0]
    expected = torch.autograd.grad(told["scores"][0], leaf)[0][0].numpy()
    box = tuple((told["boxes"][0].detach() / 64).tolist())
    target = xw.Detection(int(told["labels"][0]), box)
    found = xw.explain(xw.Model(finder), picture, "gradient", target)
    np.testing.assert_allclose(found.values, expected, rtol=1e-3, atol=1e-3 * np.abs(expected).max())
    assert xw.explain(xw.Model(finder), picture, "grad_cam", target).evidence["zero map"].verdict == "holds"
