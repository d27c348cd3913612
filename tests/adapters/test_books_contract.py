"""The books that unit tests use and the books on SQLite, held to the same assertions, so that the fake cannot lie.

Whatever the application relies on is asked once, here and in the files beside it: funds and cycles here,
`test_books_transactions.py` has transactions, `test_books_signing.py` who may sign. What only the database promises
(crashes, types, the lease) is tested in `storage`. `test_books_alike.py` leads both through the same random days.
"""

from dataclasses import replace
from decimal import Decimal

import pytest

from keeper.adapters.storage.errors import Conflict
from keeper.core.journal import content_hash, link
from keeper.core.ledger import Action, Alert, AlertKind, Intent, IntentState, RecordKind
from keeper.core.model import Fund
from keeper.core.units import Timestamp
from tests.adapters.kept import Kept
from tests.adapters.storage import scenes
from tests.factories import address, hash32

pytestmark = pytest.mark.adapter

S = IntentState

# --------------------------------------------------------------------------------------- funds and tokens


async def test_funds_come_back_in_order(kept: Kept) -> None:
    first = await kept.fund()
    second = await kept.fund("second", address(8), signer=address(9))
    assert await kept.books.funds() == [first, second]
    assert (first.name, first.treasury, first.signer, first.paused) == ("main", scenes.TREASURY, scenes.SIGNER, False)
    with pytest.raises(Conflict):
        await kept.fund("third", scenes.TREASURY)
    with pytest.raises(Conflict):
        await kept.fund("main", address(10))


async def test_policies_are_of_every_fund_that_has_one(kept: Kept, fund: Fund) -> None:
    bare = await kept.books.add_fund("bare", address(8), address(9))
    assert set(await kept.books.policies()) == {fund.id}
    assert (await kept.books.policy(fund.id)).version == 1
    with pytest.raises(LookupError):
        await kept.books.policy(bare.id)


async def test_new_policy_sets_when_the_fund_is_due(kept: Kept, fund: Fund) -> None:
    await kept.books.commit_cycle(scenes.cycle(fund.id, block=100, next_due=Timestamp(1_800_000_000)))
    await kept.pin_policy(fund.id, "0.07")
    pinned = await kept.books.policy(fund.id)
    assert (pinned.version, pinned.policy.drift_threshold) == (2, Decimal("0.07"))
    assert (await kept.books.jobs())[fund.id].next_due == 1_700_000_100 + pinned.policy.interval_seconds


async def test_tokens_are_known_as_they_were_first_met(kept: Kept, fund: Fund) -> None:
    await kept.books.commit_cycle(scenes.cycle(fund.id))
    assert await kept.books.known_code() == {}  # a cycle tells of tokens, not of their code
    assert (await kept.books.symbols())[scenes.WETH] == "WETH"
    await kept.books.remember_tokens([(scenes.WETH, "OTHER", 18, hash32(1)), (address(3), "NEW", 6, hash32(2))])
    await kept.books.remember_tokens([(scenes.WETH, "WETH", 18, hash32(9))])
    assert await kept.books.known_code() == {scenes.WETH: hash32(1), address(3): hash32(2)}
    assert (await kept.books.symbols())[scenes.WETH] == "WETH"


# --------------------------------------------------------------------------------------- cycles


async def test_cycle_is_one_link_after_another(kept: Kept, fund: Fund) -> None:
    before = await kept.books.chain_head()
    outcome = scenes.record(RecordKind.OUTCOME, fund.id)
    cycle = scenes.cycle(fund.id, outcomes=(outcome,))
    assert await kept.books.commit_cycle(cycle) is None
    decided, simulated = await kept.journal()
    assert decided[1:3] == (content_hash(cycle.decision.body), before)
    assert simulated[1:3] == (content_hash(outcome.body), decided[3])
    assert [entry[3] for entry in (decided, simulated)] == [
        link(before, decided[1]),
        link(decided[3], simulated[1]),
    ]
    assert await kept.books.chain_head() == simulated[3]
    appended = await kept.books.append(scenes.record(RecordKind.OUTCOME, fund.id))
    assert appended == await kept.books.chain_head() != simulated[3]


async def test_job_is_that_of_the_newest_cycle(kept: Kept, fund: Fund) -> None:
    assert await kept.books.jobs() == {}
    await kept.books.commit_cycle(scenes.cycle(fund.id, block=100))
    unseen = scenes.cycle(
        fund.id,
        action=Action.FAILED,
        reason="no answer",
        block_number=None,
        block_hash=None,
        block_timestamp=None,
        next_due=None,
        assets=(),
        votes=(),
    )
    await kept.books.commit_cycle(unseen)
    job = (await kept.books.jobs())[fund.id]
    assert (job.last_run, job.next_due) == (1_700_000_100, 1_700_000_400)
    assert (job.last_action, job.last_reason) == (Action.FAILED, "no answer")


async def test_cycle_is_stored_once(kept: Kept, fund: Fund) -> None:
    cycle = scenes.trading(fund.id)
    intent_id = await kept.books.commit_cycle(cycle)
    before = await kept.everything()
    assert await kept.books.commit_cycle(cycle) == intent_id
    assert await kept.books.commit_cycle(replace(cycle, action=Action.FAILED, intent=None)) == intent_id
    assert await kept.everything() == before


async def test_signer_has_one_open_intent(kept: Kept, fund: Fund) -> None:
    """Whoever asks for a second one leaves nothing behind, neither record nor job nor alert."""
    other = await kept.fund("other", address(8))  # the same signer
    first = await kept.books.commit_cycle(scenes.trading(fund.id))
    before = await kept.everything()
    raised = Alert(other.id, AlertKind.HIGH_DRIFT, "high")
    with pytest.raises(Conflict, match="already has an open transaction"):
        await kept.books.commit_cycle(scenes.trading(other.id, alerts=(raised,)))
    assert await kept.everything() == before
    await kept.books.set_intent_state(first, S.ABANDONED, scenes.record())
    second = await kept.books.commit_cycle(scenes.trading(other.id))
    assert [found.id for found in await kept.books.open_intents(scenes.SIGNER)] == [second]
    assert await kept.books.open_intents(address(99)) == []


async def test_intent_comes_back_as_it_was_planned(kept: Kept, fund: Fund) -> None:
    cycle = scenes.trading(fund.id)
    planned = cycle.intent
    assert planned is not None
    intent_id = await kept.books.commit_cycle(cycle)
    assert await kept.books.intent(intent_id) == Intent(
        id=intent_id,
        fund_id=fund.id,
        plan_id=planned.plan_id,
        cycle_id=cycle.cycle_id,
        signer=planned.signer,
        chain_id=planned.chain_id,
        state=S.PLANNED,
        nonce=None,
        gas_limit=planned.gas_limit,
        call=planned.call,
        swaps=planned.swaps,
        attempts=(),
    )
    with pytest.raises(LookupError):
        await kept.books.intent(intent_id + 1)


async def test_alerts_are_counted_and_cleared_by_cycles(kept: Kept, fund: Fund) -> None:
    def high(message: str) -> Alert:
        return Alert(fund.id, AlertKind.HIGH_DRIFT, message)

    await kept.books.commit_cycle(scenes.cycle(fund.id, alerts=(high("6 %"),)))
    await kept.books.raise_alert(high("7 %"))
    await kept.books.raise_alert(Alert(fund.id, AlertKind.FUND_HALTED, "halted"))
    assert await kept.alerts() == [
        (fund.id, "FUND_HALTED", "halted", 1, False),
        (fund.id, "HIGH_DRIFT", "7 %", 2, False),
    ]
    await kept.books.commit_cycle(scenes.cycle(fund.id, cleared=(AlertKind.HIGH_DRIFT, AlertKind.HIGH_GAS_COST)))
    await kept.books.raise_alert(high("8 %"))
    assert [row for row in await kept.alerts() if row[1] == "HIGH_DRIFT"] == [
        (fund.id, "HIGH_DRIFT", "7 %", 2, True),
        (fund.id, "HIGH_DRIFT", "8 %", 1, False),
    ]
