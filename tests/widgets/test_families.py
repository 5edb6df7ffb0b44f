"""Every torchvision classification family goes into the explorer with just the network and a picture."""

import numpy as np
import pytest
import torch

import xai_widgets as xw
from tests.model.test_families import CASES, FAMILIES

from .conftest import Page, picture


@pytest.mark.parametrize("family", CASES)
def test_a_family_in_the_explorer(family: str) -> None:
    make, side, *_ = FAMILIES[family]
    torch.manual_seed(0)
    explorer = xw.explore(make(), picture(size=(side, side)))
    page = Page(explorer.strip)
    layers = page.ask("layers", image=0)["meta"]["layers"]
    assert [layer["name"] for layer in layers] == [layer.name for layer in explorer.layers.layers.viewable]
    assert explorer.layer in {layer["name"] for layer in layers}
    for name in (layers[0]["name"], layers[len(layers) // 2]["name"], explorer.layer):
        frame = page.ask("maps", image=0, layer=name)
        maps = page.array(frame, "maps" if frame["meta"]["view"] != "vector" else "values")
        assert len(maps) == explorer.layers.layers[name].channels and np.isfinite(maps).all()
    frame = page.ask("attribution", **explorer.attribution.wish())
    assert frame["meta"]["method"] == explorer.method == "grad_cam", "valid for every family at its own layer"
    assert (
        page.array(frame, "map").shape == tuple(frame["arrays"][0]["shape"]) == explorer.explanation.map.shape
    )
    top = page.ask("predictions", image=0)["meta"]["top"]
    assert frame["meta"]["target"]["index"] == top[0]["index"]
    explorer.close()
