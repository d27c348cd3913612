"""An intent, its receipt and what the chain says of it, as the tests of the outbox start from them."""

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from keeper.core.fees import GasMarket
from keeper.core.ledger import Attempt, Call, Intent, IntentState, Receipt
from keeper.core.outbox import ChainFacts
from keeper.core.units import Timestamp, Wei
from tests import factories as f

S = IntentState
NONCE, DEADLINE = 5, f.NOW + 600
OURS, BLOCK, OTHER = f.hash32(0xA), f.hash32(0xB), f.hash32(0xC)

ATTEMPT = Attempt(
    id=1,
    hash=OURS,
    raw=b"signed",
    nonce=NONCE,
    max_fee=Wei(10),
    max_tip=Wei(1),
    sent_at=datetime(2023, 11, 14, tzinfo=UTC),
    reply=None,
    signed_at=f.NOW,
)


UNSENT = replace(ATTEMPT, sent_at=None)


def intent(state: IntentState, **changes: Any) -> Intent:
    signed = state is not S.PLANNED and state is not S.ABANDONED
    return replace(
        Intent(
            id=1,
            fund_id=1,
            plan_id="p",
            cycle_id="c",
            signer=f.SIGNER,
            chain_id=31_337,
            state=state,
            nonce=NONCE if signed else None,
            gas_limit=500_000,
            call=Call(f.TREASURY, b"call", 5, Timestamp(DEADLINE)),
            swaps=(),
            attempts=(ATTEMPT,) if signed else (),
        ),
        **changes,
    )


def receipt(**changes: Any) -> Receipt:
    return replace(
        Receipt(
            tx_hash=OURS,
            succeeded=True,
            block_number=100,
            block_hash=BLOCK,
            tx_index=0,
            gas_used=200_000,
            effective_gas_price=Wei(10),
            l1_fee=None,
            fills=(),
            event=None,
            transfers=(),
        ),
        **changes,
    )


def facts(**changes: Any) -> ChainFacts:
    """Nothing mined, nothing known; the newest block is within the deadline."""
    return replace(
        ChainFacts(
            receipt=None,
            canonical=None,
            finalized=90,
            latest_nonce=NONCE,
            timestamp=f.NOW,
            heads_since_send=0,
            inherited=False,
            gas=GasMarket(Wei(4), Wei(1)),
            trade_limit=Wei(100),
            cancel_limit=Wei(113),
        ),
        **changes,
    )


def mined(**changes: Any) -> ChainFacts:
    of_receipt = {key: changes.pop(key) for key in ("succeeded", "tx_hash", "block_number") if key in changes}
    return facts(**{"receipt": receipt(**of_receipt), "canonical": BLOCK, "latest_nonce": NONCE + 1} | changes)
