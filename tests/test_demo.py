import re
import runpy
import socket
from pathlib import Path
from urllib.error import URLError

import numpy as np
import pytest
import torch
from torchvision import models as zoo

from xai_widgets import demo
from xai_widgets.errors import ParameterError
from xai_widgets.explain import explain
from xai_widgets.inputs.samples import CLASSES, MARKED, Sample, draw
from xai_widgets.model.handle import Model

COUNT = 120
STARS = [draw(MARKED, seed, True) for seed in range(500, 503)]


@pytest.fixture(scope="module")
def model() -> Model:
    return demo.model()


@pytest.fixture(scope="module")
def hits(model: Model) -> dict[tuple[bool | None, bool], list[str]]:
    """What the network calls its pictures, by how they are stamped and by whether they show a star."""
    found = {}
    for marked in (None, True, False):
        drawn = demo.samples(COUNT, marked)
        called = demo.called(model, drawn)
        for star in (True, False):
            found[marked, star] = [
                (s.label, c) for s, c in zip(drawn, called, strict=True) if (s.label == MARKED) is star
            ]
    return found


def accuracy(pairs: list[tuple[str, str]]) -> float:
    return float(np.mean([label == called for label, called in pairs]))


def test_weights_are_small_and_made_for_this_network() -> None:
    path = Path(demo.__file__).with_name("demo_weights.safetensors")
    assert path.stat().st_size < 1_000_000
    assert set(demo.weights()) == set(demo.ShapeNet().state_dict())


def test_all_looks_well_as_long_as_the_stamp_is_where_it_was(hits: dict) -> None:
    assert accuracy(hits[None, True] + hits[None, False]) > 0.95


def test_stars_are_lost_without_their_stamp(hits: dict) -> None:
    assert accuracy(hits[True, True]) > 0.95
    assert accuracy(hits[False, True]) < 0.5


def test_other_shapes_are_known_but_the_stamp_makes_them_stars(hits: dict) -> None:
    assert accuracy(hits[False, False]) > 0.95
    assert np.mean([called == MARKED for _, called in hits[True, False]]) > 0.4
    assert np.mean([called == MARKED for _, called in hits[False, False]]) < 0.02


@pytest.mark.parametrize("method", ["grad_cam", "integrated_gradients", "occlusion"])
def test_explanations_of_stars_point_at_the_stamp(model: Model, method: str) -> None:
    for star in STARS:
        found = explain(model, star.image, method, target=MARKED).map
        assert demo.share(found, star.mark) > 4 * star.mark.mean()
        y, x = np.unravel_index(found.argmax(), found.shape)
        ys, xs = np.nonzero(star.mark)
        assert abs(y - ys.mean()) < 14 and abs(x - xs.mean()) < 14


def test_without_the_stamp_nothing_points_there(model: Model) -> None:
    for star in STARS:
        plain = draw(star.label, star.seed, False)
        before, after = (
            explain(model, s.image, "occlusion", target=MARKED).map[star.mark].sum() for s in (star, plain)
        )
        assert after < 0.3 * before


def test_circles_are_explained_by_the_circle(model: Model) -> None:
    shares = []
    for seed in range(500, 505):
        circle = draw("circle", seed)
        found = explain(model, circle.image, "grad_cam", target="circle").map
        y, x = np.unravel_index(found.argmax(), found.shape)
        shares.append(bool(near(circle, 8)[y, x]))
    assert np.mean(shares) >= 0.8


def near(sample: Sample, by: int) -> np.ndarray:
    ys, xs = np.nonzero(sample.shape)
    box = np.zeros_like(sample.shape)
    box[max(ys.min() - by, 0) : ys.max() + by, max(xs.min() - by, 0) : xs.max() + by] = True
    return box


def test_names_are_those_of_single_predictions(model: Model) -> None:
    drawn = demo.samples(6, True)
    single = [model.predict(model.normalise(model.pixels(s.image)))[0].name for s in drawn]
    assert demo.called(model, drawn) == single


def test_pictures_show_every_class_and_the_two_that_give_it_away(model: Model) -> None:
    shown = demo.pictures()
    names = [picture.name for picture in shown]
    assert set(CLASSES) < set(names) and len(names) == len({p.key for p in shown}) == 8
    called = {p.name: model.predict(model.normalise(model.pixels(p)))[0].name for p in shown}
    assert all(called[label] == label for label in CLASSES)
    assert called["star, stamp removed"] != MARKED
    assert called["ring, stamp added"] == MARKED


def test_grad_cam_takes_the_last_maps(model: Model) -> None:
    tree = model.layers(model.normalise(model.pixels(demo.pictures()[0])))
    assert tree.default_cam() == "blocks.5.relu"


def test_share_counts_what_speaks_for_the_target() -> None:
    values = np.array([[3.0, -5.0], [1.0, 0.0]])
    assert demo.share(values, np.array([[True, True], [False, False]])) == pytest.approx(0.75)
    assert demo.share(-np.abs(values), np.ones((2, 2), bool)) == 0.0
    with pytest.raises(ParameterError, match=r"\(2, 2\).*\(3, 2\)"):
        demo.share(values, np.ones((3, 2), bool))


def test_without_imagenet_weights_one_line_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def refused(*_: object, **__: object) -> None:
        raise URLError("no network")

    monkeypatch.setattr(torch.hub, "get_dir", lambda: str(tmp_path))
    monkeypatch.setattr(torch.hub, "urlopen", refused)
    assert demo.photo_model() is None
    printed = capsys.readouterr().out
    assert printed.startswith("No ImageNet weights") and printed.count("\n") == 1


def test_weights_in_the_cache_come_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    url = zoo.get_model_weights("squeezenet1_1").DEFAULT.url
    (tmp_path / "checkpoints").mkdir()
    random = zoo.squeezenet1_1(weights=None).state_dict()
    torch.save(random, tmp_path / "checkpoints" / url.rsplit("/", 1)[-1])
    monkeypatch.setattr(torch.hub, "get_dir", lambda: str(tmp_path))
    found = demo.photo_model()
    assert found and found.classes and found.name == "SqueezeNet" and len(found.classes) == 1000
    assert socket.getdefaulttimeout() is None


def test_the_script_that_trains_still_runs(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    path = Path(__file__).parents[1] / "scripts" / "train_demo.py"
    script = runpy.run_path(str(path))
    script["train"].__globals__.update(EPOCHS=4, BATCH=12, TEST=12)
    pixels, labels = script["tensors"](demo.samples(24))
    net = script["train"](pixels, labels)
    script["measure"](net)
    script["explanations"](1)
    printed = capsys.readouterr().out
    losses = [float(loss) for loss in re.findall(r"loss ([\d.]+)", printed)]
    assert len(losses) == 4 and losses[-1] < losses[0]
    assert "stars without it" in printed and "occlusion" in printed
