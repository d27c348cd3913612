"""A transaction's states: every rule of the table, and that no answer ever takes a second nonce."""

from dataclasses import replace
from itertools import product
from typing import Any

import pytest

from keeper.core.ledger import Intent, IntentState
from keeper.core.outbox import (
    RESEND_AFTER_HEADS,
    STOLEN_HEADS,
    Abandon,
    ChainFacts,
    Finalize,
    Halt,
    Resend,
    Send,
    Settle,
    Sign,
    Wait,
    next_step,
)
from keeper.core.units import Timestamp
from tests import factories as f
from tests.unit.core.outbox_scene import (
    ATTEMPT,
    BLOCK,
    DEADLINE,
    NONCE,
    OTHER,
    UNSENT,
    S,
    facts,
    intent,
    mined,
    receipt,
)

pytestmark = pytest.mark.unit


# ------------------------------------------------------------------------------------------------ planned


def test_a_plan_is_signed() -> None:
    step = next_step(intent(S.PLANNED), facts())
    assert (step.state, step.action) == (S.SIGNED, Sign())


@pytest.mark.parametrize(
    "change", [{"inherited": True}, {"timestamp": DEADLINE + 1}], ids=["after a restart", "past its deadline"]
)
def test_an_old_plan_is_abandoned_never_sent_late(change: dict[str, Any]) -> None:
    step = next_step(intent(S.PLANNED), facts(**change))
    assert step.state is S.ABANDONED
    assert isinstance(step.action, Abandon)


def test_the_deadlines_own_second_is_still_in_time() -> None:
    assert next_step(intent(S.PLANNED), facts(timestamp=DEADLINE)).state is S.SIGNED


def test_a_plan_with_a_nonce_is_a_contradiction() -> None:
    step = next_step(intent(S.PLANNED, nonce=NONCE), facts(inherited=True))
    assert step.state is S.PLANNED
    assert isinstance(step.action, Halt)


# ------------------------------------------------------------------------------------------------- sending


def test_signed_bytes_are_sent_after_a_restart_as_well() -> None:
    for change in ({}, {"inherited": True}, {"heads_since_send": None}):
        step = next_step(intent(S.SIGNED, attempts=(UNSENT,)), facts(**change))
        assert (step.state, step.action) == (S.SENT, Send(UNSENT))


@pytest.mark.parametrize(
    ("heads", "resent"), [(0, False), (RESEND_AFTER_HEADS - 1, False), (RESEND_AFTER_HEADS, True), (None, True)]
)
def test_sent_bytes_are_sent_again_after_some_heads_or_a_restart(heads: int | None, resent: bool) -> None:
    step = next_step(intent(S.SENT), facts(heads_since_send=heads))
    assert step.state is S.SENT
    assert isinstance(step.action, Resend) is resent
    assert isinstance(step.action, Wait) is not resent


def test_the_newest_attempt_is_the_one_that_is_sent() -> None:
    newer = replace(ATTEMPT, id=2, hash=OTHER)
    step = next_step(intent(S.SENT, attempts=(ATTEMPT, newer)), facts(heads_since_send=None))
    assert step.action == Resend(newer)


def test_a_state_without_signed_bytes_halts() -> None:
    assert isinstance(next_step(intent(S.SENT, attempts=()), facts()).action, Halt)
    assert isinstance(next_step(intent(S.SIGNED, nonce=None), facts()).action, Halt)


# --------------------------------------------------------------------------------------------------- mined


@pytest.mark.parametrize("state", [S.SIGNED, S.SENT, S.NONCE_STOLEN])
@pytest.mark.parametrize(("succeeded", "settled"), [(True, S.MINED_OK), (False, S.MINED_REVERTED)])
def test_a_canonical_receipt_settles(state: IntentState, succeeded: bool, settled: IntentState) -> None:
    at = mined(succeeded=succeeded)
    step = next_step(intent(state), at)
    assert (step.state, step.action) == (settled, Settle(receipt(succeeded=succeeded)))


def test_a_receipt_for_any_attempt_counts() -> None:
    newer = replace(ATTEMPT, id=2, hash=OTHER)
    step = next_step(intent(S.SENT, attempts=(ATTEMPT, newer)), mined(tx_hash=OTHER))
    assert step.state is S.MINED_OK


@pytest.mark.parametrize("canonical", [None, OTHER])
def test_a_receipt_of_a_block_that_is_gone_does_not_count(canonical: Any) -> None:
    at = mined(canonical=canonical, latest_nonce=NONCE)
    assert next_step(intent(S.SENT), at).state is S.SENT
    for was_mined in (S.MINED_OK, S.MINED_REVERTED):
        step = next_step(intent(was_mined), at)
        assert (step.state, step.action) == (S.SENT, Resend(ATTEMPT))


def test_a_receipt_that_vanished_sends_again() -> None:
    assert next_step(intent(S.MINED_OK), facts()).action == Resend(ATTEMPT)


def test_a_success_that_a_reorganisation_made_a_revert_is_rewritten() -> None:
    step = next_step(intent(S.MINED_OK), mined(succeeded=False))
    assert (step.state, type(step.action)) == (S.MINED_REVERTED, Settle)


@pytest.mark.parametrize(("settled_in", "again"), [(None, False), (BLOCK, False), (OTHER, True)])
def test_a_receipt_that_moved_to_another_block_is_settled_again(settled_in: Any, again: bool) -> None:
    moved = intent(S.MINED_OK, attempts=(replace(ATTEMPT, block_hash=settled_in),))
    step = next_step(moved, mined(finalized=100))
    assert isinstance(step.action, Settle) is again
    assert isinstance(step.action, Finalize) is not again


def test_a_foreign_receipt_halts() -> None:
    step = next_step(intent(S.SENT), mined(tx_hash=OTHER))
    assert step.state is S.SENT
    assert isinstance(step.action, Halt)


# -------------------------------------------------------------------------------------------------- final


@pytest.mark.parametrize(
    ("state", "succeeded", "final"),
    [(S.MINED_OK, True, S.FINAL_OK), (S.MINED_REVERTED, False, S.FINAL_REVERTED)],
)
def test_final_once_the_block_is(state: IntentState, succeeded: bool, final: IntentState) -> None:
    waiting = next_step(intent(state), mined(succeeded=succeeded, finalized=99))
    assert (waiting.state, type(waiting.action)) == (state, Wait)
    done = next_step(intent(state), mined(succeeded=succeeded, finalized=100))
    assert (done.state, done.action) == (final, Finalize(receipt(succeeded=succeeded)))


def test_finality_checks_the_hash_again() -> None:
    assert next_step(intent(S.MINED_OK), mined(canonical=OTHER, finalized=100)).state is S.SENT


@pytest.mark.parametrize("state", [S.FINAL_OK, S.FINAL_REVERTED, S.ABANDONED, S.CANCELLED])
def test_what_is_over_stays_over(state: IntentState) -> None:
    for at in (facts(), mined(), facts(inherited=True)):
        step = next_step(intent(state), at)
        assert (step.state, type(step.action)) == (state, Wait)


# ------------------------------------------------------------------------------------------- spent nonces


def test_a_spent_nonce_without_a_receipt_waits_for_the_nodes_index() -> None:
    for state in (S.SIGNED, S.SENT, S.MINED_OK):
        step = next_step(intent(state), facts(latest_nonce=NONCE + 1))
        assert (step.state, type(step.action)) == (S.SENT, Wait)


@pytest.mark.parametrize("timestamp", [f.NOW, DEADLINE + 1])
def test_a_nonce_that_is_finally_spent_by_every_providers_word_calls_a_person(timestamp: int) -> None:
    spent = {"latest_nonce": NONCE + 1, "timestamp": timestamp}
    for heads in range(STOLEN_HEADS):
        assert next_step(intent(S.SENT), facts(stolen_heads=heads, **spent)).state is S.SENT
    step = next_step(intent(S.SENT), facts(stolen_heads=STOLEN_HEADS, **spent))
    assert step.state is S.NONCE_STOLEN
    assert isinstance(step.action, Halt)


def test_a_stolen_nonce_that_comes_back_is_used_again() -> None:
    assert isinstance(next_step(intent(S.NONCE_STOLEN), facts(latest_nonce=NONCE + 1)).action, Halt)
    assert next_step(intent(S.NONCE_STOLEN), facts()).action == Resend(ATTEMPT)


# ------------------------------------------------------------------------------------------------- always


def every_case() -> list[tuple[Intent, ChainFacts]]:
    chains = [
        replace(
            at, latest_nonce=nonce, timestamp=time, heads_since_send=heads, inherited=inherited, finalized=finalized
        )
        for at, nonce, time, heads, inherited, finalized in product(
            (facts(), mined(), mined(succeeded=False), mined(canonical=OTHER), mined(canonical=None)),
            (NONCE, NONCE + 1),
            (Timestamp(f.NOW), Timestamp(DEADLINE + 1)),
            (None, 0, RESEND_AFTER_HEADS),
            (False, True),
            (99, 100),
        )
    ]
    return [(intent(state), at) for state in IntentState for at in chains]


def test_only_a_plan_without_nonce_is_signed_or_abandoned() -> None:
    for given, at in every_case():
        action = next_step(given, at).action
        if isinstance(action, Sign | Abandon):
            assert given.state is S.PLANNED
            assert given.nonce is None


def test_only_stored_bytes_are_ever_sent() -> None:
    for given, at in every_case():
        action = next_step(given, at).action
        if isinstance(action, Send | Resend):
            assert action.attempt in given.attempts


def test_nothing_is_final_without_a_canonical_receipt() -> None:
    for given, at in every_case():
        step = next_step(given, at)
        if step.state in (S.FINAL_OK, S.FINAL_REVERTED) and given.state is not step.state:
            assert at.receipt is not None
            assert at.receipt.block_hash == at.canonical
            assert at.receipt.block_number <= at.finalized


def test_acting_and_asking_again_comes_to_rest() -> None:
    """Chained steps on unchanged facts end in Wait, Halt or a repeated send: no cycle of states."""
    for given, at in every_case():
        seen, state = [given.state], given.state
        while True:
            signed = {} if state is S.PLANNED else {"nonce": NONCE, "attempts": (ATTEMPT,)}
            step = next_step(intent(state, **signed), at)
            if step.state is state or isinstance(step.action, Resend | Send | Halt):
                break
            state = step.state
            assert state not in seen, f"{seen} -> {state}"
            seen.append(state)
