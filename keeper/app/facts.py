"""What the chain says of an intent, gathered for `core.outbox`; and what this process remembers of its intents."""

import asyncio
from dataclasses import dataclass, field

from keeper.app.permits import budget_left
from keeper.app.world import World
from keeper.core import fees
from keeper.core.fees import GasMarket
from keeper.core.ledger import Intent, Receipt
from keeper.core.model import Block, Fund
from keeper.core.outbox import ChainFacts
from keeper.core.units import Address, Hash32, Wei

_NOTHING = GasMarket(Wei(0), Wei(0))


@dataclass(slots=True)
class Outbox:
    """What this process remembers of its intents; the books remember everything else.

    `planned` are the ids of intents planned here; `sent` the height at which each was last sent; `looked_at` the head
    that open intents were last compared with, by hash: a head may be replaced at its height, or go back. `doubts`
    counts, by what is doubted, the heads in a row that gave reason for it.
    """

    planned: set[int] = field(default_factory=set)
    sent: dict[int, int] = field(default_factory=dict)
    looked_at: Hash32 | None = None
    turns: dict[Address, asyncio.Lock] = field(default_factory=dict)
    doubts: dict[str, tuple[Hash32, int]] = field(default_factory=dict)

    def turn(self, signer: Address) -> asyncio.Lock:
        """Held while an intent is planned: funds that share a signer queue here, not in a refused transaction."""
        return self.turns.setdefault(signer, asyncio.Lock())

    def heads_since_send(self, intent_id: int, height: int) -> int | None:
        """None when this process never sent it. A head that went back counts from there."""
        if (sent := self.sent.get(intent_id)) is None:
            return None
        self.sent[intent_id] = min(sent, height)
        return height - self.sent[intent_id]

    def doubt(self, what: str, head: Block, there_is: bool) -> int:
        """For how many heads in a row, this one included, there was reason to doubt; the same head counts once."""
        if not there_is:
            self.doubts.pop(what, None)
            return 0
        seen, times = self.doubts.get(what, (None, 0))
        if seen != head.hash:
            self.doubts[what] = (head.hash, times + 1)
        return self.doubts[what][1]


async def facts_of(intent: Intent, fund: Fund, head: Block, world: World, outbox: Outbox) -> ChainFacts:
    """Raises ChainUnavailable and BooksUnavailable."""
    receipt, canonical = await _mined(intent, world)
    account = None if receipt else await world.chain.account(intent.signer)
    nonce = account.nonce if account else 0
    if intent.nonce is not None and nonce > intent.nonce:
        receipt, canonical = await _mined(intent, world)  # it may have been mined between the two questions
    limits = await _limits(intent, fund, head, world) if account else (0, 0)
    return ChainFacts(
        receipt=receipt,
        canonical=canonical,
        finalized=await world.chain.finalized() if receipt else 0,
        latest_nonce=nonce,
        timestamp=head.timestamp,
        heads_since_send=outbox.heads_since_send(intent.id, head.number),
        inherited=intent.id not in outbox.planned,
        gas=GasMarket(head.base_fee, account.tip) if account else _NOTHING,
        trade_limit=Wei(limits[0]),
        cancel_limit=Wei(limits[1]),
        stolen_heads=0 if receipt else await _stolen_heads(intent, nonce, head, world, outbox),
    )


async def _mined(intent: Intent, world: World) -> tuple[Receipt | None, Hash32 | None]:
    """The receipt of whichever attempt was mined, and the canonical hash at its height. One that the chain still
    holds goes before one of a block that was replaced, which a node may go on showing."""
    if not intent.attempts:
        return None, None
    receipts = await world.chain.receipts([attempt.hash for attempt in intent.attempts], intent.call.to)
    found = [receipt for receipt in receipts if receipt is not None]
    canonical = None
    for receipt in found:
        block = await world.chain.block(receipt.block_number)
        canonical = block.hash if block else None
        if receipt.block_hash == canonical:
            return receipt, canonical
    return (found[-1], canonical) if found else (None, None)


async def _limits(intent: Intent, fund: Fund, head: Block, world: World) -> tuple[int, int]:
    """The most that the plan and its cancellation may offer, wei per gas. A cancellation spends little and frees the
    nonce: the day's budget does not bind it."""
    policy = (await world.books.policy(fund.id)).policy
    left = await budget_left(fund, policy, head.timestamp, world)
    return min(fees.trade_limit(policy.max_fee), left // intent.gas_limit), policy.max_fee


async def _stolen_heads(intent: Intent, nonce: int, head: Block, world: World, outbox: Outbox) -> int:
    """For how many heads in a row every provider has said that the nonce is finally somebody else's."""
    what = f"nonce of intent {intent.id}"
    if intent.nonce is None or nonce <= intent.nonce:
        return outbox.doubt(what, head, False)
    hashes = [attempt.hash for attempt in intent.attempts]
    return outbox.doubt(what, head, await world.chain.spent_elsewhere(intent.signer, intent.nonce, hashes))
