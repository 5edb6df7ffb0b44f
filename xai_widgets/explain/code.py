"""The Python that makes an explanation again."""

from typing import Any

from .method import Method
from .problem import Problem


def code(method: Method, problem: Problem, settings: dict[str, Any], source: str | None) -> str:
    """Return lines that run where `model` is the Model, and `image` the picture where it has no path."""
    target = problem.target
    arguments = {
        "method": repr(method.name),
        "target": target.to_code(),
    }
    if problem.baseline is not None:
        arguments["baseline"] = problem.baseline.to_code()
    if problem.layer is not None:
        arguments["layer"] = repr(problem.layer)
    arguments["seed"] = repr(problem.seed)
    arguments |= {name: repr(value) for name, value in settings.items()}
    given = "".join(f"    {name}={value},\n" for name, value in arguments.items())
    label = ascii(target.label(problem.model))[1:-1]
    return (
        "import xai_widgets as xw\n\n"
        f"# model: the xw.Model with fingerprint {problem.fingerprint}; target: {label}\n"
        f"found = xw.explain(\n    model,\n    {repr(source) if source else 'image'},\n{given})\n"
    )
