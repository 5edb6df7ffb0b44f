"""A real JupyterLab in a real Chromium, for the tests and for `python dev.py lab --check`.

`Lab` is a server with settings of its own: nothing of the user's configuration gets in, nothing is asked of
the network. `Notebook` is one notebook of it, open in a page, with a line to the same kernel.

    with Lab() as lab, chromium() as browser:
        notebook = Notebook.open(lab, browser, ["1 + 1"])
        notebook.run("print(2)")    # "2\\n", in the kernel of the page
"""

import argparse
import itertools
import json
import os
import re
import secrets
import shutil
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Any, Literal, Self

from playwright.sync_api import Browser, Error, Page, TimeoutError, sync_playwright

from xai_widgets.doctor import find_browser

ROOT = Path(__file__).resolve().parent.parent.parent
ARTIFACTS = ROOT / "artifacts"

FLAGS = [
    "--no-sandbox",  # root, as in most containers, cannot use it
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
SERVER = {
    "ServerApp": {"open_browser": False, "allow_root": True, "port_retries": 0, "terminals_enabled": False},
    "LabApp": {
        "expose_app_in_browser": True,
        "news_url": None,
        "check_for_updates_class": "jupyterlab.NeverCheckForUpdate",
        "extension_manager": "readonly",
    },
    "JupyterNotebookApp": {"expose_app_in_browser": True},
}
SETTINGS = {
    "@jupyterlab/apputils-extension/notification": {"fetchNews": "false", "checkForUpdates": False},
    # A cell below the fold would not exist in the page otherwise.
    "@jupyterlab/notebook-extension/tracker": {"windowingMode": "none"},
}
THEMES = {"light": "JupyterLab Light", "dark": "JupyterLab Dark"}
# What the panels of an explorer look like once they have painted.
PAINTED = {
    "layers": ".xw-layer-scrubber[data-phase]",
    "feature maps": '.xw-feature-maps[data-phase="done"]',
    "attribution": '.xw-attribution-view[data-phase="done"]',
}


class Lab:
    """A JupyterLab server on a free port, with fresh folders for all that Jupyter keeps.

    Args:
        seconds: how long it may take to start.
        command: what Python runs; another Jupyter server may stand here.
        config: more of its configuration, by class.
        environment: more variables of its environment.

    Raises:
        RuntimeError: it did not answer in time; what it said is in the message.
    """

    def __init__(
        self,
        seconds: float = 60,
        command: Sequence[str] = ("-m", "jupyterlab"),
        config: Mapping[str, Mapping[str, Any]] | None = None,
        environment: Mapping[str, str] | None = None,
    ) -> None:
        self.command, self.config, self.environment = command, config or {}, environment or {}
        self.home = Path(tempfile.mkdtemp(prefix="xai-widgets-lab-"))
        self.folder = self.home / "notebooks"
        self.token = secrets.token_hex(16)
        self.port = _free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.log = self.home / "server.log"
        self.seconds = seconds
        self.process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        self.folder.mkdir()
        config: dict[str, Any] = {**SERVER}
        for name, values in self.config.items():
            config[name] = {**config.get(name, {}), **values}
        _write_json(self.home / "config" / "jupyter_server_config.json", config)
        for name, setting in SETTINGS.items():
            _write_json(self.home / "settings" / f"{name}.jupyterlab-settings", setting)
        options = {
            "--ServerApp.ip": "127.0.0.1",
            "--ServerApp.port": self.port,
            "--ServerApp.root_dir": self.folder,
            "--IdentityProvider.token": self.token,
        }
        command = [sys.executable, *self.command, *(f"{key}={value}" for key, value in options.items())]
        with self.log.open("wb") as log:
            self.process = subprocess.Popen(
                command,
                cwd=self.folder,
                env={**fresh_environment(self.home), **self.environment},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )
        try:
            self._wait()
        except BaseException:
            self.__exit__(None, None, None)
            raise
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        assert self.process is not None
        try:
            self.ask("/api/shutdown", "POST")  # ends its kernels too, which a signal does not do on Windows
            self.process.wait(20)
        except (OSError, subprocess.TimeoutExpired):
            self.process.kill()
            self.process.wait()
        shutil.rmtree(self.home, ignore_errors=True)

    def ask(self, path: str, method: str = "GET") -> bytes:
        """Return what the server answers."""
        headers = {"Authorization": f"token {self.token}"}
        request = urllib.request.Request(self.url + path, method=method, headers=headers)
        direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        with direct.open(request, timeout=10) as answer:
            return bytes(answer.read())

    def add_kernel(self, name: str, folder: Path) -> None:
        """Offer a kernel that looks for its packages in a folder before it looks into the environment."""
        argv = [sys.executable, "-m", "ipykernel_launcher", "-f", "{connection_file}"]
        python_path = os.pathsep.join([str(folder), str(ROOT)])
        spec = {"argv": argv, "display_name": name, "language": "python", "env": {"PYTHONPATH": python_path}}
        _write_json(self.home / "data" / "kernels" / name / "kernel.json", spec)

    def _wait(self) -> bytes:
        assert self.process is not None
        end = time.monotonic() + self.seconds
        while time.monotonic() < end and self.process.poll() is None:
            try:
                return self.ask("/api/status")
            except (OSError, urllib.error.URLError):
                time.sleep(0.1)
        raise RuntimeError(f"JupyterLab did not start within {self.seconds} s:\n{self.log.read_text()}")


def fresh_environment(home: Path) -> dict[str, str]:
    """Return the environment for a server that keeps all of Jupyter's files in a folder of its own."""
    folders = {
        "JUPYTER_CONFIG_DIR": "config",
        "JUPYTER_DATA_DIR": "data",
        "JUPYTER_RUNTIME_DIR": "runtime",
        "JUPYTERLAB_SETTINGS_DIR": "settings",
        "JUPYTERLAB_WORKSPACES_DIR": "workspaces",
        "IPYTHONDIR": "ipython",
    }
    own = {name: str(home / folder) for name, folder in folders.items()}
    python_path = os.pathsep.join(filter(None, [str(ROOT), os.environ.get("PYTHONPATH")]))
    return {**os.environ, **own, "JUPYTER_PREFER_ENV_PATH": "1", "PYTHONPATH": python_path}


@contextmanager
def chromium() -> Iterator[Browser]:
    """Start the Chromium that `find_browser` finds.

    Raises:
        RuntimeError: there is none; the message says how to get one.
    """
    path = find_browser()
    if path is None:
        raise RuntimeError(
            "No Chromium, Chrome or Edge was found. Install one, or name it in XAI_WIDGETS_BROWSER."
        )
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=FLAGS)
        yield browser
        browser.close()


class Notebook:
    """One notebook in one page, its cells run; made by `open`.

    Attributes:
        page: Playwright's page. Wait on the DOM's state with its `expect` and `wait_for_*`, never by time.
        problems: exceptions and console errors of the page so far.
    """

    _numbers = itertools.count(1)

    def __init__(self, page: Page, path: Path) -> None:
        self.page = page
        self.path = path
        self.problems: list[str] = []
        page.on("pageerror", lambda error: self.problems.append(str(error)))
        page.on("console", lambda line: self.problems.append(line.text) if line.type == "error" else None)

    @classmethod
    def open(
        cls,
        lab: Lab,
        browser: Browser,
        cells: Sequence[str] | Path,
        *,
        width: int = 1200,
        height: int = 900,
        theme: Literal["light", "dark"] = "light",
        scale: float = 1,
        host: Literal["lab", "notebook"] = "lab",
        run: bool = True,
        seconds: float = 120,
        kernel: str = "python3",
        url: str | None = None,
    ) -> Self:
        """Write the cells into a notebook (or copy one), open it alone in a page, and run it.

        Args:
            lab: the server.
            browser: the browser.
            cells: the code of the cells, or an `.ipynb`.
            width: of the page, in CSS pixels.
            height: of the page, in CSS pixels.
            theme: JupyterLab's.
            scale: device pixels a CSS pixel, for sharp screenshots.
            host: JupyterLab, or Notebook 7 on the same server.
            run: whether to run all cells.
            seconds: how long loading, and then running, may take.
            kernel: the name of the kernel.
            url: another way to the server.

        Raises:
            AssertionError: a cell raised, with its traceback.
        """
        path = lab.folder / f"notebook-{next(cls._numbers)}.ipynb"
        content = cells.read_text("utf-8") if isinstance(cells, Path) else _notebook(cells, kernel)
        path.write_text(content, "utf-8")
        viewport: Any = {"width": width, "height": height}
        page = browser.new_page(viewport=viewport, device_scale_factor=scale)
        notebook = cls(page, path)
        page.set_default_timeout(seconds * 1000)
        where = f"doc/workspaces/auto-{path.stem}/tree" if host == "lab" else "notebooks"
        page.goto(f"{url or lab.url}/{where}/{path.name}?token={lab.token}")
        notebook._ready(theme)
        if run:
            notebook.run_all(seconds)
        return notebook

    def _ready(self, theme: str) -> None:
        """Wait for the document and an idle kernel; to run cells earlier opens a dialog that waits."""
        self.page.wait_for_function(
            """() => {
              const panel = window.jupyterapp?.shell.currentWidget;
              const kernel = panel?.sessionContext?.session?.kernel;
              if (!panel?.context?.isReady || kernel?.status !== "idle") return false;
              window.xwPanel = panel;
              return kernel.connectionStatus === "connected";
            }"""
        )
        self.command("apputils:change-theme", {"theme": THEMES[theme]})
        light = "true" if theme == "light" else "false"
        self.page.wait_for_function("light => document.body.dataset.jpThemeLight === light", arg=light)

    def command(self, name: str, arguments: dict[str, Any] | None = None) -> None:
        """Run one of JupyterLab's commands and wait for it."""
        self.page.evaluate(
            "async ([name, values]) => { await jupyterapp.commands.execute(name, values); }",
            [name, arguments or {}],
        )

    def reload(self) -> None:
        """Load the page again, as a person does; the kernel lives on."""
        theme = "light" if self.page.evaluate("document.body.dataset.jpThemeLight") == "true" else "dark"
        self.page.reload()
        self._ready(theme)

    def run_all(self, seconds: float = 120) -> None:
        """Run all cells.

        Raises:
            AssertionError: a cell raised, with its traceback, or they were not done in time.
        """
        self.page.evaluate(
            """() => {
              window.xwRan = false;
              jupyterapp.commands.execute("notebook:run-all-cells").finally(() => { window.xwRan = true; });
            }"""
        )
        try:
            self.page.wait_for_function("() => window.xwRan", timeout=seconds * 1000)
        except TimeoutError:
            raise AssertionError(f"the cells were not done after {seconds} s: {self.errors()}") from None
        errors = self.errors()
        assert not errors, "\n".join(errors)

    def put(self, *cells: str) -> None:
        """Put these cells in the place of all others."""
        self.page.evaluate(
            """(sources) => {
              const { sharedModel } = xwPanel.content.model;
              const old = sharedModel.cells.length;
              const cells = sources.map((source) => ({ cell_type: "code", source, outputs: [] }));
              sharedModel.insertCells(old, cells);
              sharedModel.deleteCellRange(0, old);
            }""",
            list(cells),
        )

    def show(self, *cells: str) -> Page:
        """Put these cells in the place of all others and run them; the page and its kernel are kept.

        Raises:
            AssertionError: a cell raised, with its traceback, or they were not done in time.
        """
        self.put(*cells)
        self.run_all()
        return self.page

    def add(self, cell: str) -> None:
        """Put a cell below the others and run it."""
        self.page.evaluate(
            """async (source) => {
              const { content } = xwPanel;
              const place = content.model.sharedModel.cells.length;
              content.model.sharedModel.insertCell(place, { cell_type: "code", source, outputs: [] });
              content.activeCellIndex = place;
              await jupyterapp.commands.execute("notebook:run-cell");
            }""",
            cell,
        )
        errors = self.errors()
        assert not errors, "\n".join(errors)

    def start(self, code: str) -> None:
        """Begin to run code in the page's kernel, as a cell does, and don't wait for its end."""
        self.page.evaluate(
            """(code) => {
              const { kernel } = xwPanel.sessionContext.session;
              window.xwRunning = true;
              kernel.requestExecute({ code, store_history: false, allow_stdin: false }).done.finally(() => {
                window.xwRunning = false;
              });
            }""",
            code,
        )

    def running(self) -> bool:
        """Return whether what was started still runs."""
        return bool(self.page.evaluate("window.xwRunning"))

    def finish(self, seconds: float = 60) -> None:
        """Wait until what was started has ended."""
        self.page.wait_for_function("() => !window.xwRunning", timeout=seconds * 1000)

    def errors(self) -> list[str]:
        """Return the tracebacks that stand under the cells."""
        found: list[str] = self.page.evaluate(
            """() => [...xwPanel.content.model.cells].flatMap((cell) =>
              (cell.toJSON().outputs ?? [])
                .filter((output) => output.output_type === "error")
                .map((output) => [`${output.ename}: ${output.evalue}`, ...output.traceback].join("\\n")))"""
        )
        return [re.sub(r"\x1b\[[\d;]*m", "", traceback) for traceback in found]

    def run(self, code: str, seconds: float = 60) -> str:
        """Run code in the page's kernel and return what it printed.

        Raises:
            AssertionError: it raised, with the traceback, or was not done in time.
        """
        answer: dict[str, str] = self.page.evaluate(
            """async ([code, ms]) => {
              const { kernel } = xwPanel.sessionContext.session;
              const future = kernel.requestExecute({ code, store_history: false, allow_stdin: false });
              let text = "", error = "";
              future.onIOPub = ({ header, content }) => {
                if (header.msg_type === "stream" && content.name === "stdout") text += content.text;
                if (header.msg_type === "error") error = content.traceback.join("\\n");
              };
              const late = new Promise((resolve) => setTimeout(resolve, ms, "late"));
              if (await Promise.race([future.done, late]) === "late") error = `not done after ${ms} ms`;
              return { text, error };
            }""",
            [code, seconds * 1000],
        )
        assert not answer["error"], f"{code}\n{answer['error']}"
        return answer["text"]

    def value(self, expression: str, seconds: float = 60) -> Any:
        """Return the value that a Python expression has in the page's kernel; it travels as JSON."""
        return json.loads(self.run(f"import json as _json; print(_json.dumps({expression}))", seconds))

    def interrupt(self) -> None:
        """Interrupt the kernel, as the button does."""
        self.page.evaluate("async () => { await xwPanel.sessionContext.session.kernel.interrupt(); }")

    def restart_kernel(self) -> None:
        """Restart the kernel, without a dialog, and wait until it is idle."""
        self.page.evaluate("async () => { await xwPanel.sessionContext.restartKernel(); }")
        self.page.wait_for_function("() => xwPanel.sessionContext.session?.kernel?.status === 'idle'")

    def save(self) -> Any:
        """Save the notebook, widget state included where that is on, and return it as parsed JSON."""
        self.command("docmanager:save")
        return json.loads(self.path.read_text("utf-8"))

    def screenshot(self, name: str, selector: str | None = None) -> Path:
        """Save the page, or the first element of a selector, as artifacts/<name>.png."""
        path = ARTIFACTS / f"{name}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        if selector is None:
            self.page.screenshot(path=path)
        else:
            self.page.locator(selector).first.screenshot(path=path)
        return path

    def close(self) -> None:
        """End the kernel and close the page."""
        if not self.page.is_closed():
            self.page.evaluate("async () => { await xwPanel?.sessionContext.shutdown(); }")
            self.page.close()


def check(path: Path, seconds: float = 180) -> bool:
    """Run a notebook, wait until its explorer has painted, and print what it shows.

    Returns:
        Whether every panel painted and no cell raised. A picture of the page is saved either way.
    """
    begin = time.monotonic()
    with Lab() as lab, chromium() as browser:
        notebook = Notebook.open(lab, browser, path, width=1400, height=1500, run=False, seconds=seconds)
        failure = ""
        try:
            notebook.run_all(seconds)
            # Running all cells ends at the last one, and a panel that is out of sight does no work.
            for selector in reversed(PAINTED.values()):
                panel = notebook.page.locator(selector.partition("[")[0]).first
                panel.scroll_into_view_if_needed()
                notebook.page.wait_for_selector(selector, timeout=seconds * 1000)
        except (AssertionError, Error) as error:
            failure = str(error)
        for name, text in _seen(notebook.page).items():
            print(f"{name:14}{text}")
        picture = notebook.screenshot(path.stem, ".xw-explorer")
        print(f"{'picture':14}{picture.relative_to(ROOT)}")
        print(f"{'all in':14}{time.monotonic() - begin:.1f} s")
        if failure:
            print("\n".join(["", "The explorer did not paint.", failure, *notebook.problems]))
        notebook.close()
    return not failure


def _seen(page: Page) -> dict[str, str]:
    """What the panels say of themselves: their phase, and the figures in their data attributes."""
    phases = {name: selector.partition("[")[0] for name, selector in PAINTED.items()}
    found: dict[str, str] = page.evaluate(
        """(phases) => {
          const entries = Object.entries(phases).map(([name, selector]) => {
            const all = [...document.querySelectorAll(selector)].map((element) => element.dataset.phase);
            return [name, all.join(", ") || "absent"];
          });
          const one = (selector) => document.querySelector(selector);
          const { method, evidence, ms } = one(".xw-attribution-view")?.dataset ?? {};
          const title = one(".xw-attribution-view .xw-title-line");
          return Object.fromEntries([
            ...entries,
            ["layer count", one(".xw-layer-scrubber")?.dataset.layers],
            ["top class", [...(title?.children ?? [])].map((part) => part.textContent).join(" ")],
            ["method", method],
            ["evidence", evidence],
            ["milliseconds", ms],
          ]);
        }""",
        phases,
    )
    return found


def _notebook(cells: Sequence[str], name: str) -> str:
    cell: dict[str, Any] = {"cell_type": "code", "execution_count": None, "metadata": {}, "outputs": []}
    kernel = {"name": name, "display_name": name, "language": "python"}
    notebook = {
        "cells": [{**cell, "id": f"cell-{k}", "source": source} for k, source in enumerate(cells)],
        "metadata": {"kernelspec": kernel},
        "nbformat": 4,
        "nbformat_minor": 5,
    }
    return json.dumps(notebook)


def _write_json(path: Path, values: object) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(values))


def _free_port() -> int:
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        return int(held.getsockname()[1])


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="Run a notebook headless and say what its explorer shows.")
    parser.add_argument("notebook", type=Path)
    sys.exit(0 if check(parser.parse_args().notebook) else 1)
