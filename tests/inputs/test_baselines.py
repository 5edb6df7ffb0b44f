"""Baselines, each against its definition, and their way to JSON and to Python code."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage

from xai_widgets.errors import ParameterError
from xai_widgets.inputs import baselines
from xai_widgets.inputs.baselines import (
    BASELINES,
    Baseline,
    Black,
    Blur,
    Color,
    Distribution,
    GaussianNoise,
    Image,
    Mean,
    Painted,
    UniformNoise,
    White,
    from_json,
    resolve,
)


def picture(height: int = 9, width: int = 7, channels: int = 3, seed: int = 0) -> torch.Tensor:
    return torch.rand(1, channels, height, width, generator=torch.Generator().manual_seed(1000 + seed))


def make(name: str) -> Baseline:
    if name == "image":
        return Image(picture(seed=1))
    if name == "distribution":
        return Distribution((picture(seed=1), picture(seed=2)))
    if name == "painted":
        return Painted([{"color": "#ff8800", "size": 0.5, "points": [[0.2, 0.3], [0.8, 0.9]]}], "mean")
    return BASELINES[name]()


@pytest.mark.parametrize("name", BASELINES)
@pytest.mark.parametrize("channels", [1, 3])
def test_every_baseline(name: str, channels: int) -> None:
    pixels = picture(channels=channels)
    before = pixels.clone()
    baseline = make(name)
    found = baseline.apply(pixels)
    assert found.shape == pixels.shape and found.dtype == pixels.dtype
    assert float(found.min()) >= 0 and float(found.max()) <= 1
    assert torch.equal(pixels, before)
    assert torch.equal(found, baseline.apply(pixels))
    assert baseline.references(pixels).shape[1:] == pixels.shape[1:]
    assert baseline.label and BASELINES[name].summary.endswith(".")
    assert baseline.to_code().startswith(f"xw.baselines.{type(baseline).__name__}(")
    json.dumps(baseline.to_json())
    state = torch.get_rng_state()
    baseline.apply(pixels)
    assert torch.equal(state, torch.get_rng_state()), "the global generator is left alone"


def test_constants() -> None:
    pixels = picture()
    assert float(Black().apply(pixels).max()) == 0
    assert float(White().apply(pixels).min()) == 1
    np.testing.assert_allclose(Mean().apply(pixels)[0, 1], pixels[0, 1].mean(), rtol=1e-6)
    np.testing.assert_allclose(Color("#336699").apply(pixels)[0, :, 2, 3], [0.2, 0.4, 0.6], rtol=1e-6)
    grey = Color("#336699").apply(picture(channels=1))
    np.testing.assert_allclose(grey, 0.299 * 0.2 + 0.587 * 0.4 + 0.114 * 0.6, rtol=1e-6)


@settings(max_examples=25, deadline=None)
@given(st.floats(0.5, 12), st.integers(1, 30), st.integers(1, 30))
def test_blur_is_scipys(sigma: float, height: int, width: int) -> None:
    pixels = picture(height, width)
    radius = int(np.ceil(3 * sigma))
    expected = ndimage.gaussian_filter(
        pixels.double().numpy(), (0, 0, sigma, sigma), mode="nearest", radius=(0, 0, radius, radius)
    )
    np.testing.assert_allclose(Blur(sigma).apply(pixels), expected, atol=2e-6)


def test_noise() -> None:
    pixels = torch.full((1, 3, 100, 100), 0.5)
    added = GaussianNoise(0.1, seed=4).apply(pixels) - pixels
    assert float(added.std()) == pytest.approx(0.1, rel=0.03) and abs(float(added.mean())) < 0.003
    drawn = UniformNoise(seed=4).apply(pixels)
    assert float(drawn.mean()) == pytest.approx(0.5, abs=0.01)
    assert float(drawn.var()) == pytest.approx(1 / 12, rel=0.03)
    assert not torch.equal(drawn, UniformNoise(seed=5).apply(pixels))


def test_another_picture_covers_from_the_middle() -> None:
    other = torch.zeros(1, 3, 20, 60)
    other[..., 20:40] = 1
    found = Image(other).apply(picture(10, 10))
    assert float(found[..., 1:-1].min()) == pytest.approx(1, abs=1e-6)
    grey = Image(torch.full((1, 1, 4, 4), 0.25)).apply(picture())
    assert grey.shape == picture().shape and float(grey.std()) == 0


def test_distribution() -> None:
    both = Distribution((picture(seed=1), picture(seed=2)))
    assert torch.equal(both.references(picture())[1:], picture(seed=2))
    np.testing.assert_allclose(both.apply(picture()), (picture(seed=1) + picture(seed=2)) / 2, rtol=1e-6)
    one = Distribution((picture(seed=1), picture(seed=2)), count=1)
    assert torch.equal(one.references(picture()), picture(seed=1)) and one.label == "1 of 2 pictures"
    assert one.to_json() == {"name": "distribution", "count": 1}
    assert one.to_code() == "xw.baselines.Distribution(references, count=1)"
    again = from_json(one.to_json(), [picture(seed=1), picture(seed=2)])
    assert torch.equal(again.references(picture()), picture(seed=1))
    with pytest.raises(ParameterError, match="needs pictures"):
        Distribution().references(picture())


def test_paths_are_read_and_stay_in_json() -> None:
    asked: list[Any] = []

    def read(source: Any) -> torch.Tensor:
        asked.append(source)
        return picture(seed=3)

    path = Path("pictures") / "dog.jpg"
    found = Image(path).prepared(read)
    assert asked == [path] and torch.equal(found.apply(picture()), picture(seed=3))
    assert found.to_json() == {"name": "image", "image": str(path)} and found.label == "dog.jpg"
    assert found.to_code() == f"xw.baselines.Image({str(path)!r})"
    many = Distribution((path, path)).prepared(read)
    assert many.to_json() == {"name": "distribution", "images": [str(path)] * 2}
    assert len(many.references(picture())) == 2
    asked.clear()
    assert len(Distribution((path, path, path), count=2).prepared(read).references(picture())) == 2
    assert len(asked) == 2, "only what is used is read"


strokes = st.fixed_dictionaries(
    {
        "color": st.from_regex(r"\A#[0-9a-f]{6}\Z"),
        "size": st.floats(0.01, 1),
        "points": st.lists(st.tuples(st.floats(0, 1), st.floats(0, 1)), min_size=1, max_size=4),
    }
)


@settings(deadline=None)
@given(st.sampled_from([n for n in BASELINES if n not in ("image", "distribution")]), st.data())
def test_json_there_and_back(name: str, data: st.DataObject) -> None:
    values: dict[str, Any] = {}
    for param in baselines.declared(BASELINES[name]):
        if param.kind == "strokes":
            values[param.name] = data.draw(st.lists(strokes, max_size=3))
        elif param.kind == "choice":
            values[param.name] = data.draw(st.sampled_from(param.choices))
        elif param.kind == "color":
            values[param.name] = data.draw(st.from_regex(r"\A#[0-9a-f]{6}\Z"))
        elif param.kind == "int":
            values[param.name] = data.draw(st.integers(int(param.low or 0), int(param.high or 0)))
        else:
            values[param.name] = data.draw(st.floats(param.low or 0, param.high or 0))
    made = BASELINES[name](**values)
    assert from_json(json.loads(json.dumps(made.to_json()))) == made
    assert eval(made.to_code(), {"xw": type("xw", (), {"baselines": baselines})}) == made


def test_pictures_of_a_session() -> None:
    pictures = [picture(seed=1), picture(seed=2)]
    second = from_json({"name": "image", "image": 1}, pictures)
    assert torch.equal(second.apply(picture()), pictures[1])
    assert second.to_json() == {"name": "image", "image": 1} and second.label == "picture 2"
    assert len(from_json({"name": "distribution"}, pictures).references(picture())) == 2


def test_resolve() -> None:
    assert resolve(None) is None
    assert resolve("blur") == Blur() == resolve({"name": "blur"}) == resolve(Blur())
    assert resolve({"name": "blur", "sigma": 3}) == Blur(3.0)


def test_schemas() -> None:
    told = {entry["name"]: entry for entry in json.loads(json.dumps(baselines.schemas()))}
    assert list(told) == list(BASELINES)
    (sigma,) = told["blur"]["params"]
    assert sigma["kind"] == "float" and sigma["log"] and sigma["unit"] == "px" and sigma["default"] == 10
    assert told["color"]["params"][0]["kind"] == "color"
    assert told["image"]["params"][0]["kind"] == "image"
    assert [param["kind"] for param in told["painted"]["params"]] == ["strokes", "choice"]
    assert not told["black"]["params"]


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: Blur(sigma=0), r"within 0.5 and 100.*0.5 is the nearest"),
        (lambda: Blur(sigma="wide"), "is a number"),  # type: ignore[arg-type]
        (lambda: Blur(sigma=float("nan")), "is a number"),
        (lambda: Color("red"), "#808080"),
        (lambda: UniformNoise(seed=1.5), "whole number"),  # type: ignore[arg-type]
        (lambda: resolve("blurr"), "Did you mean 'blur'"),
        (lambda: resolve({"name": "blur", "sigm": 3}), "Did you mean 'sigma'"),
        (lambda: resolve({"name": "black", "sigma": 3}), "no parameter 'sigma'"),
        (lambda: resolve(3), "not int"),  # type: ignore[arg-type]
        (lambda: resolve({"name": "image"}), "needs a picture"),
        (lambda: resolve({"name": "image", "image": 2}), "There is no picture 2"),
        (lambda: Image("dog.jpg").apply(picture()), "not read yet"),
        (lambda: Color().apply(picture(channels=4)), "4 channels"),
        (lambda: Distribution((picture(),), count=65), "within 1 and 64"),
        (lambda: resolve({"name": "distribution", "count": 0}, [picture()]), "within 1 and 64"),
    ],
)
def test_errors_teach(call: Any, words: str) -> None:
    with pytest.raises(ParameterError, match=words):
        call()
