"""A cable between a page and its server, which can be cut."""

import contextlib
import socket
import threading
from types import TracebackType
from typing import Self


class Cable:
    """Forwards connections to a port of this machine, from a port of its own.

    Three states: whole; numb, where everything is taken and nothing comes out at the other end, as on a
    dead line before anybody has noticed; and cut, where connections end and new ones are refused.
    """

    def __init__(self, port: int) -> None:
        self.target = port
        self.numb = self.cut = False
        self._ends: set[socket.socket] = set()
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = int(self._listener.getsockname()[1])
        threading.Thread(target=self._accept, daemon=True).start()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._listener.close()
        self.sever()

    def sever(self) -> None:
        """End all connections; refuse others until `mend`."""
        self.cut = True
        for end in list(self._ends):
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)

    def mend(self) -> None:
        """Let everything through again."""
        self.numb = self.cut = False

    def _accept(self) -> None:
        while True:
            try:
                near, _ = self._listener.accept()
            except OSError:
                return
            if self.cut:
                near.close()
                continue
            far = socket.create_connection(("127.0.0.1", self.target))
            self._ends |= {near, far}
            for one, other in ((near, far), (far, near)):
                threading.Thread(target=self._pump, args=(one, other), daemon=True).start()

    def _pump(self, one: socket.socket, other: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while data := one.recv(65536):
                if not self.numb:
                    other.sendall(data)
        for end in (one, other):
            self._ends.discard(end)
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
            end.close()
