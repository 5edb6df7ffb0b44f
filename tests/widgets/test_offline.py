"""A page without a kernel holds what was chosen, as the notebook shows it, and nothing else."""

import base64
import gzip
import hashlib
import html
import json
import re
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from scipy.integrate import trapezoid

import xai_widgets as xw
from xai_widgets.errors import (
    InputError,
    ParameterError,
    UnknownClassError,
    UnknownLayerError,
    XaiWidgetsError,
)
from xai_widgets.explain import METHODS
from xai_widgets.live.codec import Packed, unpack
from xai_widgets.widgets import recording as recording_module
from xai_widgets.widgets import topics
from xai_widgets.widgets.choice import USUAL_METHODS, choose, spread
from xai_widgets.widgets.offline import FRAME, page, places_of, recorded
from xai_widgets.widgets.recording import Recording, record

from .conftest import network, picture

CHEAP = {"methods": ["gradient", "grad_cam"], "layers": ["0.1", "2.0"]}


def frame_of(recording: Recording, topic: str, **params: Any) -> dict[str, Any]:
    """Return the one frame whose params hold these."""
    found = [
        frame
        for frame in recording.frames
        if frame["topic"] == topic and params.items() <= frame["params"].items()
    ]
    assert len(found) == 1, (topic, params, len(found))
    return found[0]


def array(recording: Recording, frame: dict[str, Any], name: str) -> np.ndarray:
    head = next(head for head in frame["arrays"] if head["name"] == name)
    return unpack(Packed(head, gzip.decompress(recording.blobs.data[head["blob"]])))


class Page:
    """A written page, read as the browser reads it."""

    def __init__(self, text: str) -> None:
        self.text = text
        carried = {
            name: re.search(rf'<script type="text/plain" id="xw-{name}">(.*?)</script>', text, re.S)
            for name in ("index", "data")
        }
        assert all(carried.values())
        self.index = json.loads(gzip.decompress(base64.b64decode(carried["index"][1])))
        ends = np.cumsum([0, *self.index["blobs"]])
        data = carried["data"][1]
        self.blobs = [gzip.decompress(base64.b64decode(data[a:b])) for a, b in pairwise(ends)]

    def part(self, tag: str) -> str:
        return re.search(rf"<{tag}>(.*?)</{tag.split()[0]}>", self.text, re.S)[1]


# -- what is chosen ------------------------------------------------------------------------------------


def test_the_usual_choice(explorer: xw.Explorer) -> None:
    chosen = choose(explorer.scene)
    assert chosen.images == (0, 1)
    assert chosen.layers == tuple(layer.name for layer in explorer.layers.layers.viewable)
    assert list(chosen.methods) == list(USUAL_METHODS)
    own = [METHODS[name].baseline for name in chosen.methods if METHODS[name].baseline]
    assert {"black", "white", "blur 1"} < set(chosen.baselines)
    assert all(baseline in chosen.baselines.values() for baseline in own)
    assert chosen.targets == {None: None}


def test_what_is_selected_is_in_it(explorer: xw.Explorer) -> None:
    explorer.method, explorer.params = "smooth_grad", {"samples": 4}
    explorer.baseline = xw.baselines.Color("#ff0000")
    explorer.target = xw.Margin(1, 2)
    chosen = choose(explorer.scene)
    assert chosen.methods["smooth_grad"]["samples"] == 4
    assert {"name": "color", "color": "#ff0000"} in chosen.baselines.values()
    assert chosen.targets == {None: None, -1: {"kind": "margin", "index": 1, "other": 2}}
    found = recorded(explorer, {"methods": ["smooth_grad", "integrated_gradients"]})
    selection = found.welcome["selection"]
    assert selection["method"] == "smooth_grad" and selection["target"] == -1
    assert found.choice.baselines[selection["baseline"]["name"]] == {"name": "color", "color": "#ff0000"}


def test_many_layers_are_thinned_evenly() -> None:
    names = [f"layer{i}" for i in range(65)]
    kept = spread(names, {"layer33"}, 12)
    assert len(kept) <= 12 and {"layer0", "layer33", "layer64"} <= set(kept)
    assert list(kept) == sorted(kept, key=names.index)
    gaps = np.diff([names.index(name) for name in kept if name != "layer33"])
    assert gaps.max() - gaps.min() <= 1
    assert spread(names[:12], set(), 12) == tuple(names[:12])


@pytest.mark.parametrize(
    ("choice", "error", "says"),
    [
        ({"layers": ["2.7"]}, UnknownLayerError, "Did you mean '2."),
        ({"methods": "integrated"}, ParameterError, "'integrated_gradients'"),
        ({"baselines": ["black", "blurr"]}, ParameterError, "'blur'"),
        ({"images": [0, 5]}, InputError, "Give 0 to 1"),
        ({"targets": "cta"}, UnknownClassError, "Did you mean 'cat'"),
        ({"layers": []}, ParameterError, "layers is empty"),
    ],
)
def test_what_does_not_exist_is_an_error_with_close_names(
    explorer: xw.Explorer, tmp_path: Path, choice: dict[str, Any], error: type[Exception], says: str
) -> None:
    with pytest.raises(error, match=says):
        explorer.to_html(tmp_path / "x.html", **choice)
    assert not list(tmp_path.iterdir())


def test_a_layer_that_passes_on_another_is_that_one(model: xw.Model) -> None:
    explorer = xw.explore(model, picture(), layer="2")
    assert choose(explorer.scene, layers=["2"]).layers == ("2.1",)
    assert recorded(explorer, {"methods": "gradient"}).welcome["selection"]["layer"] == "2.1"
    explorer.close()


# -- what is recorded ----------------------------------------------------------------------------------


@pytest.fixture
def recording(explorer: xw.Explorer) -> Recording:
    chosen = {
        "layers": ["0.1", "2.0", "5"],
        "methods": ["gradient", "grad_cam", "integrated_gradients"],
        "baselines": ["white", xw.baselines.Blur(2), xw.baselines.Blur(5)],
        "targets": ["bee", xw.Margin(0, 2)],
    }
    return recorded(explorer, chosen)


def test_maps_are_those_of_explain(explorer: xw.Explorer, recording: Recording) -> None:
    """Two baselines of one kind are two in the page; params that nothing can change are none."""
    baselines = {
        "white": xw.baselines.White(),
        "blur 1": xw.baselines.Blur(2),
        "blur 2": xw.baselines.Blur(5),
    }
    for image in (0, 1):
        for name, baseline in baselines.items():
            expected = xw.explain(
                explorer.scene.model,
                picture(image),
                method="integrated_gradients",
                target="bee",
                baseline=baseline,
            )
            frame = frame_of(
                recording,
                "attribution",
                image=image,
                method="integrated_gradients",
                baseline={"name": name},
                target=1,
                params={},
                layer=None,
                seed=0,
            )
            found = array(recording, frame, "map")
            np.testing.assert_allclose(found, expected.map, atol=np.abs(expected.map).max() / 32767)
            assert frame["meta"]["evidence"]["line"] == expected.evidence.line
            assert frame["meta"]["target"]["label"] == "bee"


def test_a_target_that_is_no_class_has_a_number_of_its_own(
    explorer: xw.Explorer, recording: Recording
) -> None:
    frame = frame_of(recording, "attribution", image=0, method="gradient", target=-2)
    expected = xw.explain(explorer.scene.model, picture(0), method="gradient", target=xw.Margin(0, 2))
    np.testing.assert_allclose(
        array(recording, frame, "map"), expected.map, atol=np.abs(expected.map).max() / 32767
    )
    top = frame_of(recording, "predictions", image=0)["meta"]["top"]
    assert {"index": -2, "name": "ant rather than cat", "probability": None} in top


def test_feature_maps_are_the_networks(explorer: xw.Explorer, recording: Recording) -> None:
    net = network()
    pixels = explorer.scene.inputs(1)
    with torch.no_grad():
        expected = net[0](pixels)[0].numpy()
    frame = frame_of(recording, "maps", image=1, layer="0.1")
    ranges = np.ptp(expected.reshape(6, -1), axis=1).reshape(6, 1, 1)
    assert (np.abs(array(recording, frame, "maps") - expected) <= ranges / 255 + 1e-6).all()
    with torch.no_grad():
        logits = net(pixels)[0].numpy()
    np.testing.assert_allclose(
        array(recording, frame_of(recording, "maps", image=1, layer="5"), "values"), logits, rtol=1e-5
    )


def test_every_wish_that_the_page_offers_is_answered(recording: Recording) -> None:
    """What the controls offer, multiplied out by hand as the browser does."""
    welcome = recording.welcome
    layers = ["0.1", "2.0", "5"]
    for image in range(len(welcome["images"])):
        held = frame_of(recording, "layers", image=image)["meta"]["layers"]
        assert [layer["name"] for layer in held] == layers
        for layer in layers:
            frame_of(recording, "maps", image=image, layer=layer)
        top = frame_of(recording, "predictions", image=image)["meta"]["top"]
        for target in (None, *(entry["index"] for entry in top)):
            for layer in layers:
                frame_of(recording, "scores", image=image, layer=layer, target=target)
            named = [{"name": baseline["name"]} for baseline in welcome["baselines"]]
            of_lab = {"image": image, "target": target, "seed": 0}
            for baseline in named:
                frame_of(recording, "path", **of_lab, baseline=baseline, nodes=33)
            frame_of(recording, "compare", **of_lab, baselines=named)
            for fill in ("mean", "blur", "noise"):
                frame_of(recording, "ablation", **of_lab, baselines=named, fill=fill)
            for method in welcome["methods"]:
                assert method["params"] == []
                of_layer = [None, *layers] if "layer" in method["needs"] else [None]
                of_baseline = welcome["baselines"] if "baseline" in method["needs"] else [None]
                for layer in of_layer:
                    for baseline in of_baseline:
                        named = {"name": baseline["name"]} if baseline else None
                        wish = {"image": image, "target": target, "method": method["name"]}
                        frame_of(recording, "attribution", **wish, layer=layer, baseline=named)


def test_a_methods_own_baseline_is_one_that_is_held(recording: Recording) -> None:
    names = {baseline["name"] for baseline in recording.welcome["baselines"]}
    assert names == {"white", "blur 1", "blur 2"}
    labels = {baseline["label"] for baseline in recording.welcome["baselines"]}
    assert labels == {"White", "Blur σ 2 px", "Blur σ 5 px"}
    for method in recording.welcome["methods"]:
        assert method["baseline"] is None or method["baseline"]["name"] in names


def test_fixed_parameters_are_said(recording: Recording) -> None:
    summaries = {method["name"]: method["summary"] for method in recording.welcome["methods"]}
    steps = METHODS["integrated_gradients"].check({})["steps"]
    assert f"Recorded with steps {steps}" in summaries["integrated_gradients"]
    assert "Recorded" not in summaries["gradient"]


def test_the_predicted_class_is_worked_out_once(
    explorer: xw.Explorer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As the predicted class and as that class: two names of one answer."""
    asked: list[Any] = []
    work = topics.explain
    monkeypatch.setattr(topics, "explain", lambda scene, wish: asked.append(wish) or work(scene, wish))
    predicted = explorer.predictions.predict()[0].index
    found = record(
        explorer.scene,
        choose(explorer.scene, images=0, methods="gradient", targets=predicted),
        ["attribution"],
    )
    assert len(asked) == 1
    named = [frame["params"]["target"] for frame in found.frames]
    assert named == [None, predicted]
    assert found.frames[0]["arrays"] == found.frames[1]["arrays"]


def test_what_fails_in_the_notebook_fails_in_the_page(explorer: xw.Explorer, recording: Recording) -> None:
    frame = frame_of(recording, "attribution", image=0, method="grad_cam", layer="5", target=None)
    with pytest.raises(XaiWidgetsError) as error:
        xw.explain(explorer.scene.model, picture(0), method="grad_cam", layer="5")
    assert frame["failure"]["message"] == error.value.message
    assert frame["failure"]["hint"] == error.value.hint


def test_a_distribution_is_recorded_where_it_is_offered(explorer: xw.Explorer) -> None:
    found = recorded(
        explorer,
        {"methods": ["integrated_gradients", "occlusion"], "baselines": [{"name": "distribution"}, "black"]},
    )
    by_method = {
        name: {
            frame["params"]["baseline"]["name"]
            for frame in found.frames
            if frame["topic"] == "attribution" and frame["params"]["method"] == name
        }
        for name in ("integrated_gradients", "occlusion")
    }
    assert by_method == {"integrated_gradients": {"distribution", "black"}, "occlusion": {"black"}}


def test_the_path_is_the_networks(explorer: xw.Explorer, recording: Recording) -> None:
    """f at every node, asked of the network itself."""
    frame = frame_of(recording, "path", image=1, target=1, baseline={"name": "white"})
    nodes, outputs = (array(recording, frame, name) for name in ("nodes", "outputs"))
    pixels = explorer.scene.pixels(1)
    way = torch.from_numpy(nodes).reshape(-1, 1, 1, 1)
    between = torch.ones_like(pixels) * (1 - way) + pixels * way
    with torch.no_grad():
        expected = network()(explorer.scene.model.normalise(between))[:, 1]
    np.testing.assert_allclose(outputs, expected.numpy(), rtol=1e-4, atol=1e-5)
    maps = array(recording, frame, "maps").sum(axis=(1, 2))
    assert trapezoid(maps, nodes) == pytest.approx(frame["meta"]["sum"], rel=1e-3, abs=1e-5)


def test_a_large_path_is_made_small_and_adds_up_to_the_same(
    explorer: xw.Explorer, monkeypatch: pytest.MonkeyPatch
) -> None:
    choice = choose(explorer.scene, images=0, methods="integrated_gradients", baselines="white")
    whole = record(explorer.scene, choice, ["path"])
    monkeypatch.setattr(recording_module, "PATH_VALUES", 33 * 100)
    small = record(explorer.scene, choice, ["path"])
    large, little = (frame_of(found, "path", target=None) for found in (whole, small))
    assert (large["meta"]["reduced"], little["meta"]["reduced"]) == (1, 2)
    maps, cells = array(whole, large, "maps"), array(small, little, "maps")
    assert cells.shape == (33, 8, 10)
    sums = maps.reshape(33, 8, 2, 10, 2).sum(axis=(2, 4))
    np.testing.assert_allclose(cells, sums, atol=np.abs(sums).max() / 32767 + 4 * np.abs(maps).max() / 32767)


def test_compared_baselines_are_named_as_the_page_names_them(recording: Recording) -> None:
    for topic in ("compare", "ablation"):
        frames = [frame for frame in recording.frames if frame["topic"] == topic]
        assert frames
        for frame in frames:
            named = [entry["baseline"] for entry in frame["meta"]["entries"]]
            assert named == frame["params"]["baselines"]
            assert [one["name"] for one in named] == ["white", "blur 1", "blur 2"]


def test_without_baselines_there_is_no_lab(explorer: xw.Explorer) -> None:
    choice = choose(explorer.scene, methods="gradient")
    names = [getattr(place.panel, "bundle", "predictions") for place in places_of(explorer, choice)]
    assert "baseline_lab" not in names and "attribution_view" in names
    choice = choose(explorer.scene, methods="occlusion")
    assert places_of(explorer, choice)[-1].panel is explorer.lab.panel


# -- what is written -----------------------------------------------------------------------------------


def test_the_size_is_said_and_true(
    explorer: xw.Explorer, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = explorer.to_html(tmp_path / "cats.html", **CHEAP)
    said = capsys.readouterr().out
    assert re.fullmatch(r"cats.html: 2 images, 2 layers, 2 methods: \d+\.\d MB\n", said), said
    assert float(said.split()[-2]) == pytest.approx(path.stat().st_size / 1e6, abs=0.051)


def test_too_large_is_an_error_that_says_what_takes_the_room(explorer: xw.Explorer, tmp_path: Path) -> None:
    with pytest.raises(ParameterError, match=r"more than max_mb=0\.001 .*maps \d.*Leave out images"):
        explorer.to_html(tmp_path / "x.html", **CHEAP, max_mb=0.001)
    assert not (tmp_path / "x.html").exists()


@pytest.mark.parametrize(("name", "says"), [("x.png", "Use .html"), ("nowhere/x.html", "no folder")])
def test_a_wrong_path_is_an_error_before_the_work(
    explorer: xw.Explorer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, says: str
) -> None:
    monkeypatch.setattr(topics, "wish", None)
    with pytest.raises(ParameterError, match=says):
        explorer.to_html(tmp_path / name)


def test_only_pictures_that_were_chosen_are_written(explorer: xw.Explorer, tmp_path: Path) -> None:
    page = Page(explorer.to_html(tmp_path / "x.html", images=[1], **CHEAP).read_text("utf-8"))
    scene = explorer.scene
    shown = {
        image: [
            scene.picture(image).thumbnail(topics.THUMBNAIL).tobytes(),
            (scene.pixels(image)[0].permute(1, 2, 0) * 255).round().byte().numpy().tobytes(),
        ]
        for image in (0, 1)
    }
    assert all(pixels in page.blobs for pixels in shown[1])
    assert not any(pixels in page.blobs for pixels in shown[0])
    assert {frame["params"].get("image", 0) for frame in page.index["frames"]} == {0}
    assert len(page.index["welcome"]["images"]) == 1


def test_the_same_recording_is_the_same_page(explorer: xw.Explorer, monkeypatch: pytest.MonkeyPatch) -> None:
    recording = recorded(explorer, CHEAP)
    pages = []
    for now in (1e9, 1e9 + 5):
        monkeypatch.setattr("time.time", lambda now=now: now)
        text = page(recording, places_of(explorer, recording.choice), "x")
        pages.append(hashlib.sha256(text.encode()).hexdigest())  # pytest would compare megabytes for hours
    assert pages[0] == pages[1]


def test_the_page_lets_itself_load_nothing(explorer: xw.Explorer, tmp_path: Path) -> None:
    page = Page(explorer.to_html(tmp_path / "x.html", **CHEAP).read_text("utf-8"))
    policy = re.search(r'Content-Security-Policy" content="(.*?)"', page.text)[1]
    rules = dict(rule.strip().split(" ", 1) for rule in policy.split(";"))
    assert rules["default-src"] == "'none'"

    def digest(text: str) -> str:
        return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"

    script = re.search(r'<script type="module">(.*?)</script>', page.text, re.S)[1]
    assert rules["script-src"] == f"{digest(script)} blob:"
    assert rules["style-src"] == digest(page.part("style"))
    markup = page.text.replace(script, "").replace(page.part("style"), "")
    assert not re.search(r"\b(src|href|srcset|action)\s*=", markup)


def test_names_are_text_and_never_markup(tmp_path: Path) -> None:
    model = xw.Model(network(), classes=["ant", "</script><script>alert(1)</script>", "cat", "<b>dog</b>"])
    explorer = xw.explore(model, picture())
    path = explorer.to_html(tmp_path / "<i>x.html", **CHEAP)
    text = path.read_text("utf-8")
    assert "<title>&lt;i&gt;x</title>" in text
    assert "alert(1)" not in text and "<b>" not in text
    assert len(re.findall("<script", text)) == 3
    explorer.close()


PANELS = [
    xw.LayerScrubber,
    xw.FeatureMaps,
    xw.AttributionView,
    xw.Predictions,
    xw.ImageStrip,
    xw.BaselineLab,
]


@pytest.mark.parametrize("kind", PANELS)
def test_a_panel_alone_is_a_page_too(kind: type, model: xw.Model, tmp_path: Path) -> None:
    whole = kind(model, picture())
    methods = ["gradient", "grad_cam", *(["integrated_gradients"] if kind is xw.BaselineLab else [])]
    path = whole.to_html(tmp_path / "x.html", methods=methods, layers="0.1", baselines="white")
    page = Page(path.read_text("utf-8"))
    (place,) = page.index["panels"]
    panel = whole._places()[0].panel
    assert {frame["topic"] for frame in page.index["frames"]} == set(panel.topics)
    assert place["cell"] == "" and set(panel.follows) <= set(place["traits"])
    if kind is not xw.Predictions:
        assert page.blobs[place["script"]].decode() == panel._esm
        assert page.blobs[place["style"]].decode() == panel._css
    whole.close()


def test_panels_that_are_switched_off_are_left_out(explorer: xw.Explorer, tmp_path: Path) -> None:
    explorer.panels = ["attribution"]
    page = Page(explorer.to_html(tmp_path / "x.html", **CHEAP).read_text("utf-8"))
    assert [place["name"] for place in page.index["panels"]] == ["image_strip", "attribution_view"]
    assert "maps" not in {frame["topic"] for frame in page.index["frames"]}


def test_the_page_opens_as_the_panels_look(explorer: xw.Explorer, tmp_path: Path) -> None:
    explorer.attribution.view, explorer.features.sort = "overlay", "max"
    page = Page(explorer.to_html(tmp_path / "x.html", **CHEAP).read_text("utf-8"))
    traits = {place["name"]: place["traits"] for place in page.index["panels"]}
    assert traits["attribution_view"]["view"] == "overlay"
    assert traits["feature_maps"]["sort"] == "max"


# -- what a notebook keeps -----------------------------------------------------------------------------


def test_a_notebook_keeps_the_page_beside_the_widget(
    model: xw.Model, capsys: pytest.CaptureFixture[str]
) -> None:
    explorer = xw.explore(model, picture(), persist="html")
    data, _ = explorer._repr_mimebundle_()
    assert "application/vnd.jupyter.widget-view+json" in data and "image/png" not in data
    before, after = FRAME.format(title="Explorer", page="\0").split("\0")
    assert data["text/html"].startswith(before) and data["text/html"].endswith(after)
    page = Page(html.unescape(data["text/html"].removeprefix(before).removesuffix(after)))
    assert [method["name"] for method in page.index["welcome"]["methods"]] == [explorer.method]
    assert "Explorer in this notebook: 1 image" in capsys.readouterr().out
    explorer.close()


def test_what_a_notebook_keeps_can_be_chosen(model: xw.Model) -> None:
    view = xw.AttributionView(
        model, picture(), persist={"methods": ["gradient", "occlusion"], "baselines": "white"}
    )
    data, _ = view._repr_mimebundle_()
    page = Page(html.unescape(re.search('srcdoc="(.*?)"', data["text/html"], re.S)[1]))
    assert [method["name"] for method in page.index["welcome"]["methods"]] == ["gradient", "occlusion"]
    view.close()


def test_what_cannot_be_kept_is_said_and_the_widget_shown(
    model: xw.Model, capsys: pytest.CaptureFixture[str]
) -> None:
    view = xw.AttributionView(model, picture(), persist={"max_mb": 0.001})
    data, _ = view._repr_mimebundle_()
    assert "application/vnd.jupyter.widget-view+json" in data and "text/html" not in data
    assert "not kept in the notebook" in capsys.readouterr().out
    view.close()


@pytest.mark.parametrize(
    ("persist", "says"),
    [("htm", "can't be 'htm'"), ({"layrs": ["0"]}, "Did you mean 'layers'"), (2, "can't be 2")],
)
def test_what_persist_cannot_be(model: xw.Model, persist: Any, says: str) -> None:
    with pytest.raises(ParameterError, match=says):
        xw.explore(model, picture(), persist=persist)
