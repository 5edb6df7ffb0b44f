"""Comparisons without a browser: what stands in the cells, and what is answered."""

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
import torch

import xai_widgets as xw
from xai_widgets.errors import InputError, ParameterError, UnknownClassError, UnknownLayerError
from xai_widgets.metrics.randomisation import randomised
from xai_widgets.metrics.similarity import agreement

from .conftest import Page, network, picture

METHODS = ["gradient", "integrated_gradients", "grad_cam"]


@pytest.fixture(autouse=True)
def one_by_one(monkeypatch: pytest.MonkeyPatch) -> None:
    # Portions follow the clock, and what they round may choose another node.
    monkeypatch.setattr(xw.Model, "at_once", lambda *_: 1)


@pytest.fixture
def panel(model: xw.Model) -> Iterator[xw.Compare]:
    made = xw.Compare(model, [picture(0), picture(1), picture(2)], methods=METHODS)
    yield made
    made.close()


def test_columns_are_baselines_and_only_what_takes_one_is_repeated(panel: xw.Compare) -> None:
    panel.columns = ["white", xw.baselines.Blur(sigma=3)]
    gradient, path, cam = panel.grid.cells
    assert [cell.wish["baseline"] for cell in path] == [{"name": "white"}, {"name": "blur", "sigma": 3.0}]
    assert gradient[0].wish["baseline"] is None
    assert gradient[1].wish is None and "Takes no baseline" in gradient[1].says
    assert cam[1].wish is None
    found = panel.compute()
    assert [[one is not None for one in row] for row in found] == [[True, False], [True, True], [True, False]]
    expected = xw.explain(panel.scene.model, picture(0), "integrated_gradients", baseline="white")
    np.testing.assert_allclose(found[1][0].map, expected.map, rtol=1e-6)


@pytest.mark.parametrize(
    ("by", "given", "key", "expected"),
    [
        ("targets", ["bee", 3], "target", [1, 3]),
        ("layers", ["0.0", "2.0"], "layer", ["0.0", "2.0"]),
        ("images", [2, 0], "image", [2, 0]),
    ],
)
def test_what_the_columns_stand_for_is_what_the_cells_ask(
    panel: xw.Compare, by: str, given: list[Any], key: str, expected: list[Any]
) -> None:
    panel.by = by
    panel.columns = given
    row = panel.grid.cells[METHODS.index("grad_cam")]
    assert [cell.wish[key] for cell in row] == expected


def test_without_columns_there_are_usual_ones(panel: xw.Compare) -> None:
    for by, count in (("targets", 3), ("layers", 3), ("images", 3), ("models", 1), ("baselines", 3)):
        panel.by = by
        assert len(panel.grid.columns) == count, by
    panel.by = "targets"
    best = panel.scene.predictions(0)
    assert [column.value for column in panel.grid.columns] == [entry.index for entry in best[:3]]


def test_another_axis_forgets_the_columns(panel: xw.Compare) -> None:
    panel.columns = ["black"]
    panel.by = "layers"
    assert panel.columns == []


def test_the_selected_method_keeps_its_parameters(panel: xw.Compare) -> None:
    panel.method, panel.params = "integrated_gradients", {"steps": 16}
    assert [row[0].wish["params"].get("steps") for row in panel.grid.cells] == [None, 16, None]


def test_a_cell_answers_as_the_attribution_view_does(panel: xw.Compare) -> None:
    page = Page(panel)
    grid = page.ask("grid", **panel.wish())["meta"]
    assert grid["rows"] == METHODS and [one["label"] for one in grid["columns"]] == [
        "Black",
        "White",
        "Blur σ 10 px",
    ]
    wish = grid["cells"][1][1]["wish"]
    frame = page.ask("cell:4", **wish)
    expected = xw.explain(panel.scene.model, picture(0), "integrated_gradients", baseline="white")
    np.testing.assert_allclose(page.array(frame, "map"), expected.map, rtol=1e-2, atol=1e-4)
    assert frame["meta"]["evidence"]["line"] == expected.evidence.line


def test_cells_are_asked_for_side_by_side(panel: xw.Compare) -> None:
    page = Page(panel)
    row = page.ask("grid", **panel.wish())["meta"]["cells"][1]
    for number, cell in enumerate(row):
        page.say(type="request", topic=f"cell:{number}", seq=100 + number, params=cell["wish"])
    for number in range(len(row)):
        page.wait(lambda m, n=number: m["type"] == "done" and m["seq"] == 100 + n)
    assert {m["topic"] for m in page.of("frame") if m["seq"] >= 100} == {"cell:0", "cell:1", "cell:2"}


def test_agreement_is_that_of_the_maps(panel: xw.Compare) -> None:
    page = Page(panel)
    row = [cell["wish"] for cell in page.ask("grid", **panel.wish())["meta"]["cells"][1]]
    frame = page.ask("agreement", cells=row)
    maps = [one.map for one in panel.compute()[1]]
    expected = agreement(maps)
    np.testing.assert_allclose(page.array(frame, "rank"), expected.matrices["rank"], atol=1e-6)
    np.testing.assert_allclose(page.array(frame, "ssim"), expected.matrices["ssim"], atol=1e-6)
    assert frame["meta"]["means"]["top"] == pytest.approx(expected.mean("top"))
    assert panel.agreement(1).mean("rank") == pytest.approx(expected.mean("rank"))


@pytest.fixture
def models(model: xw.Model) -> Iterator[xw.Compare]:
    other = network()
    torch.manual_seed(7)
    weights = {key: torch.randn_like(value) for key, value in model.module.state_dict().items()}
    with torch.no_grad():
        for weight in other.parameters():
            weight.normal_()
    made = xw.Compare(
        model,
        [picture(0), picture(1)],
        methods=["gradient"],
        models={"other": xw.Model(other, classes=["bee", "ant", "cat", "x"])},
        checkpoints={"early": weights},
    )
    yield made
    made.close()


def test_other_models_stand_in_the_columns(models: xw.Compare, model: xw.Model) -> None:
    assert models.by == "models" and models.others == ["other", "early"]
    assert [column.label for column in models.grid.columns] == ["Sequential", "other", "early"]
    own, other, early = (row[0] for row in zip(*models.compute(), strict=True))
    assert len({one.model for one in (own, other, early)}) == 3
    expected = xw.explain(models.scene.others["early"].model, picture(0), "gradient", target=own.target_index)
    np.testing.assert_allclose(early.map, expected.map)


def test_a_class_of_another_model_is_found_by_its_name(models: xw.Compare) -> None:
    models.target = "bee"
    targets = [cell.wish["target"] for cell in models.grid.cells[0]]
    assert targets == [1, 0, 1]
    models.target = "<b>dog</b>"
    assert [cell.wish["target"] for cell in models.grid.cells[0]] == [3, None, 3], "unknown there: its own"


def test_where_models_part_is_told(models: xw.Compare) -> None:
    page = Page(models)
    frame = page.ask("parting", image=0, one=None, other="early")
    values = page.array(frame, "similarity")
    assert len(values) == len(frame["meta"]["layers"]) > 3
    assert frame["meta"]["why"].startswith(("They part at", "They do not part"))
    same = page.ask("parting", image=0, one=None, other=None)
    np.testing.assert_allclose(page.array(same, "similarity"), 1, rtol=1e-5)
    assert same["meta"]["at"] is None


def test_a_blind_trial_mixes_controls_in(panel: xw.Compare) -> None:
    panel.blind = 5
    grid = panel.grid
    assert grid.letters == "ABCDE"
    assert sorted(str(column.control) for column in grid.columns) == ["None"] * 3 + ["edges", "randomised"]
    assert panel.grid.columns == grid.columns, "the same trial has the same order"
    orders = set()
    for trial in range(1, 9):
        panel.blind = trial
        orders.add(tuple(str(column.label) for column in panel.grid.columns))
    assert len(orders) > 4
    assert all(cell.wish for row in grid.cells for cell in row), "no cell tells by its absence"


def test_the_shuffled_network_is_explained_for_what_it_says(panel: xw.Compare) -> None:
    panel.target, panel.blind = "bee", 5
    place = [column.control for column in panel.grid.columns].index("randomised")
    found = panel.compute()[0][place]
    expected = xw.explain(randomised(panel.scene.model), picture(0), "gradient")
    np.testing.assert_allclose(found.map, expected.map)
    channel = xw.Channel("0.0", 1)
    panel.target = channel
    assert panel.grid.cells[0][place].wish["target"] == channel.to_json(), "it has that channel, too"


def test_new_weights_are_shuffled_anew(panel: xw.Compare) -> None:
    before = panel.scene.shuffled.model.fingerprint
    with torch.no_grad():
        panel.scene.model.module[0][0].weight += 1
    panel.refresh()
    assert panel.scene.shuffled.model.fingerprint != before


def test_other_models_see_added_pictures(models: xw.Compare) -> None:
    models.scene.add(picture(5))
    models.image = 2
    assert models.compute()[0][1] is not None


@pytest.mark.parametrize(
    ("values", "kind", "said"),
    [
        ({"methods": []}, None, ""),
        ({"methods": ["gradcam"]}, ParameterError, "grad_cam"),
        ({"by": "targets", "columns": ["wolf"]}, UnknownClassError, "wolf"),
        ({"by": "layers", "columns": ["nowhere"]}, UnknownLayerError, "nowhere"),
        ({"by": "images", "columns": [9]}, InputError, "no image 9"),
        ({"by": "models", "columns": ["late"]}, ParameterError, "No model is called 'late'"),
        ({"columns": list(range(9)), "by": "images"}, InputError, "no image"),
        ({"models": {"flat": torch.nn.Flatten()}}, None, ""),
        ({"checkpoints": {"late": "nowhere.pt"}}, InputError, "no file"),
        ({"by": "colours"}, Exception, "colours"),
        ({"rows": 3}, ParameterError, "no 'rows'"),
    ],
)
def test_what_cannot_be_compared_says_why(
    model: xw.Model, values: dict[str, Any], kind: type[Exception] | None, said: str
) -> None:
    if kind is None:
        xw.Compare(model, picture(0), **values).close()
        return
    with pytest.raises(kind, match=said):
        xw.Compare(model, picture(0), **values)


def test_a_strange_wish_is_an_answer_and_no_crash(panel: xw.Compare) -> None:
    page = Page(panel)
    wish = panel.wish()
    assert page.ask("grid", **(wish | {"by": "x"}))["error"]["hint"]
    assert page.ask("grid", **(wish | {"methods": ["x"] * 9}))["type"] == "error"
    assert page.ask("agreement", cells=7)["error"]["message"].startswith("The agreement")
    cell = panel.grid.cells[0][0].wish
    assert "No model" in page.ask("cell:0", **(cell | {"model": "x"}))["error"]["message"]


def test_it_can_be_taken_along_as_a_picture_and_as_code(panel: xw.Compare, tmp_path: Any) -> None:
    panel.save(tmp_path / "grid.png")
    assert (tmp_path / "grid.png").stat().st_size > 1000
    assert "xw.Compare(" in panel.to_code() and "methods=['gradient'" in panel.to_code()
    with pytest.raises(ParameterError, match="as a page"):
        panel.to_html(tmp_path / "grid.html")


def test_the_state_of_the_panel_has_no_pixels(panel: xw.Compare) -> None:
    state = panel.get_state()
    sizes = {key: len(str(value)) for key, value in state.items() if key not in ("_esm", "_css")}
    assert sum(sizes.values()) < 6000, sizes
