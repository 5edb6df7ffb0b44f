"""The panel that shows what a unit likes: what it answers, keeps and follows."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

import xai_widgets as xw
from tests.widgets.conftest import Page, picture
from xai_widgets.errors import InputError, NotValidError, ParameterError
from xai_widgets.widgets import feature_topics, topics

SIZE = (16, 20)


@pytest.fixture
def panel(model: xw.Model) -> Iterator[xw.FeatureVisualization]:
    made = xw.FeatureVisualization(model, [picture(0), picture(1)], layer="2", channel=3, steps=24)
    yield made
    made.close()


def made_at_once(model: xw.Model, target: Any, steps: int, **settings: Any) -> np.ndarray:
    return xw.visualize(model, target, steps=steps, size=SIZE, **settings).pictures


def test_left_and_gone_on_with_it_is_what_an_unbroken_run_gives(
    panel: xw.FeatureVisualization, model: xw.Model
) -> None:
    page = Page(panel)
    for until in (5, 11, 24):
        frame = page.ask("feature", **panel.wish(until))
        assert frame["meta"]["iterations"] == until
        assert frame["step"]["final"]
        np.testing.assert_array_equal(
            page.array(frame, "pictures"), made_at_once(model, xw.Channel("2", 3), until)
        )
        assert page.array(frame, "history").shape == (until,)
    # Less than it has come to can only be had from the beginning.
    again = page.ask("feature", **panel.wish(5))
    np.testing.assert_array_equal(page.array(again, "pictures"), made_at_once(model, xw.Channel("2", 3), 5))


def test_a_wish_that_is_dropped_keeps_what_was_made(panel: xw.FeatureVisualization) -> None:
    steps = topics.TOPICS["feature"].work(panel.scene, panel.wish(24))
    first = next(steps).value
    assert 0 < first.iterations < 24
    steps.close()  # type: ignore[attr-defined]
    gone_on = next(topics.TOPICS["feature"].work(panel.scene, panel.wish(24))).value
    assert gone_on.iterations > first.iterations
    np.testing.assert_array_equal(gone_on.history[: first.iterations], first.history)
    assert feature_topics.climb(panel.scene, panel.wish(24)).ascent.iterations == gone_on.iterations
    panel.refresh()  # the weights may be others now
    assert feature_topics.climb(panel.scene, panel.wish(24)).ascent.iterations == 0


@pytest.mark.parametrize(
    ("unit", "target"), [("channel", xw.Channel("2", 3)), ("neuron", xw.Neuron("2", 3, (4, 5))), ("class", 2)]
)
def test_what_is_excited(panel: xw.FeatureVisualization, model: xw.Model, unit: str, target: Any) -> None:
    panel.scene.selection.target = 2
    panel.unit = unit
    np.testing.assert_array_equal(panel.compute().pictures, made_at_once(model, target, 24))


def test_without_a_target_the_class_is_the_predicted_one(
    panel: xw.FeatureVisualization, model: xw.Model
) -> None:
    panel.unit = "class"
    assert panel.compute().target == panel.scene.predictions(0)[0].name


def test_settings_and_attempts_are_those_of_visualize(
    panel: xw.FeatureVisualization, model: xw.Model
) -> None:
    panel.settings, panel.attempt = {"count": 2, "diversity": 0.5, "rotate": 0}, 7
    expected = made_at_once(model, xw.Channel("2", 3), 24, count=2, diversity=0.5, rotate=0, seed=7)
    np.testing.assert_array_equal(panel.compute().pictures, expected)
    assert panel.snapshot().shape == (SIZE[0], 2 * SIZE[1], 3)
    for wrong in ({"colour": 1}, {"count": 99}, {"steps": 3}):
        with pytest.raises(ParameterError):
            panel.settings = wrong
    assert panel.settings == {"count": 2, "diversity": 0.5, "rotate": 0.0}


def test_python_has_what_is_on_the_screen(panel: xw.FeatureVisualization) -> None:
    page = Page(panel)
    frame = page.ask("feature", **panel.wish(24))
    assert panel.visualization is not None
    np.testing.assert_array_equal(page.array(frame, "pictures"), panel.visualization.pictures)
    panel.scene.selection.target = 1
    assert panel.visualization is not None  # a channel's pictures know no target
    panel.scene.selection.channel = 4
    assert panel.channel == 4
    assert panel.visualization is None  # those were another channel's


def test_examples_are_those_of_the_scene(panel: xw.FeatureVisualization, model: xw.Model) -> None:
    page = Page(panel)
    wish = {key: panel.wish()[key] for key in ("unit", "image", "target", "layer", "channel")}
    frame = page.ask("examples", **wish, source=-1, count=panel.most)
    expected = xw.most_exciting(model, xw.Channel("2", 3), panel.scene.pictures)
    told = [one["score"] for one in frame["meta"]["entries"]]
    assert told == pytest.approx([one.score for one in expected.examples], rel=1e-5)
    np.testing.assert_array_equal(page.array(frame, "example_0"), expected[0].picture)
    assert panel.found is not None
    assert [one.index for one in panel.found.examples] == [one.index for one in expected.examples]


def test_examples_may_come_from_a_folder(model: xw.Model, tmp_path: Path) -> None:
    Image.new("RGB", SIZE[::-1], (200, 30, 30)).save(tmp_path / "red.png")
    panel = xw.FeatureVisualization(model, picture(0), examples=tmp_path, layer="2", channel=0)
    page = Page(panel)
    wish = {key: panel.wish()[key] for key in ("unit", "image", "target", "layer", "channel")}
    frame = page.ask("examples", **wish, source=panel._source, count=3)
    assert [one["name"] for one in frame["meta"]["entries"]] == ["red.png"]
    panel.close()
    with pytest.raises(InputError, match="holds no pictures"):
        (tmp_path / "empty").mkdir()
        xw.FeatureVisualization(model, picture(0), examples=tmp_path / "empty")


def test_what_does_not_exist_is_told_in_the_view(panel: xw.FeatureVisualization) -> None:
    page = Page(panel)
    for changes, words in [
        ({"layer": "9x"}, "no layer"),
        ({"channel": 99}, "no unit 99"),
        ({"unit": "?"}, "unit"),
    ]:
        told = page.ask("feature", **(panel.wish() | changes))
        assert told["type"] == "error"
        assert words in told["error"]["message"]


def test_it_shares_a_scene_and_lets_go_of_it(explorer: xw.Explorer) -> None:
    panel = xw.FeatureVisualization(scene=explorer.scene, steps=16)
    explorer.layer, explorer.channel = "0.0", 2
    assert (panel.layer, panel.channel) == ("0.0", 2)
    panel.close()
    assert not any(explorer.scene._seen.get(topic) for topic in ("feature", "examples"))
    assert explorer.scene.predictions(0)  # the scene is the explorer's and lives on


def test_files_and_code(panel: xw.FeatureVisualization, model: xw.Model, tmp_path: Path) -> None:
    panel.save(tmp_path / "unit.png")
    assert (np.asarray(Image.open(tmp_path / "unit.png")) == panel.snapshot()).all()
    scope: dict[str, Any] = {"model": model, "images": [picture(0), picture(1)]}
    exec(panel.to_code(), scope)
    np.testing.assert_array_equal(scope["panel"].snapshot(), panel.snapshot())
    scope["panel"].close()
    with pytest.raises(NotValidError, match=r"panel\.save"):
        panel.to_html(tmp_path / "unit.html")
