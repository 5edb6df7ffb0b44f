"""One function a method; every one an iterator of Steps."""

from .method import Method
from .problem import Attribution, Problem
from .registry import METHODS
from .run import explain, explain_steps

__all__ = ["METHODS", "Attribution", "Method", "Problem", "explain", "explain_steps"]
