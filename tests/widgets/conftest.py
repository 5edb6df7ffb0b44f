"""Panels without a browser: what they send is written down, what a browser would say is said for it."""

import threading
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from torch import nn

import xai_widgets as xw

PATIENCE = 30.0


class Page:
    """Stands in for the browser: listens on a scene's data channel and speaks on a panel's comm."""

    def __init__(self, panel: Any, client: str = "page") -> None:
        self.panel, self.scene, self.client = panel, panel.scene, client
        self.got: list[dict[str, Any]] = []
        self.buffers: list[list[bytes]] = []
        self.seq = 0
        self._more = threading.Condition()
        self.scene.channel.send = self._take

    def say(self, buffers: list[bytes] | None = None, **message: Any) -> None:
        self.panel._handle_custom_msg({"client": self.client, **message}, buffers or [])

    def ask(self, topic: str, **params: Any) -> dict[str, Any]:
        """Ask for a topic, acknowledge its frames, and return the last frame or the error."""
        self.seq += 1
        self.say(type="request", topic=topic, seq=self.seq, params=params)
        return self.wait(
            lambda m: m["type"] in ("done", "error") and m["seq"] == self.seq and m["topic"] == topic
        )

    def wait(self, match: Callable[[dict[str, Any]], bool]) -> dict[str, Any]:
        """Wait for a message; for a "done", return the last frame instead."""
        with self._more:
            assert self._more.wait_for(lambda: any(map(match, self.got)), PATIENCE), [
                m["type"] for m in self.got
            ]
        found = next(message for message in self.got if match(message))
        if found["type"] != "done":
            return found
        return [m for m in self.got if m["type"] == "frame" and m["seq"] == found["seq"]][-1]

    def of(self, kind: str) -> list[dict[str, Any]]:
        return [message for message in self.got if message["type"] == kind]

    def array(self, frame: dict[str, Any], name: str) -> np.ndarray:
        """Return an array of a frame as the browser reads it."""
        from xai_widgets.live.codec import Packed, unpack

        heads = [head["name"] for head in frame["arrays"]]
        data = self.buffers[self.got.index(frame)][heads.index(name)]
        return unpack(Packed(frame["arrays"][heads.index(name)], data))

    def _take(self, message: dict[str, Any], buffers: list[bytes]) -> None:
        with self._more:
            self.got.append(message)
            self.buffers.append(buffers)
            self._more.notify_all()
        if message["type"] == "frame" and message["client"] == self.client:
            self.say(type="ack", topic=message["topic"], seq=message["seq"])


def network() -> nn.Module:
    """A small network with blocks, maps of three sizes and a vector."""
    torch.manual_seed(0)
    return nn.Sequential(
        nn.Sequential(nn.Conv2d(3, 6, 3, padding=1), nn.ReLU()),
        nn.MaxPool2d(2),
        nn.Sequential(nn.Conv2d(6, 8, 3, padding=1), nn.ReLU()),
        nn.AdaptiveAvgPool2d(1),
        nn.Flatten(),
        nn.Linear(8, 4),
    ).eval()


def picture(seed: int = 0, size: tuple[int, int] = (20, 16)) -> Image.Image:
    """A picture of noise."""
    noise = np.random.default_rng(seed).integers(0, 256, (*size[::-1], 3), np.uint8)
    return Image.fromarray(noise)


@pytest.fixture
def model() -> xw.Model:
    return xw.Model(network(), classes=["ant", "bee", "cat", "<b>dog</b>"])


@pytest.fixture
def explorer(model: xw.Model) -> Iterator[xw.Explorer]:
    made = xw.explore(model, [picture(0), picture(1)])
    yield made
    made.close()


@pytest.fixture
def page(explorer: xw.Explorer) -> Page:
    return Page(explorer.strip)
