"""By how much a process grows at most while it explains: `python -m benchmarks.kernel.memory WHO NETWORK`."""

import subprocess
import sys
from pathlib import Path

import torch
from captum import attr

import xai_widgets as xw
from benchmarks.kernel.subjects import ROOT, subject

STATUS, REFS = Path("/proc/self/status"), Path("/proc/self/clear_refs")


def grown(who: str, network: str) -> float:
    """Return the largest growth in MB, in a process of its own.

    `who` is "ours" or "captum". Both have run one forward and backward pass before.

    Raises:
        RuntimeError: there is no /proc to read it from, or it fails.
    """
    command = [sys.executable, "-m", "benchmarks.kernel.memory", who, network]
    ended = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    if ended.returncode:
        raise RuntimeError(f"{' '.join(command)}\n{ended.stderr}")
    return float(ended.stdout.split()[-1])


def main(who: str, network: str) -> None:
    """Explain one picture and print the growth."""
    one = subject(network, 1)
    picture = one.pictures[0]
    target, leaf = one.predicted(picture), picture.clone().requires_grad_()
    torch.autograd.grad(one.module(leaf)[0, target], [leaf])
    model = xw.Model(one.module)
    REFS.write_text("5")  # the peak begins anew
    before = _kilobytes("VmRSS")
    if who == "ours":
        xw.explain(model, picture[0], "integrated_gradients", target=target)
    else:
        attr.IntegratedGradients(one.module).attribute(picture, target=target)
    print((_kilobytes("VmHWM") - before) / 1024)


def _kilobytes(name: str) -> int:
    lines = STATUS.read_text(encoding="utf-8").splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(f"{name}:"))


if __name__ == "__main__":
    main(*sys.argv[1:])
