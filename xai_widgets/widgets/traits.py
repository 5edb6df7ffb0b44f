"""The traits that panels share.

A followed trait is a value of the selection. Python never publishes it on the panel's own comm: the
selection goes over the data channel, and the browser keeps its models equal to it. So a slider that moves
on is not thrown back by its own echo, and `jslink` between panels works.
"""

from typing import Any

import traitlets

from .selection import Selection

FOLLOWED = {"sync": True, "echo_update": False}


def followed(key: str) -> Any:
    """Return a trait that is kept equal to the selection's trait `key`."""
    trait = Selection.class_traits()[key]
    kinds: dict[str, Any] = {
        "image": traitlets.Int(0),
        "target": traitlets.Any(None),
        "layer": traitlets.Unicode(None, allow_none=True),
        "channel": traitlets.Int(None, allow_none=True),
        "method": traitlets.Unicode(""),
        "params": traitlets.Dict(),
        "baseline": traitlets.Any(None),
        "seed": traitlets.Int(0),
    }
    chosen = kinds[key].tag(**FOLLOWED)
    chosen.help = trait.help
    return chosen


def shown(trait: Any, text: str) -> Any:
    """Return a trait for what only the browser needs: it costs no round trip."""
    trait.help = text
    return trait.tag(sync=True, echo_update=False)
