"""Is this explanation any good? What can be told without asking the network again."""

import numpy as np
from numpy.typing import NDArray

from ..anytime import Step
from ..inputs.baselines import blind
from ..model.handle import Model
from ..results import Check, Evidence, Verdict
from .method import Method
from .problem import Attribution, Problem


def judge(method: Method, problem: Problem, step: Step[Attribution]) -> Evidence:
    """Return the evidence of a step; nothing fails for being unfinished before the last one."""
    found = step.value
    raw = found.values.astype(np.float64)
    values = np.nan_to_num(raw, posinf=0.0, neginf=0.0)
    checks = [
        _completeness(method, values, found.total, step.final),
        _convergence(values, step, found.evaluations, method.counted),
        _finite(raw),
        _zero(values),
        _saturation(values),
        *_own(method, found),
        *_caveat(method, problem),
        _blindness(problem),
        _seed(found.random, problem.seed, problem.model.draws),
        _precision(problem.model),
    ]
    seed = problem.seed if found.random else None
    return Evidence(tuple(checks), seed, found.evaluations, method.counted)


def _own(method: Method, found: Attribution) -> tuple[Check, ...]:
    """Return what only the method knows, and something about the architecture in any case."""
    if any(check.name == "architecture" for check in found.checks):
        return found.checks
    words = f"{method.label} makes no assumption that this network breaks."
    return (*found.checks, Check("architecture", "holds", None, words))


def _caveat(method: Method, problem: Problem) -> tuple[Check, ...]:
    """Return what a gradient of the target does not see, where there is such a thing."""
    words = problem.target.caveat
    if words is None:
        return ()
    if "baseline" not in method.needs or method.counted != "gradients":
        return (Check("target", "holds", None, words),)
    words += " Boxes come and go on the way from the baseline, so that gradients do not add up to all of it."
    return (Check("target", "doubtful", None, words, "boxes come and go on the way"),)


def percent(share: float) -> str:
    """Return a share for reading: "0.4 %", "12 %"."""
    if share > 10:
        return "over 1000 %"
    if 0 < share < 0.001:
        return "below 0.1 %"
    return f"{share * 100:.1f} %" if share < 0.1 else f"{share * 100:.0f} %"


def _completeness(method: Method, values: NDArray[np.float64], total: float | None, final: bool) -> Check:
    name = "completeness"
    if not method.complete:
        words = f"{method.label} does not promise values that add up to anything."
        return Check(name, "not applicable", None, words)
    if total is None:
        return Check(name, "not applicable", None, "Not known yet: the ends of the path come next.")
    missing = abs(float(values.sum()) - total)
    if abs(total) < 1e-4:
        words = (
            f"Picture and baseline give the target the same value, to {abs(total):.1g}: nothing to divide up."
        )
        return Check(name, "doubtful", missing, words, "picture scores as its baseline")
    gap = missing / abs(total)
    words = (
        f"The values add up to {values.sum():.4g}; the target differs from its baseline by {total:.4g}: "
        f"a gap of {percent(gap)}."
    )
    return Check(name, _graded(gap, 0.01, 0.1, final), gap, words, f"completeness gap {percent(gap)}")


def _convergence(values: NDArray[np.float64], step: Step[Attribution], asked: int, counted: str) -> Check:
    name = "convergence"
    if step.error is None:
        return Check(name, "not applicable", None, "Exact: there is nothing to refine.")
    size = float(np.abs(values).mean())
    if size == 0:
        return Check(name, "not applicable", None, "The map is zero, so that no relative error can be told.")
    error = step.error / size
    if error == 0 and not step.final:
        words = f"After {asked} {counted} nothing has changed yet; the rest of the picture is still to come."
        return Check(name, "doubtful", 0.0, words)
    if error == 0:
        return Check(
            name, "holds", 0.0, f"Complete after {asked} {counted}: there is nothing left to refine."
        )
    words = f"After {asked} {counted} the map is known to about ±{percent(error)} of its mean size."
    if not step.final:
        words = words.removesuffix(".") + ", and getting better."
    return Check(name, _graded(error, 0.05, 1.0, step.final), error, words, f"error ±{percent(error)}")


def _graded(figure: float, good: float, bad: float, final: bool) -> Verdict:
    if figure <= good:
        return "holds"
    return "fails" if final and figure > bad else "doubtful"


def _finite(values: NDArray[np.float64]) -> Check:
    broken = int((~np.isfinite(values)).sum())
    if broken == 0:
        return Check("finite", "holds", 0.0, "Every value is a finite number.")
    words = f"{broken} values are NaN or infinite."
    return Check("finite", "fails", float(broken), words, "NaN in the map")


def _zero(values: NDArray[np.float64]) -> Check:
    largest = float(np.abs(values).max(initial=0.0))
    if largest > 0:
        return Check(
            "zero map", "holds", largest, f"The map has content; its largest value is {largest:.3g}."
        )
    words = "The map is zero everywhere: by this method nothing in the picture matters to the target."
    return Check("zero map", "fails", 0.0, words, "the map is zero")


def _saturation(values: NDArray[np.float64]) -> Check:
    name = "saturation"
    size = np.abs(values if values.ndim == 2 else values.sum(axis=0)).ravel()
    if size.max(initial=0.0) == 0:
        return Check(name, "not applicable", None, "The map is zero.")
    if len(size) > 1 and size.max() - size.min() <= 1e-6 * size.max():
        return Check(
            name, "fails", 1.0, "Every pixel has the same value: the map tells nothing.", "constant map"
        )
    shares = np.cumsum(np.sort(size)[::-1]) / size.sum()
    count = int(np.searchsorted(shares, 0.9)) + 1
    share = count / len(size)
    words = f"Nine tenths of the map lie in {percent(share)} of the pixels."
    if share < 0.002 and len(size) >= 500:
        return Check(name, "doubtful", share, words, f"nearly all in {count} pixels")
    return Check(name, "holds", share, words)


def _blindness(problem: Problem) -> Check:
    name = "blind baseline"
    if problem.baseline is None:
        return Check(name, "not applicable", None, "The method needs no baseline.")
    share = float(blind(problem.reference_pixels, problem.pixels).double().mean())
    words = (
        f"{percent(share)} of the pixels equal the baseline ({problem.baseline.label}) and can get nothing."
    )
    if share == 0:
        words = f"No pixel equals the baseline ({problem.baseline.label})."
    verdict: Verdict = "holds" if share <= 0.05 else "doubtful" if share <= 0.9 else "fails"
    return Check(
        name, verdict, share, words, "" if verdict == "holds" else f"blind to {percent(share)} of pixels"
    )


def _seed(random: bool, seed: int, draws: bool) -> Check:
    if draws:
        words = "The network itself draws random numbers: the next run gives another map."
        return Check("seed", "doubtful", None, words, "a random network")
    if not random:
        return Check("seed", "not applicable", None, "No random numbers are drawn.")
    return Check(
        "seed", "holds", float(seed), f"Random numbers start at seed {seed}: the same seed, the same map."
    )


def _precision(model: Model) -> Check:
    if not model.half:
        return Check("precision", "holds", None, f"Computed in {str(model.dtype).removeprefix('torch.')}.")
    words = (
        "Computed in half precision: figures are good to about three digits. Model(autocast=False) is exact."
    )
    return Check("precision", "holds", None, words, "half precision")
