"""Looking into a network without changing it."""

from xai_widgets.model.handle import Model, Prediction

__all__ = ["Model", "Prediction"]
