"""The kernel's half: the explorer, and its peers doing the same work with the same network and picture.

Imported by the notebooks that are measured. The peers are what people write today: a function under
`ipywidgets.interact` that draws with matplotlib's inline backend, and an ipympl figure that is updated.
"""

import gc
import importlib
import os
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import anywidget
import ipywidgets
import matplotlib.pyplot as plt
import numpy as np
import psutil
import torch
import torchvision
import traitlets
from captum.attr import IntegratedGradients
from ipympl.backend_nbagg import Canvas, FigureManager
from matplotlib.figure import Figure
from PIL import Image
from torch import Tensor, nn

import xai_widgets as xw
from xai_widgets.inputs.samples import draw
from xai_widgets.live.scheduler import worker
from xai_widgets.widgets.subject import _explained

SIDE = 227
INCHES = (4, 4)  # at 100 dots an inch: smaller than matplotlib's usual figure, about as large as our picture
TILES = 64
BYTES = 2 * SIDE * SIDE  # of an attribution map on the wire

KIT = Path(os.environ.get("XAI_WIDGETS_KIT") or Path(__file__).resolve().parents[3] / "shared" / "kit")


# -- what all of them look at -------------------------------------------------------------------------


@cache
def network() -> nn.Module:
    """SqueezeNet 1.0, trained where the kit is there; its weights take no gradients, for nobody."""
    if (KIT / "models").is_dir():
        sys.path.insert(0, str(KIT / "models"))
        found: nn.Module = importlib.import_module("squeezenet10").load()
    else:
        torch.manual_seed(0)
        found = torchvision.models.squeezenet1_0(weights=None)
    return found.eval().requires_grad_(False)


@cache
def pixels() -> Tensor:
    """A picture `(1, 3, 227, 227)` in [0, 1]."""
    photograph = KIT / "images" / "ccby" / "parrot.jpg"
    picture = Image.open(photograph) if photograph.is_file() else draw("ring", 0).image
    array = np.asarray(picture.convert("RGB").resize((SIDE, SIDE)), np.float32) / 255
    return torch.from_numpy(array).permute(2, 0, 1)[None]


@cache
def target() -> int:
    return int(network()(pixels()).argmax())


@cache
def layers() -> list[str]:
    """The names of the layers that are maps, in the order of the forward pass.

    A Fire module's first channels are those of its first activation: nobody could see the step.
    """
    found = xw.Model(network()).layers(pixels()).viewable
    return [layer.name for layer in found if layer.view == "maps" and layer.kind != "Fire"]


# -- ours ---------------------------------------------------------------------------------------------


class Line(anywidget.AnyWidget):
    """The page's way to the data channel of an explorer, and a round trip as bare as there is.

    `xwPing(bytes)` sends a small message and resolves with the milliseconds until that many bytes came back.
    A second message follows the first, as with a wish of ours.
    """

    _esm = """
    export default { async render({ model }) {
      const reference = String(model.get("channel")).replace("IPY_MODEL_", "");
      window.xwChannel = await model.widget_manager.get_model(reference);
      window.xwPing = (bytes) => new Promise((resolve) => {
        const begin = performance.now();
        const back = () => {
          model.off("msg:custom", back);
          resolve(performance.now() - begin);
        };
        model.on("msg:custom", back);
        model.send({ bytes });
        model.send({});
      });
    } };
    """
    channel = traitlets.Instance(ipywidgets.Widget).tag(sync=True, **ipywidgets.widget_serialization)

    def __init__(self, channel: ipywidgets.Widget) -> None:
        super().__init__(channel=channel)
        self.on_msg(self._back)

    def _back(self, _: Any, content: dict[str, int], __: Any) -> None:
        if "bytes" in content:
            self.send({}, [bytes(content["bytes"])])


@cache
def explorer() -> Any:
    """The explorer, without its look-ahead: what nobody has asked for stays unseen."""
    baseline = xw.baselines.Blur(sigma=10)
    made = xw.explore(network(), pixels(), method="integrated_gradients", baseline=baseline, target=target())
    made.scene.session.ahead = lambda *_: None  # type: ignore[method-assign]
    made.attribution.view = "overlay"
    return made


def idle() -> None:
    """Wait until the worker has nothing to do."""
    if not worker().wait_idle(120):
        raise TimeoutError("the worker is still busy after two minutes")


def forget() -> None:
    """Forget what was recorded and explained."""
    idle()
    explorer().scene._forget()


def unexplain() -> None:
    """Forget what was explained; pixels and layers stay known, as they do while a person moves a slider."""
    _explained.drop_where(lambda key: True)


# -- peers --------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Work:
    """What a slider does: the picture for a value, and how matplotlib draws it and updates it."""

    slider: Callable[[], Any]
    draw: Callable[[Any, Any], Any]
    update: Callable[[Any, Any], None]


def opacity() -> Work:
    """A map over the picture."""
    picture, found = pixels()[0].permute(1, 2, 0).numpy(), integrated(10.0)
    limit = float(np.percentile(np.abs(found), 99))

    def draw(axes: Any, value: float) -> Any:
        axes.imshow(picture)
        return axes.imshow(found, cmap="RdBu", vmin=-limit, vmax=limit, alpha=value)

    slider = ipywidgets.FloatSlider(0.75, min=0, max=1, step=0.01)
    return Work(lambda: slider, draw, lambda artist, value: artist.set_alpha(value))


def scrub() -> Work:
    """The maps of a layer, by a forward pass with a hook."""

    def update(artist: Any, index: int) -> None:
        artist.set_data(mosaic(layers()[index]))
        artist.autoscale()

    slider = ipywidgets.IntSlider(0, min=0, max=len(layers()) - 1)
    return Work(lambda: slider, lambda axes, index: axes.imshow(mosaic(layers()[index])), update)


def baseline() -> Work:
    """Integrated gradients from a blurred picture, by Captum as it comes."""

    def draw(axes: Any, sigma: float) -> Any:
        found = integrated(sigma)
        limit = np.percentile(np.abs(found), 99)
        return axes.imshow(found, cmap="RdBu", vmin=-limit, vmax=limit)

    def update(artist: Any, sigma: float) -> None:
        found = integrated(sigma)
        limit = np.percentile(np.abs(found), 99)
        artist.set_data(found)
        artist.set_clim(-limit, limit)

    slider = ipywidgets.FloatLogSlider(10, base=10, min=np.log10(0.5), max=2, step=0.01)
    return Work(lambda: slider, draw, update)


WORKS = {"opacity": opacity, "layers": scrub, "baseline": baseline}


def interact(name: str) -> ipywidgets.Widget:
    """The work under `ipywidgets.interact`, drawn by matplotlib's inline backend."""
    work = WORKS[name]()

    def show(value: Any) -> None:
        _, axes = plt.subplots(figsize=INCHES)
        work.draw(axes, value)
        plt.show()

    return ipywidgets.interactive(show, value=work.slider()).add_class(f"bench-interact-{name}")


def ipympl(name: str) -> ipywidgets.Widget:
    """The work in an ipympl figure, whose artist is updated."""
    work = WORKS[name]()
    slider, figure = work.slider(), Figure(figsize=INCHES)
    canvas = Canvas(figure)
    FigureManager(canvas, 0)
    artist = work.draw(figure.subplots(), slider.value)

    def moved(change: Any) -> None:
        work.update(artist, change.new)
        canvas.draw_idle()

    slider.observe(moved, "value")
    return ipywidgets.VBox([slider, canvas]).add_class(f"bench-ipympl-{name}")


def integrated(sigma: float) -> Any:
    """Captum's integrated gradients, summed over the channels, `(h, w)`."""
    start = xw.baselines.Blur(sigma=sigma).apply(pixels())
    found = IntegratedGradients(network()).attribute(pixels(), start, target=target())
    return found[0].sum(0).detach().numpy()


def mosaic(name: str) -> Any:
    """The first channels of a layer as one picture, eight a row."""
    kept: list[Tensor] = []
    hook = network().get_submodule(name).register_forward_hook(lambda *given: kept.append(given[2].clone()))
    with torch.no_grad():
        network()(pixels())
    hook.remove()
    maps = kept[0][0, :TILES]
    return torchvision.utils.make_grid(maps[:, None], nrow=8, padding=1)[0].numpy()


# -- limits and memory --------------------------------------------------------------------------------


def forward_backward(times: int) -> list[float]:
    """Milliseconds of a forward and a backward pass to the picture, each time."""
    found = []
    for _ in range(times):
        begin = time.perf_counter()
        x = pixels().clone().requires_grad_()
        torch.autograd.grad(network()(x)[0, target()], x)
        found.append(1000 * (time.perf_counter() - begin))
    return found


def resident() -> float:
    """MB that this process keeps in memory."""
    gc.collect()
    return float(psutil.Process().memory_info().rss) / 1e6


# -- growth -------------------------------------------------------------------------------------------


def grown(channels: int = 8, side: int = 64, images: int = 1) -> ipywidgets.Widget:
    """An explorer on a network whose dozen layers have so many channels, and pictures of `side` pixels."""
    torch.manual_seed(0)
    stem = nn.Sequential(nn.Conv2d(3, channels, 1), nn.AdaptiveAvgPool2d(min(side, 28)))
    body = [nn.Conv2d(channels, channels, 1) for _ in range(12)]
    module = nn.Sequential(stem, *body, nn.AdaptiveAvgPool2d(1), nn.Flatten()).eval()
    resize = torchvision.transforms.Compose(
        [torchvision.transforms.Resize((side, side)), torchvision.transforms.ToTensor()]
    )
    model = xw.Model(module, preprocess=resize)
    noise = np.random.default_rng(0).integers(0, 255, (images, side, side, 3), np.uint8)
    made = xw.explore(model, list(noise), method="gradient")
    made.attribution.view = "overlay"
    return made
