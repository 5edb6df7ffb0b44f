"""The one selection that every panel of a session follows."""

from typing import Any

import traitlets

KEYS = ("image", "target", "layer", "channel", "method", "params", "baseline", "seed")


class Selection(traitlets.HasTraits):
    """What is looked at: image, target, layer, channel, method with its parameters, baseline, seed.

    Each value is checked when it is set, by the `check` that the scene gives, so that a wrong layer or
    class is an error where it was written and not somewhere later.
    """

    image = traitlets.Int(0, help="which of the images, from 0")
    target = traitlets.Any(
        None, help="what is explained: None (the predicted class), an index, a name, a Target"
    )
    layer = traitlets.Unicode(None, allow_none=True, help="the layer's name")
    channel = traitlets.Int(None, allow_none=True, help="the channel of the layer")
    method = traitlets.Unicode("", help="a name of METHODS")
    params = traitlets.Dict(help="the method's parameters that differ from their defaults")
    baseline = traitlets.Any(help="a Baseline, its name, or its dict; empty for the method's own")
    seed = traitlets.Int(0, help="seeds whatever the method draws")

    def __init__(self, check: Any, **values: Any) -> None:
        self._check = check
        super().__init__()
        for key, value in values.items():
            setattr(self, key, value)

    @traitlets.validate(*KEYS)
    def _valid(self, proposal: Any) -> Any:
        return self._check(self, proposal.trait.name, proposal.value)

    @traitlets.observe("method")
    def _another_method(self, _: Any) -> None:
        self.params = {}  # they are the other method's

    def values(self) -> dict[str, Any]:
        """Return all of them, as the browser knows them."""
        return {key: getattr(self, key) for key in KEYS}


class Follow:
    """Keeps the traits `keys` of two objects equal; `one` begins with the values of `other`.

    Unlike `traitlets.link`, a value that one side refuses or mends is put right on the other side too.
    """

    def __init__(self, one: traitlets.HasTraits, other: traitlets.HasTraits, keys: tuple[str, ...]) -> None:
        self.one, self.other, self.keys = one, other, keys
        for key in keys:
            setattr(one, key, getattr(other, key))
        one.observe(self._forth, names=list(keys))
        other.observe(self._back, names=list(keys))

    def unlink(self) -> None:
        """Let them go their own ways."""
        self.one.unobserve(self._forth, names=list(self.keys))
        self.other.unobserve(self._back, names=list(self.keys))

    def _forth(self, change: Any) -> None:
        try:
            setattr(self.other, change.name, change.new)
        except Exception:
            setattr(self.one, change.name, getattr(self.other, change.name))
            raise
        setattr(self.one, change.name, getattr(self.other, change.name))

    def _back(self, change: Any) -> None:
        setattr(self.one, change.name, change.new)
