"""What the chain says of an intent, gathered for `core.outbox`."""

from keeper.app.memory import Outbox
from keeper.app.permits import budget_left
from keeper.app.world import World
from keeper.core import fees
from keeper.core.fees import GasMarket
from keeper.core.ledger import Intent, Receipt
from keeper.core.model import Block, Fund
from keeper.core.outbox import ChainFacts
from keeper.core.units import Hash32, Wei

_NOTHING = GasMarket(Wei(0), Wei(0))


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
