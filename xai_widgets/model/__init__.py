"""Looking into a network without changing it."""

from xai_widgets.model.handle import Model
from xai_widgets.model.predictions import Prediction

__all__ = ["Model", "Prediction"]
