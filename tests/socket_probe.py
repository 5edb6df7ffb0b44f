"""A server extension of the tests: `/probe` tells `TCP_NODELAY` of every kernel's websocket that is open."""

import socket

from jupyter_server.base.handlers import JupyterHandler
from jupyter_server.services.kernels.connection.channels import ZMQChannelsWebsocketConnection


class Probe(JupyterHandler):
    def get(self):
        connections = list(ZMQChannelsWebsocketConnection._open_sockets)
        streams = [one.websocket_handler.ws_connection.stream for one in connections]
        options = [one.socket.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY) for one in streams]
        self.finish({"nodelay": [bool(option) for option in options]})


def _load_jupyter_server_extension(server):
    server.web_app.add_handlers(".*", [(f"{server.base_url}probe", Probe)])
