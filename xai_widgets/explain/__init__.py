"""One function a method; every one an iterator of Steps."""

import sys
from types import ModuleType
from typing import Any

from .method import Method
from .problem import Attribution, Problem
from .registry import METHODS
from .run import explain, explain_steps

__all__ = ["METHODS", "Attribution", "Method", "Problem", "explain", "explain_steps"]


class _Callable(ModuleType):
    # `xai_widgets.explain` is a function to users and a package to the import system, which sets that
    # name to the package whenever it is imported first. So the package can be called, too.
    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        return explain(*args, **kwargs)


sys.modules[__name__].__class__ = _Callable
