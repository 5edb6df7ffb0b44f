"""What every target is: a scalar of each image."""

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, ClassVar

from torch import Tensor

from xai_widgets.model.answers import Kind

if TYPE_CHECKING:
    from xai_widgets.model.handle import Model

Activations = Mapping[str, Tensor]
Read = Callable[[Any], Tensor]
"""Turns whatever names a picture into its pixels `(1, c, h, w)`, as the network would see it."""


class Target:
    """A scalar of each image; one of the classes of `model.targets`.

    Attributes:
        kind: how it is called in JSON.
        network: the kind of network that it needs, None where any will do.
        caveat: what a gradient of it does not see, None where it sees all.
        layer: the layer it needs, None where it needs only the answer.
    """

    kind: ClassVar[str]
    network: ClassVar[Kind | None] = None
    caveat: ClassVar[str | None] = None
    layer: str | None

    def of(self, answer: Tensor, activations: Activations) -> Tensor:
        """Return the scalars `(n,)`.

        Args:
            answer: what the network gave; see `model.answers`.
            activations: maps `(n, c, h, w)` of the layer it needs.
        """
        raise NotImplementedError

    def label(self, model: "Model") -> str:
        """Return what it is called."""
        raise NotImplementedError

    def prepared(self, model: "Model", inputs: Tensor, read: Read) -> "Target":
        """Return it with what it must know of the picture, inputs `(1, c, h, w)`, before it is asked for."""
        return self

    def to_json(self) -> dict[str, Any]:
        """Return a dict that `from_json` reads."""
        return {"kind": self.kind, **vars(self)}

    def to_code(self) -> str:
        """Return the Python expression that makes it again."""
        return repr(self.to_json())
