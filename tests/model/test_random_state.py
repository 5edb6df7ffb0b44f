"""Random numbers of the user are neither used up by a network nor rolled back by it."""

import random

import numpy as np
import torch
from torch import nn

from xai_widgets.model.handle import Model


class Drawing(nn.Module):
    """A network that draws in evaluation mode too."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        noise = torch.rand(()) + random.random() + float(np.random.rand())
        return x.mean((2, 3)) + 0 * noise


def state() -> tuple[object, ...]:
    return torch.get_rng_state().tolist(), random.getstate(), np.random.get_state()[1:3]


def test_what_a_network_draws_is_given_back_every_time() -> None:
    model, inputs = Model(Drawing()), torch.rand(1, 3, 8, 8)
    for _ in range(3):
        before = repr(state())
        model.logits(inputs)
        assert repr(state()) == before


def test_what_a_cell_draws_while_a_network_runs_is_not_rolled_back() -> None:
    module = nn.Sequential(nn.Conv2d(3, 4, 3), nn.AdaptiveAvgPool2d(1), nn.Flatten())
    model, inputs = Model(module), torch.rand(1, 3, 8, 8)
    model.logits(inputs)
    torch.manual_seed(5)
    drawn: list[float] = []
    handle = module.register_forward_hook(lambda *_: drawn.append(float(torch.rand(()))))
    model.logits(inputs)  # the hook stands for a cell that draws on another thread meanwhile
    handle.remove()
    drawn.append(float(torch.rand(())))
    torch.manual_seed(5)
    assert drawn == torch.rand(2).tolist()
