"""Bodies of outcome records: what became of a decision. Simulation, submission, receipt, finality, and dead ends."""

from keeper.core.analytics import slippage_bps, value_slippage_bps
from keeper.core.ledger import Attempt, Intent, IntentKind, IntentState, Receipt, SwapFill
from keeper.core.model import PlannedSwap
from keeper.core.records import Body, known
from keeper.core.units import Hash32, UsdE18
from keeper.core.words import plain


def simulation_body(
    plan_id: str,
    decision: Hash32,
    block_hash: Hash32,
    *,
    gas: int | None = None,
    guard: str | None = None,
    detail: str | None = None,
) -> Body:
    """The call on the state of that block: `gas` when it went through, the treasury's `guard` when it reverted."""
    return known(
        {
            "event": "simulation",
            "plan_id": plan_id,
            "decision": decision,
            "block_hash": block_hash,
            "succeeded": guard is None,
            "gas": None if gas is None else str(gas),
            "guard": guard,
            "detail": detail,
        }
    )


def submission_body(intent: Intent, attempt: Attempt, reply: str) -> Body:
    """The signed bytes' hash, what they offer, and what the node said; a timeout is a reply too."""
    return {
        "event": "submission",
        **_of(intent),
        "tx_hash": attempt.hash,
        "nonce": str(attempt.nonce),
        "max_fee_wei": str(attempt.max_fee),
        "max_tip_wei": str(attempt.max_tip),
        "gas_limit": str(intent.gas_limit),
        "deadline": str(intent.call.deadline),
        "reply": reply,
    }


def raise_body(intent: Intent, attempt: Attempt, reason: str) -> Body:
    """The same nonce signed again: the plan at higher fees, or its cancellation."""
    return {
        "event": "raise",
        **_of(intent),
        "kind": attempt.kind.value,
        "tx_hash": attempt.hash,
        "max_fee_wei": str(attempt.max_fee),
        "max_tip_wei": str(attempt.max_tip),
        "reason": reason,
    }


def cancellation_body(intent: Intent, receipt: Receipt, finalized: int) -> Body:
    """The transfer of nothing that took the plan's nonce is final: the plan never happens."""
    return {
        "event": "cancelled",
        **_of(intent),
        **_place(receipt, IntentState.CANCELLED),
        "gas_used": str(receipt.gas_used),
        "effective_gas_price_wei": str(receipt.effective_gas_price),
        "finalized_block": str(finalized),
        "reason": f"its nonce was taken by {receipt.tx_hash}, which is final",
    }


def receipt_body(intent: Intent, receipt: Receipt, state: IntentState, gas_usd: UsdE18 | None) -> Body:
    """What was executed: gas, and per swap quoted, minimum and actual amounts with both slippages."""
    event = receipt.event
    return known(
        {
            "event": "receipt",
            **_of(intent),
            **_place(receipt, state),
            "gas_used": str(receipt.gas_used),
            "effective_gas_price_wei": str(receipt.effective_gas_price),
            "l1_fee_wei": None if receipt.l1_fee is None else str(receipt.l1_fee),
            "gas_usd_e18": None if gas_usd is None else str(gas_usd),
            "revert_reason": receipt.revert_reason,
            "decision": event and event.decision,
            "nav_before_usd_e18": event and str(event.nav_before),
            "nav_after_usd_e18": event and str(event.nav_after),
            "loss_usd_e18": event and str(event.loss),
            "fills": [_fill(swap, fill) for swap, fill in zip(intent.swaps, receipt.fills, strict=False)],
            "targets_bps": None if receipt.targets is None else [str(target) for target in receipt.targets],
        }
    )


def finality_body(intent: Intent, receipt: Receipt, state: IntentState, finalized: int) -> Body:
    """The receipt's block is final: this outcome will not change."""
    return {"event": "finality", **_of(intent), **_place(receipt, state), "finalized_block": str(finalized)}


def dead_end_body(intent: Intent, state: IntentState, reason: str) -> Body:
    """Abandoned before it had a nonce, lost in a reorganisation, or halted."""
    return {"event": state.value, **_of(intent), "reason": reason}


def _of(intent: Intent) -> Body:
    return known(
        {
            "intent": str(intent.id),
            "plan_id": intent.plan_id,
            "intent_kind": None if intent.kind is IntentKind.REBALANCE else intent.kind.value,
            "treasury_id": str(intent.call.treasury_id),
            "signer": intent.signer,
            "chain_id": str(intent.chain_id),
            "nonce": None if intent.nonce is None else str(intent.nonce),
        }
    )


def _place(receipt: Receipt, state: IntentState) -> Body:
    return {
        "tx_hash": receipt.tx_hash,
        "state": state.value,
        "block_number": str(receipt.block_number),
        "block_hash": receipt.block_hash,
        "tx_index": str(receipt.tx_index),
    }


def _fill(swap: PlannedSwap, fill: SwapFill) -> Body:
    return {
        "venue": str(fill.venue),
        "token_in": fill.token_in,
        "token_out": fill.token_out,
        "amount_in": str(fill.amount_in),
        "quoted": str(swap.expected_out),
        "minimum": str(swap.min_out),
        "actual": str(fill.amount_out),
        "slippage_bps": plain(slippage_bps(swap.expected_out, fill.amount_out)),
        "oracle_slippage_bps": plain(value_slippage_bps(fill.value_in, fill.value_out)),
    }
