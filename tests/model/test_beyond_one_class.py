"""Similarity, a class within a part, the score of a box: values held against their definitions."""

import json
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from tests.model import nets
from xai_widgets.errors import (
    NotValidError,
    ParameterError,
    UnknownClassError,
    UnknownLayerError,
    XaiWidgetsError,
)
from xai_widgets.model.boxes import overlap, within
from xai_widgets.model.detections import Detection
from xai_widgets.model.handle import Model
from xai_widgets.model.segments import Segment
from xai_widgets.model.similarity import Similarity
from xai_widgets.model.targets import ClassTarget, Margin, Top, from_json, offered, resolve

INPUTS = torch.rand(1, 3, 16, 16, generator=torch.Generator().manual_seed(3))
OTHER = torch.rand(1, 3, 16, 16, generator=torch.Generator().manual_seed(4))


def made(make: Any) -> tuple[nn.Module, Model]:
    torch.manual_seed(1)
    module = make().eval()
    return module, Model(module)


# -- boxes --------------------------------------------------------------------------------------------


def test_overlap_counted_cell_by_cell() -> None:
    def cells(box: tuple[float, ...]) -> set[tuple[int, int]]:
        left, top, right, bottom = (round(20 * share) for share in box)
        return {(y, x) for y in range(top, bottom) for x in range(left, right)}

    one = (0.25, 0.1, 0.75, 0.6)
    others = [(0.0, 0.0, 0.5, 0.5), one, (0.8, 0.8, 1.0, 1.0), (0.3, 0.2, 0.4, 0.3)]
    expected = [len(cells(one) & cells(other)) / len(cells(one) | cells(other)) for other in others]
    assert overlap(torch.tensor(others), one).tolist() == pytest.approx(expected, abs=1e-6)


# -- similarity ---------------------------------------------------------------------------------------


def cosine(a: np.ndarray, b: np.ndarray) -> float:
    return float(a @ b / np.sqrt((a @ a) * (b @ b)))


def test_similarity_at_a_layer_is_the_cosine_of_two_means() -> None:
    module, model = made(nets.Embedder)
    with torch.no_grad():
        a, b = (module.body(x)[0].double().numpy().mean(axis=(1, 2)) for x in (INPUTS, OTHER))  # type: ignore[operator]
    target = resolve(Similarity(OTHER, layer="body.1"), model, INPUTS)
    assert float(model.outputs(INPUTS, target)) == pytest.approx(cosine(a, b), abs=1e-6)


def test_similarity_of_outputs_and_its_gradient() -> None:
    module, model = made(nets.Embedder)
    leaf = INPUTS.clone().requires_grad_()
    value = (module(leaf) * module(OTHER)).sum()  # both have length one
    expected = torch.autograd.grad(value, leaf)[0]
    target = resolve(Similarity(OTHER), model, INPUTS)
    values, gradients = model.gradients(INPUTS, target)
    assert float(values) == pytest.approx(float(value), abs=1e-6)
    torch.testing.assert_close(gradients, expected, rtol=1e-4, atol=1e-7)


def test_an_embedding_may_be_given_as_a_vector() -> None:
    module, model = made(nets.Embedder)
    vector = module(OTHER)[0].detach()
    for given in (vector, vector.numpy(), vector.tolist()):
        target = resolve(Similarity(given), model, INPUTS)
        assert float(model.outputs(INPUTS, target)) == pytest.approx(
            float(module(INPUTS)[0] @ vector), abs=1e-6
        )
        assert target.label(model) == "similarity to an embedding"


@pytest.mark.parametrize(
    ("target", "error", "says"),
    [
        (Similarity(OTHER, layer="nowhere"), UnknownLayerError, "no layer 'nowhere'"),
        (Similarity(3), ParameterError, "Picture 3 is a picture of no session"),
        (Similarity([1.0, 2.0]), ParameterError, "2 values, the output has 12"),
        (Similarity([1.0, 2.0], layer="body.1"), ParameterError, "2 values, 'body.1' has 6"),
        (Similarity([0.0] * 12), ParameterError, "zero"),
        (Similarity("cat.jpg"), XaiWidgetsError, "no picture"),
    ],
)
def test_references_that_are_none(target: Similarity, error: type[Exception], says: str) -> None:
    _, model = made(nets.Embedder)
    with pytest.raises(error, match=says):
        model.outputs(INPUTS, resolve(target, model, INPUTS))


def test_boxes_are_no_embedding() -> None:
    _, model = made(nets.Detector)
    with pytest.raises(NotValidError, match="Name a layer"):
        resolve(Similarity(OTHER), model, INPUTS)


# -- segmentation -------------------------------------------------------------------------------------


def test_a_class_where_it_is_seen_and_within_a_box() -> None:
    module, model = made(nets.Segmenter)
    with torch.no_grad():
        logits = module(INPUTS)["out"][0].double().numpy()
    seen = int(logits.argmax(0).ravel()[0])
    places = [(y, x) for y in range(16) for x in range(16) if logits[:, y, x].argmax() == seen]
    expected = sum(logits[seen, y, x] for y, x in places) / len(places)
    target = resolve(Segment(seen), model, INPUTS)
    assert float(model.outputs(INPUTS, target)) == pytest.approx(expected, abs=1e-5)

    target = resolve(Segment(2, (0.25, 0.5, 0.5, 1.0)), model, INPUTS)
    expected = logits[2, 8:16, 4:8].mean()
    assert float(model.outputs(INPUTS, target)) == pytest.approx(expected, abs=1e-5)
    assert target.label(model) == "class 2 within 25–50 % × 50–100 %"


def test_the_part_stays_where_it_is_while_the_picture_changes() -> None:
    module, model = made(nets.Segmenter)
    classes = module(INPUTS)["out"][0].argmax(0)
    seen = int(classes[0, 0])
    target = resolve(Segment(seen), model, INPUTS)
    expected = module(OTHER)["out"][0, seen][classes == seen].mean()
    assert float(model.outputs(OTHER, target)) == pytest.approx(float(expected), abs=1e-5)


def test_a_plain_class_of_a_segmentation_is_its_mean_and_a_margin_their_difference() -> None:
    module, model = made(nets.Segmenter)
    means = module(INPUTS)["out"][0].flatten(1).mean(1).tolist()
    assert float(model.outputs(INPUTS, ClassTarget(1))) == pytest.approx(means[1], abs=1e-6)
    assert float(model.outputs(INPUTS, Margin(1, 3))) == pytest.approx(means[1] - means[3], abs=1e-6)


def test_a_class_that_is_nowhere_seen() -> None:
    module, model = made(nets.Segmenter)
    module.head[2].bias.data[3] = -100.0  # type: ignore[index, union-attr]
    with pytest.raises(ParameterError, match="Nowhere in this picture is 'class 3'") as caught:
        resolve(Segment(3), model, INPUTS)
    assert "class" in caught.value.hint and "box" in caught.value.hint
    with pytest.raises(UnknownClassError, match="0 to 3"):
        resolve(Segment(4), model, INPUTS)


def test_within_takes_every_cell_that_a_box_touches() -> None:
    maps = torch.arange(16.0).view(1, 4, 4)
    assert within(maps, (0.3, 0.3, 0.31, 0.8)).tolist() == [[[5.0], [9.0], [13.0]]]


# -- detection ----------------------------------------------------------------------------------------


def test_the_score_of_a_box_and_its_gradient() -> None:
    module, model = made(nets.Detector)
    told = module.found(INPUTS[0])  # type: ignore[operator]
    leaf = INPUTS.clone().requires_grad_()
    for place, box in enumerate((told["boxes"] / 16).tolist()):
        label = int(told["labels"][place])
        score = module.found(leaf[0])["scores"][place]  # type: ignore[operator]
        expected = torch.autograd.grad(score, leaf)[0]
        target = resolve(Detection(label, tuple(box)), model, INPUTS)
        values, gradients = model.gradients(INPUTS, target)
        assert float(values) == pytest.approx(float(score), abs=1e-6)
        torch.testing.assert_close(gradients, expected, rtol=1e-4, atol=1e-7)


def test_a_box_beside_counts_by_its_overlap_and_another_label_not_at_all() -> None:
    module, model = made(nets.Detector)
    scores = dict(zip(*(module.found(INPUTS[0])[key].tolist() for key in ("labels", "scores")), strict=True))  # type: ignore[operator]
    target = Detection(2, (0.5, 0.5, 1.0, 0.75))
    assert float(model.outputs(INPUTS, target)) == pytest.approx(0.5 * scores[2], abs=1e-6)
    assert float(model.outputs(INPUTS, Detection(3, (0.5, 0.5, 1.0, 1.0)))) == 0.0


def test_a_box_that_was_not_found() -> None:
    _, model = made(nets.Detector)
    with pytest.raises(ParameterError, match="No 'class 2' was found in the box 0–50 % × 0–50 %") as caught:
        resolve(Detection(2, (0.0, 0.0, 0.5, 0.5)), model, INPUTS)
    assert "50–100 % × 50–100 %" in caught.value.hint


def test_the_highest_scores_of_boxes() -> None:
    module, model = made(nets.Detector)
    scores = module.found(INPUTS[0])["scores"].tolist()  # type: ignore[operator]
    assert float(model.outputs(INPUTS, resolve(Top(2), model, INPUTS))) == pytest.approx(sum(scores[:2]))
    assert float(model.outputs(INPUTS, resolve(Top(9), model, INPUTS))) == pytest.approx(sum(scores))


# -- all ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("make", "target", "needs"),
    [
        (nets.plain_cnn, Detection(1, (0, 0, 1, 1)), "detection"),
        (nets.plain_cnn, Segment(1), "segmentation"),
        (nets.Segmenter, Detection(1, (0, 0, 1, 1)), "detection"),
        (nets.Detector, Segment(1), "segmentation"),
    ],
)
def test_targets_of_another_kind_of_network(make: Any, target: Any, needs: str) -> None:
    _, model = made(make)
    with pytest.raises(NotValidError, match=f"needs a network for {needs}") as caught:
        resolve(target, model, INPUTS)
    assert offered(model.kind)[0] in caught.value.hint


@pytest.mark.parametrize(
    "told",
    [
        {"kind": "similarity", "layer": None, "reference": "cat.jpg"},
        {"kind": "similarity", "layer": None, "reference": [0.5, 1.0]},
        {"kind": "segment", "index": 2, "box": None},
        {"kind": "segment", "index": 2, "box": [0.0, 0.25, 0.5, 1.0]},
        {"kind": "detection", "index": 2, "box": [0.0, 0.25, 0.5, 1.0]},
    ],
    ids=str,
)
def test_json_and_back(told: dict[str, Any]) -> None:
    assert json.loads(json.dumps(from_json(told).to_json())) == told


@pytest.mark.parametrize(
    "wrong",
    [
        {"kind": "similarity"},
        {"kind": "similarity", "reference": None},
        {"kind": "similarity", "reference": 1.5},
        {"kind": "similarity", "reference": 1, "embedding": [1.0]},
        {"kind": "segment"},
        {"kind": "segment", "index": 1, "places": [[True]]},
        {"kind": "segment", "index": 1, "box": [0, 0, 2, 1]},
        {"kind": "detection", "index": 1},
        {"kind": "detection", "index": 1, "box": None},
        {"kind": "detection", "box": [0, 0, 1, 1]},
    ],
    ids=str,
)
def test_what_is_no_target_is_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(ParameterError):
        from_json(wrong)


def test_the_predicted_target_of_each_kind() -> None:
    _, model = made(nets.Segmenter)
    assert resolve(None, model, INPUTS) == Segment(model.predict(INPUTS)[0].index)
    _, model = made(nets.Detector)
    best = model.predict(INPUTS)[0]
    assert best.box is not None and resolve(None, model, INPUTS) == Detection(best.index, best.box)


def test_every_offered_kind_is_known() -> None:
    for kind in ("classification", "segmentation", "detection", "embedding"):
        for name in offered(kind):  # type: ignore[arg-type]
            with pytest.raises(ParameterError, match=f"is no {name} target"):
                from_json({"kind": name, "nonsense": 1})
