"""A node that a test moves by hand: blocks come when it says so, and transactions are lost when it wants."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime

from keeper.core.model import Block
from keeper.core.setup.calls import Call, Mined, Sent
from keeper.core.units import Address, Hash32, Timestamp, Wei
from keeper.ports import Account, Signable, SignedTransaction, SimulatedRevert

SIGNER = Address("0x" + "00" * 19 + "01")
ZERO = Hash32("0x" + "00" * 32)


@dataclass
class FakeNode:
    """`pool` holds what was handed over, by nonce; `mine` takes it up in order. `broken` are nonces that revert."""

    gas: int = 100_000
    number: int = 10
    nonce: int = 0
    balance: int = 10**18
    base_fee: int = 10**9
    foreign: int = 0
    mines_at_once: bool = True
    loses: bool = False
    refuses: frozenset[str] = frozenset()
    broken: frozenset[int] = frozenset()
    pool: dict[int, bytes] = field(default_factory=dict)
    receipts: dict[bytes, Mined] = field(default_factory=dict)
    broadcasts: list[list[bytes]] = field(default_factory=list)
    estimated: list[list[str]] = field(default_factory=list)
    replies: list[str] = field(default_factory=list)

    async def head(self) -> Block:
        return Block(self.number, ZERO, ZERO, Timestamp(self.number * 12), Wei(self.base_fee))

    async def account(self, signer: Address) -> Account:
        pending = self.nonce + len([nonce for nonce in self.pool if nonce >= self.nonce]) + self.foreign
        return Account(self.nonce, pending, Wei(self.balance), Wei(10**8))

    async def estimate(self, calls: Sequence[Call], sender: Address) -> list[int | SimulatedRevert]:
        self.estimated.append([call.step for call in calls])
        return [SimulatedRevert("No", "No: never") if call.step in self.refuses else self.gas for call in calls]

    async def broadcast(self, raws: Sequence[bytes]) -> list[str]:
        self.broadcasts.append(list(raws))
        if not self.loses:
            self.pool.update({int(raw.split(b":")[0]): raw for raw in raws})
            if self.mines_at_once:
                self.mine()
        return [self.replies.pop(0) if self.replies else "accepted" for _ in raws]

    def mine(self) -> None:
        self.number += 1
        while (raw := self.pool.pop(self.nonce, None)) is not None:
            fine = self.nonce not in self.broken
            self.receipts[raw] = Mined(self.number, fine, 50_000, Wei(50_000 * 10**9), None)
            self.nonce += 1

    def reorganise(self) -> None:
        """The newest block is gone, and its transactions are forgotten."""
        gone = [raw for raw, mined in self.receipts.items() if mined.block == self.number]
        for raw in gone:
            del self.receipts[raw]
        self.number -= 1
        self.nonce -= len(gone)

    async def outcomes(self, sent: Sequence[Sent]) -> list[Mined | None]:
        return [self.receipts.get(bytes.fromhex(one.hash[2:]).lstrip(b"\0")) for one in sent]

    async def nonce_at(self, signer: Address, block: int) -> int:
        return self.nonce

    async def why_reverted(self, sent: Sent) -> str | None:
        return "BadAsset: token 0x1"


class FakeSigner:
    """Its bytes are readable: nonce, fee and calldata. Its hashes are these bytes."""

    address = SIGNER

    def sign(
        self, call: Signable, *, nonce: int, gas_limit: int, max_fee: Wei, max_tip: Wei, chain_id: int
    ) -> SignedTransaction:
        raw = b"%d:%d:%d:" % (nonce, gas_limit, max_fee) + call.data
        assert len(raw) <= 32
        return SignedTransaction(raw, Hash32("0x" + raw.rjust(32, b"\0").hex()))


@dataclass
class HandClock:
    """Sleeping moves it, and calls `on_sleep`: that is when the world goes on."""

    at: float = 0.0
    on_sleep: Callable[[], object] | None = None

    def now(self) -> datetime:
        return datetime.fromtimestamp(self.at, UTC)

    def monotonic(self) -> float:
        return self.at

    async def sleep(self, seconds: float) -> None:
        self.at += seconds
        if self.on_sleep:
            self.on_sleep()
