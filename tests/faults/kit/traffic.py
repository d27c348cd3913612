"""What passed a proxy, in order, and waiting for what has yet to come."""

import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar

from tests.faults.kit.jsonrpc import Call, Reply

PATIENCE_SECONDS = 20.0
T = TypeVar("T")


@dataclass(eq=False)
class Entry:
    """One call in the log. It is filled in while the call is under way.

    `at` is when it came (monotonic, seconds); `exchange` numbers the HTTP requests. `done` names the fault that was
    applied, None while there is none; `node` is what the node said, None until it did.
    """

    number: int
    exchange: int
    call: Call
    at: float
    done: str | None = None
    node: Reply | None = None

    @property
    def method(self) -> str:
        return self.call.method

    @property
    def params(self) -> Any:
        return self.call.params


@dataclass
class Traffic:
    """The log of all calls, shared by the threads of a proxy and those of a test. `changed` is its lock, and told of
    every change."""

    log: list[Entry] = field(default_factory=list)
    changed: threading.Condition = field(default_factory=threading.Condition)
    exchanges: int = 0

    def came(self, calls: Sequence[Call]) -> list[Entry]:
        """Their entries, from one HTTP request."""
        with self.changed:
            self.exchanges += 1
            now = time.monotonic()
            entries = [Entry(len(self.log) + n, self.exchanges, call, now) for n, call in enumerate(calls)]
            self.log += entries
            self.changed.notify_all()
        return entries

    def answered(self, entry: Entry, reply: Reply) -> None:
        with self.changed:
            entry.node = reply
            self.changed.notify_all()

    def mark(self) -> int:
        """The log's length: `since` it, later."""
        with self.changed:
            return len(self.log)

    def asked(self, method: str, since: int = 0) -> list[Entry]:
        with self.changed:
            return [entry for entry in self.log[since:] if entry.method == method]

    def count(self, method: str, since: int = 0) -> int:
        return len(self.asked(method, since))

    def wait_for(
        self,
        method: str,
        timeout: float = PATIENCE_SECONDS,
        *,
        count: int = 1,
        since: int = 0,
        answered: bool = False,
        when: Callable[[Entry], bool] = lambda _: True,
    ) -> Entry:
        """The `count`-th call of `method` in the log `since` a mark, once it came, or with `answered` once the node has
        answered it. Raises AssertionError when it does not within `timeout` seconds."""

        def found() -> Entry | None:
            fit = [
                entry for entry in self.asked(method, since) if (entry.node is not None or not answered) and when(entry)
            ]
            return fit[count - 1] if len(fit) >= count else None

        return self.wait_until(found, timeout, f"{count} x {method}{' answered' if answered else ''}")

    def wait_until(self, poll: Callable[[], T | None], timeout: float, what: str) -> T:
        """What `poll` gives, once it gives something; it is asked after every change."""
        deadline = time.monotonic() + timeout
        with self.changed:
            while (found := poll()) is None:
                left = deadline - time.monotonic()
                if left <= 0:
                    passed = " ".join(entry.method for entry in self.log[-20:])
                    raise AssertionError(f"not within {timeout:g} s: {what}; the last that came: {passed or 'nothing'}")
                self.changed.wait(left)
        return found

    def earlier(self, like: Entry, since: int, back: int) -> Reply | None:
        """What the node said to the same question before the mark `since`; `back` answers before the last."""
        with self.changed:
            said = [
                other.node
                for other in self.log[:since]
                if other.node is not None and (other.method, other.params) == (like.method, like.params)
            ]
        return said[-1 - back] if len(said) > back else None
