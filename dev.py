"""Set everything up on a machine with nothing but Python and pip, and run it.

    python3 dev.py lab            JupyterLab on the demo notebook, in your browser
    python3 dev.py lab --check    the same without a screen: says what the explorer shows, saves a picture
    python3 dev.py test           everything that must hold: Python, TypeScript, a real browser

What is set up stays in `.venv` and `js/node_modules`, and is used again. Standard library only.
"""

import argparse
import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
import time
import venv
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parent
VENV = ROOT / ".venv"
BIN = VENV / ("Scripts" if os.name == "nt" else "bin")
PYTHON = BIN / ("python.exe" if os.name == "nt" else "python")
STAMP = VENV / "xai-widgets.json"
NOTEBOOK = ROOT / "notebooks" / "01-first-look.ipynb"
OLDEST = (3, 11)
KERNELS = ROOT / ".kernels"
IPYKERNELS = ("6", "7.1")  # the browser's tests run on them too, beside the newest, which is in .venv
CORES = str(min(os.cpu_count() or 1, 4))  # each process of the tests needs a gigabyte or two
# How to get a Chromium from the system, and what to do first.
SYSTEMS: dict[str, list[list[str]]] = {
    "apt-get": [["update"], ["install", "-y", "--no-install-recommends", "chromium"]],
    "dnf": [["install", "-y", "chromium"]],
    "zypper": [["--non-interactive", "install", "chromium"]],
    "pacman": [["-Sy", "--noconfirm", "chromium"]],
    "apk": [["add", "chromium"]],
}
CLOSING = re.compile(r"=*\s*.*\b(passed|failed|errors?|skipped|no tests ran)\b.* in [\d.:]+")


def main() -> int:
    """Read the command line and do what it says; return the exit code."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    commands = parser.add_subparsers(dest="command", required=True)
    lab_parser = commands.add_parser("lab", help="open JupyterLab on the demo notebook")
    lab_parser.add_argument(
        "--check", action="store_true", help="run it without a screen and say what it shows"
    )
    commands.add_parser("test", help="run all checks")
    given = parser.parse_args()
    os.chdir(ROOT)
    if sys.version_info < OLDEST:
        print(f"Python {'.'.join(map(str, OLDEST))} or newer is needed; this is {sys.version.split()[0]}.")
        return 1
    if given.command == "test":
        return test()
    return check() if given.check else lab()


def lab() -> int:
    """Open JupyterLab on the demo notebook."""
    set_up("lab")
    root = ["--allow-root"] if hasattr(os, "geteuid") and os.geteuid() == 0 else []
    try:
        return run([PYTHON, "-m", "jupyterlab", NOTEBOOK, *root], stdin=None)
    except KeyboardInterrupt:
        return 0


def check() -> int:
    """Run the demo notebook in a browser without a screen, and say what its explorer shows."""
    set_up("lab", "browser")
    if not have_browser():
        return 1
    heading("check")
    return run([PYTHON, "-m", "tests.browser.lab", NOTEBOOK])


def test() -> int:
    """Run every check, also after one has failed; how many tests passed comes last."""
    set_up("test")
    older_kernels()
    have_browser()  # without one the browser's tests say that they were skipped
    closing: list[str] = []
    checks: dict[str, Callable[[], int]] = {
        "lint (ruff)": lambda: (
            run([BIN / "ruff", "check", "."]) or run([BIN / "ruff", "format", "--check", "."])
        ),
        "types (mypy)": lambda: run([BIN / "mypy"]),
        "layers (import-linter)": lambda: run([BIN / "lint-imports", "--no-cache"]),
        "types and lint (tsc, biome)": lambda: npm("check"),
        "TypeScript tests (vitest)": lambda: npm("test"),
        "Python tests (pytest)": lambda: pytest(
            closing, "-m", "not browser", "-n", CORES, "--cov", "--cov-report=term:skip-covered"
        ),
        "browser tests (pytest)": lambda: pytest(closing, "-m", "browser"),
    }
    results = {name: timed(name, one) for name, one in checks.items()}
    heading("summary")
    for name, (code, seconds) in results.items():
        print(f"{'ok' if code == 0 else 'FAILED':8}{name:36}{seconds:7.1f} s")
    print(f"{summed(closing)} in {sum(seconds for _, seconds in results.values()):.0f} s", flush=True)
    return int(any(code for code, _ in results.values()))


def summed(closing: Iterable[str]) -> str:
    """Return one closing line of pytest for several."""
    counts: Counter[str] = Counter()
    for line in closing:
        for number, what in re.findall(r"(\d+) (failed|passed|skipped|xfailed|xpassed|error)", line):
            counts[what] += int(number)
    return ", ".join(f"{number} {what}" for what, number in counts.items()) or "no tests ran"


def timed(name: str, one: Callable[[], int]) -> tuple[int, float]:
    """Run one check under its heading; return its exit code and the seconds it took."""
    heading(name)
    begin = time.monotonic()
    return one(), time.monotonic() - begin


def npm(script: str) -> int:
    """Run a script of js/package.json with the node there is."""
    return run([PYTHON, ROOT / "js" / "npm.py", script])


def pytest(closing: list[str], *options: str) -> int:
    """Run tests with pytest, and keep its closing line."""
    command = [PYTHON, "-u", "-m", "pytest", "--durations=10", "--continue-on-collection-errors", *options]
    process = subprocess.Popen(
        list(map(str, command)), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, bufsize=0
    )
    assert process.stdout is not None
    said = b""
    while piece := process.stdout.read(4096):  # not by lines: the dots of a line are the progress
        sys.stdout.buffer.write(piece)
        sys.stdout.flush()
        said = (said + piece)[-4096:]
    lines = said.decode(errors="replace").splitlines()
    closing += [line for line in lines if CLOSING.match(line)][-1:]
    return process.wait()


def set_up(*extras: str) -> None:
    """Make `.venv` with the project and these extras in it, unless it is there and current; then the bundles.

    Raises:
        SystemExit: something could not be installed.
    """
    make_venv()
    wanted = hashlib.sha256((ROOT / "pyproject.toml").read_bytes() + sys.version.encode()).hexdigest()
    have: dict[str, str] = json.loads(STAMP.read_text()) if STAMP.exists() else {}
    node = ["node"] if "test" not in extras and not node_on_path() else []
    missing = [extra for extra in (*extras, *node) if wanted not in (have.get(extra), have.get("test"))]
    if missing:
        heading(f"set up: {', '.join(missing)}")
        begin = time.monotonic()
        install(["--editable", f".[{','.join(missing)}]"])
        STAMP.write_text(json.dumps(have | dict.fromkeys(missing, wanted)))
        print(f"set up in {time.monotonic() - begin:.0f} s", flush=True)
    if npm("build"):
        raise SystemExit("The browser bundles could not be built; what node said stands above.")


def older_kernels() -> None:
    """Install the older ipykernels, each alone in a folder that its kernel looks into before `.venv`."""
    for version in IPYKERNELS:
        folder = KERNELS / version
        if not (folder / "ipykernel").exists():
            heading(f"fetch ipykernel {version}")
            try:  # nest_asyncio: what older ones need and the newest does not
                install(["--no-deps", "--target", str(folder), f"ipykernel=={version}.*", "nest_asyncio"])
            except SystemExit:  # the tests for it say that they were skipped
                print(f"ipykernel {version} could not be installed.", flush=True)


def make_venv() -> None:
    """Make `.venv`; also where Debian has split the part that brings pip off its Python."""
    if PYTHON.exists() and subprocess.run([PYTHON, "-c", ""], capture_output=True).returncode == 0:
        return
    heading("make .venv")
    try:
        venv.create(VENV, clear=True, symlinks=os.name != "nt", with_pip=True)
    except subprocess.CalledProcessError:
        venv.create(VENV, clear=True, symlinks=os.name != "nt", with_pip=False)


def install(wanted: Sequence[str]) -> None:
    """Install through uv, which takes seconds where pip takes minutes; through pip where there is no uv."""
    uv = BIN / ("uv.exe" if os.name == "nt" else "uv")
    if not uv.exists():
        pip(["--quiet", "uv"])
    if uv.exists():
        if run([uv, "pip", "install", "--python", PYTHON, *wanted]) == 0:
            return
        print("uv could not install it; trying pip, which takes some minutes.", flush=True)
    if pip(wanted):
        raise SystemExit("The project could not be installed; what pip said stands above.")


def pip(wanted: Sequence[str]) -> int:
    """Install into `.venv` with its own pip, or with this Python's where it has none."""
    own = subprocess.run([PYTHON, "-m", "pip", "--version"], capture_output=True).returncode == 0
    through = [PYTHON, "-m", "pip"] if own else [sys.executable, "-m", "pip", "--python", str(PYTHON)]
    return run([*through, "install", "--disable-pip-version-check", *wanted])


def node_on_path() -> bool:
    """Return whether a node that is new enough is on the PATH."""
    code = "import npm, sys; sys.exit(npm.node_on_path() is None)"
    return subprocess.run([PYTHON, "-c", code], cwd=ROOT / "js").returncode == 0


def have_browser() -> bool:
    """Find a Chromium, Chrome or Edge, or fetch one: Playwright's own, else the system's."""
    if found_browser():
        return True
    heading("fetch a browser")
    if playwright_download() and found_browser():
        return True
    for command in system_install():
        run(command, {"DEBIAN_FRONTEND": "noninteractive"})
    if found_browser():
        return True
    print("No browser: install Chromium, Chrome or Edge, or name one in XAI_WIDGETS_BROWSER.", flush=True)
    return False


def playwright_download() -> bool:
    """Download Playwright's own Chromium; only its failure is worth a line."""
    quick = {**os.environ, "PLAYWRIGHT_DOWNLOAD_CONNECTION_TIMEOUT": "15000"}
    command = [str(PYTHON), "-m", "playwright", "install", "chromium"]
    done = subprocess.run(command, env=quick, stdin=subprocess.DEVNULL, capture_output=True).returncode == 0
    if not done:
        print("Playwright's own Chromium could not be downloaded; asking the system for one.", flush=True)
    return done


def found_browser() -> bool:
    """Return whether the project itself finds a browser that starts."""
    code = "from xai_widgets.doctor import find_browser; raise SystemExit(find_browser() is None)"
    return subprocess.run([PYTHON, "-c", code], stdin=subprocess.DEVNULL).returncode == 0


def system_install() -> list[list[str]]:
    """Return the commands that install Chromium on this system, as root or with a sudo that does not ask."""
    manager = next((name for name in SYSTEMS if shutil.which(name)), None)
    if manager is None or not hasattr(os, "geteuid"):
        return []
    sudo = [] if os.geteuid() == 0 else ["sudo", "-n"]
    if sudo and shutil.which("sudo") is None:
        return []
    return [[*sudo, manager, *arguments] for arguments in SYSTEMS[manager]]


def heading(text: str) -> None:
    """Print where we are."""
    print(f"\n── {text} {'─' * max(0, 74 - len(text))}", flush=True)


def run(
    command: Sequence[str | Path],
    environment: dict[str, str] | None = None,
    stdin: int | None = subprocess.DEVNULL,
) -> int:
    """Run a program without a shell, with no input unless wanted, and return its exit code."""
    try:
        own = {**os.environ, **(environment or {})}
        return subprocess.run(list(map(str, command)), env=own, stdin=stdin).returncode
    except FileNotFoundError:
        print(f"{command[0]} is not there", flush=True)
        return 127


if __name__ == "__main__":
    for stream in (sys.stdout, sys.stderr):
        stream.reconfigure(errors="replace")  # type: ignore[union-attr]  # a Windows console may lack the dashes
    sys.exit(main())
