"""The server extension in real Jupyter servers; the socket's option is read on the server's side."""

import json
import logging
import os
import shutil
import subprocess
import sys
import uuid
from pathlib import Path
from types import SimpleNamespace

import pytest
import websocket

from tests.browser.lab import Lab
from xai_widgets import wire

ROOT = Path(__file__).resolve().parent.parent
SERVER = ["-m", "jupyter_server"]
ENABLED = {"JUPYTER_CONFIG_PATH": str(ROOT / "etc" / "jupyter")}
PROBE = {"tests.socket_probe": True}
ASK = "from xai_widgets import wire; print(wire.of_kernel())"


class Kernel:
    """A kernel of the server, with the websocket that a browser would open."""

    def __init__(self, lab):
        self.lab = lab
        kernel = json.loads(lab.ask("/api/kernels", "POST"))["id"]
        url = f"{lab.url.replace('http', 'ws')}/api/kernels/{kernel}/channels?token={lab.token}"
        self.socket = websocket.create_connection(url, timeout=60, http_no_proxy=["*"])

    def run(self, code):
        """Return what the code prints."""
        header = {"msg_id": uuid.uuid4().hex, "msg_type": "execute_request", "username": "", "session": "s"}
        message = {"header": header, "parent_header": {}, "metadata": {}, "channel": "shell", "buffers": []}
        self.socket.send(json.dumps(message | {"content": {"code": code, "silent": False}}))
        said = ""
        while True:
            answer = json.loads(self.socket.recv())
            if answer["parent_header"].get("msg_id") != header["msg_id"]:
                continue
            if answer["msg_type"] == "stream":
                said += answer["content"]["text"]
            if answer["msg_type"] == "execute_reply":
                assert answer["content"]["status"] == "ok", answer
            if answer["msg_type"] == "status" and answer["content"]["execution_state"] == "idle":
                return said.strip()

    def nodelay(self):
        """Return the option of this websocket, as the server's system tells it."""
        (found,) = json.loads(self.lab.ask("/probe"))["nodelay"]
        return found


@pytest.mark.slow
@pytest.mark.parametrize(
    ("config", "way", "nodelay"),
    [
        ({}, "nodelay", True),
        ({"XaiWidgetsWire": {"nodelay": False}}, "off", False),
        ({"ServerApp": {"jpserver_extensions": {wire.EXTENSION: False}}}, "stock", False),
    ],
    ids=["enabled by the package's file", "switched off", "not loaded"],
)
def test_a_real_server(config, way, nodelay):
    loaded = PROBE | config.get("ServerApp", {}).get("jpserver_extensions", {})
    server = config | {"ServerApp": {"jpserver_extensions": loaded}}
    with Lab(command=SERVER, config=server, environment=ENABLED) as lab:
        kernel = Kernel(lab)
        assert kernel.run(ASK) == way
        assert kernel.nodelay() is nodelay


@pytest.mark.slow
def test_a_server_of_another_environment_goes_on_as_it_was(tmp_path):
    """It reads our file, as a user's Jupyter may, and cannot import what that names."""
    (probe,) = PROBE
    shutil.copy(ROOT / f"{probe.replace('.', '/')}.py", tmp_path)
    # Without `site`, no `.pth` leads to the checkout.
    packages = {str(Path(module.__file__).parent.parent) for module in (pytest, websocket)}
    environment = ENABLED | {"PYTHONPATH": os.pathsep.join([*packages, str(tmp_path)])}
    without = subprocess.run(
        [sys.executable, "-S", "-c", "import xai_widgets"],
        env=os.environ | environment,
        cwd=tmp_path,
        capture_output=True,
    )
    if without.returncode == 0:
        pytest.skip("xai_widgets is installed here as a whole, so no server of this Python is without it")
    config = {"ServerApp": {"jpserver_extensions": {"socket_probe": True}}}
    with Lab(command=["-S", *SERVER], config=config, environment=environment) as lab:
        kernel = Kernel(lab)
        assert kernel.run("print(1 + 1)") == "2"
        assert kernel.nodelay() is False
        assert "xai_widgets.wire" in lab.log.read_text(), "the file was read"


class Connection:
    log = logging.getLogger("connection")

    def __init__(self, handler):
        self.websocket_handler = handler

    async def connect(self):
        return "connected"


def server(**settings):
    return SimpleNamespace(web_app=SimpleNamespace(settings=settings), log=logging.getLogger("server"))


@pytest.fixture
def load(monkeypatch):
    monkeypatch.setenv(wire.VARIABLE, "")
    monkeypatch.setattr(wire, "XaiWidgetsWire", lambda parent: SimpleNamespace(nodelay=True))
    return wire._load_jupyter_server_extension


@pytest.mark.parametrize("settings", [{}, {wire.SETTING: None}, {wire.SETTING: object}])
def test_a_server_with_other_internals_is_left_alone(load, caplog, settings):
    given = server(**settings)
    with caplog.at_level("INFO"):
        load(given)
        load(SimpleNamespace(log=given.log))
    assert given.web_app.settings == settings
    assert os.environ[wire.VARIABLE] == f"unfit {os.getpid()}"
    assert caplog.text.count("unfit") == 2


@pytest.mark.parametrize("error", [AttributeError("set_nodelay"), AssertionError(), OSError(22, "closed")])
def test_a_websocket_that_cannot_is_connected_all_the_same(load, caplog, error):
    def refuse(value):
        raise error

    given = server(**{wire.SETTING: Connection})
    load(given)
    connection = given.web_app.settings[wire.SETTING](SimpleNamespace(set_nodelay=refuse))
    connection.log = logging.getLogger("tests.wire")  # those made earlier may be switched off
    with pytest.raises(StopIteration, match="connected"):
        connection.connect().send(None)
    assert repr(error) in caplog.text


def test_where_a_kernel_cannot_tell(monkeypatch):
    monkeypatch.delenv("JPY_PARENT_PID", raising=False)
    monkeypatch.setenv(wire.VARIABLE, "nodelay 1")
    assert wire.of_kernel() == "unknown"
    monkeypatch.setenv("JPY_PARENT_PID", "2")  # the variable came from another server
    monkeypatch.setattr(wire, "_running", set)
    assert wire.of_kernel() == "unknown"
    monkeypatch.setenv("JPY_PARENT_PID", "1")
    assert wire.of_kernel() == "nodelay"


@pytest.mark.parametrize(
    ("written", "way"),
    [
        ("", "nodelay"),
        ("c.XaiWidgetsWire.nodelay = False", "off"),
        (f"c.ServerApp.jpserver_extensions = {{{wire.EXTENSION!r}: False}}", "stock"),
    ],
)
def test_what_a_server_of_this_environment_would_do(monkeypatch, tmp_path, written, way):
    (tmp_path / "jupyter_server_config.py").write_text(written)
    monkeypatch.setenv("JUPYTER_CONFIG_DIR", str(tmp_path))
    monkeypatch.setenv("JUPYTER_CONFIG_PATH", ENABLED["JUPYTER_CONFIG_PATH"])
    assert wire.of_environment() == way


def test_the_extension_loads_nothing_else():
    """A server's start must not wait for torch."""
    code = "import json, sys; import xai_widgets.wire; print(json.dumps(list(sys.modules)))"
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT, check=True)
    loaded = json.loads(said.stdout)
    assert [name for name in loaded if name.startswith("xai_widgets")] == ["xai_widgets", "xai_widgets.wire"]
    assert not {"torch", "numpy", "jupyter_server"} & set(loaded)
