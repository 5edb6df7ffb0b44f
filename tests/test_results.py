"""Explanations: what they carry, and every way out of here."""

import base64
import io
import json
import xml.etree.ElementTree as ElementTree
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from xai_widgets import render
from xai_widgets.errors import ParameterError
from xai_widgets.results import Check, Evidence, Explanation

NASTY = "<img src=x onerror=alert(1)> & \"quotes\" 'too' \x0b 猫"


def explanation(signed: bool = True, target: str = NASTY, side: int = 8) -> Explanation:
    rng = np.random.default_rng(0)
    values = rng.normal(size=(3, side, side)).astype(np.float32)
    checks = (
        Check("completeness", "holds", 0.004, "The gap is small.", "completeness gap 0.4 %"),
        Check("zero map", "doubtful", 0.0, f"Look at {NASTY}.", "the map is odd"),
    )
    return Explanation(
        values=values if signed else np.abs(values[0]),
        input=rng.integers(0, 256, (side, side, 3), dtype=np.uint8),
        target=target,
        target_index=1,
        method="integrated_gradients",
        params={"steps": 48},
        baseline={"name": "black"},
        seed=None,
        model="Net-1",
        evidence=Evidence(checks, None, 48),
        seconds=0.5,
        signed=signed,
        code=f"found = 1  # {NASTY}",
    )


def test_evidence() -> None:
    evidence = explanation().evidence
    assert evidence.worst == "doubtful"
    assert evidence.line == "The map is odd · completeness gap 0.4 % · 48 gradients"
    assert evidence["zero map"].verdict == "doubtful"
    assert "doubtful" in repr(evidence) and "completeness" in repr(evidence)
    told = json.loads(json.dumps(evidence.to_dict()))
    assert told["worst"] == "doubtful" and told["checks"][0]["figure"] == 0.004
    with pytest.raises(ParameterError, match="Did you mean 'zero map'"):
        evidence["zeromap"]
    assert Evidence().worst == "not applicable"
    assert Evidence(evaluations=1, counted="forward passes").line == "1 forward pass"


@pytest.mark.parametrize(
    ("verdicts", "worst"),
    [
        (("holds", "fails", "doubtful"), "fails"),
        (("not applicable", "holds"), "holds"),
        ((), "not applicable"),
    ],
)
def test_worst(verdicts: tuple, worst: str) -> None:  # type: ignore[type-arg]
    assert Evidence(tuple(Check("x", verdict, None, "x.") for verdict in verdicts)).worst == worst


def test_map_and_pictures() -> None:
    found = explanation()
    np.testing.assert_allclose(found.map, found.values.sum(axis=0), rtol=1e-6)
    assert (found.picture() == render.colorize(found.map, "blue-red", 99, "both")).all()
    assert (found.overlay(0.0) == found.input).all()
    assert found.overlay(top=10, mode="overlay").shape == found.input.shape
    plain = explanation(signed=False)
    assert plain.map is plain.values
    assert (plain.picture() == render.colorize(plain.map, "inferno", 99, "positive")).all()


def test_png(tmp_path: Path) -> None:
    found = explanation()
    with Image.open(found.save(tmp_path / "x.PNG")) as saved:
        pixels = np.asarray(saved.convert("RGB"))
    times = 240 // 8
    corner = pixels[32 : 32 + 240, 12 : 12 + 240]
    assert (corner[::times, ::times] == found.input).all()
    middle = pixels[32 : 32 + 240, 12 + 252 : 252 + 252]
    assert (middle[::times, ::times] == found.picture()).all()
    bundle = found._repr_mimebundle_()
    shown = Image.open(io.BytesIO(base64.b64decode(bundle["image/png"])))
    assert shown.size == (pixels.shape[1], pixels.shape[0])
    assert bundle["text/plain"] == repr(found)


def test_npz(tmp_path: Path) -> None:
    found = explanation()
    with np.load(found.save(tmp_path / "x.npz"), allow_pickle=False) as saved:
        np.testing.assert_array_equal(saved["values"], found.values)
        np.testing.assert_array_equal(saved["input"], found.input)
        meta = json.loads(str(saved["meta"]))
    assert meta["evidence"]["line"] == found.evidence.line and meta["target"] == NASTY
    assert meta["params"] == {"steps": 48} and meta["code"] == found.to_code()


def test_svg(tmp_path: Path) -> None:
    found = explanation()
    text = found.save(tmp_path / "x.svg").read_text("utf-8")
    root = ElementTree.fromstring(text)
    names = {element.tag.split("}")[1] for element in root.iter()}
    assert names == {"svg", "rect", "image", "text", "title"}, "what is text stays text"
    words = " ".join(element.text or "" for element in root.iter())
    assert "onerror=alert(1)" in words and found.evidence.line in words
    assert all(
        value.startswith("data:image/png;base64,")
        for element in root.iter()
        for key, value in element.attrib.items()
        if key == "href"
    )


class Page(HTMLParser):
    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.words = ""
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.words += data


def test_html(tmp_path: Path) -> None:
    found = explanation()
    page = Page(found.save(tmp_path / "x.html").read_text("utf-8"))
    assert not any(tag == "script" for tag, _ in page.tags)
    assert not any(name.startswith("on") for _, attributes in page.tags for name in attributes)
    sources = [attributes["src"] or "" for tag, attributes in page.tags if tag == "img"]
    assert len(sources) == 4 and all(source.startswith("data:image/png;base64,") for source in sources)
    for words in (NASTY, found.evidence.line, *(check.sentence for check in found.evidence.checks)):
        assert words in page.words
    first = Image.open(io.BytesIO(base64.b64decode(sources[0].split(",")[1])))
    assert (np.asarray(first)[::30, ::30] == found.input).all()


def test_any_size_is_drawn(tmp_path: Path) -> None:
    for side in (1, 8, 241):
        for ending in ("png", "svg", "html"):
            assert explanation(side=side).save(tmp_path / f"{side}.{ending}").stat().st_size > 300


def test_unknown_ending(tmp_path: Path) -> None:
    with pytest.raises(ParameterError, match=r"\.png, \.svg, \.npz or \.html"):
        explanation().save(tmp_path / "x.gif")


def test_repr_is_short() -> None:
    text = repr(explanation(target="tabby"))
    assert text.startswith("<Explanation Integrated gradients · tabby, 3×8×8>") and len(text) < 500
