"""Screenshots of AttributionView and ImageStrip in every state: `python harness/attribution.py OUT [NAME …]`.

Builds the page beside this file and opens it in Chromium, light and dark, narrow and wide. Real pixels come
from XW_SAMPLE, a picture file; without it the page paints formulas.
"""

import base64
import json
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from urllib.parse import urlencode

import numpy as np
from PIL import Image, ImageFilter
from playwright.sync_api import Page, sync_playwright

HERE = Path(__file__).parent
SIDE = 224
ARGS = ["--no-sandbox", "--disable-quic", "--no-first-run", "--disable-background-networking"]

CASES: dict[str, dict[str, str]] = {
    "done": {},
    "blended": {"traits": '{"view":"blended"}'},
    "overlay": {"traits": '{"view":"overlay","sign":"absolute"}'},
    "map": {"traits": '{"view":"map"}'},
    "top": {"traits": '{"view":"blended","top":5}'},
    "image": {"traits": '{"view":"image"}'},
    "waiting": {"state": "waiting"},
    "refining": {"state": "refining"},
    "cancelled": {"state": "cancelled"},
    "stale": {"state": "stale"},
    "empty": {"state": "empty"},
    "error": {"state": "error"},
    "doubtful": {"verdict": "doubtful"},
    "fails": {"verdict": "fails"},
    "cam": {"selection": '{"method":"grad_cam"}'},
    "blur": {"selection": '{"baseline":{"name":"blur","sigma":10}}'},
    "margin": {"selection": '{"target":{"kind":"margin","index":281,"other":282}}'},
    "combo": {},
    "cross": {},
    "strip": {"show": "strip"},
    "explorer": {"show": "explorer"},
}


def square(path: Path) -> np.ndarray:
    picture = Image.open(path).convert("RGB")
    side = min(picture.size)
    left, top = (picture.width - side) // 2, (picture.height - side) // 2
    return np.asarray(picture.crop((left, top, left + side, top + side)).resize((SIDE, SIDE)))


def sample(path: Path) -> dict[str, object]:
    """Pictures beside `path`, and a map that looks like integrated gradients of the first."""
    paths = [path, *sorted(other for other in path.parent.glob("*.jpg") if other != path)]
    pictures = [square(one) for one in paths]
    grey = pictures[0].astype(float).mean(2)
    wave = grey - np.asarray(Image.fromarray(pictures[0]).convert("L").filter(ImageFilter.GaussianBlur(3)), float)
    y, x = np.mgrid[:SIDE, :SIDE] / SIDE
    here = np.exp(-(((x - 0.5) / 0.22) ** 2) - ((y - 0.4) / 0.24) ** 2) + 0.08
    found = wave * here * np.random.default_rng(0).normal(0.6, 0.8, wave.shape)
    q = np.clip(found / np.abs(found).max() * 32767, -32767, 32767).astype("<i2")
    classes = os.environ.get("XW_CLASSES")
    names = Path(classes).read_text().splitlines() if classes else [f"class {i}" for i in range(1000)]
    encode = lambda array: base64.b64encode(np.ascontiguousarray(array).tobytes()).decode()  # noqa: E731
    return {
        "side": SIDE,
        "names": [one.name for one in paths],
        "pictures": [encode(one) for one in pictures],
        "map": encode(q),
        "classes": names,
    }


def build(folder: Path) -> None:
    esbuild = HERE.parent / "node_modules/.bin/esbuild"
    out = f"--outfile={folder / 'attribution.js'}"
    subprocess.run([esbuild, HERE / "attribution.ts", "--bundle", "--format=esm", "--log-level=warning", out], check=True)
    shutil.copy(HERE / "attribution.html", folder)


def act(page: Page, name: str) -> None:
    root = page.locator(".xw-attribution-view")
    if name == "combo":
        page.get_by_label("Target", exact=True).click()
        page.keyboard.type("cat")
        page.keyboard.press("ArrowDown")
    elif name == "cross":
        page.locator(".xw-pane-map").hover(position={"x": 120, "y": 90})
    elif name == "cancelled":
        page.wait_for_timeout(2600)
        root.focus()
        page.keyboard.press("Escape")
    elif name == "refining":
        page.wait_for_timeout(2600)
    elif name == "stale":
        page.wait_for_timeout(4200)
    elif name == "empty":
        page.wait_for_timeout(6300)
    elif name == "error":
        page.evaluate("""() => {
          kernel.failures.set("attribution", {type: "OutOfMemoryError",
            message: "The gradient of one picture at 224 × 224 does not fit in the memory of cuda:0 (7.6 GB).",
            hint: "Free memory on the device, or give the model another one: xw.Model(..., device=\\"cpu\\")."});
          kernel.state({seed: 3});
        }""")
    elif name in ("doubtful", "fails"):
        page.locator("summary").click()
    page.wait_for_timeout(450)


def shoot(out: Path, names: list[str]) -> None:
    given = os.environ.get("XW_SAMPLE")
    script = f"globalThis.xwSample = {json.dumps(sample(Path(given)))}" if given else ""
    out.mkdir(parents=True, exist_ok=True)
    widths = [int(width) for width in os.environ.get("XW_WIDTHS", "700,1400").split(",")]
    themes = os.environ.get("XW_THEMES", "light,dark").split(",")
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as play:
        build(Path(folder))
        browser = play.chromium.launch(executable_path=os.environ.get("XW_CHROMIUM"), args=ARGS)
        for theme in themes:
            for width in widths:
                context = browser.new_context(color_scheme=theme, viewport={"width": width + 40, "height": 900})
                context.add_init_script(script)
                # A file:// page may not load modules; serving from a route needs no server.
                context.route("http://harness/*", lambda route: route.fulfill(path=Path(folder, route.request.url.split("/")[-1].split("?")[0])))
                page = context.new_page()
                page.on("pageerror", lambda error: print("page error:", error))
                for name in names:
                    page.goto(f"http://harness/attribution.html?{urlencode(CASES[name])}")
                    page.evaluate("theme => document.body.dataset.jpThemeLight = String(theme === 'light')", theme)
                    page.wait_for_timeout(350)
                    act(page, name)
                    spill = page.evaluate("document.documentElement.scrollWidth - innerWidth")
                    if spill > 0:
                        print(f"{name} {width}: {spill} px of horizontal scrolling")
                    page.screenshot(path=out / f"{name}-{theme}-{width}.png", full_page=True)
                context.close()
        browser.close()


if __name__ == "__main__":
    shoot(Path(sys.argv[1]), sys.argv[2:] or list(CASES))
