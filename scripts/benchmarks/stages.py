"""When a cycle crosses from one stage to the next: the world's ports, wrapped so that each call leaves its times.

The product runs as it is; only the objects it was given are ours. What lies between two calls is the product's too.
"""

import inspect
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from itertools import pairwise
from typing import Any, cast

from keeper.app.world import World
from keeper.ports import Books, Chain, Signer, TreasuryCodec

STAGES = ("schedule", "observe", "deliberate", "rehearse", "commit", "sign", "save", "hand over")
"""In order, each ending where the next begins; the first begins when the head is received, the last ends when the
node is called with the signed bytes."""
AFTER_THE_INTENT = ("sign", "save", "hand over")
"""From the intent in the books to the call."""

_OBSERVING = ("chain.observe", "books.policies", "books.known_code", "books.open_intents", "books.remember_tokens")


@dataclass(slots=True)
class Trace:
    """Calls in the order they ended or, while under way, began: (port.method, began, ended)."""

    calls: list[tuple[str, float, float]] = field(default_factory=list)
    sending: float | None = None

    def clear(self) -> None:
        self.calls.clear()
        self.sending = None

    def ended(self, name: str) -> float:
        """The first end of such a call."""
        return next(end for each, _, end in self.calls if each == name)

    def began(self, name: str) -> float:
        return next(start for each, start, _ in self.calls if each == name)

    def last_end(self, names: Iterable[str], before: float) -> float:
        return max(end for each, _, end in self.calls if each in names and end <= before)

    def stages(self) -> dict[str, float]:
        """Seconds of each stage, of a cycle that got as far as sending. Raises StopIteration when it did not."""
        assert self.sending is not None, "nothing was sent"
        rehearsing = self.began("chain.rehearse")
        edges = [
            self.ended("chain.head"),
            self.began("chain.observe"),
            self.last_end(_OBSERVING, before=rehearsing),
            rehearsing,
            self.ended("chain.rehearse"),
            self.ended("books.commit_cycle"),
            self.ended("signer.sign"),
            self.ended("books.save_attempt"),
            self.sending,
        ]
        return {name: end - start for name, (start, end) in zip(STAGES, pairwise(edges), strict=True)}


def traced(world: World, trace: Trace) -> World:
    """The same world, every call of whose chain, books and signers is noted in `trace`."""

    def signer_of(fund: Any) -> Signer | None:
        signer = world.signer_of(fund)
        return None if signer is None else cast(Signer, _Watched(signer, "signer", trace))

    return replace(
        world,
        chain=cast(Chain, _Watched(world.chain, "chain", trace)),
        books=cast(Books, _Watched(world.books, "books", trace)),
        codec=cast(TreasuryCodec, _Watched(world.codec, "codec", trace)),
        signer_of=signer_of,
    )


class _Watched:
    """Stands for a port; notes when a method was called and when it returned."""

    def __init__(self, port: object, name: str, trace: Trace) -> None:
        self._port, self._name, self._trace = port, name, trace

    def __getattr__(self, method: str) -> Any:
        member = getattr(self._port, method)
        if not callable(member):
            return member
        name = f"{self._name}.{method}"
        return self._awaited(name, member) if inspect.iscoroutinefunction(member) else self._called(name, member)

    def _awaited(self, name: str, method: Callable[..., Any]) -> Callable[..., Any]:
        async def call(*args: Any, **kwargs: Any) -> Any:
            began = time.perf_counter()
            if name == "chain.send" and self._trace.sending is None:
                self._trace.sending = began
            result = await method(*args, **kwargs)
            self._trace.calls.append((name, began, time.perf_counter()))
            return result

        return call

    def _called(self, name: str, method: Callable[..., Any]) -> Callable[..., Any]:
        def call(*args: Any, **kwargs: Any) -> Any:
            began = time.perf_counter()
            result = method(*args, **kwargs)
            self._trace.calls.append((name, began, time.perf_counter()))
            return result

        return call
