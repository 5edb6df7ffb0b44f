"""Small replies at once: a Jupyter server extension, and which way is in use.

A stock server leaves Nagle's algorithm on: of two small messages to the browser the second waits until the
first is acknowledged, which a browser's system does 40 ms later (docs/upstream-nodelay.md). The extension
sets `TCP_NODELAY` on the websockets of kernels. `etc/jupyter/jupyter_server_config.d/xai_widgets.json`
enables it where the package is installed; `c.XaiWidgetsWire.nodelay = False` in `jupyter_server_config.py`
turns it off.

A server loads this module: it imports neither torch nor the rest of the package.
"""

import os
from typing import Any, Literal

from traitlets import Bool
from traitlets.config import LoggingConfigurable

Way = Literal["nodelay", "off", "unfit", "stock", "unknown"]
"""How a server sends: at once; as it always did, because it was told so, because its internals differ from
what we know, or because it does not load the extension; or it cannot be told."""

EXTENSION = "xai_widgets.wire"
SETTING = "kernel_websocket_connection_class"
# Kernels inherit it from their server. The process's number tells it from what another server left behind.
VARIABLE = "XAI_WIDGETS_WIRE"


class XaiWidgetsWire(LoggingConfigurable):
    """The extension's one setting."""

    nodelay = Bool(True, help="Send small messages to the browser at once (TCP_NODELAY).").tag(config=True)


def _load_jupyter_server_extension(server: Any) -> None:
    """Let every websocket of a kernel that is opened from now on send at once; called by the server."""
    way = _way(server)
    os.environ[VARIABLE] = f"{way} {os.getpid()}"
    server.log.info("xai_widgets.wire | websockets of kernels: %s", way)


def _way(server: Any) -> Way:
    if not XaiWidgetsWire(parent=server).nodelay:
        return "off"
    settings = getattr(getattr(server, "web_app", None), "settings", {})
    known = settings.get(SETTING)
    if not (isinstance(known, type) and callable(getattr(known, "connect", None))):
        return "unfit"
    settings[SETTING] = at_once(known)
    return "nodelay"


def at_once(known: type[Any]) -> type[Any]:
    """Return the server's class of kernel connections, which sets `TCP_NODELAY` before it connects."""

    class AtOnce(known):  # type: ignore[misc]  # known only when the server runs
        def connect(self) -> Any:
            try:
                self.websocket_handler.set_nodelay(True)
            except Exception as error:
                self.log.warning("xai_widgets.wire | this websocket stays as it is: %r", error)
            return super().connect()

    return AtOnce


def of_kernel() -> Way:
    """Return how the server sends that started this kernel."""
    server = os.environ.get("JPY_PARENT_PID", "")  # on Windows a handle, which fits no process's number
    way, _, number = os.environ.get(VARIABLE, "").partition(" ")
    if server and number == server:
        return way  # type: ignore[return-value]  # written above
    return "stock" if server in _running() else "unknown"


def _running() -> set[str]:
    """Return the process numbers of this user's Jupyter servers."""
    try:
        from jupyter_server.serverapp import list_running_servers
    except ImportError:
        return set()
    return {str(server.get("pid")) for server in list_running_servers()}


def of_environment() -> Way:
    """Return how a Jupyter server would send that is started from this environment."""
    try:
        from jupyter_server.serverapp import ServerApp
    except ImportError:
        return "unknown"
    server = ServerApp()  # reads the same files as one that starts; it is not started
    server.load_config_file()
    server.find_server_extensions()
    if not server.jpserver_extensions.get(EXTENSION):
        return "stock"
    return "nodelay" if XaiWidgetsWire(parent=server).nodelay else "off"
