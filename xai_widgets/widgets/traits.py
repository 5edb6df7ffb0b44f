"""The traits that panels share.

A followed trait is a value of the selection. Python never publishes it on the panel's own comm: the
selection goes over the data channel, and the browser keeps its models equal to it. So a slider that moves
on is not thrown back by its own echo, and `jslink` between panels works.
"""

import copy
from typing import Any

from .selection import Selection

FOLLOWED = {"sync": True, "echo_update": False}


def mirrored(key: str) -> Any:
    """Return a trait like the selection's trait `key`."""
    return copy.deepcopy(Selection.class_traits()[key])


def followed(key: str) -> Any:
    """Return a trait that the browser keeps equal to the selection's trait `key`."""
    return mirrored(key).tag(**FOLLOWED)


def shown(trait: Any, text: str) -> Any:
    """Return a trait for what only the browser needs: it costs no round trip."""
    trait.help = text
    return trait.tag(sync=True, echo_update=False)
