"""The most exciting pictures of a data set, against looking at every one of them."""

from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor, nn
from torch.utils.data import Dataset, TensorDataset
from torchvision import models as zoo

import xai_widgets as xw
from tests.model.nets import plain_cnn
from xai_widgets.concepts.examples import field_box, peak_box
from xai_widgets.errors import InputError, ParameterError, UnknownLayerError

SIDE = 24


@pytest.fixture
def model() -> xw.Model:
    torch.manual_seed(0)
    return xw.Model(plain_cnn().eval(), preprocess=([0.5] * 3, [0.25] * 3))


@pytest.fixture
def pictures() -> Tensor:
    return torch.rand(23, 3, SIDE, SIDE, generator=torch.Generator().manual_seed(1))


def by_hand(model: xw.Model, pictures: Tensor, channel: int) -> list[Tensor]:
    """The map of a channel for each picture, one by one."""
    return [model.module[4](model.module[:4](model.normalise(one[None])))[0, channel] for one in pictures]


def test_they_are_those_of_looking_at_all(model: xw.Model, pictures: Tensor) -> None:
    maps = by_hand(model, pictures, 2)
    peaks = torch.stack([one.max() for one in maps])
    found = xw.most_exciting(model, xw.Channel("4", 2), list(pictures), count=5)
    order = peaks.argsort(descending=True)[:5].tolist()
    assert [one.index for one in found.examples] == order
    assert [one.name for one in found.examples] == [f"image {i + 1}" for i in order]
    np.testing.assert_allclose([one.score for one in found.examples], peaks[order].detach(), rtol=1e-4)
    for one in found.examples:
        assert one.map is not None
        np.testing.assert_allclose(one.map, maps[one.index].detach(), atol=1e-5)
        np.testing.assert_array_equal(
            one.picture, (pictures[one.index] * 255).round().byte().permute(1, 2, 0)
        )


def test_the_box_is_the_receptive_field_of_the_strongest_position(model: xw.Model, pictures: Tensor) -> None:
    found = xw.most_exciting(model, xw.Channel("4", 2), list(pictures), count=3)
    assert found.meaning == "receptive field"
    size = model.layers(model.normalise(pictures[:1]))["4"].receptive_field
    assert size is not None
    for one in found.examples:
        left, top, right, bottom = one.box
        assert 0 <= left < right <= 1 and 0 <= top < bottom <= 1
        assert right - left <= size / SIDE + 1e-9
        # What lies outside of it can't change the peak.
        changed = pictures[one.index].clone()
        pad = 2 / SIDE  # positions are not spread quite evenly
        rows = slice(max(0, int((top - pad) * SIDE)), int((bottom + pad) * SIDE) + 1)
        columns = slice(max(0, int((left - pad) * SIDE)), int((right + pad) * SIDE) + 1)
        outside = torch.ones(SIDE, SIDE, dtype=torch.bool)
        outside[rows, columns] = False
        changed[:, outside] = 0.5
        peak = int(by_hand(model, pictures[one.index][None], 2)[0].argmax())
        again = by_hand(model, changed[None], 2)[0].flatten()[peak].detach()
        assert float(again) == pytest.approx(one.score, rel=1e-4)
        assert one.region.shape[0] <= size + 1


def test_field_box_is_centred_and_cut_at_the_edge() -> None:
    map_ = np.zeros((4, 8), np.float32)
    map_[1, 2] = 1
    assert field_box(map_, 8, (32, 64)) == pytest.approx((16 / 64, 8 / 32, 24 / 64, 16 / 32))
    map_[0, 0] = 2
    assert field_box(map_, 16, (32, 64)) == pytest.approx((0, 0, 12 / 64, 12 / 32))


def test_peak_box_holds_what_touches_the_peak() -> None:
    map_ = np.zeros((5, 5), np.float32)
    map_[1, 1:4] = 0.6
    map_[1, 2] = 1.0
    map_[4, 4] = 0.9  # strong, and elsewhere
    assert peak_box(map_) == pytest.approx((1 / 5, 1 / 5, 4 / 5, 2 / 5))
    assert peak_box(np.zeros((2, 2), np.float32)) == (0, 0, 1, 1)


def test_a_class_is_ranked_by_its_logit(model: xw.Model, pictures: Tensor) -> None:
    logits = model.logits(model.normalise(pictures))[:, 3]
    found = xw.most_exciting(model, 3, pictures, count=4)
    assert [one.index for one in found.examples] == logits.argsort(descending=True)[:4].tolist()
    assert found.meaning == "whole picture"
    assert found[0].box == (0, 0, 1, 1)
    assert found[0].map is None


def test_the_first_answer_comes_early_and_none_is_worse_than_the_one_before(
    model: xw.Model, pictures: Tensor
) -> None:
    model.blank()
    steps = list(xw.most_exciting_steps(model, xw.Channel("4", 0), list(pictures), count=3))
    assert len(steps) > 1
    assert steps[0].value.seen < len(pictures)
    assert [step.final for step in steps] == [False] * (len(steps) - 1) + [True]
    for one, other in pairwise(steps):
        assert one.done < other.done
        assert other.value[0].score >= one.value[0].score
    assert all(len(step.value) <= 3 for step in steps)


def test_a_folder_is_searched_and_broken_files_are_told(model: xw.Model, tmp_path: Path) -> None:
    (tmp_path / "deep").mkdir()
    for i, level in enumerate((0, 120, 250)):
        Image.new("RGB", (SIDE, SIDE), (level, 10, 10)).save(tmp_path / "deep" / f"{i}.png")
    (tmp_path / "a broken one.jpg").write_bytes(b"no picture")
    (tmp_path / "notes.txt").write_text("no picture either")
    found = xw.most_exciting(model, 1, str(tmp_path))
    assert sorted(one.name for one in found.examples) == ["0.png", "1.png", "2.png"]
    assert (found.seen, found.total) == (4, 4)
    assert list(found.skipped) == [0]
    assert "a broken one.jpg" in found.skipped[0]


class Labelled(Dataset[Any]):
    """Pictures with labels, read one at a time and counted."""

    def __init__(self, pictures: Tensor) -> None:
        self.pictures, self.read = pictures, 0

    def __len__(self) -> int:
        return len(self.pictures)

    def __getitem__(self, index: int) -> Any:
        self.read += 1
        return Image.fromarray((self.pictures[index] * 255).byte().permute(1, 2, 0).numpy()), index % 3


def test_a_data_set_is_read_as_it_is_asked_for(model: xw.Model, pictures: Tensor) -> None:
    data = Labelled(pictures)
    steps = xw.most_exciting_steps(model, 2, data)
    assert data.read == 0
    first = next(steps)
    assert data.read == first.value.seen < len(data)
    *_, end = steps
    assert data.read == len(data)
    logits = model.logits(model.normalise((pictures * 255).byte().float() / 255))[:, 2]
    assert end.value[0].index == int(logits.argmax())
    tensors = TensorDataset(pictures, torch.zeros(len(pictures)))
    assert xw.most_exciting(model, 2, tensors)[0].index == int(
        model.logits(model.normalise(pictures))[:, 2].argmax()
    )


def test_pictures_of_several_sizes(model: xw.Model) -> None:
    sizes = [(20, 24), (24, 20), (20, 24), (30, 30)]
    given = [np.random.default_rng(i).integers(0, 255, (*one, 3), np.uint8) for i, one in enumerate(sizes)]
    found = xw.most_exciting(model, 1, given, count=4)
    assert {one.index: one.picture.shape[:2] for one in found.examples} == dict(enumerate(sizes))


def test_token_layers_have_regions_and_the_model_is_untouched() -> None:
    torch.manual_seed(0)
    net = zoo.VisionTransformer(32, 8, 2, 2, 16, 32, num_classes=4).train()
    pictures = torch.rand(5, 3, 32, 32)
    model = xw.Model(net)
    for step in xw.most_exciting_steps(model, xw.Channel("encoder.layers.encoder_layer_0", 3), pictures):
        assert all(child.training for child in net.modules())
        assert not any(child._forward_hooks for child in net.modules())
        assert step.value.meaning == "half of the peak"
        assert all(one.map is not None and one.map.shape == (4, 4) for one in step.value.examples)


class Normalised(Dataset[Any]):
    def __len__(self) -> int:
        return 2

    def __getitem__(self, index: int) -> Tensor:
        return torch.full((3, SIDE, SIDE), -2.0)


@pytest.mark.parametrize(
    ("target", "given", "kind", "words"),
    [
        (xw.Channel("9x", 0), "pictures", UnknownLayerError, "no layer '9x'"),
        (xw.Channel("4", 77), "pictures", ParameterError, "no unit 77"),
        (None, "pictures", ParameterError, "Give a target"),
        (0, [], InputError, "no pictures"),
        (0, Normalised(), InputError, "before normalisation"),
        (0, "nowhere/at all", InputError, "no file"),
    ],
)
def test_what_is_wrong_is_said(
    model: xw.Model, pictures: Tensor, target: Any, given: Any, kind: type[Exception], words: str
) -> None:
    with pytest.raises(kind, match=words):
        xw.most_exciting(model, target, list(pictures) if given == "pictures" else given)


def test_an_empty_folder_and_a_count_of_nothing(model: xw.Model, pictures: Tensor, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="holds no pictures"):
        xw.most_exciting(model, 0, tmp_path)
    with pytest.raises(ParameterError, match="Between 1 and 256"):
        xw.most_exciting(model, 0, pictures, count=0)


def test_a_bare_network_will_do(pictures: Tensor) -> None:
    net: nn.Module = plain_cnn().eval()
    assert len(xw.most_exciting(net, 0, pictures, count=2)) == 2
