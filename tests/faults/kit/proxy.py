"""A JSON-RPC proxy that misbehaves by rules, counts what it did, and lets a test wait for what passes."""

import contextlib
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from tests.faults.kit.front import CLOSED, Front, Response, serving
from tests.faults.kit.jsonrpc import Call, Reply, Unreadable, Upstream, as_body, read_calls
from tests.faults.kit.rules import BATCH, OfCall, OfExchange, Rule
from tests.faults.kit.traffic import PATIENCE_SECONDS, Entry, Traffic


@dataclass(eq=False)
class _Installed:
    """A rule at work. `since` is the log's length when it came; `let_go` counts how often what it holds was let go."""

    rule: Rule
    since: int
    fired: int = 0
    let_go: int = 0

    @property
    def spent(self) -> bool:
        return self.rule.times is not None and self.fired >= self.rule.times


@dataclass
class Proxy(Traffic):
    """Made by `proxy_to`. All of it may be used from any thread, while requests pass.

    `upstream.url` may be changed: the node was replaced by another. `front.cut()` closes every connection.
    """

    upstream: Upstream = field(default_factory=lambda: Upstream(""))
    front: Front = field(default_factory=lambda: Front(""))
    rules: list[_Installed] = field(default_factory=list)
    removed: list[_Installed] = field(default_factory=list)
    closed: bool = False

    @property
    def url(self) -> str:
        return self.front.url

    def add(self, rule: Rule) -> Rule:
        """From now on. Of several rules for one call the oldest that is not used up is applied."""
        with self.changed:
            self.rules.append(_Installed(rule, len(self.log)))
        return rule

    def remove(self, rule: Rule) -> None:
        """What it holds goes on. How often it fired can still be asked."""
        with self.changed:
            installed = self._of(rule)
            if installed in self.rules:
                self.rules.remove(installed)
                self.removed.append(installed)
        self.release(rule)

    def release(self, rule: Rule) -> None:
        """What it holds or delays now goes on; it stays for what comes, if it is not used up."""
        with self.changed:
            self._of(rule).let_go += 1
            self.changed.notify_all()

    @contextlib.contextmanager
    def fault(self, rule: Rule) -> Iterator[Rule]:
        """The rule until the context ends, which fails when it never fired."""
        self.add(rule)
        try:
            yield rule
        finally:
            self.remove(rule)
        self.assert_fired(rule)

    def fired(self, rule: Rule) -> int:
        """How often it was applied so far."""
        with self.changed:
            return self._of(rule).fired

    def assert_fired(self, rule: Rule, times: int | None = None) -> None:
        """At least once, or exactly so often."""
        fired = self.fired(rule)
        right = fired > 0 if times is None else fired == times
        assert right, f"{rule.method}: {rule.fault} fired {fired} times, not {times or 'once or more'}"

    def wait_until_fired(self, rule: Rule, times: int = 1, timeout: float = PATIENCE_SECONDS) -> None:
        """Raises AssertionError when it was not applied so often within `timeout` seconds."""
        self.wait_until(lambda: self._of(rule).fired >= times or None, timeout, f"{rule.method}: {rule.fault}")

    def _of(self, rule: Rule) -> _Installed:
        return next(each for each in [*self.rules, *self.removed] if each.rule is rule)

    # ---- at work

    def answer(self, body: bytes) -> Response:
        """To one HTTP request, in its thread."""
        try:
            calls = read_calls(body)
        except Unreadable:
            return self.upstream.post(body)
        with self.changed:  # whoever sees a call in the log sees what is done to it, too
            exchange = _Exchange(self, self.came(calls))
            exchange.match(self.rules)
        return exchange.run()

    def close(self) -> None:
        """Whatever is held goes on."""
        with self.changed:
            self.closed = True
            self.changed.notify_all()


@dataclass(eq=False)
class _Exchange:
    """One HTTP request on its way. `alone` are the faults of single calls, by their number in the log."""

    proxy: Proxy
    entries: list[Entry]
    whole: _Installed | None = None
    alone: dict[int, _Installed] = field(default_factory=dict)
    let_go: int = 0

    @property
    def calls(self) -> list[Call]:
        return [entry.call for entry in self.entries]

    @property
    def batched(self) -> bool:
        return bool(self.entries) and self.entries[0].call.batched

    # ---- which rules

    def match(self, rules: list[_Installed]) -> None:
        for entry in self.entries:
            installed = next((each for each in rules if self._fits(each, entry)), None)
            if installed is None:
                continue
            if isinstance(installed.rule.fault, OfCall):
                self._take(installed, entry)
                self.alone[entry.number] = installed
            elif self.whole is None:
                self._take_whole(installed, entry)
        if self.whole is None and self.batched:
            for installed in rules:
                if installed.rule.method == BATCH and not installed.spent:
                    self._take_whole(installed, *self.entries)
                    break

    def _fits(self, installed: _Installed, entry: Entry) -> bool:
        rule = installed.rule
        if installed.spent or rule.method == BATCH or not rule.matches(entry.call):
            return False
        return not isinstance(rule.fault, OfCall) or rule.fault.applies(_OneCall(self, entry, installed))

    def _take(self, installed: _Installed, *entries: Entry) -> None:
        installed.fired += 1
        for entry in entries:
            entry.done = type(installed.rule.fault).__name__

    def _take_whole(self, installed: _Installed, *entries: Entry) -> None:
        self._take(installed, *entries)
        self.whole, self.let_go = installed, installed.let_go

    # ---- on the way

    def run(self) -> Response:
        try:
            if self.whole is not None and isinstance(self.whole.rule.fault, OfExchange):
                return self.whole.rule.fault.exchange(self)
            return self.forward()
        except OSError:
            return CLOSED  # the node is not there

    def forward(self) -> Response:
        response, replies = self._together([entry for entry in self.entries if entry.number not in self.alone])
        if response is not None and not self.alone:
            return response
        for entry in self.entries:
            if (installed := self.alone.get(entry.number)) is not None:
                assert isinstance(installed.rule.fault, OfCall)
                reply = installed.rule.fault.call(_OneCall(self, entry, installed))
                if reply is not None:
                    replies[entry.number] = reply
        told = [replies[entry.number] for entry in self.entries if entry.number in replies]
        if not self.batched:
            return Response(json.dumps(told[0]).encode()) if told else CLOSED
        return Response(json.dumps(told).encode())

    def _together(self, entries: list[Entry]) -> tuple[Response | None, dict[int, Reply]]:
        """The node's answer as it came, and its replies by their calls' numbers: none of what is no JSON."""
        if not entries:
            return None, {}
        response = self.proxy.upstream.post(as_body([entry.call for entry in entries], self.batched))
        try:
            told = json.loads(response.body)
        except ValueError:
            return response, {}
        by_id = {reply.get("id"): reply for reply in (told if isinstance(told, list) else [told])}
        found = {entry.number: by_id[entry.call.id] for entry in entries if entry.call.id in by_id}
        for entry in entries:
            if (reply := found.get(entry.number)) is not None:
                self.proxy.answered(entry, reply)
        return response, found

    def ask_alone(self, entry: Entry) -> Reply:
        reply: Reply = json.loads(self.proxy.upstream.post(as_body([entry.call], batched=False)).body)
        self.proxy.answered(entry, reply)
        return reply

    def wait(self, seconds: float | None = None) -> None:
        self._sleep(seconds, lambda: False)

    def wait_for(self, method: str) -> None:
        next_ = self.entries[-1].number + 1
        later = self.proxy.log  # only ever grows
        self._sleep(None, lambda: any(other.node and other.method == method for other in later[next_:]))

    def _sleep(self, seconds: float | None, done: Callable[[], bool]) -> None:
        proxy, whole = self.proxy, self.whole
        assert whole is not None
        with proxy.changed:
            proxy.changed.wait_for(lambda: whole.let_go > self.let_go or proxy.closed or done(), seconds)


@dataclass(frozen=True, eq=False)
class _OneCall:
    exchange: _Exchange
    entry: Entry
    installed: _Installed

    @property
    def call(self) -> Call:
        return self.entry.call

    def forward(self) -> Reply:
        return self.exchange.ask_alone(self.entry)

    def earlier(self, back: int) -> Reply | None:
        return self.exchange.proxy.earlier(self.entry, self.installed.since, back)


@contextlib.contextmanager
def proxy_to(url: str) -> Iterator[Proxy]:
    """A proxy in front of the node at `url`, on a free loopback port, until the context ends."""
    proxy = Proxy(upstream=Upstream(url))
    with serving(proxy.answer) as front:
        proxy.front = front
        try:
            yield proxy
        finally:
            proxy.close()
