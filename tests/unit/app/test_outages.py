"""What fails, hangs or goes away: it is recorded, tried again, and nobody else suffers."""

import asyncio
from collections.abc import Callable
from dataclasses import replace
from itertools import pairwise
from typing import Any

import pytest

from keeper.adapters.storage.errors import Conflict
from keeper.app.scheduler import FIRST_RETRY_SECONDS, LAST_RETRY_SECONDS
from keeper.core.ledger import Action, AlertKind, CycleRecord, IntentState
from keeper.core.model import Fund, PinnedPolicy
from tests import factories
from tests.fakes.chain import BLOCK_SECONDS
from tests.fakes.signer import FakeSigner
from tests.fakes.simulation import FINAL_SECONDS, Simulation, drifted, simulate

pytestmark = pytest.mark.unit

S = IntentState
HELD = factories.market()


def actions(sim: Simulation, fund: int = 0) -> list[Action]:
    return [cycle.action for cycle in sim.books.decisions(sim.funds[fund].id)]


def gaps(sim: Simulation) -> list[float]:
    """Seconds between the beginnings of a fund's cycles."""
    starts = [cycle.started_at for cycle in sim.books.decisions(sim.fund.id)]
    return [(later - earlier).total_seconds() for earlier, later in pairwise(starts)]


# --------------------------------------------------------------------------------------------- one fund


def no_treasury(sim: Simulation) -> None:
    genesis = sim.chain.blocks[0]
    rest = {at: item for at, item in genesis.state.treasuries.items() if at != sim.fund.treasury}
    sim.chain.blocks[0] = replace(genesis, state=replace(genesis.state, treasuries=rest))


def no_policy(sim: Simulation) -> None:
    """As between the two transactions in which a fund is added."""
    del sim.books.stored.policies[sim.fund.id]


def broken_signer(sim: Simulation) -> None:
    def explode(*_: object) -> None:
        raise ArithmeticError("a fault of ours")

    sim.signer.witness = explode


FAULTS: list[tuple[Callable[[Simulation], None], str]] = [
    (no_treasury, "no treasury answers at"),
    (no_policy, "fund fund0 has no policy yet"),
    (broken_signer, "ArithmeticError: a fault of ours"),
]


@pytest.mark.parametrize(("fault", "reason"), FAULTS, ids=[fault.__name__ for fault, _ in FAULTS])
async def test_failing_fund_does_not_stop_the_others(fault: Callable[[Simulation], None], reason: str) -> None:
    sim = await simulate(drifted(), drifted(), HELD)
    fault(sim)
    process = await sim.run(FINAL_SECONDS)
    assert actions(sim, 1) == [Action.SUBMITTED]
    assert actions(sim, 2) == [Action.HELD]
    assert sim.books.states(sim.funds[1].id) == [S.FINAL_OK]
    failed = next(result for result in process.results if result.cycle.fund.id == sim.fund.id)
    assert failed.action is Action.FAILED
    assert failed.reason.startswith(reason)


async def test_hanging_fund_is_cut_off_and_recorded() -> None:
    sim = await simulate(drifted(), drifted())
    sim.chain.silent = {sim.fund.treasury}
    await sim.run(200)
    (cut,) = sim.books.decisions(sim.fund.id)
    assert (cut.action, cut.reason) == (Action.FAILED, "cut off after 180 s")
    assert cut.block_number == 100
    assert cut.next_due == factories.NOW + 300
    assert AlertKind.REBALANCE_FAILED in sim.books.open_alerts()
    assert sim.books.states() == [S.FINAL_OK]
    assert actions(sim, 1) == [Action.SUBMITTED]


async def test_hanging_fund_is_tried_again_at_its_next_interval() -> None:
    sim = await simulate(drifted())
    sim.chain.silent = {sim.fund.treasury}
    await sim.run(190)
    sim.chain.silent = set()
    await sim.run(200)
    assert actions(sim) == [Action.FAILED, Action.SUBMITTED]


async def test_transaction_of_a_cycle_that_is_cut_off_goes_on() -> None:
    """It waits longer for its block than a cycle may take."""
    sim = await simulate()
    sim.chain.congested = True
    process = await sim.run(200)
    assert actions(sim) == [Action.SUBMITTED]
    assert [result.reason for result in process.results] == ["cut off after 180 s"]
    assert sim.alerts.told == []  # nothing has failed yet
    assert sim.books.states() == [S.SENT]
    sim.chain.congested = False
    await sim.run(FINAL_SECONDS)
    assert sim.books.states() == [S.FINAL_OK]
    assert len(sim.chain.mined(sim.fund.signer)) == 1


async def test_intent_that_cannot_be_settled_holds_up_no_other() -> None:
    sim = await simulate(drifted(), drifted())
    sim.chain.congested = True
    await sim.run(6)
    assert sim.books.states() == [S.SENT, S.SENT]
    policy = sim.books.stored.policies.pop(sim.fund.id)
    sim.chain.congested = False
    await sim.run(FINAL_SECONDS)
    assert sim.books.states() == [S.SENT, S.FINAL_OK]
    sim.books.stored.policies[sim.fund.id] = policy
    await sim.run(FINAL_SECONDS)
    assert sim.books.states() == [S.FINAL_OK, S.FINAL_OK]


# --------------------------------------------------------------------------------------------- the node


async def test_failed_observation_is_recorded_and_retried_with_growing_pauses() -> None:
    sim = await simulate(HELD)
    sim.chain.down = "connection refused"
    await sim.run(1_500)
    records = sim.books.decisions()
    assert {(cycle.action, cycle.reason) for cycle in records} == {(Action.FAILED, "connection refused")}
    assert {(cycle.block_number, cycle.policy_version, cycle.next_due) for cycle in records} == {(None, None, None)}
    pauses = [5, 10, 20, 40, 80, 160, 300, 300, 300]
    assert pauses[0] == FIRST_RETRY_SECONDS
    assert pauses[-1] == LAST_RETRY_SECONDS
    poll = sim.world.poll_seconds
    assert all(pause <= gap <= pause + poll for pause, gap in zip(pauses, gaps(sim), strict=True))


async def test_pauses_begin_anew_after_a_success() -> None:
    sim = await simulate(HELD)
    sim.chain.down = "connection refused"
    process = sim.process()
    task = asyncio.create_task(process.run())
    await sim.clock.sleep(100)
    before = len(sim.books.decisions())
    sim.chain.down = None
    await sim.clock.sleep(200)
    assert actions(sim)[before:] == [Action.HELD]
    sim.chain.down = "connection refused"
    await sim.clock.sleep(250)
    process.stop.set()
    await task
    retried = gaps(sim)[before + 1 :]
    assert FIRST_RETRY_SECONDS <= retried[0] <= FIRST_RETRY_SECONDS + sim.world.poll_seconds


async def test_outage_between_cycles_leaves_no_record() -> None:
    sim = await simulate(HELD)
    await sim.run(20)
    sim.chain.down = "connection refused"
    task = asyncio.create_task(sim.run(260, outbox=sim.processes[0].outbox, last_head=sim.processes[0].last_head))
    await sim.clock.sleep(200)
    sim.chain.down = None
    await task
    assert actions(sim) == [Action.HELD]


async def test_outage_while_due_is_recorded_by_the_clock() -> None:
    """Without a head the chain's time is reckoned on from the last one."""
    sim = await simulate(HELD)
    process = sim.process()
    task = asyncio.create_task(process.run())
    await sim.clock.sleep(100)
    sim.chain.down = "connection refused"
    await sim.clock.sleep(190)
    assert actions(sim) == [Action.HELD]
    await sim.clock.sleep(14)
    process.stop.set()
    await task
    assert actions(sim) == [Action.HELD, Action.FAILED]


async def test_outage_while_a_receipt_is_awaited_is_sat_out() -> None:
    sim = await simulate()
    task = asyncio.create_task(sim.run(FINAL_SECONDS + 60))
    await sim.until(lambda: bool(sim.chain.wire))
    sim.chain.down = "connection refused"
    await sim.clock.sleep(40)
    sim.chain.down = None
    await task
    assert sim.books.states() == [S.FINAL_OK]
    assert actions(sim) == [Action.SUBMITTED]


# --------------------------------------------------------------------------------------------- the books


async def test_books_that_go_away_do_not_end_the_daemon(log: list[dict[str, Any]]) -> None:
    sim = await simulate(HELD)
    task = asyncio.create_task(sim.run(700))
    await sim.clock.sleep(100)
    sim.books.down = "database is locked"
    await sim.clock.sleep(400)
    assert not task.done()
    sim.books.down = None
    await task
    assert actions(sim) == [Action.HELD, Action.HELD]
    assert {line["reason"] for line in log if line["event"] == "books unavailable"} == {"database is locked"}
    assert not [line for line in log if line.get("exc_info")]  # an outage is no fault of ours


async def test_round_that_goes_wrong_is_tried_again(log: list[dict[str, Any]]) -> None:
    """A policy in the books that today's rules would not let in."""
    sim = await simulate(HELD)

    async def unreadable() -> dict[int, PinnedPolicy]:
        raise ValueError("DRIFT_THRESHOLD must be positive")

    readable, sim.books.policies = sim.books.policies, unreadable  # type: ignore[method-assign]
    task = asyncio.create_task(sim.run(60))
    await sim.clock.sleep(30)
    assert [line["event"] for line in log if line.get("exc_info")] == ["round failed"] * 8
    sim.books.policies = readable  # type: ignore[method-assign]
    await task
    assert actions(sim) == [Action.HELD]


async def test_cycle_that_the_books_refuse_ends_for_itself(log: list[dict[str, Any]]) -> None:
    """Not an outage but a contradiction, which recording the failure only repeats."""
    sim = await simulate(HELD, HELD)
    commit = sim.books.commit_cycle

    async def refuse(cycle: CycleRecord) -> int | None:
        if cycle.fund_id == sim.fund.id:
            raise Conflict("this contradicts what is written down")
        return await commit(cycle)

    sim.books.commit_cycle = refuse  # type: ignore[method-assign]
    process = await sim.run(3)
    ends = {result.cycle.fund.name: result.action for result in process.results}
    assert ends == {"fund0": Action.FAILED, "fund1": Action.HELD}
    assert [line["event"] for line in log if line.get("exc_info")] == ["cycle failed", "cycle not recorded"]


async def test_books_that_go_away_in_a_cycle_lose_nothing() -> None:
    """Gone between the signature and the note that it was sent: the bytes are sent again, and count once."""
    sim = await simulate()
    sim.chain.witness = lambda _: setattr(sim.books, "down", "disk full")
    task = asyncio.create_task(sim.run(FINAL_SECONDS + 120))
    await sim.clock.sleep(30)
    assert sim.books.states() == [S.SIGNED]
    sim.chain.witness, sim.books.down = None, None
    await task
    assert sim.books.states() == [S.FINAL_OK]
    assert len(sim.chain.mined(sim.fund.signer)) == len(sim.signer.signed) == 1


async def test_nothing_is_sent_while_the_books_are_away() -> None:
    sim = await simulate()
    sim.books.down = "database is locked"
    await sim.run(100)
    assert not sim.chain.wire
    assert not sim.signer.signed


async def test_missing_key_of_one_fund_is_not_anothers() -> None:
    sim = await simulate(drifted(), drifted())

    def keys(fund: Fund) -> FakeSigner:
        return sim.signers[sim.funds[1].signer] if fund.id == sim.funds[1].id else sim.signers[factories.address(99)]

    sim.world = replace(sim.world, signer_of=keys)  # a KeyError of ours
    await sim.run(FINAL_SECONDS)
    assert actions(sim) == [Action.FAILED]
    assert actions(sim, 1) == [Action.SUBMITTED]
    assert BLOCK_SECONDS < FINAL_SECONDS
