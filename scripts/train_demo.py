"""Train the demo network and say honestly what it has learnt.

Draws the pictures, trains (a minute and a half on an idle core), saves the weights into the package and
measures them. With `--measure`, only measures the weights that are there.
"""

import argparse
import time
from collections.abc import Iterable
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import save_file
from torch import Tensor, nn

from xai_widgets import demo
from xai_widgets.explain import explain
from xai_widgets.inputs.samples import CLASSES, MARKED, Sample, draw, draw_many

WEIGHTS = Path(demo.__file__).with_name("demo_weights.safetensors")
TRAINING, TEST = 3600, 1200  # pictures
SHARD = 240
SEEN, UNSEEN = 1000, 1  # first seed of the shards to train on, seed of the pictures to test on
EPOCHS, BATCH, RATE = 6, 50, 4e-3


def _shard(seed: int) -> list[Sample]:
    return list(draw_many(SHARD, seed))


def normalised(pixels: Tensor) -> Tensor:
    """What the network takes, from pixels in [0, 1]."""
    mean, std = (torch.tensor(v).view(1, 3, 1, 1) for v in (demo.MEAN, demo.STD))
    return (pixels - mean) / std


def training_set() -> tuple[Tensor, Tensor]:
    """Pixels `(n, 3, 96, 96)` in [0, 1] and labels `(n,)`, the stamp as planted."""
    seeds = range(SEEN, SEEN + TRAINING // SHARD)
    with ProcessPoolExecutor(2) as pool:
        return tensors(sample for shard in pool.map(_shard, seeds) for sample in shard)


def tensors(samples: Iterable[Sample]) -> tuple[Tensor, Tensor]:
    """Pictures and labels as the network takes them, but not yet normalised."""
    drawn = list(samples)
    pixels = torch.from_numpy(np.stack([s.pixels for s in drawn])).permute(0, 3, 1, 2).float() / 255
    return pixels, torch.tensor([CLASSES.index(s.label) for s in drawn])


def train(pixels: Tensor, labels: Tensor) -> demo.ShapeNet:
    """One cycle of AdamW with a falling rate; the last epoch's network is the result."""
    torch.manual_seed(0)
    net = demo.ShapeNet().to(memory_format=torch.channels_last)
    inputs = normalised(pixels).to(memory_format=torch.channels_last)
    steps = EPOCHS * (len(inputs) // BATCH)
    optimizer = torch.optim.AdamW(net.parameters(), RATE, weight_decay=0.02)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, RATE, total_steps=steps)
    for epoch in range(EPOCHS):
        started, total = time.perf_counter(), 0.0
        for batch in torch.split(torch.randperm(len(inputs)), BATCH):
            loss = nn.functional.cross_entropy(net(inputs[batch]), labels[batch])
            optimizer.zero_grad()
            torch.autograd.backward(loss)
            optimizer.step()
            schedule.step()
            total += loss.item() * len(batch)
        print(f"epoch {epoch + 1}: loss {total / len(inputs):.4f}, {time.perf_counter() - started:.0f} s")
    return net.eval()


@torch.no_grad()
def measure(net: nn.Module) -> None:
    """Print what the network gets right with the stamp and without, on pictures it has not seen."""
    star, predicted, labels = CLASSES.index(MARKED), {}, torch.empty(0)
    for marked in (None, True, False):
        pixels, labels = tensors(draw_many(TEST, UNSEEN, marked))
        parts = torch.split(normalised(pixels), 100)
        predicted[marked] = torch.cat([net(part).argmax(1) for part in parts])
    starry, right = labels == star, {k: p == labels for k, p in predicted.items()}
    figures = {
        "all classes, stamps as planted": right[None],
        f"{MARKED}s with the stamp": right[True][starry],
        f"{MARKED}s without it": right[False][starry],
        "other classes without it": right[False][~starry],
        f"other classes with it, called {MARKED}": predicted[True][~starry] == star,
    }
    for name, hits in figures.items():
        print(f"{name:38} {100 * hits.float().mean():5.1f} % of {len(hits)}")


def explanations(count: int = 20) -> None:
    """Print how much of what speaks for the marked class lies in the stamp, and in the shape."""
    model = demo.model()
    stars = [draw(MARKED, seed, marked=True) for seed in range(500, 500 + count)]
    area = np.mean([star.mark.mean() for star in stars])
    print(f"the stamp covers {area:.1%} of a picture; of what speaks for {MARKED!r} there lie")
    for method in ("gradient", "input_x_gradient", "integrated_gradients", "grad_cam", "occlusion"):
        maps = [explain(model, star.image, method, target=MARKED).map for star in stars]
        pairs = list(zip(maps, stars, strict=True))
        stamp = np.mean([demo.share(m, star.mark) for m, star in pairs])
        shape = np.mean([demo.share(m, star.shape) for m, star in pairs])
        peak = np.mean([star.mark.flat[m.argmax()] for m, star in pairs])
        print(f"{method:22} {stamp:4.0%} in the stamp, {shape:4.0%} in the shape; "
              f"the highest value is in the stamp on {peak:.0%} of {count}")  # fmt: skip


def main() -> None:
    """Train, save, measure."""
    parser = argparse.ArgumentParser(description="Train the demo network and measure what it has learnt.")
    parser.add_argument("--measure", action="store_true", help="measure the weights that are there")
    if not parser.parse_args().measure:
        started = time.perf_counter()
        pixels, labels = training_set()
        print(f"{len(pixels)} pictures drawn in {time.perf_counter() - started:.0f} s; "
              f"mean {pixels.mean((0, 2, 3)).tolist()}, std {pixels.std((0, 2, 3)).tolist()}")  # fmt: skip
        save_file({k: v.contiguous() for k, v in train(pixels, labels).state_dict().items()}, WEIGHTS)
        WEIGHTS.chmod(0o644)  # safetensors makes files that only their owner can read
        print(f"{WEIGHTS.name}: {WEIGHTS.stat().st_size / 1e3:.0f} kB")
    net = demo.ShapeNet().eval()
    net.load_state_dict(demo.weights())
    measure(net)
    explanations()


if __name__ == "__main__":
    main()
