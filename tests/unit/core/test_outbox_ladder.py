"""What does not get in is raised, what is late is cancelled, and what a node answers is heeded."""

from dataclasses import replace
from typing import Any

import pytest

from keeper.core import fees
from keeper.core.fees import FeeQuote, GasMarket
from keeper.core.ledger import AttemptKind, IntentState
from keeper.core.outbox import (
    RESEND_AFTER_HEADS,
    Abandon,
    Cancelled,
    Halt,
    Raise,
    Resend,
    Send,
    Settle,
    Wait,
    next_step,
)
from keeper.core.replies import ReplyKind
from keeper.core.units import Timestamp, Wei
from tests import factories as f
from tests.unit.core.outbox_scene import ATTEMPT, DEADLINE, OTHER, UNSENT, S, facts, intent, mined, receipt

pytestmark = pytest.mark.unit


# ------------------------------------------------------------------------------------------- fee ladder

WAITED = f.NOW + fees.BUMP_SECONDS
REFUSED = replace(ATTEMPT, reply_kind=ReplyKind.REPLACEMENT)
CANCEL = replace(ATTEMPT, id=2, hash=OTHER, kind=AttemptKind.CANCEL, max_fee=Wei(12), max_tip=Wei(2))


def test_after_48_seconds_of_chain_time_both_fees_are_raised_by_a_tenth() -> None:
    assert isinstance(next_step(intent(S.SENT), facts(timestamp=WAITED - 1)).action, Wait)
    step = next_step(intent(S.SENT), facts(timestamp=WAITED))
    assert step.state is S.SENT
    assert step.action == Raise(AttemptKind.TRADE, FeeQuote(Wei(11), Wei(2)), "not mined within 48 s")


def test_a_dearer_market_is_followed() -> None:
    step = next_step(intent(S.SENT), facts(timestamp=WAITED, gas=GasMarket(Wei(20), Wei(3))))
    assert isinstance(step.action, Raise)
    assert step.action.fees == FeeQuote(Wei(43), Wei(3))


def test_a_raise_goes_above_the_highest_of_all_attempts() -> None:
    dear = replace(ATTEMPT, id=2, hash=OTHER, max_fee=Wei(30), max_tip=Wei(1))
    cheap = replace(ATTEMPT, id=3, hash=f.hash32(0xD), max_fee=Wei(20), max_tip=Wei(9))
    step = next_step(intent(S.SENT, attempts=(dear, cheap)), facts(timestamp=WAITED))
    assert isinstance(step.action, Raise)
    assert step.action.fees == FeeQuote(Wei(33), Wei(10))


@pytest.mark.parametrize("change", [{"trade_limit": Wei(10)}, {"gas": GasMarket(Wei(1), Wei(0))}], ids=["cap", "5x"])
def test_at_the_limit_the_same_bytes_are_sent_again(change: dict[str, Any]) -> None:
    at = facts(timestamp=WAITED, **change)
    assert isinstance(next_step(intent(S.SENT), at).action, Wait)
    assert next_step(intent(S.SENT), replace(at, heads_since_send=RESEND_AFTER_HEADS)).action == Resend(ATTEMPT)


def test_a_raise_that_was_stored_and_never_sent_is_sent_next() -> None:
    raised = replace(UNSENT, id=2, hash=OTHER)
    step = next_step(intent(S.SENT, attempts=(ATTEMPT, raised)), facts(timestamp=WAITED, inherited=True))
    assert (step.state, step.action) == (S.SENT, Send(raised))


def test_a_raise_that_was_too_small_for_the_node_is_made_by_an_eighth_at_once() -> None:
    small = replace(REFUSED, id=2, hash=OTHER, max_fee=Wei(20), max_tip=Wei(20))
    step = next_step(intent(S.SENT, attempts=(ATTEMPT, small)), facts())
    assert isinstance(step.action, Raise)
    assert step.action.fees == FeeQuote(Wei(23), Wei(23))


def test_a_fee_that_the_node_finds_too_low_is_raised_at_once() -> None:
    step = next_step(intent(S.SENT, attempts=(replace(ATTEMPT, reply_kind=ReplyKind.LOW_FEE),)), facts())
    assert isinstance(step.action, Raise)
    assert step.action.kind is AttemptKind.TRADE


@pytest.mark.parametrize("kind", [ReplyKind.REPLACEMENT, ReplyKind.GAP])
@pytest.mark.parametrize("now", [f.NOW, WAITED], ids=["at once", "after 48 s"])
def test_what_is_not_ours_at_or_before_our_nonce_halts_and_is_looked_at_again(kind: ReplyKind, now: Timestamp) -> None:
    """By the same bytes, however long it takes: nobody bids against a stranger without a person."""
    stuck = intent(S.SENT, attempts=(replace(ATTEMPT, reply_kind=kind),))
    assert isinstance(next_step(stuck, facts(timestamp=now)).action, Halt)
    again = next_step(stuck, facts(timestamp=now, heads_since_send=RESEND_AFTER_HEADS))
    assert again.action == Resend(stuck.attempts[-1])


def test_a_cancellation_that_no_node_took_does_not_bid_against_a_stranger_either() -> None:
    refused = replace(CANCEL, reply_kind=ReplyKind.REPLACEMENT)
    late = facts(timestamp=Timestamp(DEADLINE + 1))
    assert isinstance(next_step(intent(S.SENT, attempts=(REFUSED, refused)), late).action, Halt)
    assert isinstance(next_step(intent(S.SENT, attempts=(ATTEMPT, refused)), late).action, Raise)


def test_without_funds_nothing_is_raised_and_the_same_is_sent_again() -> None:
    poor = intent(S.SENT, attempts=(replace(ATTEMPT, reply_kind=ReplyKind.FUNDS),))
    assert isinstance(next_step(poor, facts(timestamp=WAITED)).action, Wait)
    assert isinstance(next_step(poor, facts(timestamp=WAITED, heads_since_send=RESEND_AFTER_HEADS)).action, Resend)


def test_what_every_endpoint_finds_invalid_is_signed_again_once() -> None:
    fatal = replace(ATTEMPT, reply_kind=ReplyKind.FATAL, reply="error: intrinsic gas too low")
    first = next_step(intent(S.SENT, attempts=(fatal,)), facts())
    assert isinstance(first.action, Raise)
    twice = intent(S.SENT, attempts=(fatal, replace(fatal, id=2, hash=OTHER)))
    assert isinstance(next_step(twice, facts(timestamp=WAITED)).action, Halt)
    again = next_step(twice, facts(timestamp=WAITED, heads_since_send=RESEND_AFTER_HEADS))
    assert again.action == Resend(twice.attempts[-1])


@pytest.mark.parametrize("kind", [ReplyKind.UNKNOWN, ReplyKind.FEE_CAP, ReplyKind.NONCE_LOW, ReplyKind.KNOWN, None])
def test_what_is_unknown_counts_as_sent(kind: ReplyKind | None) -> None:
    step = next_step(intent(S.SENT, attempts=(replace(ATTEMPT, reply_kind=kind),)), facts())
    assert (step.state, type(step.action)) == (S.SENT, Wait)


# ------------------------------------------------------------------------------------------ cancellation


@pytest.mark.parametrize("state", [S.SIGNED, S.SENT, S.MINED_OK, S.MINED_REVERTED])
@pytest.mark.parametrize("why", ["deadline", "operator"])
def test_what_may_not_happen_any_more_is_outbid_by_a_cancellation(state: IntentState, why: str) -> None:
    asked = {"cancel_asked": "wrong targets"} if why == "operator" else {}
    at = facts(timestamp=DEADLINE + 1) if why == "deadline" else facts()
    step = next_step(intent(state, **asked), at)
    assert step.state is (S.SIGNED if state is S.SIGNED else S.SENT)
    assert isinstance(step.action, Raise)
    assert step.action.kind is AttemptKind.CANCEL
    assert step.action.fees == FeeQuote(Wei(12), Wei(2))


def test_a_trade_at_its_limit_leaves_room_for_its_cancellation() -> None:
    dear = replace(ATTEMPT, max_fee=Wei(100), max_tip=Wei(100))
    at = facts(timestamp=DEADLINE + 1, gas=GasMarket(Wei(40), Wei(1)))
    step = next_step(intent(S.SENT, attempts=(dear,)), at)
    assert isinstance(step.action, Raise)
    assert step.action.fees == FeeQuote(Wei(113), Wei(113))


def test_a_plan_that_an_operator_cancels_unsigned_is_abandoned() -> None:
    step = next_step(intent(S.PLANNED, cancel_asked="no"), facts())
    assert (step.state, step.action) == (S.ABANDONED, Abandon("cancelled before it was signed: no"))


def test_a_cancellation_is_raised_like_a_trade_and_never_becomes_one_again() -> None:
    waiting = intent(S.SENT, attempts=(ATTEMPT, replace(CANCEL, signed_at=Timestamp(DEADLINE + 1))))
    late = DEADLINE + 1 + fees.BUMP_SECONDS
    assert isinstance(next_step(waiting, facts(timestamp=late - 1)).action, Wait)
    step = next_step(waiting, facts(timestamp=late))
    assert isinstance(step.action, Raise)
    assert (step.action.kind, step.action.fees) == (AttemptKind.CANCEL, FeeQuote(Wei(14), Wei(3)))


def test_cancelled_only_when_the_cancellation_is_final() -> None:
    both = intent(S.SENT, attempts=(ATTEMPT, CANCEL))
    waiting = next_step(both, mined(tx_hash=OTHER, finalized=99))
    assert (waiting.state, type(waiting.action)) == (S.SENT, Wait)
    done = next_step(both, mined(tx_hash=OTHER, finalized=100))
    assert (done.state, done.action) == (S.CANCELLED, Cancelled(receipt(tx_hash=OTHER)))


def test_an_original_that_beats_its_cancellation_is_a_trade() -> None:
    step = next_step(intent(S.SENT, attempts=(ATTEMPT, CANCEL)), mined())
    assert (step.state, type(step.action)) == (S.MINED_OK, Settle)


def test_a_cancellation_in_place_of_a_trade_that_was_mined_takes_it_back() -> None:
    step = next_step(intent(S.MINED_OK, attempts=(ATTEMPT, CANCEL)), mined(tx_hash=OTHER, finalized=99))
    assert (step.state, type(step.action)) == (S.SENT, Wait)
