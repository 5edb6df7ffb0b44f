"""Run every method on eight architectures and write what came of it: `python -m scripts.method_table`.

Trained weights come from the kit where `XAI_WIDGETS_KIT` names one; the others are random, their last layer
too. Few steps and samples: the table says what works and what its evidence says, not how good it is.
"""

import os
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torchvision import models

from xai_widgets import Model
from xai_widgets.anytime import last
from xai_widgets.errors import XaiWidgetsError
from xai_widgets.explain import METHODS, explain_steps
from xai_widgets.results import Explanation

PAGE = Path(__file__).resolve().parent.parent / "docs" / "methods.md"
KIT = Path(os.environ.get("XAI_WIDGETS_KIT", "../shared/kit"))
FEW: dict[str, dict[str, Any]] = {
    "integrated_gradients": {"steps": 16},
    "expected_gradients": {"steps": 16},
    "idgi": {"steps": 9},
    "guided_ig": {"steps": 8},
    "blur_ig": {"steps": 9},
    "xrai": {"steps": 9},
    "smooth_grad": {"samples": 6},
    "smooth_grad_squared": {"samples": 6},
    "var_grad": {"samples": 6},
    "score_cam": {"channels": 16},
    "ablation_cam": {"channels": 16},
    "occlusion": {"window": 0.4},
    "rise": {"masks": 32},
    "sobol": {"cells": 3, "designs": 4},
    "extremal_perturbation": {"steps": 20},
    "feature_ablation": {"pieces": 16},
    "lime": {"pieces": 8, "samples": 32},
    "kernel_shap": {"pieces": 8, "samples": 32},
    "shapley_sampling": {"pieces": 8, "samples": 32},
    "layer_conductance": {"steps": 9},
    "layer_integrated_gradients": {"steps": 9},
    "internal_influence": {"steps": 9},
}


def networks() -> dict[str, tuple[str, Callable[[], nn.Module], int]]:
    """Return of each architecture where its weights are from, what builds it, and the side of its input."""
    sys.path.insert(0, str(KIT / "models"))
    found: dict[str, tuple[str, Callable[[], nn.Module], int]] = {}
    if (KIT / "models").is_dir():
        import cifar_resnet
        import mobilenets
        import squeezenet10

        found["SqueezeNet"] = ("trained", squeezenet10.load, 227)
        found["MobileNet"] = ("trained", mobilenets.mobilenet_v1_050_160, 160)
        found["ResNet"] = ("trained", lambda: cifar_resnet.load(20), 32)
    else:
        found["SqueezeNet"] = ("random", lambda: models.squeezenet1_1(weights=None), 128)
        found["MobileNet"] = ("random", lambda: models.mobilenet_v2(weights=None), 128)
        found["ResNet"] = ("random", lambda: models.resnet18(weights=None), 128)
    found["DenseNet"] = ("random", lambda: models.densenet121(weights=None), 96)
    found["ConvNeXt"] = ("random", lambda: models.convnext_tiny(weights=None), 96)
    found["EfficientNet"] = ("random", lambda: models.efficientnet_b0(weights=None), 96)
    found["ViT"] = ("random", lambda: models.vit_b_32(weights=None, image_size=96), 96)
    found["Swin"] = ("random", lambda: models.swin_t(weights=None), 96)
    return found


def tried(model: Model, picture: Tensor, name: str) -> tuple[str, str]:
    """Return a mark and a sentence: what the worst check says, or why it is refused."""
    try:
        found: Explanation = last(explain_steps(model, picture, name, target=1, **FEW.get(name, {}))).value
    except XaiWidgetsError as error:
        return "–", error.message
    worst = found.evidence.worst
    words = " ".join(check.sentence for check in found.evidence.checks if check.verdict == worst != "holds")
    return {"holds": "✓", "doubtful": "~", "fails": "✗"}.get(worst, "✓"), words


def main() -> None:
    """Run all, and write the page."""
    marks: dict[str, dict[str, str]] = {name: {} for name in METHODS}
    refused: dict[str, dict[str, list[str]]] = {name: {} for name in METHODS}
    built = networks()
    for kind, (_, build, side) in built.items():
        torch.manual_seed(0)
        module = build().eval()
        for weight in module.parameters():
            if not weight.any() and weight.ndim > 1:
                nn.init.normal_(weight, 0, 0.02)
        picture = torch.rand(3, side // 8, side // 8)
        picture = nn.functional.interpolate(picture[None], (side, side), mode="bicubic")[0].clamp(0, 1)
        model, start = Model(module), time.perf_counter()
        for name in METHODS:
            mark, words = tried(model, picture, name)
            marks[name][kind] = mark
            if mark == "–":
                refused[name].setdefault(words, []).append(kind)
        print(f"{kind}: {time.perf_counter() - start:.0f} s", flush=True)
    PAGE.write_text(page(built, marks, refused), encoding="utf-8")
    print(f"Written to {PAGE}.")


def page(
    built: dict[str, tuple[str, Callable[[], nn.Module], int]],
    marks: dict[str, dict[str, str]],
    refused: dict[str, dict[str, list[str]]],
) -> str:
    """Return the page in Markdown."""
    kinds = list(built)
    lines = [
        "# Methods",
        "",
        "Every method on eight architectures, by `python -m scripts.method_table`: ✓ its evidence holds;",
        "~ it names a doubt; ✗ it says not to trust the map; – refused. Few steps and samples were taken:",
        "error and completeness are often worse than by default. Weights: "
        + ", ".join(f"{kind} {source}" for kind, (source, _, _) in built.items())
        + ".",
    ]
    families = dict.fromkeys(method.family for method in METHODS.values())
    for family in families:
        members = [method for method in METHODS.values() if method.family == family]
        lines += [
            "",
            f"## {family}",
            "",
            f"| | {' | '.join(kinds)} |",
            f"|---|{'|'.join(':-:' for _ in kinds)}|",
        ]
        for method in members:
            row = " | ".join(marks[method.name][kind] for kind in kinds)
            lines.append(f"| **{method.label}** `{method.name}`<br>{method.paper} | {row} |")
        reasons = [
            f"- {method.label}, {', '.join(where)}: {words}"
            for method in members
            for words, where in refused[method.name].items()
        ]
        lines += ["", *reasons] if reasons else []
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    main()
