"""Take the README's pictures again: `.venv/bin/python -m scripts.pictures`.

Needs a browser and, for the photographs, the kit that `XAI_WIDGETS_KIT` names.
"""

import io
import os
from pathlib import Path

from PIL import Image
from playwright.sync_api import Browser, Locator, expect

from tests.browser.lab import ROOT, Lab, Notebook, chromium

DOCS = ROOT / "docs"
KIT = Path(os.environ.get("XAI_WIDGETS_KIT", ROOT.parent / "shared" / "kit"))
NAMES = ("parrot.jpg", "bird.jpg", "hot_dog.jpg", "pets.jpg")
PHOTOGRAPHS = f"""
import sys
sys.path.insert(0, {str(KIT / "models")!r})
import squeezenet10
import xai_widgets as xw
classes = open({str(KIT / "labels" / "imagenet_classes.txt")!r}).read().splitlines()
model = xw.Model(squeezenet10.load(), classes=classes)
model.name = "SqueezeNet 1.0"
photographs = {[str(KIT / "images" / "ccby" / name) for name in NAMES]}
"""
EXPLORER = """
explorer = xw.explore(model, photographs, method="occlusion", layer="net.features.5")
explorer.features.sort = "score"
explorer
"""
LAB = """
lab = xw.BaselineLab(model, photographs, baseline="black")
lab
"""
COMPARE = """
comparison = xw.Compare(
    model, photographs, methods=["grad_cam", "layer_cam", "hires_cam"], by="layers", view="blended"
)
comparison
"""
LIKES = """
unit = xw.FeatureVisualization(
    model, photographs, layer="net.features.9", channel=12, steps=256, settings={"count": 4, "diversity": 1}
)
unit
"""
DEMO = """
import xai_widgets as xw
from xai_widgets import demo
explorer = xw.explore(demo.model(), demo.pictures(), method="grad_cam")
explorer
"""
FRAMES = 10
FRAME_MS = 420
GIF_WIDTH = 900


def main() -> None:
    """Take them all."""
    with Lab() as lab, chromium() as browser:
        still(lab, browser, EXPLORER, ".xw-explorer", "explorer-light.png", width=1330)
        still(lab, browser, LAB, ".xw-lab", "baseline-lab.png", width=1330)
        still(lab, browser, COMPARE, ".xw-compare", "compare.png", width=1330)
        still(lab, browser, LIKES, ".xw-feature-visualization", "what-a-unit-likes.png", width=1330)
        moving(lab, browser)


def still(lab: Lab, browser: Browser, cell: str, selector: str, name: str, width: int) -> None:
    """One picture of what a cell shows, once it is finished."""
    notebook = Notebook.open(lab, browser, [PHOTOGRAPHS, cell], width=width, height=2000)
    settled(notebook)
    notebook.page.locator(selector).first.screenshot(path=DOCS / name)
    notebook.close()


def moving(lab: Lab, browser: Browser) -> None:
    """The demo's layers, one after the other."""
    notebook = Notebook.open(lab, browser, [DEMO], width=1330, height=2000)
    track = notebook.page.locator(".xw-ls-track")
    track.press("Home")
    frames = []
    for _ in range(FRAMES):
        track.press("ArrowRight")
        track.press("ArrowRight")
        settled(notebook)
        shown = notebook.page.locator(".xw-explorer").first.screenshot()
        picture = Image.open(io.BytesIO(shown)).convert("RGB")
        picture.thumbnail((GIF_WIDTH, 2 * GIF_WIDTH), Image.Resampling.LANCZOS)
        frames.append(picture.convert("P", palette=Image.Palette.ADAPTIVE))
    first, *others = frames
    first.save(
        DOCS / "scrubbing.gif", save_all=True, append_images=others, duration=FRAME_MS, loop=0, optimize=True
    )
    notebook.close()


def settled(notebook: Notebook) -> None:
    """Wait until each panel is done with what was wished last; a layer without positions has no Grad-CAM."""
    panels: Locator = notebook.page.locator(".xw-root[data-phase]")
    for panel in panels.all():
        expect(panel).to_have_attribute("data-phase", "done", timeout=120_000)
        expect(panel).not_to_have_attribute("data-outdated", "", timeout=60_000)


if __name__ == "__main__":
    main()
