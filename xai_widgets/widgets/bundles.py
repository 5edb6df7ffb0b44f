"""The browser half, as it lies in the package."""

from pathlib import Path

from ..errors import XaiWidgetsError

STATIC = Path(__file__).parent / "static"


def bundled(name: str, kind: str) -> str:
    """Return a bundle as text; `kind` is "js" or "css", and not every panel has a style of its own.

    Raises:
        XaiWidgetsError: it is not built.
    """
    path = STATIC / f"{name}.{kind}"
    if not path.exists():
        if kind == "css":
            return ""
        raise XaiWidgetsError(
            f"The browser half of the panel, {path.name}, is not built.",
            "Run `python js/npm.py build`, or install a released wheel, which contains it.",
        )
    return path.read_text("utf-8")
