"""The doors: what is accepted, what is refused and how, and code that makes an explanation again."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image as Pil

from tests.explain.nets import SIDE, Conv, picture, seeded
from xai_widgets.errors import (
    InputError,
    ModelTypeError,
    NotValidError,
    ParameterError,
    UnknownClassError,
    UnknownLayerError,
    XaiWidgetsError,
)
from xai_widgets.explain import explain, explain_steps
from xai_widgets.inputs.baselines import Blur, Distribution, Image
from xai_widgets.model import Model
from xai_widgets.model.targets import Margin


@pytest.fixture
def model() -> Model:
    return Model(seeded(Conv), classes=["cat", "dog", "owl", "bee"])


@pytest.fixture
def path(tmp_path: Path) -> Path:
    rng = np.random.default_rng(3)
    file = tmp_path / "a picture.png"
    Pil.fromarray(rng.integers(0, 256, (SIDE, SIDE, 3), dtype=np.uint8)).save(file)
    return file


def test_a_bare_module_and_any_kind_of_picture(model: Model, path: Path) -> None:
    expected = explain(model, path, "gradient").values
    pil = Pil.open(path)
    for image in (str(path), pil, np.asarray(pil), torch.from_numpy(np.array(pil)).permute(2, 0, 1) / 255):
        np.testing.assert_allclose(explain(model.module, image, "gradient").values, expected, atol=1e-7)


def test_targets(model: Model) -> None:
    found = explain(model, picture(), "gradient", target="owl")
    assert (found.target, found.target_index) == ("owl", 2)
    predicted = explain(model, picture(), "gradient")
    assert predicted.target_index == int(model.logits(picture()[None]).argmax())
    margin = explain(model, picture(), "gradient", target=Margin(0, 1))
    assert margin.target == "cat rather than dog" and margin.target_index is None


def test_baselines_by_object_name_and_dict(model: Model) -> None:
    one = explain(model, picture(), baseline=Blur(sigma=10.0))
    for other in ("blur", {"name": "blur", "sigma": 10}):
        again = explain(model, picture(), baseline=other).values
        np.testing.assert_allclose(one.values, again, rtol=1e-4, atol=1e-5 * np.abs(one.values).max())
    assert one.baseline == {"name": "blur", "sigma": 10.0}


@pytest.mark.parametrize(
    "arguments",
    [
        {},
        {"method": "grad_cam", "target": "owl", "layer": "features.0"},
        {"method": "occlusion", "window": 0.3, "baseline": "white"},
        {"method": "smooth_grad", "samples": 4, "seed": 7},
        {"baseline": Blur(sigma=3.5), "target": Margin(2, 1), "steps": 16},
        {"baseline": "PATH"},
        {"baseline": "PATHS", "steps": 16},
    ],
    ids=lambda arguments: "-".join(map(str, arguments.values())) or "default",
)
def test_code_makes_it_again(model: Model, path: Path, arguments: dict[str, Any]) -> None:
    other = path.with_name("other's.png")
    Pil.open(path).rotate(90).save(other)
    special = {"PATH": Image(str(other)), "PATHS": Distribution((str(other), str(path)))}
    given = {
        key: special.get(value, value) if isinstance(value, str) else value
        for key, value in arguments.items()
    }
    found = explain(model, path, **given)
    names: dict[str, Any] = {"model": model}
    exec(found.to_code(), names)
    again = names["found"]
    np.testing.assert_allclose(found.values, again.values, rtol=1e-4, atol=1e-5 * np.abs(found.values).max())
    assert again.evidence.evaluations == found.evidence.evaluations and again.to_code() == found.to_code()
    assert again.baseline == found.baseline and again.params == found.params


def test_code_without_a_path(model: Model) -> None:
    found = explain(model, picture(), "gradient")
    names: dict[str, Any] = {"model": model, "image": picture()}
    exec(found.to_code(), names)
    np.testing.assert_array_equal(found.values, names["found"].values)


def test_code_of_nasty_names(path: Path) -> None:
    """A class name or a file name is never code."""
    nasty = Model(seeded(Conv), classes=["x\nraise SystemExit", "'; raise SystemExit", "猫", "\\"])
    for target in range(4):
        names: dict[str, Any] = {"model": nasty}
        exec(explain(nasty, path, "gradient", target=target).to_code(), names)
        assert names["found"].target_index == target


def test_no_work_before_the_first_step(model: Model) -> None:
    with pytest.raises(ParameterError):
        explain_steps(model, picture(), steps=1)
    steps = explain_steps(model, picture())
    steps.close()  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("arguments", "error", "words"),
    [
        ({"method": "gradcam"}, ParameterError, "Did you mean 'grad_cam'"),
        ({"method": "orange"}, ParameterError, "No method is called 'orange'"),
        ({"step": 3}, ParameterError, "Did you mean 'steps'"),
        ({"method": "gradient", "steps": 3}, ParameterError, "It has no parameters"),
        ({"steps": 4}, ParameterError, "within 8 and 1024"),
        ({"steps": 10.5}, ParameterError, "whole number"),
        ({"steps": True}, ParameterError, "is a number"),
        ({"layer": "features.0"}, ParameterError, "takes no layer"),
        ({"method": "grad_cam", "baseline": "black"}, ParameterError, "takes no baseline"),
        ({"method": "grad_cam", "layer": "feature.0"}, UnknownLayerError, "features.0"),
        ({"method": "grad_cam", "layer": "head"}, NotValidError, "needs positions"),
        ({"baseline": "blak"}, ParameterError, "Did you mean 'black'"),
        ({"baseline": 3}, ParameterError, "not int"),
        ({"target": "dgo"}, UnknownClassError, "dog"),
        ({"target": 4}, UnknownClassError, "class 4"),
        ({"seed": -1}, ParameterError, "seed"),
        ({"seed": 1.5}, ParameterError, "seed"),
    ],
)
def test_errors_teach(model: Model, arguments: dict[str, Any], error: type[Exception], words: str) -> None:
    with pytest.raises(error, match=words) as caught:
        explain(model, picture(), **arguments)
    assert isinstance(caught.value, XaiWidgetsError)


def test_wrong_model_and_pictures(model: Model) -> None:
    with pytest.raises(ModelTypeError):
        explain("resnet18", picture())  # type: ignore[arg-type]
    with pytest.raises(InputError, match="One picture"):
        explain(model, torch.rand(2, 3, SIDE, SIDE))
    with pytest.raises(InputError):
        explain(model, [])
    with pytest.raises(InputError):
        explain(model, "no such file.png")


def test_what_was_done_to_the_picture_is_said(model: Model) -> None:
    large = Pil.new("RGBA", (640, 480), (200, 30, 30, 128))
    flat = torch.nn.Sequential(torch.nn.Conv2d(3, 2, 3), torch.nn.AdaptiveAvgPool2d(1))
    sentence = explain(flat, large, "gradient").evidence["picture"].sentence
    assert "640 × 480 pixels resized and cropped to 224 × 224" in sentence and "transparency" in sentence
    untouched = explain(model, picture(), "gradient").evidence["picture"].sentence
    assert untouched == "The network saw it as it is."
