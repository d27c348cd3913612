"""What is looked at besides the open intents themselves: final blocks that must stay, and what a relay says."""

from dataclasses import replace
from typing import Final

import structlog

from keeper.app.memory import Outbox
from keeper.app.permits import alarm, hold
from keeper.app.world import World
from keeper.core.holds import DOUBTED_HEADS, FinalPlace
from keeper.core.ledger import Alert, AlertKind, Attempt, Intent
from keeper.core.model import Block, Fund
from keeper.ports import ChainUnavailable

log = structlog.get_logger()

FINAL_WATCHED: Final = 256
"""Blocks for which a final transaction is still looked for: a chain that takes it back is not to be traded on."""
_FAILED: Final = "FAILED"


async def watch_final(head: Block, world: World, outbox: Outbox) -> None:
    """A chain that takes back what was final is not to be traded on: the signer is held. Some heads may be wrong."""
    try:
        places = await world.books.final_places(max(0, head.number - FINAL_WATCHED))
        blocks = await world.chain.blocks_at({place.block_number for place in places}) if places else {}
        for place in places:
            block = blocks[place.block_number]
            gone = block is None or block.hash != place.block_hash
            if outbox.doubt(f"block of intent {place.intent_id}", head, gone) == DOUBTED_HEADS:
                reason = f"block {place.block_number} was final and is gone, and transaction {place.tx_hash} with it"
                await hold(await fund_of(place, world), reason, world)
    except ChainUnavailable as outage:
        log.warning("final transactions not checked", reason=str(outage))


async def hear_relay(intent: Intent, attempt: Attempt, world: World) -> None:
    """What a private relay says of bytes that it was given and that are not mined. FAILED closes nothing: the bytes
    stay valid until their nonce is used, so the intent stays open, is raised, and cancelled at its deadline."""
    if attempt.sent_at is None or (status := await world.chain.relay_status(attempt.hash)) is None:
        return
    log.info("relay status", intent=intent.id, hash=attempt.hash, status=status)
    if status == _FAILED:
        message = f"the relay says {status} of {attempt.hash}: it stays open until its nonce is used"
        await alarm(Alert(intent.fund_id, AlertKind.TRANSACTION_STUCK, message), world)


async def fund_of(intent: Intent | FinalPlace, world: World) -> Fund:
    """Its fund, with whoever signed it for a signer: targets may be another key's to send than trades."""
    fund = next(fund for fund in await world.books.funds() if fund.id == intent.fund_id)
    return fund if fund.signer == intent.signer else replace(fund, signer=intent.signer)
