"""What all tests share: the kit of real weights, and the order (a browser comes last)."""

import os
from pathlib import Path

import pytest

# One process of several, each on a core: small networks gain nothing from threads. Read as torch loads.
if "PYTEST_XDIST_WORKER" in os.environ:
    os.environ.setdefault("OMP_NUM_THREADS", "1")

ROOT = Path(__file__).resolve().parent.parent


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark tests by their folder, and run the browser's last.

    Playwright keeps an event loop running in the main thread for as long as its fixture lives, and
    `asyncio.run` (nbclient's, for one) refuses to start beside it.
    """
    for item in items:
        for folder in ("browser", "real"):
            if folder in item.path.relative_to(ROOT).parts:
                item.add_marker(folder)
    items.sort(key=lambda item: item.get_closest_marker("browser") is not None)


@pytest.fixture(scope="session")
def kit() -> Path:
    """The folder of trained weights and photographs; named by XAI_WIDGETS_KIT, else ../shared/kit."""
    folder = Path(os.environ.get("XAI_WIDGETS_KIT") or ROOT.parent / "shared" / "kit")
    if not (folder / "models").is_dir():
        pytest.skip(f"no kit of real models at {folder}; XAI_WIDGETS_KIT names another place")
    return folder
