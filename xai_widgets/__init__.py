"""See why a PyTorch vision model says what it says, live, inside the notebook cell."""

import sys
from importlib import import_module
from types import ModuleType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from xai_widgets import demo as demo
    from xai_widgets import errors as errors
    from xai_widgets.anytime import Step as Step
    from xai_widgets.concepts.examples import Examples as Examples
    from xai_widgets.concepts.examples import most_exciting as most_exciting
    from xai_widgets.concepts.examples import most_exciting_steps as most_exciting_steps
    from xai_widgets.concepts.features import Visualization as Visualization
    from xai_widgets.concepts.features import visualize as visualize
    from xai_widgets.concepts.features import visualize_steps as visualize_steps
    from xai_widgets.concepts.objective import Direction as Direction
    from xai_widgets.doctor import doctor as doctor
    from xai_widgets.explain import METHODS as METHODS
    from xai_widgets.explain import explain as explain
    from xai_widgets.explain import explain_steps as explain_steps
    from xai_widgets.explain.adapter import captum as captum
    from xai_widgets.explain.adapter import explainer as explainer
    from xai_widgets.explain.problem import Problem as Problem
    from xai_widgets.inputs import baselines as baselines
    from xai_widgets.metrics.ranking import suggest as suggest
    from xai_widgets.metrics.ranking import sweep as sweep
    from xai_widgets.model.detections import Detection as Detection
    from xai_widgets.model.handle import Model as Model
    from xai_widgets.model.segments import Segment as Segment
    from xai_widgets.model.similarity import Similarity as Similarity
    from xai_widgets.model.targets import Channel as Channel
    from xai_widgets.model.targets import ClassTarget as ClassTarget
    from xai_widgets.model.targets import Margin as Margin
    from xai_widgets.model.targets import Neuron as Neuron
    from xai_widgets.model.targets import Position as Position
    from xai_widgets.model.targets import Region as Region
    from xai_widgets.model.targets import Top as Top
    from xai_widgets.parameters import Choice as Choice
    from xai_widgets.parameters import Range as Range
    from xai_widgets.results import Evidence as Evidence
    from xai_widgets.results import Explanation as Explanation
    from xai_widgets.widgets.attribution_view import AttributionView as AttributionView
    from xai_widgets.widgets.baseline_lab import BaselineLab as BaselineLab
    from xai_widgets.widgets.compare import Compare as Compare
    from xai_widgets.widgets.explorer import Explorer as Explorer
    from xai_widgets.widgets.explorer import explore as explore
    from xai_widgets.widgets.feature_maps import FeatureMaps as FeatureMaps
    from xai_widgets.widgets.feature_visualization import FeatureVisualization as FeatureVisualization
    from xai_widgets.widgets.image_strip import ImageStrip as ImageStrip
    from xai_widgets.widgets.layer_scrubber import LayerScrubber as LayerScrubber
    from xai_widgets.widgets.predictions import Predictions as Predictions
    from xai_widgets.widgets.sweep_view import SweepView as SweepView

__version__ = "0.1.0"

_HOMES = {
    "AttributionView": "widgets.attribution_view",
    "BaselineLab": "widgets.baseline_lab",
    "Evidence": "results",
    "Explanation": "results",
    "Explorer": "widgets.explorer",
    "FeatureMaps": "widgets.feature_maps",
    "FeatureVisualization": "widgets.feature_visualization",
    "ImageStrip": "widgets.image_strip",
    "LayerScrubber": "widgets.layer_scrubber",
    "METHODS": "explain",
    "Model": "model.handle",
    "Channel": "model.targets",
    "Choice": "parameters",
    "Compare": "widgets.compare",
    "ClassTarget": "model.targets",
    "Detection": "model.detections",
    "Direction": "concepts.objective",
    "Examples": "concepts.examples",
    "Margin": "model.targets",
    "Neuron": "model.targets",
    "Position": "model.targets",
    "Region": "model.targets",
    "Segment": "model.segments",
    "Similarity": "model.similarity",
    "Top": "model.targets",
    "Predictions": "widgets.predictions",
    "Problem": "explain.problem",
    "Range": "parameters",
    "Step": "anytime",
    "SweepView": "widgets.sweep_view",
    "Visualization": "concepts.features",
    "captum": "explain.adapter",
    "doctor": "doctor",
    "explain": "explain",
    "explain_steps": "explain",
    "explainer": "explain.adapter",
    "suggest": "metrics.ranking",
    "sweep": "metrics.ranking",
    "explore": "widgets.explorer",
    "most_exciting": "concepts.examples",
    "most_exciting_steps": "concepts.examples",
    "visualize": "concepts.features",
    "visualize_steps": "concepts.features",
}
_MODULES = {"baselines": "inputs.baselines", "demo": "demo", "errors": "errors"}

__all__ = sorted([*_HOMES, *_MODULES])  # each name is loaded when it is first used


def __getattr__(name: str) -> Any:
    if name in _MODULES:
        return import_module(f"xai_widgets.{_MODULES[name]}")
    if name in _HOMES:
        found = getattr(import_module(f"xai_widgets.{_HOMES[name]}"), name)
        globals()[name] = found
        return found
    raise AttributeError(f"module 'xai_widgets' has no attribute {name!r}")


def __dir__() -> list[str]:
    return __all__


class _Package(ModuleType):
    def __setattr__(self, name: str, value: Any) -> None:
        # Importing a submodule binds its name here, where users expect the function of that name.
        if _HOMES.get(name) == name and isinstance(value, ModuleType):
            value = getattr(value, name)
        super().__setattr__(name, value)


sys.modules[__name__].__class__ = _Package
