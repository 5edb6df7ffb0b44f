"""One JupyterLab and one Chromium for all browser tests; `open_notebook` is the way in."""

from collections.abc import Callable, Iterator

import pytest
from playwright.sync_api import Browser

from tests.browser.lab import Lab, Notebook, chromium
from xai_widgets.doctor import find_browser


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """The Chromium of this machine."""
    if find_browser() is None:
        pytest.skip("no Chromium, Chrome or Edge found; `python dev.py test` fetches one")
    with chromium() as found:
        yield found


@pytest.fixture(scope="session")
def lab() -> Iterator[Lab]:
    """A JupyterLab with fresh settings."""
    with Lab() as server:
        yield server


@pytest.fixture(scope="session")
def _desk(lab: Lab, browser: Browser) -> Iterator[Notebook]:
    notebook = Notebook.open(lab, browser, ["import xai_widgets"], width=1200, height=1400)
    yield notebook
    notebook.close()


@pytest.fixture
def desk(_desk: Notebook) -> Iterator[Notebook]:
    """One notebook for many tests, its kernel warm: what a test shows takes the place of what was shown."""
    _desk.problems.clear()
    yield _desk
    if _desk.running():
        _desk.interrupt()
        _desk.finish()


@pytest.fixture
def open_notebook(lab: Lab, browser: Browser) -> Iterator[Callable[..., Notebook]]:
    """Open notebooks: `open_notebook(cells, width=1200, theme="dark")`; see `Notebook.open`.

    Their kernels end with the test.
    """
    opened: list[Notebook] = []

    def open_one(cells: list[str], **options: object) -> Notebook:
        notebook = Notebook.open(lab, browser, cells, **options)  # type: ignore[arg-type]
        opened.append(notebook)
        return notebook

    yield open_one
    for notebook in opened:
        notebook.close()
