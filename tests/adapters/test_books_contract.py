"""The books that unit tests use and the books on SQLite, held to the same assertions, so that the fake cannot lie.

Whatever the application relies on is here once; what only the database promises (crashes, types, locks) is tested
beside it. At the end both are led through the same random days, and must answer alike at every step.
"""

import asyncio
import random
import shutil
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from keeper.adapters.storage.books import SqlBooks
from keeper.adapters.storage.database import Database
from keeper.adapters.storage.errors import Conflict
from keeper.adapters.storage.reader import SqlReader
from keeper.core.journal import content_hash, link
from keeper.core.ledger import Action, Alert, AlertKind, Attempt, CycleRecord, Intent, IntentState, RecordKind
from keeper.core.model import Fund
from keeper.core.units import BaseUnits, Timestamp, Wei
from tests.adapters.kept import Kept
from tests.adapters.storage import scenes
from tests.factories import address, hash32
from tests.fakes.books import FakeBooks

pytestmark = pytest.mark.adapter

S = IntentState
FEES = {"max_fee": Wei(10**11), "max_tip": Wei(10**9)}
SENT_AT = datetime(2026, 1, 2, 3, 5, tzinfo=UTC)


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("contract") / "template.db"
    asyncio.run(_migrate(path))
    return path


async def _migrate(path: Path) -> None:
    database = await Database.open(f"sqlite:///{path}")
    await database.upgrade()
    await database.close()


@pytest.fixture
async def on_disk(template: Path, tmp_path: Path) -> AsyncIterator[Kept]:
    shutil.copy(template, tmp_path / "books.db")
    database = await Database.open(f"sqlite:///{tmp_path / 'books.db'}")
    yield Kept(SqlBooks(database, parse_policy=scenes.parse_policy, now=scenes.Ticking()), SqlReader(database))
    await database.close()


@pytest.fixture
def in_memory() -> Kept:
    return Kept(FakeBooks(scenes.Ticking()))


@pytest.fixture(params=["in_memory", "on_disk"])
def kept(request: pytest.FixtureRequest) -> Kept:
    found: Kept = request.getfixturevalue(request.param)
    return found


@pytest.fixture
async def fund(kept: Kept) -> Fund:
    return await kept.fund()


@pytest.fixture
async def intent(kept: Kept, fund: Fund) -> Intent:
    found: Intent = await kept.books.intent(await kept.books.commit_cycle(scenes.trading(fund.id)))
    return found


@pytest.fixture
async def attempt(kept: Kept, intent: Intent) -> Attempt:
    """Signed with nonce 9, and sent."""
    saved: Attempt = await kept.books.save_attempt(intent.id, scenes.signed(), nonce=9, **FEES)
    await kept.books.mark_sent(saved.id, SENT_AT, "accepted")
    return saved


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


# --------------------------------------------------------------------------------------- transactions


async def test_first_attempt_fixes_the_nonce(kept: Kept, intent: Intent) -> None:
    bytes_ = scenes.signed()
    saved = await kept.books.save_attempt(intent.id, bytes_, nonce=9, **FEES)
    assert (saved.raw, saved.hash, saved.nonce, saved.sent_at, saved.reply, saved.block_hash) == (
        bytes_.raw,
        bytes_.hash,
        9,
        None,
        None,
        None,
    )
    assert await kept.books.intent(intent.id) == replace(intent, state=S.SIGNED, nonce=9, attempts=(saved,))
    before = await kept.everything()
    with pytest.raises(Conflict):
        await kept.books.save_attempt(intent.id, scenes.signed(), nonce=10, **FEES)
    with pytest.raises(Conflict):
        await kept.books.save_attempt(intent.id, bytes_, nonce=9, **FEES)
    assert await kept.everything() == before


async def test_any_reply_counts_as_sent_and_the_first_time_stays(kept: Kept, intent: Intent, attempt: Attempt) -> None:
    await kept.books.mark_sent(attempt.id, datetime(2027, 1, 1, tzinfo=UTC), "no reply")
    stored = await kept.books.intent(intent.id)
    assert (stored.state, stored.attempts[0].sent_at, stored.attempts[0].reply) == (S.SENT, SENT_AT, "no reply")
    with pytest.raises(LookupError):
        await kept.books.mark_sent(attempt.id + 1, SENT_AT, "accepted")


async def test_nonce_is_spent_once(kept: Kept, fund: Fund, intent: Intent, attempt: Attempt) -> None:
    await kept.books.settle(scenes.settlement(intent, scenes.receipt(attempt.hash)))
    second = await kept.books.commit_cycle(scenes.trading(fund.id))
    with pytest.raises(Conflict, match="already in the books"):
        await kept.books.save_attempt(second, scenes.signed(), nonce=9, **FEES)
    assert (await kept.books.intent(second)).state is S.PLANNED


async def test_settlement_fills_the_swaps(kept: Kept, intent: Intent, attempt: Attempt) -> None:
    alert = Alert(intent.fund_id, AlertKind.HIGH_GAS_COST, "dear")
    mined = scenes.receipt(attempt.hash)
    await kept.books.settle(scenes.settlement(intent, mined, S.MINED_OK, alerts=(alert,)))
    stored = await kept.books.intent(intent.id)
    assert (stored.state, stored.attempts[0].block_hash) == (S.MINED_OK, mined.block_hash)
    filled = [(intent.plan_id, "completed", fill.amount_out) for fill in scenes.FILLS]
    assert await kept.swaps() == filled
    before = await kept.everything()
    await kept.books.settle(scenes.settlement(intent, mined, S.MINED_OK, alerts=(alert,)))
    assert await kept.everything() == before  # the same again says nothing new


async def test_reverted_receipt_fails_the_swaps(kept: Kept, intent: Intent, attempt: Attempt) -> None:
    await kept.books.settle(scenes.settlement(intent, scenes.reverted(attempt.hash), S.MINED_REVERTED))
    assert await kept.swaps() == [(intent.plan_id, "failed", None)] * 2


async def test_reorganisation_takes_back_what_the_receipt_said(kept: Kept, intent: Intent, attempt: Attempt) -> None:
    await kept.books.settle(scenes.settlement(intent, scenes.receipt(attempt.hash), S.MINED_OK))
    await kept.books.set_intent_state(intent.id, S.SENT, scenes.record())
    stored = await kept.books.intent(intent.id)
    assert (stored.state, stored.attempts[0].block_hash) == (S.SENT, None)
    assert await kept.swaps() == [(intent.plan_id, "pending", None)] * 2

    fills = tuple(replace(fill, amount_out=BaseUnits(fill.amount_out + 7)) for fill in scenes.FILLS)
    elsewhere = scenes.receipt(attempt.hash, block=103, fills=fills)
    await kept.books.settle(scenes.settlement(intent, elsewhere, S.MINED_OK))
    again = scenes.receipt(attempt.hash, block=104)
    await kept.books.settle(scenes.settlement(intent, again, S.MINED_OK))  # moved without having been away
    stored = await kept.books.intent(intent.id)
    assert stored.attempts[0].block_hash == again.block_hash
    assert [out for _, _, out in await kept.swaps()] == [fill.amount_out for fill in scenes.FILLS]


async def test_closed_stays_closed(kept: Kept, intent: Intent, attempt: Attempt) -> None:
    mined = scenes.receipt(attempt.hash)
    await kept.books.settle(scenes.settlement(intent, mined, S.FINAL_OK))
    before = await kept.everything()
    with pytest.raises(Conflict):
        await kept.books.set_intent_state(intent.id, S.SENT, scenes.record())
    with pytest.raises(Conflict):
        await kept.books.settle(scenes.settlement(intent, scenes.reverted(attempt.hash), S.FINAL_REVERTED))
    with pytest.raises(Conflict):
        await kept.books.save_attempt(intent.id, scenes.signed(), nonce=9, **FEES)
    await kept.books.set_intent_state(intent.id, S.FINAL_OK, scenes.record())
    assert await kept.everything() == before
    assert before[4] == []  # open intents


@pytest.mark.parametrize(("state", "binds"), [(S.ABANDONED, False), (S.NONCE_STOLEN, True)])
async def test_end_without_a_trade_fails_the_swaps(
    kept: Kept, intent: Intent, attempt: Attempt, state: IntentState, binds: bool
) -> None:
    await kept.books.set_intent_state(intent.id, state, scenes.record())
    assert await kept.swaps() == [(intent.plan_id, "failed", None)] * 2
    assert bool(await kept.books.open_intents(scenes.SIGNER)) is binds


async def test_receipt_must_be_of_this_intent(kept: Kept, intent: Intent, attempt: Attempt) -> None:
    before = await kept.everything()
    unplanned = scenes.receipt(attempt.hash, fills=(*scenes.FILLS, scenes.FILLS[0]))
    for wrong in (scenes.receipt(hash32(0xDEAD)), unplanned):
        with pytest.raises(Conflict):
            await kept.books.settle(scenes.settlement(intent, wrong))
    with pytest.raises(LookupError):
        await kept.books.settle(replace(scenes.settlement(intent, scenes.receipt(attempt.hash)), intent_id=99))
    with pytest.raises(LookupError):
        await kept.books.set_intent_state(99, S.SENT, scenes.record())
    assert await kept.everything() == before


# --------------------------------------------------------------------------------------- random days


async def _do(kept: Kept, name: str, *args: Any, **kwargs: Any) -> Any:
    """What a method answers, or the kind of its refusal."""
    try:
        return await getattr(kept.books, name)(*args, **kwargs)
    except (Conflict, LookupError) as refusal:
        return type(refusal)


def _step(dice: random.Random, funds: list[Fund], cycles: list[CycleRecord], intents: list[Intent]) -> tuple[Any, ...]:
    """Something that may or may not be allowed now."""
    fund = dice.choice(funds)
    kinds = tuple(dice.sample(list(AlertKind), dice.randrange(3)))
    alerts = tuple(Alert(fund.id, dice.choice(list(AlertKind)), f"alert {dice.randrange(9)}") for _ in range(2))
    options: list[tuple[Any, ...]] = [
        ("commit_cycle", scenes.cycle(fund.id, block=dice.randrange(90, 110), alerts=alerts[:1], cleared=kinds)),
        ("commit_cycle", scenes.trading(fund.id, signer=fund.signer, alerts=alerts)),
        ("raise_alert", alerts[0]),
        ("append", scenes.record(RecordKind.OUTCOME, fund.id)),
    ]
    if cycles:
        options.append(("commit_cycle", dice.choice(cycles)))
    for intent in intents[-2:]:
        hashes = [attempt.hash for attempt in intent.attempts] or [hash32(0xDEAD)]
        ids = [attempt.id for attempt in intent.attempts] or [99]
        mined = scenes.receipt(dice.choice(hashes), block=dice.choice((101, 102)))
        state = dice.choice((S.MINED_OK, S.MINED_OK, S.FINAL_OK))
        if dice.randrange(3) == 0:
            mined, state = scenes.reverted(mined.tx_hash), dice.choice((S.MINED_REVERTED, S.FINAL_REVERTED))
        options += [
            ("save_attempt", intent.id, scenes.signed(), dice.choice((8, 9, 9, 9))),
            ("mark_sent", dice.choice(ids), SENT_AT, f"reply {dice.randrange(9)}"),
            ("settle", scenes.settlement(intent, mined, state, alerts=alerts)),
            ("set_intent_state", intent.id, dice.choice((S.SENT, S.ABANDONED, S.NONCE_STOLEN)), scenes.record()),
        ]
    return dice.choice(options)


@pytest.mark.parametrize("seed", range(8))
async def test_both_answer_alike_whatever_is_done(in_memory: Kept, on_disk: Kept, seed: int) -> None:
    dice = random.Random(seed)
    for kept in (in_memory, on_disk):
        funds = [await kept.fund(), await kept.fund("same signer", address(8))]
        funds.append(await kept.fund("own signer", address(9), signer=address(10)))
    cycles: list[CycleRecord] = []
    for _ in range(40):
        intents = [await on_disk.books.intent(n) for n in range(1, await _count(on_disk) + 1)]
        name, *args = _step(dice, funds, cycles, intents)
        signing = name == "save_attempt"
        if name == "set_intent_state" and args[1] in (S.SENT, S.NONCE_STOLEN):
            signed = next(intent for intent in intents if intent.id == args[0]).nonce is not None
            if not signed:
                continue  # the schema's own check; the application never asks for it
        extra = FEES | {"nonce": args.pop()} if signing else {}
        ends = [await _do(kept, name, *args, **extra) for kept in (in_memory, on_disk)]
        if name != "append":  # operator records make the chains of hashes differ
            assert ends[0] == ends[1], name
        assert await in_memory.everything() == await on_disk.everything(), name
        if name == "commit_cycle":
            cycles.append(args[0])


async def _count(kept: Kept) -> int:
    return len({plan for plan, _, _ in await kept.swaps()})
