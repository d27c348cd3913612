"""A cable that can be pulled: a TCP connection to a server, such as a database, that is cut and later mended.

with wire_to("127.0.0.1", 5432) as wire:
    program = start(database=f"postgresql://...@127.0.0.1:{wire.port}/...")
    wire.cut()   # every connection is gone, and none is made, until
    wire.mend()
"""

import contextlib
import selectors
import socket
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field

_CHUNK = 1 << 16


@dataclass
class Wire:
    """`cuts` counts the connections that were cut."""

    host: str
    upstream_port: int
    port: int = 0
    cuts: int = 0
    _is_cut: bool = False
    _open: set[socket.socket] = field(default_factory=set)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def cut(self) -> int:
        """Every connection is reset, and a new one too, until `mend`. Returns how many there were."""
        with self._lock:
            self._is_cut = True
            pairs, self._open = self._open, set()
        for end in pairs:
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
        self.cuts += len(pairs) // 2
        return len(pairs) // 2

    def mend(self) -> None:
        with self._lock:
            self._is_cut = False

    def carry(self, near: socket.socket) -> None:
        """One connection, until an end closes it or it is cut."""
        with near, contextlib.suppress(OSError), socket.create_connection((self.host, self.upstream_port)) as far:
            with self._lock:
                if self._is_cut:
                    return
                self._open |= {near, far}
            try:
                _pass(near, far)
            finally:
                with self._lock:
                    self._open -= {near, far}


def _pass(near: socket.socket, far: socket.socket) -> None:
    with selectors.DefaultSelector() as selector:
        selector.register(near, selectors.EVENT_READ, far)
        selector.register(far, selectors.EVENT_READ, near)
        while True:
            for key, _ in selector.select():
                source = key.fileobj
                assert isinstance(source, socket.socket)
                if not (data := source.recv(_CHUNK)):
                    return
                key.data.sendall(data)


@contextlib.contextmanager
def wire_to(host: str, port: int) -> Iterator[Wire]:
    """On a free loopback port, until the context ends."""
    wire = Wire(host, port)
    with socket.create_server(("127.0.0.1", 0)) as server:
        wire.port = server.getsockname()[1]

        def accept() -> None:
            while True:
                try:
                    near, _ = server.accept()
                except OSError:
                    return
                threading.Thread(target=wire.carry, args=(near,), daemon=True).start()

        thread = threading.Thread(target=accept, daemon=True)
        thread.start()
        try:
            yield wire
        finally:
            wire.cut()
            server.shutdown(socket.SHUT_RDWR)
            thread.join()
