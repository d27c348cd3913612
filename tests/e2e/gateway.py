"""A node's HTTP front in the tests' hands: it passes requests on, misbehaves when told to, and knows what was asked."""

import contextlib
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

from tests.faults.kit.front import Response as Canned
from tests.faults.kit.front import serving
from tests.faults.kit.jsonrpc import Upstream

Hook = Callable[[], None]

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
        answered = Upstream(self.upstream).post(body)
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
    with serving(lambda body: gateway.answer(body)) as front:  # which a test may replace
        gateway.url = front.url
        yield gateway
