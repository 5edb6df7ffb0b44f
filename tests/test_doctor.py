"""The report names what is wrong, says how to mend it, and never raises."""

import importlib
import os
import sys
from importlib import metadata
from pathlib import Path
from types import SimpleNamespace

import pytest

import xai_widgets
from xai_widgets import wire
from xai_widgets.doctor import Finding, Report, _kernel, _numbers, _wire, doctor, find_browser, find_host

# By import_module: the package's `doctor` is the function.
module = importlib.import_module("xai_widgets.doctor")


@pytest.fixture(autouse=True)
def bundles(tmp_path, monkeypatch):
    folder = tmp_path / "static"
    folder.mkdir()
    (folder / "panel.js").write_text("export default {}")
    monkeypatch.setattr(module, "STATIC", folder)
    return folder


@pytest.fixture
def program(tmp_path):
    path = tmp_path / "chromium"
    path.write_text("#!/bin/sh\nexit 0\n")
    path.chmod(0o755)
    return path


def test_all_is_well_here():
    report = doctor()
    assert report.ok, report
    assert {"python", "torch pair", "devices", "bundles", "host", "browser"} <= {
        finding.name for finding in report.findings
    }
    assert report["host"].text == "no notebook"
    assert "panel 0.0 kB" in report["bundles"].text


def test_every_finding_that_is_not_ok_has_a_remedy(monkeypatch, bundles):
    monkeypatch.setattr(metadata, "version", _missing)
    monkeypatch.setattr(importlib, "import_module", _broken)
    monkeypatch.setattr(module, "find_browser", lambda: None)
    (bundles / "panel.js").unlink()
    report = doctor_of_installed(monkeypatch)
    assert not report.ok
    for name in ("torch works", "bundles", "anywidget"):
        assert report[name].verdict == "fail"
    assert report["jupyterlab"].verdict == "warn"
    for finding in report.findings:
        assert finding.verdict == "ok" or finding.remedy, finding
        assert finding.remedy in str(report)


def doctor_of_installed(monkeypatch):
    asked = ["torch>=2.4", "anywidget>=0.11", "jupyterlab>=4.2; extra == 'lab'", "pytest>=8; extra == 'test'"]
    monkeypatch.setattr(metadata, "requires", lambda name: asked)
    version = metadata.version
    monkeypatch.setattr(metadata, "version", lambda name: "1" if name == "xai-widgets" else version(name))
    return doctor()


def _missing(name):
    raise metadata.PackageNotFoundError(name)


def _broken(name):
    raise ImportError(f"libcudart.so: cannot open {name}\nmore")


def test_a_torchvision_of_another_torch_is_told(monkeypatch):
    real = importlib.import_module

    def load(name):
        if name == "torchvision.ops":
            raise RuntimeError("operator torchvision::nms does not exist")
        return real(name)

    monkeypatch.setattr(importlib, "import_module", load)
    finding = doctor()["torch pair"]
    assert finding.verdict == "fail"
    assert "torchvision::nms" in finding.text
    assert "one command" in finding.remedy


def test_an_old_version_is_told(monkeypatch):
    monkeypatch.setattr(metadata, "version", lambda name: "0.9.1")
    report = doctor_of_installed(monkeypatch)
    assert report["anywidget"].verdict == "fail"  # read as numbers; as text 0.9 would be newer than 0.11
    assert report["torch"].verdict == "fail"
    assert "0.9.1 is older than 2.4" in report["torch"].text


@pytest.mark.parametrize(
    ("version", "numbers"), [("2.15.0+cpu", (2, 15, 0)), ("4.6", (4, 6)), ("7.0.0rc1", (7, 0, 0))]
)
def test_versions_are_read_as_numbers(version, numbers):
    assert _numbers(version) == numbers


@pytest.mark.parametrize(("size", "verdict"), [(0, "fail"), (65_537, "warn"), (65_536, "ok")])
def test_bundles_have_a_size(bundles, size, verdict):
    (bundles / "panel.js").write_bytes(b"x" * size)
    assert doctor()["bundles"].verdict == verdict


def test_hosts(monkeypatch):
    for name in ("VSCODE_PID", "VSCODE_CWD"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.delitem(sys.modules, "google.colab", raising=False)
    assert find_host() == "no notebook"
    shell = SimpleNamespace()
    monkeypatch.setitem(sys.modules, "IPython", SimpleNamespace(get_ipython=lambda: shell))
    assert find_host() == "IPython terminal"
    shell.kernel = object()
    assert find_host() == "JupyterLab or Notebook"
    monkeypatch.setenv("VSCODE_PID", "1")
    assert find_host() == "VS Code"
    monkeypatch.setitem(sys.modules, "google.colab", SimpleNamespace())
    assert find_host() == "Colab"
    monkeypatch.delitem(sys.modules, "google.colab")
    monkeypatch.setitem(sys.modules, "marimo", SimpleNamespace(running_in_notebook=lambda: True))
    assert find_host() == "marimo"


@pytest.mark.parametrize(("subshells", "verdict"), [(True, "ok"), (False, "warn")])
def test_the_kernel_tells_whether_input_stays_live(monkeypatch, subshells, verdict):
    kernel = SimpleNamespace(implementation_version="7.4", _supports_kernel_subshells=subshells)
    shell = SimpleNamespace(kernel=kernel)
    monkeypatch.setitem(sys.modules, "IPython", SimpleNamespace(get_ipython=lambda: shell))
    (finding,) = _kernel()
    assert finding.verdict == verdict


@pytest.mark.parametrize(
    ("way", "verdict"),
    [("nodelay", "ok"), ("off", "ok"), ("unfit", "warn"), ("stock", "warn"), ("unknown", "warn")],
)
def test_the_wire_is_told_from_a_kernel_and_from_a_terminal(monkeypatch, way, verdict):
    monkeypatch.setattr(wire, "of_environment", lambda: way)
    (finding,) = _wire()
    assert finding.verdict == verdict
    assert "a server of this environment" in finding.text
    assert bool(finding.remedy) == (verdict == "warn")
    shell = SimpleNamespace(kernel=object())
    monkeypatch.setitem(sys.modules, "IPython", SimpleNamespace(get_ipython=lambda: shell))
    monkeypatch.setattr(wire, "of_kernel", lambda: "nodelay")
    (finding,) = _wire()
    assert finding.text == "the server of this kernel sends small replies at once"


def test_where_no_jupyter_server_is_between_nothing_is_claimed(monkeypatch):
    monkeypatch.setattr(module, "find_host", lambda: "VS Code")
    (finding,) = _wire()
    assert finding.verdict == "ok"
    assert "not known" in finding.text


@pytest.mark.skipif(sys.platform == "win32", reason="the stand-in is a shell script")
def test_the_browser_that_is_named_comes_first(monkeypatch, program):
    monkeypatch.setenv("XAI_WIDGETS_BROWSER", str(program))
    assert find_browser() == str(program)
    monkeypatch.setenv("XAI_WIDGETS_BROWSER", "/nowhere/chromium")
    assert find_browser() is None


@pytest.mark.skipif(sys.platform != "linux", reason="only there a browser is tried before it counts as found")
def test_a_browser_that_does_not_start_is_none(monkeypatch, tmp_path, program):
    monkeypatch.delenv("XAI_WIDGETS_BROWSER", raising=False)
    monkeypatch.setenv("PATH", str(tmp_path) + os.pathsep + "/nowhere")
    monkeypatch.setenv("PLAYWRIGHT_BROWSERS_PATH", str(tmp_path / "none"))
    program.write_text("#!/nowhere/sh\n")
    assert find_browser() is None
    monkeypatch.setenv("PATH", str(tmp_path) + os.pathsep + "/bin")
    program.write_text("#!/bin/sh\nexit 0\n")
    assert find_browser() == str(program)


def test_playwrights_own_browser_is_found(monkeypatch, tmp_path):
    places = ["chromium-1/chrome-linux/chrome", "chromium-2/chrome-linux64/chrome"]
    for place in places:
        path = tmp_path / place
        path.parent.mkdir(parents=True)
        path.touch()
    monkeypatch.setenv("PLAYWRIGHT_BROWSERS_PATH", str(tmp_path))
    assert list(module._playwright_browsers()) == [str(tmp_path / place) for place in reversed(places)]


def test_a_report_reads_as_lines():
    report = Report((Finding("python", "ok", "3.11"), Finding("bundles", "fail", "none", "build them")))
    assert str(report).splitlines() == [
        "ok   python       3.11",
        "fail bundles      none",
        " " * 18 + "→ build them",
        "1 to mend, 0 to know.",
    ]
    assert not report.ok
    assert repr(report) == str(report)
    assert Path(module.__file__).name == "doctor.py"


def test_the_package_offers_the_function_whatever_was_imported_first():
    assert callable(xai_widgets.doctor)
    assert xai_widgets.doctor().findings
