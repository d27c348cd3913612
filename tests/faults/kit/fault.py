"""What a fault is: a value with one method, which gets a request on its way to the node.

`OfExchange.exchange` gets a whole HTTP exchange and answers it, `forward()` being the way to the node; `OfCall.call`
gets one call of it and answers that, the rest of a batch left in peace. Faults of your own are made the same way.
"""

from abc import ABC, abstractmethod
from typing import Protocol

from tests.faults.kit.front import Response
from tests.faults.kit.jsonrpc import Call, Reply


class Exchange(Protocol):
    """A request over HTTP, of one call or of a batch, in the hands of its fault."""

    @property
    def calls(self) -> list[Call]: ...

    def forward(self) -> Response:
        """The node's answer, with whatever faults of single calls there are."""
        ...

    def wait(self, seconds: float | None = None) -> None:
        """So long, or until the rule is removed or released; None: until then."""
        ...

    def wait_for(self, method: str) -> None:
        """Until a call of that method, which came later, has been answered by the node; or as `wait`."""
        ...


class OneCall(Protocol):
    """A call in the hands of its fault."""

    @property
    def call(self) -> Call: ...

    def forward(self) -> Reply:
        """The node's reply to this call alone."""
        ...

    def earlier(self, back: int) -> Reply | None:
        """What the node said to the same question before the rule was there; `back` answers before the last."""
        ...


class OfExchange(ABC):
    @abstractmethod
    def exchange(self, it: Exchange) -> Response: ...


class OfCall(ABC):
    """The call that it concerns is taken out of its batch, and asked alone once the rest has been answered."""

    @abstractmethod
    def call(self, it: OneCall) -> Reply | None:
        """None: no reply, which in a batch is one too few, and otherwise a connection that is closed."""
        ...

    def applies(self, it: OneCall) -> bool:
        """Whether there is anything that it could do to this call; if not, the rule does not count."""
        return True
