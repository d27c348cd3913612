"""What of a treasury the Lens does not bring, at the block of its answer: names, pending owner, keepers, last event."""

from collections.abc import Sequence
from typing import Any, Final

from keeper.adapters.ethereum import wire
from keeper.adapters.ethereum.events import decoded, event, rebalance_event
from keeper.adapters.ethereum.history import LogsRefused, PlacedLog, first_block_since, logs_of
from keeper.adapters.ethereum.rpc import JsonRpc
from keeper.adapters.ethereum.views import said, view
from keeper.core.model import Block, SequencerAnswer, Treasury
from keeper.core.overview import KeeperRole, LastRebalance, Surroundings
from keeper.core.units import ZERO_ADDRESS, Address, Timestamp

LONGEST_TERM: Final = 30 * 86_400
"""Seconds: whoever was made a keeper earlier is none any more (`Roles.MAX_KEEPER_TERM`)."""
_NAME_LENGTH: Final = 64
_SEQUENCER: Final = ("sequencerFeed()", "(address)")
_ASKED: Final = (
    ("name()", "(string)"),
    ("symbol()", "(string)"),
    ("pendingOwner()", "(address)"),
    _SEQUENCER,
)
_ROUND: Final = "(uint80,int256,uint256,uint256,uint80)"


class TreasuryReader:
    """Over the node's connection; every answer is of the block that is asked for."""

    def __init__(self, rpc: JsonRpc) -> None:
        self._rpc = rpc

    async def surroundings(
        self, treasury: Treasury, block: Block, suspects: Sequence[Address] = (), since: int = 0
    ) -> Surroundings:
        """`suspects` may be keepers whatever the logs say; no log is older than block `since`."""
        asked = [
            view(treasury.address, signature, outputs, at=wire.at_hash(block.hash)) for signature, outputs in _ASKED
        ]
        name, symbol, pending, feed = (said(item) for item in await self._rpc.try_batch(asked))
        missing: list[str] = []
        keepers = await self._keepers(treasury, block, suspects, since, missing)
        last = await self._last(treasury, block, since, missing)
        if pending is None:
            missing.append("pending owner: the contract does not say")
        return Surroundings(
            name=wire.printable(name or "", _NAME_LENGTH),
            symbol=wire.printable(symbol or "", _NAME_LENGTH),
            pending_owner=None if pending is None else wire.address(pending),
            sequencer=None if feed in (None, ZERO_ADDRESS) else await self._sequencer(wire.address(feed), block),
            keepers=keepers,
            last=last,
            missing=tuple(missing),
        )

    async def keepers(
        self, treasury: Address, block: Block, suspects: Sequence[Address] = (), since: int = 0
    ) -> tuple[KeeperRole, ...]:
        """Whoever may trade now, and every suspect that ever could. Raises LogsRefused."""
        logs = await self._recent(treasury, [event("KeeperSet")[1]], LONGEST_TERM, block, since)
        named = [wire.address(found["keeper"]) for found in self._decoded("KeeperSet", logs)]
        roles = await self._roles(treasury, block, [*suspects, *named])
        return tuple(role for role in roles if role.until >= block.timestamp or role.address in suspects)

    async def _keepers(
        self, treasury: Treasury, block: Block, suspects: Sequence[Address], since: int, missing: list[str]
    ) -> tuple[KeeperRole, ...]:
        try:
            return await self.keepers(treasury.address, block, suspects, since)
        except LogsRefused as refusal:
            missing.append(f"keepers that are not configured here: {refusal}")
            return await self._roles(treasury.address, block, suspects)

    async def _roles(self, treasury: Address, block: Block, keepers: Sequence[Address]) -> tuple[KeeperRole, ...]:
        """In the order of their addresses, those that never were one left out."""
        known = sorted(set(keepers) - {ZERO_ADDRESS}, key=str.lower)
        at = wire.at_hash(block.hash)
        answers = await self._rpc.try_batch(
            [view(treasury, "keeperUntil(address)", "(uint64)", keeper, at=at) for keeper in known]
        )
        return tuple(
            KeeperRole(keeper, Timestamp(until))
            for keeper, until in zip(known, map(said, answers), strict=True)
            if until
        )

    async def sequencer(self, treasury: Address, block: Block) -> SequencerAnswer | None:
        """None where the treasury knows of no sequencer."""
        feed = said(await self._rpc.try_ask(view(treasury, *_SEQUENCER, at=wire.at_hash(block.hash))))
        return None if feed in (None, ZERO_ADDRESS) else await self._sequencer(wire.address(feed), block)

    # ---------------------------------------------------------------------------------------------- parts

    async def _sequencer(self, feed: Address, block: Block) -> SequencerAnswer:
        asked = view(feed, "latestRoundData()", _ROUND, at=wire.at_hash(block.hash))
        round_ = said(await self._rpc.try_ask(asked))
        if round_ is None:
            return SequencerAnswer(feed, None, None)
        return SequencerAnswer(feed, int(round_[1]), Timestamp(round_[2]))

    async def _last(self, treasury: Treasury, block: Block, since: int, missing: list[str]) -> LastRebalance | None:
        if treasury.last_id == 0:
            return None
        topics = [event("Rebalanced")[1], treasury.last_id.to_bytes(32)]
        try:
            logs = await self._at(treasury, topics, block, since)
        except LogsRefused as refusal:
            missing.append(f"what the last rebalance did: {refusal}")
            return None
        for placed in reversed(logs):
            for found in self._decoded("Rebalanced", [placed]):
                return LastRebalance(rebalance_event(found), placed.tx_hash, placed.block)
        missing.append("what the last rebalance did: the node has no log of it")
        return None

    def _decoded(self, name: str, logs: Sequence[PlacedLog]) -> list[dict[str, Any]]:
        try:
            return decoded(name, [placed.log for placed in logs])
        except wire.Malformed as fault:
            raise self._rpc.unavailable(f"eth_getLogs: answered {fault}") from None

    async def _at(self, treasury: Treasury, topics: list[bytes], block: Block, since: int) -> list[PlacedLog]:
        """Asked for in one go, else in the very blocks of the last rebalance's time."""
        try:
            return await logs_of(self._rpc, [treasury.address], topics, since, block.number, most=1)
        except LogsRefused:
            first = await first_block_since(self._rpc, treasury.last_rebalance, block)
            after = await first_block_since(self._rpc, Timestamp(treasury.last_rebalance + 1), block)
            return await logs_of(self._rpc, [treasury.address], topics, first, after - 1)

    async def _recent(
        self, treasury: Address, topics: list[bytes], seconds: int, block: Block, since: int
    ) -> list[PlacedLog]:
        """The same of the last `seconds`."""
        try:
            return await logs_of(self._rpc, [treasury], topics, since, block.number, most=1)
        except LogsRefused:
            start = await first_block_since(self._rpc, Timestamp(max(0, block.timestamp - seconds)), block)
            return await logs_of(self._rpc, [treasury], topics, max(since, start), block.number)
