"""How long a scene lives: as long as a person can see it, or holds it in Python.

ipywidgets' registry and the kernel's comms hold every widget until somebody closes it, so a cell that is run
again leaves the older explorer behind: its network and widgets here, its models in the page. The views
report when they come and go. A scene that nobody sees is taken out of registry and comms for a moment; where
nothing else holds it, it is gone, and closes what it had in the page. Where a variable of the user or another
widget holds it, it stays whole and can be shown again.
"""

import gc
import re
import sys
import weakref
from collections.abc import Iterator
from threading import Lock
from typing import TYPE_CHECKING, Any

import ipywidgets
from ipywidgets.widgets import widget as registry

if TYPE_CHECKING:
    from .scene import Scene

UNSEEN = 2
"""So many scenes that went out of sight last are kept: a cell that was cut may be pasted again."""

_RESULT = re.compile(r"_+\d*")  # IPython's names for what a cell ended with

_unseen: "weakref.WeakKeyDictionary[Scene, None]" = weakref.WeakKeyDictionary()  # the oldest first
_lock = Lock()


def seen(scene: "Scene") -> None:
    """Note that the scene has a view, or is about to get one."""
    with _lock:
        _unseen.pop(scene, None)


def unseen(scene: "Scene") -> None:
    """Note that nobody sees the scene: it is new, or its last view in a page is gone."""
    with _lock:
        _unseen.pop(scene, None)
        _unseen[scene] = None


def make_room() -> None:
    """Free the scenes that nobody sees or holds, but for the last; called before another one is made."""
    with _lock:
        held = [part for scene in list(_unseen)[:-UNSEEN] for part in _let_go(scene)]
    if not held:
        return
    gc.collect()  # what it finds closes itself
    for part in held:
        widget = part()
        if widget is not None and widget.comm is not None:
            registry._instances[widget.model_id] = widget
            widget.comm.on_msg(widget._handle_msg)


def _let_go(scene: "Scene") -> Iterator["weakref.ref[Any]"]:
    """Take a scene's widgets out of all that holds them unasked; yield them, to be put back."""
    scene.session.rest()
    _forget_results(scene)
    for widget in list(registry._instances.values()):
        if getattr(widget, "scene", None) is scene:
            del registry._instances[widget.model_id]
            widget.comm.on_msg(None)
            yield weakref.ref(widget)


def _forget_results(scene: "Scene") -> None:
    """Take the scene's widgets out of IPython's history of results: Out[3], _3 and _."""
    shell = sys.modules["IPython"].get_ipython() if "IPython" in sys.modules else None
    if shell is None:
        return

    def ours(value: object) -> bool:
        return isinstance(value, ipywidgets.Widget) and getattr(value, "scene", None) is scene

    for names in (shell.user_ns.get("_oh", {}), shell.user_ns, shell.user_ns_hidden):
        for name, value in list(names.items()):
            if (isinstance(name, int) or _RESULT.fullmatch(name)) and ours(value):
                del names[name]
    for name in ("_", "__", "___"):
        if ours(getattr(shell.displayhook, name, None)):
            setattr(shell.displayhook, name, None)
