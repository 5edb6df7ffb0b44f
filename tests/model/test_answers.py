"""What a network answers, the kind that makes of it, and what it says first."""

from collections import Counter

import pytest
import torch
from torch import Tensor, nn

from tests.model import nets
from xai_widgets.errors import InputError, ModelError, ParameterError
from xai_widgets.model.answers import class_scores, find_answer, kind_of, label_count
from xai_widgets.model.handle import Model
from xai_widgets.model.predictions import ranked
from xai_widgets.model.targets import resolve

INPUTS = torch.rand(2, 3, 16, 16, generator=torch.Generator().manual_seed(3))


def seeded(make: type[nn.Module]) -> nn.Module:
    torch.manual_seed(1)
    return make().eval()


@pytest.mark.parametrize(
    ("make", "kind"),
    [
        (nets.plain_cnn, "classification"),
        (nets.Segmenter, "segmentation"),
        (nets.Detector, "detection"),
        (nets.Embedder, "embedding"),
    ],
)
def test_the_kind_is_found_from_one_pass(make: type[nn.Module], kind: str) -> None:
    module = seeded(make)
    assert Model(module).kind_for(INPUTS) == kind
    traced = Model(module)
    traced.layers(INPUTS)
    assert traced.kind == kind


def test_a_kind_may_be_declared() -> None:
    assert Model(nets.plain_cnn(), kind="embedding").kind == "embedding"
    with pytest.raises(ParameterError, match="'flow' is no kind of network"):
        Model(nets.plain_cnn(), kind="flow")  # type: ignore[arg-type]


def test_short_vectors_of_length_one_are_no_embedding() -> None:
    assert kind_of(torch.tensor([[-1.0]])) == "classification"


def test_a_vector_is_found_before_a_map_where_no_name_decides() -> None:
    logits, maps = torch.rand(2, 5), torch.rand(2, 6, 4, 4)
    assert torch.equal(find_answer((maps, logits), INPUTS), logits)
    assert find_answer({"features": logits, "out": maps}, INPUTS) is maps


def test_boxes_become_shares_and_rows_without_a_box_have_no_label() -> None:
    boxes = torch.tensor([[0.0, 4, 8, 16], [3, 3, 3, 9]])
    one = {"boxes": boxes, "labels": torch.tensor([2, 1]), "scores": torch.tensor([0.5, 0.25])}
    none = {"boxes": torch.zeros(0, 4), "labels": torch.zeros(0, dtype=torch.int64), "scores": torch.zeros(0)}
    found = find_answer([one, none], INPUTS)
    assert found.tolist() == [[[0, 0.25, 0.5, 1, 2, 0.5]], [[0, 0, 0, 0, -1, 0]]]
    assert kind_of(found) == "detection"


def test_scores_of_classes() -> None:
    maps = torch.rand(2, 3, 4, 5)
    expected = [[float(sum(maps[n, k].flatten()) / 20) for k in range(3)] for n in range(2)]
    assert torch.allclose(class_scores(maps), torch.tensor(expected))
    rows = torch.tensor([[[0, 0, 1, 1, 2, 0.5], [0, 0, 1, 1, 0, 0.3], [0, 0, 1, 1, 2, 0.75]]])
    assert class_scores(rows, 4).tolist() == [[pytest.approx(0.3), 0, 0.75, 0]]


def test_a_detection_of_several_images_has_the_best_score_of_each_label() -> None:
    module = seeded(nets.Detector)
    found = Model(module).logits(INPUTS)
    for image, row in zip(INPUTS, found, strict=True):
        told = module.found(image)  # type: ignore[operator]
        best = [0.0] * 4
        for label, score in zip(told["labels"].tolist(), told["scores"].tolist(), strict=True):
            best[label] = max(best[label], score)
        assert row.tolist() == pytest.approx(best, abs=1e-6)


def test_class_names_must_be_as_many_as_labels() -> None:
    assert label_count(nets.Detector()) == 4
    with pytest.raises(InputError, match="3 class names for 4 outputs"):
        Model(nets.Detector(), classes=["a", "b", "c"]).predict(INPUTS)


def test_a_segmentation_is_predicted_by_its_shares_of_the_picture() -> None:
    module = seeded(nets.Segmenter)
    model = Model(module, classes=["__background__", "cat", "dog", "cow"])
    with torch.no_grad():
        logits = module(INPUTS[:1])["out"][0]
    counts = Counter(int(logits[:, y, x].argmax()) for y in range(16) for x in range(16))
    found = model.predict(INPUTS)
    assert {one.index: round(256 * one.probability) for one in found if one.probability} == counts
    assert found[-1].name == "__background__"
    shares = [one.probability for one in found[:-1]]
    assert shares == sorted(shares, reverse=True)
    assert found[0].logit == pytest.approx(float(logits[found[0].index].mean()), abs=1e-6)


def test_a_detection_is_predicted_by_its_boxes() -> None:
    module = seeded(nets.Detector)
    told = module.found(INPUTS[0])  # type: ignore[operator]
    found = Model(module).predict(INPUTS)
    assert [one.index for one in found] == told["labels"].tolist()
    assert [one.probability for one in found] == pytest.approx(told["scores"].tolist())
    assert [one.box for one in found] == [tuple(box) for box in (told["boxes"] / 16).tolist()]


def test_shares_of_an_embedding_add_up_to_its_squared_length() -> None:
    found = ranked(torch.tensor([3.0, -4.0]), "embedding", str)
    assert [(one.name, one.probability) for one in found] == [("1", 0.64), ("0", 0.36)]


def test_where_nothing_is_found_there_is_nothing_to_explain() -> None:
    model = Model(nets.Detector(least=2.0))
    assert model.predict(INPUTS) == []
    assert model.logits(INPUTS).tolist() == [[0.0] * 4] * 2
    with pytest.raises(ParameterError, match="found no box") as caught:
        resolve(None, model, INPUTS[:1])
    assert "threshold" in caught.value.hint


def test_the_layer_of_a_segmentation_is_not_the_one_that_gives_its_logits() -> None:
    assert Model(seeded(nets.Segmenter)).layers(INPUTS).default_cam() == "head.1"


def test_a_picture_of_nan_is_still_refused() -> None:
    class Broken(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            return x * float("nan")

    with pytest.raises(ModelError, match="NaN"):
        Model(Broken()).answer(INPUTS)
