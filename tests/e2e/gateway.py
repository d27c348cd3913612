"""A node's HTTP front in the tests' hands: it passes requests on, misbehaves when told to, and knows what was asked."""

import contextlib
import http.client
import json
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import urlsplit

Hook = Callable[[], None]


@dataclass(frozen=True, slots=True)
class Canned:
    """An answer that never came from the node."""

    body: bytes
    status: int = 200
    kind: str = "application/json"


HTML = Canned(b"<!DOCTYPE html><html><body>upstream unavailable</body></html>", kind="text/html")
UNAVAILABLE = Canned(b"bad gateway", status=502, kind="text/plain")
SILENCE = Canned(b"", status=0)
"""The connection is closed without an answer."""


@dataclass
class Gateway:
    """`canned` is answered to everything, or to the methods in `only`, while it is set. `asked` are the methods of all
    requests, a batch's together. `before` and `after` are called once each, when a method comes, and when the node has
    answered it but its caller does not know yet.
    """

    upstream: str
    url: str = ""
    canned: Canned | None = None
    only: frozenset[str] = frozenset()
    asked: list[tuple[str, ...]] = field(default_factory=list)
    before: dict[str, Hook] = field(default_factory=dict)
    after: dict[str, Hook] = field(default_factory=dict)

    def answer(self, body: bytes) -> Canned:
        question: Any = json.loads(body)
        methods = tuple(one["method"] for one in (question if isinstance(question, list) else [question]))
        self.asked.append(methods)
        _call(self.before, methods)
        if self.canned and (not self.only or self.only & set(methods)):
            return self.canned
        where = urlsplit(self.upstream)
        node = http.client.HTTPConnection(where.hostname or "", where.port, timeout=30)
        with contextlib.closing(node):
            node.request("POST", "/", body, {"Content-Type": "application/json"})
            reply = node.getresponse()
            answered = Canned(reply.read(), reply.status)
        _call(self.after, methods)
        return answered

    def sent(self) -> int:
        """How often a transaction was handed over."""
        return sum(methods.count("eth_sendRawTransaction") for methods in self.asked)


def _call(hooks: dict[str, Hook], methods: tuple[str, ...]) -> None:
    for method in methods:
        if hook := hooks.pop(method, None):
            hook()


@contextlib.contextmanager
def gateway_to(url: str) -> Iterator[Gateway]:
    """A gateway in front of `url`, on a free loopback port, until the context ends."""
    gateway = Gateway(url)

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True

        def do_POST(self) -> None:
            reply = gateway.answer(self.rfile.read(int(self.headers["Content-Length"])))
            if reply.status == 0:
                self.close_connection = True
                return
            with contextlib.suppress(ConnectionError):  # who asked may have been killed meanwhile
                self.send_response(reply.status)
                self.send_header("Content-Type", reply.kind)
                self.send_header("Content-Length", str(len(reply.body)))
                self.end_headers()
                self.wfile.write(reply.body)

        def log_message(self, *_: Any) -> None:
            """Nothing on stderr."""

    class Server(ThreadingHTTPServer):
        daemon_threads = True

        def handle_error(self, *_: Any) -> None:
            """A connection that its client dropped."""

    with Server(("127.0.0.1", 0), Handler) as server:
        gateway.url = f"http://127.0.0.1:{server.server_address[1]}"
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
        thread.start()
        try:
            yield gateway
        finally:
            server.shutdown()
            thread.join()
