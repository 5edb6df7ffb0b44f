"""Everything on the screen is a trait in Python and back."""

import gc
import weakref
from pathlib import Path

import ipywidgets
import numpy as np
import pytest
import torch
from PIL import Image

import xai_widgets as xw
from xai_widgets import render
from xai_widgets.errors import (
    InputError,
    ModelTypeError,
    ParameterError,
    UnknownClassError,
    UnknownLayerError,
)
from xai_widgets.widgets import subject as subject_module

from .conftest import Page, network, picture

CACHES = (subject_module._records, subject_module._explained, subject_module._pixels, subject_module._worked)


def test_a_change_anywhere_is_a_change_everywhere(explorer: xw.Explorer) -> None:
    explorer.layer = "2.0"
    assert explorer.layers.layer == explorer.features.layer == explorer.attribution.layer == "2.0"
    explorer.features.channel = 3
    assert explorer.channel == 3
    explorer.predictions.target = 2
    assert explorer.target == explorer.attribution.target == 2
    explorer.strip.image = 1
    assert explorer.image == explorer.predictions.image == 1


def test_what_a_person_does_arrives_in_python(explorer: xw.Explorer, page: Page) -> None:
    heard: list[str] = []
    explorer.observe(lambda change: heard.append(change.new), "layer")
    page.say(type="select", values={"layer": "0.1", "target": 3})
    assert explorer.layer == "0.1" and explorer.target == 3 and heard == ["0.1"]
    state = page.of("state")
    assert all(message["origin"] == "page" for message in state), "the browser knows its own wishes again"


def test_what_python_does_arrives_in_the_browser(explorer: xw.Explorer, page: Page) -> None:
    explorer.target = "cat"
    assert explorer.target == 2
    assert {"type": "state", "origin": "kernel", "values": {"target": 2}} in page.got
    explorer.baseline = xw.baselines.Blur(sigma=4)
    assert page.got[-1]["values"]["baseline"]["sigma"] == 4


def test_the_selection_is_never_published_on_a_panels_own_comm(explorer: xw.Explorer) -> None:
    sent: list[object] = []
    explorer.features.send_state = lambda key=None: sent.append(key)
    explorer.layer = "2.0"
    assert sent == []
    explorer.features.colormap = "magma"
    assert sent == ["colormap"]


def test_the_selection_is_never_taken_from_a_panels_own_comm(explorer: xw.Explorer) -> None:
    # A page's synchronisation of `query` carries the layer of that moment with it, and may come late.
    explorer.layer = "2.0"
    explorer.layers.set_state({"query": "conv", "layer": "0.0"})
    assert (explorer.layers.query, explorer.layers.layer, explorer.layer) == ("conv", "2.0", "2.0")


@pytest.mark.parametrize(
    ("key", "value", "error", "says"),
    [
        ("layer", "2.7", UnknownLayerError, "Did you mean '2."),
        ("target", "cta", UnknownClassError, "Did you mean 'cat'"),
        ("target", 11, UnknownClassError, "0 to 3"),
        ("method", "integrated", ParameterError, "'integrated_gradients'"),
        ("image", 5, InputError, "Give 0 to 1"),
        ("baseline", "blurr", ParameterError, "'blur'"),
        ("params", {"samples": 4}, ParameterError, "samples"),
        ("seed", -4, ParameterError, "from 0 on"),
        ("channel", 99, ParameterError, "from 0 to"),
        ("target", 1.9, UnknownClassError, "no class"),
    ],
)
def test_wrong_values_are_errors_where_they_are_written(
    explorer: xw.Explorer, key: str, value: object, error: type[Exception], says: str
) -> None:
    before = getattr(explorer, key)
    with pytest.raises(error, match=says):
        setattr(explorer, key, value)
    assert getattr(explorer, key) == before == getattr(explorer.scene.selection, key)


@pytest.mark.parametrize(
    ("model", "images", "error"),
    [
        (network(), [], InputError),
        (network(), "nowhere.png", InputError),
        ("resnet18", picture(), ModelTypeError),
        (network(), np.zeros((5, 5, 7), np.uint8), InputError),
    ],
)
def test_what_cannot_be_shown_says_why(model: object, images: object, error: type[Exception]) -> None:
    with pytest.raises(error):
        xw.explore(model, images)


def test_an_unknown_trait_is_an_error(model: xw.Model) -> None:
    with pytest.raises(ParameterError, match="Did you mean 'layer'"):
        xw.explore(model, picture(), layr="0")
    with pytest.raises(ParameterError, match="Did you mean 'colormap'"):
        xw.FeatureMaps(model, picture(), colourmap="magma")


PANELS = [
    xw.LayerScrubber,
    xw.FeatureMaps,
    xw.AttributionView,
    xw.Predictions,
    xw.ImageStrip,
    xw.BaselineLab,
    xw.Explorer,
]


@pytest.mark.parametrize("kind", PANELS)
def test_every_panel_can_be_taken_along(kind: type, model: xw.Model, tmp_path: Path) -> None:
    panel = kind(model, picture())
    shot = panel.snapshot()
    assert shot.dtype == np.uint8 and shot.ndim == 3 and shot.shape[2] == 3 and len(np.unique(shot)) > 2
    panel.save(tmp_path / "x.png")
    assert np.array_equal(np.asarray(Image.open(tmp_path / "x.png")), shot)
    names = {"model": model, "images": picture(), "image": picture()}
    exec(panel.to_code(), names)
    for again in (names.get("panel"), panel):
        if again is not None:
            again.close()


@pytest.mark.parametrize("kind", PANELS)
def test_pixels_are_saved_only_when_asked_for(kind: type, model: xw.Model) -> None:
    for persist in (False, True):
        panel = kind(model, picture(), persist=persist)
        bundle = panel._repr_mimebundle_()
        data = bundle[0] if isinstance(bundle, tuple) else bundle
        assert ("image/png" in data) is persist
        assert "application/vnd.jupyter.widget-view+json" in data
        panel.close()


@pytest.mark.parametrize("kind", PANELS)
def test_the_state_that_a_notebook_saves_has_no_pixels(kind: type, model: xw.Model) -> None:
    panel = kind(model, picture())
    for widget in (panel, panel.scene.channel):
        state = {
            key: value for key, value in widget.get_state().items() if key not in ("_esm", "_css", "_aims")
        }
        assert len(repr(state)) < 6000
        assert not any(isinstance(value, bytes | memoryview | np.ndarray) for value in state.values())
    panel.close()


def test_close_frees_everything(model: xw.Model) -> None:
    explorer = xw.explore(network(), picture())
    explorer.snapshot()
    module, scene = weakref.ref(explorer.scene.model.module), explorer.scene
    explorer.close()
    assert scene.session.closed and scene.channel.comm is None
    assert not [key for cache in CACHES for key in cache._kept if key[0] == scene._number]
    del explorer, scene
    gc.collect()
    assert module() is None


@pytest.mark.parametrize("kind", PANELS)
def test_close_leaves_no_widget_behind(kind: type, model: xw.Model) -> None:
    before = set(ipywidgets.widgets.widget._instances)
    panel = kind(model, picture())
    panel.close()
    left = [
        ipywidgets.widgets.widget._instances[key]
        for key in set(ipywidgets.widgets.widget._instances) - before
    ]
    assert left == []


def test_a_picture_is_saved_as_its_name_says(explorer: xw.Explorer, tmp_path: Path) -> None:
    explorer.strip.save(tmp_path / "x.jpg")
    assert Image.open(tmp_path / "x.jpg").format == "JPEG"
    with pytest.raises(ParameterError, match=r"Use \.png"):
        explorer.save(tmp_path / "x.svg")


def test_another_method_has_its_own_parameters(explorer: xw.Explorer, page: Page) -> None:
    explorer.method, explorer.params = "smooth_grad", {"samples": 4}
    explorer.method = "gradient"
    assert explorer.params == {}
    page.say(type="select", values={"method": "smooth_grad", "params": {"samples": 8}})
    assert explorer.params == {"samples": 8}


def test_pictures_in_memory_are_no_baseline_of_the_explorer(explorer: xw.Explorer) -> None:
    for baseline in (xw.baselines.Image(picture(5)), xw.baselines.Distribution([picture(5)])):
        with pytest.raises(ParameterError, match="Add them to its images"):
            explorer.baseline = baseline
    explorer.baseline = xw.baselines.Image(1)
    assert explorer.baseline == {"name": "image", "image": 1}
    explorer.baseline = "distribution"
    assert explorer.baseline == {"name": "distribution"}


def test_values_for_a_shared_scene_reach_it(explorer: xw.Explorer) -> None:
    xw.AttributionView(scene=explorer.scene, method="occlusion", target=3)
    assert explorer.method == "occlusion" and explorer.target == 3


def test_fewer_pixels_keep_their_colours(explorer: xw.Explorer) -> None:
    view = explorer.attribution
    explorer.method, view.view, view.clip = "gradient", "map", 90.0
    whole = view.snapshot()
    view.top = 5.0
    strongest = render.top_mask(view.explanation.map, 5.0)
    assert 0 < strongest.mean() < 0.1
    assert np.array_equal(view.snapshot()[strongest], whole[strongest])


def test_panels_switch_on_and_off(explorer: xw.Explorer) -> None:
    explorer.panels = ["layers", "attribution"]
    assert explorer.strip.panels == ["layers", "attribution"]
    assert "xw-no-features" in explorer._dom_classes and "xw-no-layers" not in explorer._dom_classes
    explorer.strip.panels = ["features"]
    assert explorer.panels == ["features"] and "xw-no-features" not in explorer._dom_classes


def test_evidence_can_be_observed(explorer: xw.Explorer, page: Page) -> None:
    view = explorer.attribution
    heard: list[object] = []
    view.observe(lambda change: heard.append(change.new), "evidence")
    view.method, view.baseline = "integrated_gradients", {"name": "blur"}
    full = {"steps": 128} | view.wish()["params"]
    page.ask("attribution", **(view.wish() | {"layer": None, "params": full}))
    assert heard and heard[-1] is view.evidence is explorer.evidence
    assert explorer.explanation.method == view.method


def test_a_click_on_a_bar_makes_its_class_the_target(explorer: xw.Explorer) -> None:
    top = explorer.predictions.predict()
    explorer.predictions._clicked(None, {"data": {"index": 0}})
    assert explorer.target == top[-1].index
    explorer.predictions._clicked(None, {"data": {"index": 77}})
    assert explorer.target == top[-1].index


def test_maps_have_an_order(explorer: xw.Explorer) -> None:
    features = explorer.features
    features.layer = "2.1"
    features.sort = "max"
    tops = features.maps.max((1, 2))[features.order()]
    assert (np.diff(tops) <= 0).all()
    features.sort = "score"
    assert sorted(features.order()) == list(range(8))


def test_a_network_that_learned_on_is_looked_at_again(explorer: xw.Explorer, page: Page) -> None:
    before = page.array(page.ask("maps", image=0, layer="2.0"), "maps")
    was = explorer.predictions.predict()
    with torch.no_grad():
        for weight in explorer.scene.model.module.parameters():
            weight.mul_(-1.5)
    explorer.refresh()
    assert page.of("reset")
    after = page.array(page.ask("maps", image=0, layer="2.0"), "maps")
    assert not np.allclose(before, after)
    assert explorer.predictions.predict() != was


def test_many_runs_of_a_cell_keep_bounded_memory() -> None:
    model = xw.Model(network())
    explorers = [xw.explore(model, picture(seed)) for seed in range(6)]
    for explorer in explorers:
        explorer.scene.record(0)
    assert all(cache.bytes <= cache.limit for cache in CACHES)
    for explorer in explorers:
        explorer.close()
