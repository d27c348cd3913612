"""An HTTP server on a free loopback port, whose answers one function gives, and whose connections can be cut."""

import contextlib
import socket
import threading
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

JSON = "application/json"


@dataclass(frozen=True, slots=True)
class Response:
    """`status` 0 closes the connection without a word. `promised` is a Content-Length that is not the body's: what is
    told breaks off before its end."""

    body: bytes
    status: int = 200
    kind: str = JSON
    headers: Mapping[str, str] = field(default_factory=dict)
    promised: int | None = None


CLOSED = Response(b"", status=0)


@dataclass
class Front:
    """What clients are given."""

    url: str
    _connections: set[socket.socket] = field(default_factory=set)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def cut(self) -> int:
        """Close every connection that is open, whatever is under way on it. Returns how many there were."""
        with self._lock:
            open_ = list(self._connections)
        for connection in open_:
            with contextlib.suppress(OSError):  # closed by the other side a moment ago
                connection.shutdown(socket.SHUT_RDWR)
        return len(open_)

    def opened(self, connection: socket.socket) -> None:
        with self._lock:
            self._connections.add(connection)

    def closed(self, connection: socket.socket) -> None:
        with self._lock:
            self._connections.discard(connection)


@contextlib.contextmanager
def serving(answer: Callable[[bytes], Response]) -> Iterator[Front]:
    """POSTs are answered by `answer`, each connection in a thread of its own, until the context ends."""
    front = Front("")

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True

        def do_POST(self) -> None:
            reply = answer(self.rfile.read(int(self.headers["Content-Length"])))
            if reply.status == 0:
                self.close_connection = True
                return
            with contextlib.suppress(ConnectionError):  # who asked may have gone, or been killed, meanwhile
                self.send_response(reply.status)
                self.send_header("Content-Type", reply.kind)
                self.send_header("Content-Length", str(len(reply.body) if reply.promised is None else reply.promised))
                for name, value in reply.headers.items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(reply.body)
            self.close_connection = self.close_connection or reply.promised is not None

        def log_message(self, *_: Any) -> None:
            """Nothing on stderr."""

    class Server(ThreadingHTTPServer):
        daemon_threads = True
        block_on_close = False  # a thread may be held by a fault
        request_queue_size = 128

        def process_request(self, request: Any, client_address: Any) -> None:
            front.opened(request)
            super().process_request(request, client_address)

        def shutdown_request(self, request: Any) -> None:
            front.closed(request)
            super().shutdown_request(request)

        def handle_error(self, *_: Any) -> None:
            """A connection that its client dropped, or an answer that could not be had: it is closed."""

    with Server(("127.0.0.1", 0), Handler) as server:
        front.url = f"http://127.0.0.1:{server.server_address[1]}"
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
        thread.start()
        try:
            yield front
        finally:
            server.shutdown()
            thread.join()
            front.cut()
