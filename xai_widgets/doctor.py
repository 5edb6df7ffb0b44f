"""What stands on this machine, what is wrong with it, and how to mend it.

    import xai_widgets as xw
    xw.doctor()

The same as `xai-widgets doctor` on the command line. Nothing that is missing raises: it is reported.
"""

import contextlib
import importlib
import os
import platform
import re
import shutil
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import Literal

from xai_widgets import wire

Verdict = Literal["ok", "warn", "fail"]
Host = Literal["JupyterLab or Notebook", "VS Code", "Colab", "marimo", "IPython terminal", "no notebook"]

STATIC = Path(__file__).parent / "widgets" / "static"
REQUIREMENT = re.compile(r"(?P<name>[\w-]+)>=(?P<oldest>[\d.]+)(?:.*extra == .(?P<extra>\w+).)?")
BUNDLE_LIMIT = 64 * 1024  # bytes; anywidget keeps a bundle in every model made from it
WAYS: dict[wire.Way, str] = {
    "nodelay": "{} sends small replies at once",
    "off": "{} holds small replies back for some 40 ms: XaiWidgetsWire.nodelay is off",
    "unfit": "{} holds small replies back for some 40 ms: the extension does not fit it",
    "stock": "{} holds small replies back for some 40 ms: it does not load xai_widgets.wire",
    "unknown": "not known how {} sends small replies",
}
BROWSERS = [
    "chromium",
    "chromium-browser",
    "google-chrome",
    "google-chrome-stable",
    "chrome",
    "microsoft-edge",
    "microsoft-edge-stable",
    "msedge",
]


@dataclass(frozen=True)
class Finding:
    """One line of the report; `remedy` says how to mend what is not ok."""

    name: str
    verdict: Verdict
    text: str
    remedy: str = ""

    def __str__(self) -> str:
        line = f"{self.verdict:5}{self.name:13}{self.text}"
        return f"{line}\n{'':18}→ {self.remedy}" if self.remedy else line


@dataclass(frozen=True)
class Report:
    """All findings; printing it, or leaving it last in a cell, shows them."""

    findings: tuple[Finding, ...]

    @property
    def ok(self) -> bool:
        """Whether nothing failed; a warning is no failure."""
        return all(finding.verdict != "fail" for finding in self.findings)

    def __getitem__(self, name: str) -> Finding:
        return next(finding for finding in self.findings if finding.name == name)

    def __str__(self) -> str:
        bad = sum(finding.verdict == "fail" for finding in self.findings)
        doubtful = sum(finding.verdict == "warn" for finding in self.findings)
        lines = [str(finding) for finding in self.findings]
        return "\n".join([*lines, f"{bad} to mend, {doubtful} to know."])

    __repr__ = __str__


def doctor() -> Report:
    """Look at versions, host, bundles, kernel, browser and devices.

    Example:
        >>> doctor().ok  # doctest: +SKIP
        True
    """
    return Report(tuple(finding for look in LOOKS for finding in look()))


def find_browser() -> str | None:
    """Return the path of a Chromium, Chrome or Edge that starts, or None.

    XAI_WIDGETS_BROWSER comes first, then the PATH, the usual places, and what Playwright has downloaded.
    """
    named = os.environ.get("XAI_WIDGETS_BROWSER")
    if named:
        return named if _starts(named) else None
    return next((path for path in _browser_places() if _starts(path)), None)


def _browser_places() -> Iterator[str]:
    yield from filter(None, map(shutil.which, BROWSERS))
    if sys.platform == "darwin":
        for root in (Path("/Applications"), Path.home() / "Applications"):
            for app in ("Google Chrome", "Chromium", "Microsoft Edge"):
                yield str(root / f"{app}.app" / "Contents" / "MacOS" / app)
    for variable in ("PROGRAMFILES", "PROGRAMFILES(X86)", "LOCALAPPDATA"):
        for tail in ("Google/Chrome/Application/chrome.exe", "Microsoft/Edge/Application/msedge.exe"):
            if variable in os.environ:
                yield str(Path(os.environ[variable], tail))
    yield from _playwright_browsers()


def _playwright_browsers() -> Iterator[str]:
    roots = {
        "darwin": Path.home() / "Library" / "Caches",
        "win32": Path(os.environ.get("LOCALAPPDATA", Path.home())),
    }
    default = roots.get(sys.platform, Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"))
    root = Path(os.environ.get("PLAYWRIGHT_BROWSERS_PATH") or default / "ms-playwright")
    for pattern in ("chrome-*/chrome", "chrome-*/chrome.exe", "chrome-*/*.app/Contents/MacOS/*"):
        yield from map(str, sorted(root.glob(f"chromium-*/{pattern}"), reverse=True))


def _starts(path: str) -> bool:
    """Whether the program is there and, on Linux, starts: Ubuntu's package is a stub without snapd."""
    if not Path(path).is_file():
        return False
    if not sys.platform.startswith("linux"):
        return True
    try:
        return subprocess.run([path, "--version"], capture_output=True, timeout=30).returncode == 0
    except (OSError, subprocess.TimeoutExpired):
        return False


def find_host() -> Host:
    """Return what shows the output of this kernel."""
    if "google.colab" in sys.modules:
        return "Colab"
    if "marimo" in sys.modules and sys.modules["marimo"].running_in_notebook():
        return "marimo"
    shell = _shell()
    if shell is None:
        return "no notebook"
    if not hasattr(shell, "kernel"):
        return "IPython terminal"
    in_code = any(name in os.environ for name in ("VSCODE_PID", "VSCODE_CWD"))
    return "VS Code" if in_code else "JupyterLab or Notebook"


def _shell() -> object | None:
    """The running IPython; not imported for the purpose."""
    ipython = sys.modules.get("IPython")
    return None if ipython is None else ipython.get_ipython()


def _python() -> Iterator[Finding]:
    yield Finding("python", "ok", f"{platform.python_version()} on {platform.system()} {platform.machine()}")


def _packages() -> Iterator[Finding]:
    """What the project's own metadata asks for, and the front end it is shown in."""
    try:
        asked = metadata.requires("xai-widgets") or []
    except metadata.PackageNotFoundError:
        yield Finding("xai-widgets", "warn", "is imported but not installed", "pip install -e .")
        return
    yield Finding("xai-widgets", "ok", metadata.version("xai-widgets"))
    for line in asked:
        found = REQUIREMENT.match(line)
        if found and found["extra"] in (None, "lab"):
            yield _package(found["name"], found["oldest"], "warn" if found["extra"] else "fail")


def _package(name: str, oldest: str, verdict: Verdict) -> Finding:
    remedy = f'pip install "{name}>={oldest}"'
    try:
        version = metadata.version(name)
    except metadata.PackageNotFoundError:
        return Finding(name, verdict, "is not installed", remedy)
    if _numbers(version) < _numbers(oldest):
        return Finding(name, verdict, f"{version} is older than {oldest}", remedy)
    return Finding(name, "ok", version)


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in re.findall(r"\d+", version.partition("+")[0])[:3])


def _torch() -> Iterator[Finding]:
    """Whether torch imports, and torchvision fits it: its operators are compiled against one torch."""
    try:
        torch = importlib.import_module("torch")
    except Exception as error:
        yield Finding("torch works", "fail", _short(error), "Reinstall torch and torchvision in one command.")
        return
    remedy = "Reinstall torch and torchvision in one command, so that they match."
    try:
        ops = importlib.import_module("torchvision.ops")
        ops.nms(torch.tensor([[0.0, 0.0, 1.0, 1.0]]), torch.tensor([1.0]), 0.5)
    except Exception as error:
        yield Finding("torch pair", "fail", f"torchvision does not fit torch: {_short(error)}", remedy)
    else:
        yield Finding("torch pair", "ok", "torchvision fits torch")
    found = ["cpu"]
    if torch.cuda.is_available():
        found += [f"cuda ({torch.cuda.get_device_name(k)})" for k in range(torch.cuda.device_count())]
    if torch.backends.mps.is_available():
        found.append("mps")
    yield Finding("devices", "ok", f"{', '.join(found)}; {torch.get_num_threads()} threads")


def _short(error: BaseException) -> str:
    text = str(error).strip() or type(error).__name__
    return text.splitlines()[0]


def _bundles() -> Iterator[Finding]:
    sizes = {path.stem: path.stat().st_size for path in sorted(STATIC.glob("*.js"))}
    remedy = "In a checkout run `python js/npm.py build`; otherwise reinstall xai-widgets."
    if not sizes:
        yield Finding("bundles", "fail", f"none in {STATIC}", remedy)
        return
    text = ", ".join(f"{name} {size / 1000:.1f} kB" for name, size in sizes.items())
    large = [name for name, size in sizes.items() if size > BUNDLE_LIMIT]
    empty = [name for name, size in sizes.items() if size == 0]
    if empty:
        yield Finding("bundles", "fail", f"{', '.join(empty)} empty", remedy)
    elif large:
        yield Finding("bundles", "warn", text, f"{', '.join(large)}: over {BUNDLE_LIMIT // 1024} KiB.")
    else:
        yield Finding("bundles", "ok", text)


def _host() -> Iterator[Finding]:
    host = find_host()
    remedies = {
        "IPython terminal": "Widgets show in JupyterLab, Notebook 7, Voilà, VS Code, Colab or marimo.",
        "no notebook": "Run `xw.doctor()` in a notebook to see more.",
    }
    yield Finding("host", "ok" if host not in remedies else "warn", host, remedies.get(host, ""))


def _kernel() -> Iterator[Finding]:
    """Whether the kernel answers widgets while a cell runs, which is what subshells are for."""
    kernel = getattr(_shell(), "kernel", None)
    if kernel is None:
        return
    version = getattr(kernel, "implementation_version", "?")
    name = f"{type(kernel).__module__.partition('.')[0]} {version}"
    thread = "main" if threading.current_thread() is threading.main_thread() else "a subshell"
    if not _supports_subshells(kernel):
        remedy = "Widgets wait while a cell runs; ipykernel 7 and JupyterLab 4.4 or newer do not."
        yield Finding("kernel", "warn", f"{name} without subshells", remedy)
    else:
        yield Finding("kernel", "ok", f"{name} with subshells; this ran on {thread} thread")


def _wire() -> Iterator[Finding]:
    """Whether small replies go to the browser at once, or wait for an acknowledgement."""
    host = find_host()
    if host in ("VS Code", "Colab", "marimo"):
        yield Finding("wire", "ok", f"not known: {host} has a line of its own to the kernel")
        return
    in_kernel = hasattr(_shell(), "kernel")
    way, remedy = wire.of_kernel() if in_kernel else wire.of_environment(), ""
    if way == "stock":
        again = "Install xai-widgets where the server runs, and start that again"
        remedy = f"{again}; if it was disabled, `jupyter server extension enable {wire.EXTENSION}`."
    elif way in ("unknown", "unfit"):
        remedy = "Nothing is wrong; docs/hosts.md tells what this costs."
    whose = "the server of this kernel" if in_kernel else "a server of this environment"
    yield Finding("wire", "warn" if remedy else "ok", WAYS[way].format(whose), remedy)


def _supports_subshells(kernel: object) -> bool:
    with contextlib.suppress(Exception):
        return bool(getattr(kernel, "_supports_kernel_subshells", False))
    return False


def _browser() -> Iterator[Finding]:
    path = find_browser()
    if path is None:
        remedy = "Only tests need one: install Chromium, or name one in XAI_WIDGETS_BROWSER."
        yield Finding("browser", "warn", "no Chromium, Chrome or Edge found", remedy)
    else:
        yield Finding("browser", "ok", path)


LOOKS: tuple[Callable[[], Iterator[Finding]], ...] = (
    _python,
    _packages,
    _torch,
    _bundles,
    _host,
    _kernel,
    _wire,
    _browser,
)
