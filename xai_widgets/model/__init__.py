"""Looking into a network without changing it."""

from .handle import Model, Prediction

__all__ = ["Model", "Prediction"]
