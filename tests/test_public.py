"""The public names: loaded when first used, and what they say they are, whatever was imported before."""

import subprocess
import sys

import pytest

import xai_widgets as xw


@pytest.mark.parametrize("name", xw.__all__)
def test_every_public_name_is_there(name: str) -> None:
    assert getattr(xw, name) is not None
    assert name in dir(xw)


def test_an_unknown_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="no attribute 'explan'"):
        _ = xw.explan


@pytest.mark.parametrize(
    "before", ["", "import xai_widgets.explain, xai_widgets.doctor;", "import xai_widgets.demo;"]
)
def test_functions_are_functions_whatever_was_imported_before(before: str) -> None:
    code = f"{before}\nimport xai_widgets as xw; print(type(xw.explain).__name__, type(xw.doctor).__name__)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["function", "function"]


def test_importing_it_loads_neither_torch_nor_widgets() -> None:
    code = "import sys, xai_widgets; print({'torch', 'ipywidgets', 'bqplot'} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"
