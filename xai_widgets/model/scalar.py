"""A network that gives the explained scalar, for libraries that hook and change what they are given."""

import copy

from torch import Tensor, nn

from xai_widgets.model.answers import find_answer
from xai_widgets.model.target import Target


class Scalar(nn.Module):
    """A copy of a network that gives a target's value `(n,)`; its activations work out of place."""

    def __init__(self, net: nn.Module, target: Target) -> None:
        super().__init__()
        self.net, self.target = copy.deepcopy(net), target
        for child in self.net.modules():
            if "inplace" in vars(child):
                vars(child)["inplace"] = False

    def forward(self, inputs: Tensor) -> Tensor:
        """Return the target's value of each image."""
        return self.target.of(find_answer(self.net(inputs), inputs), {})
