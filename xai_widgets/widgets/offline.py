"""One file that still scrubs with no kernel and no network: the panels, and the answers to their wishes.

The panels' bundles run in it unchanged. What stands in for kernel and widget manager is
`js/src/offline/`; what it answers from is a `Recording`, packed into the page as text.
"""

import json
from base64 import b64encode
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from gzip import compress
from hashlib import sha256
from html import escape
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..errors import ParameterError, XaiWidgetsError, did_you_mean
from .bundles import bundled
from .choice import Choice, choose
from .recording import Recording, record

if TYPE_CHECKING:
    from .scene import Scene

MAX_MB = 50.0
"""A page above this many megabytes is not written unless that is asked for."""
CHOICES = ("images", "layers", "methods", "baselines", "targets")
FRAME = (
    '<iframe sandbox="allow-scripts" title="{title}" style="width:100%;height:1400px;border:0" '
    'srcdoc="{page}"></iframe>'
    # The page inside says how high it is; a host that runs no scripts scrolls instead.
    "<script>(()=>{{const f=document.currentScript.previousElementSibling;"
    "addEventListener('message',e=>{{if(e.source===f.contentWindow&&e.data&&e.data.xwHeight>0)"
    "f.style.height=e.data.xwHeight+'px'}})}})()</script>"
)


@dataclass(frozen=True)
class Place:
    """A panel and where it stands in the page.

    Attributes:
        panel: a `Panel`, or `Predictions`, which has a view of its own there.
        cell: the class of its place, "" for a panel alone.
        grid: whether it stands in the explorer's grid.
    """

    panel: Any
    cell: str = ""
    grid: bool = False


class Portable:
    """What can be taken along as a page.

    Beside it stand a scene, the keys of the selection that it follows, the topics that it asks for, and the
    names of the traits that only concern its look.
    """

    scene: "Scene"
    persist: Any = False

    def _display(self) -> tuple[str, ...]:
        """Return the names of the traits that only the browser needs."""
        return ()

    def recorded_traits(self, choice: Choice) -> dict[str, Any]:
        """Return the traits that the page begins with, beside those of the selection."""
        return {key: getattr(self, key) for key in self._display()}

    def _places(self) -> list[Place]:
        """Return the panels as they stand in the page."""
        return [Place(self)]

    def to_html(
        self,
        path: str | Path,
        *,
        images: Any = None,
        layers: Any = None,
        methods: Any = None,
        baselines: Any = None,
        targets: Any = None,
        max_mb: float = MAX_MB,
    ) -> Path:
        """Write one file in which everything chosen still scrubs, with no kernel and no network.

        It is worked out here and now, which takes as long as looking at all of it, and its size is said
        before it is written. The pictures are in it.

        Args:
            path: where to; it ends with .html.
            images: numbers of the images; all where none are given.
            layers: names; else at most 12 spread over the network, the selected one among them.
            methods: names; else all that are valid for the network. The selected one keeps its parameters.
            baselines: as everywhere; else the methods' own, black, white, blur, and the selected one.
            targets: as everywhere, beside the predicted class, which is always there.
            max_mb: the most megabytes that are written.

        Raises:
            XaiWidgetsError: something chosen does not exist, or the page is too large.

        Example:
            >>> explorer.to_html("cats.html", layers=["layer1", "layer4"], methods=["grad_cam"])
            cats.html: 2 images, 2 layers, 1 method: 1.9 MB
        """
        path = Path(path)
        if path.suffix.lower() not in (".html", ".htm"):
            raise ParameterError(f"A page is not saved as {path.name!r}.", "Use .html.")
        if not path.parent.is_dir():
            raise ParameterError(f"There is no folder {str(path.parent)!r}.", "Make it first.")
        chosen = {
            "images": images,
            "layers": layers,
            "methods": methods,
            "baselines": baselines,
            "targets": targets,
        }
        recording = recorded(self, chosen)
        text = page(recording, places_of(self, recording.choice), path.stem)
        print(stated(path.name, recording, len(text.encode()), max_mb))
        path.write_text(text, "utf-8")
        return path

    def _as_html(self) -> dict[str, str]:
        """Return what a notebook keeps of it: the page in a frame; nothing, with a word, where it failed."""
        title, selection = type(self).__name__, self.scene.selection
        selected = {"methods": selection.method, "baselines": [selection.baseline]}
        chosen: dict[str, Any] = dict(self.persist) if isinstance(self.persist, Mapping) else selected
        most = chosen.pop("max_mb", MAX_MB)
        try:
            recording = recorded(self, chosen)
            # Notebooks that are only read are light unless they say otherwise.
            text = page(recording, places_of(self, recording.choice), title, theme="light")
            print(stated(f"{title} in this notebook", recording, len(text.encode()), most))
        except XaiWidgetsError as error:
            print(f"{title} is shown, but not kept in the notebook: {error}")
            return {}
        return {"text/html": FRAME.format(title=title, page=escape(text))}


def checked_persist(value: Any) -> Any:
    """Return what `persist` may be: False, True (a picture), "html", or a dict of what `to_html` takes.

    Raises:
        ParameterError: it is something else.
    """
    if isinstance(value, Mapping):
        known = (*CHOICES, "max_mb")
        for key in value:
            if key not in known:
                raise ParameterError(f"A page has no {key!r} to choose.", did_you_mean(str(key), known))
    elif value not in (False, True, "html"):
        raise ParameterError(
            f"persist can't be {value!r}.",
            'Give True for a picture, "html" for a page that scrubs, or a dict of what to_html takes.',
        )
    return value


def recorded(of: Portable, chosen: Mapping[str, Any]) -> Recording:
    """Record what the panels of `of` can ask for within a choice."""
    choice = choose(of.scene, **chosen)
    wanted = {topic for place in places_of(of, choice) for topic in place.panel.topics}
    return record(of.scene, choice, wanted)


def places_of(of: Portable, choice: Choice) -> list[Place]:
    """Return the panels that have something to show: the baseline lab needs baselines."""
    return [place for place in of._places() if choice.baselines or "path" not in place.panel.topics]


def stated(name: str, recording: Recording, size: int, max_mb: float) -> str:
    """Return the line that says what will be written.

    Raises:
        ParameterError: it is too large; the message says what takes the room.
    """
    megabytes = size / 1e6
    if megabytes <= max_mb:
        return f"{name}: {recording.line}: {_size(megabytes)}"
    most = sorted(recording.bytes.items(), key=lambda entry: -entry[1])[:2]
    # As text, three bytes are four letters.
    parts = " and ".join(f"{_PARTS.get(topic, topic)} {_size(count * 4 / 3e6)}" for topic, count in most)
    raise ParameterError(
        f"{name} would be {_size(megabytes)}, more than max_mb={max_mb:g} ({recording.line}; {parts}).",
        "Leave out images, layers, methods or baselines, or allow more by max_mb.",
    )


_PARTS = {"maps": "feature maps", "attribution": "attribution maps", "path": "paths from the baselines"}


def _size(megabytes: float) -> str:
    return f"{megabytes:.1f} MB" if megabytes >= 0.1 else f"{megabytes * 1000:.0f} kB"


def page(recording: Recording, places: list[Place], title: str, theme: str = "") -> str:
    """Return the page as text.

    It may run the script that stands in it and what that unpacks, and may load nothing from anywhere.

    Args:
        recording: what it answers from.
        places: the panels and where they stand.
        title: of the page.
        theme: "light" or "dark"; "" follows the reader's system.
    """
    script, style = bundled("offline", "js"), bundled("offline", "css")
    panels = [_panel(place, recording) for place in places]
    day = date.today()
    index = {
        "words": f"Recorded on {day.day} {day:%B %Y} with xai_widgets {version('xai-widgets')}. "
        f"{recording.sentence} What it does not hold is not offered.",
        "explorer": any(place.cell for place in places),
        "panels": panels,
        "welcome": recording.welcome,
        "frames": recording.frames,
    }
    texts = [b64encode(blob).decode() for blob in recording.blobs.data]
    index["blobs"] = [len(text) for text in texts]
    packed = b64encode(compress(json.dumps(index, separators=(",", ":")).encode(), 6, mtime=0)).decode()
    return _PAGE.format(
        theme=f' theme="{theme}"' if theme else "",
        policy=f"default-src 'none'; script-src {_hash(script)} blob:; style-src {_hash(style)}; "
        "base-uri 'none'; form-action 'none'",
        title=escape(title),
        style=style,
        script=script,
        index=packed,
        data="".join(texts),
    )


_PAGE = """<!doctype html>
<html lang="en"{theme}>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="{policy}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title}</title>
<style>{style}</style>
<body class="xw-page">
<main class="xw-root" id="xw-page">
<p class="xw-page-note" role="status">Unpacking …</p>
<noscript><p class="xw-page-note">This page needs JavaScript. It loads nothing from anywhere.</p></noscript>
</main>
<script type="text/plain" id="xw-index">{index}</script>
<script type="text/plain" id="xw-data">{data}</script>
<script type="module">{script}</script>
</body>
</html>
"""


def _panel(place: Place, recording: Recording) -> dict[str, Any]:
    """Return a panel as the page makes it: its bundle, its traits, its place."""
    panel = place.panel
    selection = recording.welcome["selection"]
    traits = {key: selection[key] for key in panel.follows} | panel.recorded_traits(recording.choice)
    name = getattr(panel, "bundle", "predictions")
    files = {"script": "js", "style": "css"} if hasattr(panel, "bundle") else {}
    packed = {part: recording.blobs.add(bundled(name, kind).encode()) for part, kind in files.items()}
    return {"name": name, "cell": place.cell, "grid": place.grid, "traits": traits, **packed}


def _hash(text: str) -> str:
    return f"'sha256-{b64encode(sha256(text.encode()).digest()).decode()}'"
