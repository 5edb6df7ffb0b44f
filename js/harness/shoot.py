"""Take screenshots of the panels on a session without a kernel.

    python js/harness/shoot.py OUT "panel=layer_scrubber&net=densenet121" ...

Each query is taken light and dark, 700 and 1400 px wide. Needs esbuild (`npm ci`
in js) and Chromium, the system's or Playwright's own.
"""

import shutil
import subprocess
import sys
from pathlib import Path

from playwright.sync_api import sync_playwright

HERE = Path(__file__).parent


def build(out: Path) -> None:
    """Bundle the page into `out`."""
    esbuild = HERE.parent / "node_modules" / ".bin" / "esbuild"
    source = HERE / "main.ts"
    subprocess.run(
        [esbuild, source, "--bundle", "--format=esm", f"--outfile={out / 'main.js'}", "--log-level=warning"],
        check=True,
    )
    (out / "index.html").write_text((HERE / "index.html").read_text())


def shoot(
    out: Path,
    queries: list[str],
    sizes: tuple[int, ...] = (700, 1400),
    themes: tuple[str, ...] = ("light", "dark"),
) -> None:
    """Open each query in each size and theme and save what it looks like."""
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(
            executable_path=shutil.which("chromium"), args=["--no-sandbox", "--allow-file-access-from-files"]
        )
        for number, query in enumerate(queries):
            for width in sizes:
                for theme in themes:
                    page = chromium.new_page(viewport={"width": width, "height": 900})
                    page.on("pageerror", lambda error: print("page error:", error))
                    page.on(
                        "console",
                        lambda message: print("console:", message.text) if message.type == "error" else None,
                    )
                    page.goto(f"file://{out / 'index.html'}?{query}&theme={theme}")
                    page.wait_for_timeout(400)
                    page.screenshot(path=out / f"{number}-{width}-{theme}.png", full_page=True)
                    page.close()
        chromium.close()


if __name__ == "__main__":
    target = Path(sys.argv[1]).resolve()
    target.mkdir(parents=True, exist_ok=True)
    build(target)
    shoot(target, sys.argv[2:])
