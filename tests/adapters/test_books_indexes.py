"""The contract of both kinds of books on what funds hold and why: methodologies, looks, and who is a member."""

from dataclasses import replace
from typing import Any

import pytest

from keeper.core.index.methodology import Methodology
from keeper.core.index.states import RETRY_SECONDS, IndexState, Newcomer, Reweighting
from keeper.core.ledger import Call, CycleRecord, IntentKind, IntentState
from keeper.core.model import Fund
from keeper.core.quotes import CoinId
from keeper.core.units import Bps, Timestamp
from tests.adapters.kept import Kept
from tests.adapters.storage import scenes
from tests.factories import hash32

pytestmark = pytest.mark.adapter

LOOKED_AT = Timestamp(1_700_000_100)
"""Of the block that `scenes.cycle` saw."""
RULES = Methodology(size=2, rank_buffer=0)
BTC, ETH, SOL = map(CoinId, ("bitcoin", "ethereum", "solana"))


def bps(*targets: int) -> tuple[Bps, ...]:
    return tuple(map(Bps, targets))


def look(*members: CoinId, **changes: Any) -> Reweighting:
    fields: dict[str, Any] = {
        "methodology_version": 1,
        "members": members,
        "targets_before": bps(0, 0, 10_000),
        "targets": bps(6_000, 4_000, 0),
        "sent": None,
        "stands": True,
        "proposed": (Newcomer(SOL, "SOL", scenes.WETH, "no venue"),),
        "doubted": {},
        "next_due": Timestamp(LOOKED_AT + 86_400),
    }
    return Reweighting(**(fields | changes))


def looked(fund: Fund, what: Reweighting) -> CycleRecord:
    """A cycle that ended without a transaction."""
    return replace(scenes.cycle(fund.id), reweighting=what)


def sending(fund: Fund, what: Reweighting) -> CycleRecord:
    """A cycle whose transaction sets targets."""
    cycle = scenes.trading(fund.id, signer=fund.signer)
    assert cycle.intent is not None
    call = Call(scenes.TREASURY, b"\x01targets", 0, cycle.intent.call.deadline)
    intent = replace(cycle.intent, swaps=(), kind=IntentKind.TARGETS, call=call)
    return replace(cycle, reweighting=what, intent=intent)


async def state_of(kept: Kept, fund: Fund) -> IndexState:
    found: IndexState = (await kept.books.index_states())[fund.id]
    return found


async def test_a_fund_without_rules_has_no_index(kept: Kept) -> None:
    await kept.fund()
    assert await kept.books.index_states() == {}
    with pytest.raises(LookupError, match="there is no fund 77"):
        await kept.books.put_methodology(77, RULES, "ann", "why")


async def test_rules_are_versions_and_the_same_again_is_none(kept: Kept) -> None:
    fund = await kept.fund()
    first = await kept.books.put_methodology(fund.id, RULES, "ann", "the first")
    assert (first.version, first.rules) == (1, RULES)
    assert await kept.books.put_methodology(fund.id, RULES, "bob", "again") == first
    second = await kept.books.put_methodology(fund.id, replace(RULES, size=3), "bob", "more")
    assert second.version == 2
    assert second.digest != first.digest
    state = await state_of(kept, fund)
    assert (state.methodology, state.members, state.due) == (second, (), None)


async def test_a_look_that_stands_has_its_members_in_force_and_touches_no_other_schedule(kept: Kept) -> None:
    fund = await kept.fund()
    await kept.books.put_methodology(fund.id, RULES, "ann", "why")
    assert await kept.books.commit_cycle(looked(fund, look(BTC, ETH, doubted={ETH: Timestamp(7)}))) is None
    state = await state_of(kept, fund)
    assert (state.members, state.doubted, state.failed) == ((BTC, ETH), {ETH: 7}, False)
    assert state.looked_at == LOOKED_AT
    assert state.due == LOOKED_AT + 86_400
    assert await kept.books.jobs() == {}, "the look for drift has a schedule of its own"
    held = looked(fund, look(SOL, stands=False))
    await kept.books.commit_cycle(held)
    assert (await state_of(kept, fund)).members == (BTC, ETH), "what was not sent is not in force"


async def test_new_rules_are_not_kept_waiting(kept: Kept) -> None:
    fund = await kept.fund()
    await kept.books.put_methodology(fund.id, RULES, "ann", "why")
    await kept.books.commit_cycle(looked(fund, look(BTC, ETH)))
    await kept.books.put_methodology(fund.id, replace(RULES, size=3), "ann", "more")
    state = await state_of(kept, fund)
    assert (state.due, state.members) == (None, (BTC, ETH))


async def test_members_are_in_force_from_the_block_on_and_not_when_it_is_undone(kept: Kept) -> None:
    fund = await kept.fund()
    await kept.books.put_methodology(fund.id, RULES, "ann", "why")
    await kept.books.commit_cycle(looked(fund, look(BTC, SOL)))
    intent_id = await kept.books.commit_cycle(sending(fund, look(BTC, ETH, stands=False, sent=bps(6_000, 4_000, 0))))
    intent = await kept.books.intent(intent_id)
    assert (intent.kind, intent.swaps, intent.call.treasury_id) == (IntentKind.TARGETS, (), 0)
    assert (await state_of(kept, fund)).members == (BTC, SOL)
    attempt = await kept.sent(intent)
    receipt = replace(scenes.receipt(attempt.hash), fills=(), event=None, targets=bps(6_000, 4_000, 0))
    await kept.books.settle(scenes.settlement(intent, receipt, IntentState.MINED_OK))
    assert (await state_of(kept, fund)).members == (BTC, ETH)
    await kept.books.set_intent_state(intent_id, IntentState.SENT, scenes.record())
    assert (await state_of(kept, fund)).members == (BTC, SOL), "the block was undone"
    again = replace(receipt, block_hash=hash32(99))
    await kept.books.settle(scenes.settlement(intent, again, IntentState.MINED_OK))
    await kept.books.set_intent_state(intent_id, IntentState.FINAL_OK, scenes.record())
    state = await state_of(kept, fund)
    assert (state.members, state.failed) == ((BTC, ETH), False)
    assert await kept.executions(fund.id) == [], "the breaker counts rebalances"
    assert await kept.books.gas_spent(fund.signer, Timestamp(0)) == receipt.gas_used * receipt.effective_gas_price


async def test_a_transaction_that_came_to_nothing_is_tried_again_soon(kept: Kept) -> None:
    fund = await kept.fund()
    await kept.books.put_methodology(fund.id, RULES, "ann", "why")
    intent_id = await kept.books.commit_cycle(sending(fund, look(BTC, ETH, stands=False)))
    state = await state_of(kept, fund)
    assert state.due == LOOKED_AT + 86_400
    await kept.books.set_intent_state(intent_id, IntentState.ABANDONED, scenes.record())
    state = await state_of(kept, fund)
    assert (state.failed, state.due, state.members) == (True, LOOKED_AT + RETRY_SECONDS, ())


async def test_each_fund_has_its_own(kept: Kept) -> None:
    one = await kept.fund()
    other = await kept.fund("other", scenes.WETH, signer=scenes.USDC)
    await kept.books.put_methodology(one.id, RULES, "ann", "why")
    await kept.books.put_methodology(other.id, replace(RULES, size=4), "ann", "why")
    await kept.books.commit_cycle(looked(other, look(SOL)))
    states = await kept.books.index_states()
    assert {fund_id: state.members for fund_id, state in states.items()} == {one.id: (), other.id: (SOL,)}
    assert states[other.id].methodology.rules.size == 4
