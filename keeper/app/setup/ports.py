"""What a set-up needs of the world: a node to send through, and a record that survives any end of the process."""

from collections.abc import Sequence
from typing import Protocol

from keeper.core.model import Block
from keeper.core.setup.calls import Call, Mined, Sent
from keeper.core.units import Address
from keeper.ports import Account, SimulatedRevert


class Node(Protocol):
    """The node. Every method raises ChainUnavailable when it cannot say."""

    async def head(self) -> Block: ...
    async def account(self, signer: Address) -> Account: ...

    async def estimate(self, calls: Sequence[Call], sender: Address) -> list[int | SimulatedRevert]:
        """Gas of each call by itself on top of the newest block, or why it would revert."""
        ...

    async def broadcast(self, raws: Sequence[bytes]) -> list[str]:
        """Hand signed transactions over, in order. Replies in short: whatever they say, the bytes may be out."""
        ...

    async def outcomes(self, sent: Sequence[Sent]) -> list[Mined | None]:
        """The receipts; None for what is not mined."""
        ...

    async def nonce_at(self, signer: Address, block: int) -> int:
        """Transactions of the signer up to that block."""
        ...

    async def why_reverted(self, sent: Sent) -> str | None:
        """The reason of a mined revert, decoded, where the node can still say."""
        ...


class Ledger(Protocol):
    """The transactions of a set-up, in the order of their nonces."""

    def entries(self) -> tuple[Sent, ...]: ...

    def write(self, entries: Sequence[Sent]) -> None:
        """Adds these, or replaces those of the same hash. Durable when it returns."""
        ...
