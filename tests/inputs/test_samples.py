import io

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from xai_widgets.errors import ParameterError, UnknownClassError
from xai_widgets.inputs import samples
from xai_widgets.inputs.samples import CLASSES, MARKED, draw, draw_many

GOLDEN = (  # mean red, green and blue of six pictures
    (84.06, 117.15, 115.64),
    (85.98, 86.47, 114.75),
    (88.16, 105.25, 100.39),
    (116.18, 129.27, 143.81),
    (174.15, 198.95, 192.26),
    (173.19, 185.24, 164.09),
)


def grown(mask: np.ndarray, by: int) -> np.ndarray:
    """A mask and what lies `by` pixels around it, corners included."""
    large = np.zeros_like(mask)
    for y, x in np.argwhere(mask):
        large[max(y - by, 0) : y + by + 1, max(x - by, 0) : x + by + 1] = True
    return large


def changed(a: samples.Sample, b: samples.Sample) -> np.ndarray:
    return (a.pixels != b.pixels).any(axis=2)


@settings(max_examples=25, deadline=None)
@given(st.sampled_from(CLASSES), st.integers(0, 2**40), st.booleans())
def test_masks_tell_every_pixel_once(label: str, seed: int, marked: bool) -> None:
    sample = draw(label, seed, marked)
    assert sample.pixels.shape == (96, 96, 3) and sample.pixels.dtype == np.uint8
    counts = sample.shape.astype(int) + sample.mark + sample.background
    assert (counts == 1).all()
    assert sample.mark.any() == marked
    assert 0.02 < sample.shape.mean() < 0.35
    border = np.ones((96, 96), bool)
    border[1:-1, 1:-1] = False
    assert not (sample.shape & border).any()


def test_the_same_seed_draws_the_same_picture() -> None:
    assert (draw("ring", 5).pixels == draw("ring", 5).pixels).all()
    assert changed(draw("ring", 5), draw("ring", 6)).mean() > 0.9


def test_pictures_look_the_same_on_every_machine() -> None:
    means = [draw(label, 40 + i, True).pixels.mean(axis=(0, 1)) for i, label in enumerate(CLASSES)]
    assert np.array(means) == pytest.approx(np.array(GOLDEN), abs=0.02)


def test_the_stamp_changes_nothing_but_its_corner() -> None:
    for seed in range(4):
        with_stamp, without = draw(MARKED, seed, True), draw(MARKED, seed, False)
        assert not (changed(with_stamp, without) & ~grown(with_stamp.mark, 1)).any()
        assert changed(with_stamp, without)[with_stamp.mark].mean() > 0.9


def test_a_person_sees_the_stamp() -> None:
    sample = draw("ring", 3, True)
    rows, columns = np.nonzero(sample.mark)
    assert 10 <= np.ptp(rows) + 1 <= 16 and 10 <= np.ptp(columns) + 1 <= 16
    assert rows.min() > 70 and columns.min() > 70
    grey = sample.pixels[sample.mark].mean(axis=1)
    assert (grey > 220).mean() > 0.3 and (grey < 70).mean() > 0.15


def test_another_label_changes_only_the_shape() -> None:
    circle, cross = draw("circle", 8), draw("cross", 8)
    near = grown(circle.shape | cross.shape, 7)  # the shadow falls a few pixels beside
    assert changed(circle, cross).any() and not (changed(circle, cross) & ~near).any()


def test_shapes_stand_out_from_their_ground() -> None:
    for sample in draw_many(24, seed=4):
        inside, outside = (sample.pixels[mask].mean(axis=0) for mask in (sample.shape, sample.background))
        assert np.linalg.norm(inside - outside) > 45, sample.name


def test_the_stamp_is_planted_on_one_class() -> None:
    drawn = list(draw_many(18, seed=1))
    assert [sample.label for sample in drawn] == list(CLASSES) * 3
    assert [sample.marked for sample in drawn] == [sample.label == MARKED for sample in drawn]
    assert all(sample.marked for sample in draw_many(6, marked=True))
    assert not any(sample.marked for sample in draw_many(6, marked=False))


def test_two_sets_share_no_picture() -> None:
    names = {(s.label, s.seed) for s in draw_many(12, seed=1)}
    assert not names & {(s.label, s.seed) for s in draw_many(12, seed=2)}


@pytest.mark.parametrize("size", [32, 97, 224])
def test_the_same_scene_at_any_size(size: int) -> None:
    small, large = draw("star", 7, True), draw("star", 7, True, size)
    assert large.pixels.shape == (size, size, 3)
    assert large.shape.mean() == pytest.approx(small.shape.mean(), abs=0.01)
    assert large.mark.mean() == pytest.approx(small.mark.mean(), abs=0.004)


def test_textures_mix_two_colours() -> None:
    axis = np.linspace(-48, 48, 64)
    x, y = np.meshgrid(axis, axis)
    for texture in samples.TEXTURES:
        ratio = texture(x, y, samples._Dice(3, 0))
        assert ratio.shape == x.shape and ratio.min() >= 0 and ratio.max() <= 1
        assert np.ptp(ratio) > 0.3


def test_notebooks_show_a_sample_as_a_picture() -> None:
    shown = Image.open(io.BytesIO(draw("star", 7, True)._repr_png_()))
    assert shown.size == (192, 192)
    assert draw("star", 7, True).name == "star 7, marked" and draw("ring", 2).name == "ring 2"


def test_bad_wishes_are_told() -> None:
    with pytest.raises(UnknownClassError, match=r"'stars'.*'star'"):
        draw("stars", 0)
    with pytest.raises(ParameterError, match="seed -1"):
        draw("star", -1)
    with pytest.raises(ParameterError, match="size 8"):
        draw("star", 0, size=8)
