"""SIGTERM: the daemon ends within its grace whatever it waits for; what is open is taken up at the next start."""

import asyncio
from collections.abc import Callable

import pytest

from keeper.app.scheduler import Scheduler
from keeper.app.tasks import STOP_GRACE_SECONDS
from keeper.core.ledger import Action, IntentState
from tests import factories
from tests.fakes.chain import BLOCK_SECONDS
from tests.fakes.simulation import FINAL_SECONDS, Simulation, drifted, simulate

pytestmark = pytest.mark.unit

S = IntentState
Run = Callable[[Scheduler], object]


async def stop_after(seconds: float, process: Scheduler, *, once: bool = False) -> float:
    """Runs, asks to stop after so long, and says how long the end took."""
    task = asyncio.create_task(process.run_once() if once else process.run())
    await asyncio.sleep(seconds)
    asked = asyncio.get_running_loop().time()
    process.stop.set()
    await task
    return asyncio.get_running_loop().time() - asked


async def test_idle_daemon_stops_at_once() -> None:
    sim = await simulate(factories.market())
    assert await stop_after(30, sim.process()) == 0


@pytest.mark.parametrize("once", [False, True], ids=["daemon", "once"])
async def test_stop_while_a_receipt_is_awaited(once: bool) -> None:
    sim = await simulate()
    sim.chain.congested = True
    process = sim.process()
    assert await stop_after(30, process, once=once) <= STOP_GRACE_SECONDS
    assert not process.running
    assert sim.books.states() == [S.SENT]
    await the_next_start_finishes_it(sim)


async def the_next_start_finishes_it(sim: Simulation) -> None:
    """The same bytes, one transaction."""
    raw = sim.intent.attempts[0].raw
    sim.chain.congested, sim.chain.silent = False, set()
    await sim.run(FINAL_SECONDS)
    assert sim.books.states() == [S.FINAL_OK]
    assert set(sim.chain.wire) == {raw}
    assert len(sim.chain.mined(sim.fund.signer)) == len(sim.signer.signed) == 1


async def test_cycle_that_can_end_within_the_grace_does() -> None:
    sim = await simulate()
    process = sim.process()
    await stop_after(BLOCK_SECONDS - 1.5, process)
    assert [(result.action, result.state) for result in process.results] == [(Action.SUBMITTED, S.MINED_OK)]


@pytest.mark.parametrize("once", [False, True], ids=["daemon", "once"])
@pytest.mark.parametrize("method", ["head", "observe"])
async def test_stop_while_the_node_says_nothing(method: str, once: bool) -> None:
    sim = await simulate()
    sim.chain.silent = {method}
    assert await stop_after(30, sim.process(), once=once) <= STOP_GRACE_SECONDS
    assert not sim.books.decisions()


async def test_stop_while_the_rehearsal_hangs_leaves_nothing_behind() -> None:
    sim = await simulate()
    sim.chain.silent = {"rehearse"}
    assert await stop_after(30, sim.process()) <= STOP_GRACE_SECONDS
    assert not sim.books.decisions()
    assert not sim.books.intents()


async def test_stop_while_the_bytes_are_being_sent() -> None:
    sim = await simulate()
    sim.chain.silent = {"send"}
    assert await stop_after(30, sim.process()) <= STOP_GRACE_SECONDS
    assert sim.books.states() == [S.SIGNED]
    await the_next_start_finishes_it(sim)


@pytest.mark.parametrize("method", ["receipts", "account", "finalized", "block", "observe"])
async def test_stop_while_an_open_transaction_is_looked_at(method: str) -> None:
    """By a later process, in its round: there the grace of cycles does not reach."""
    sim = await simulate()
    sim.chain.congested = True
    await sim.run(6)
    sim.chain.congested = method == "account"
    sim.chain.silent = {method}
    assert await stop_after(30, sim.process()) == 0
    assert sim.books.states() == [S.SENT]
    await the_next_start_finishes_it(sim)


async def test_no_cycle_begins_after_the_stop() -> None:
    sim = await simulate(drifted())
    process = sim.process()
    process.stop.set()
    assert await process.run() == []
    assert await process.run_once() == []
    assert not sim.books.decisions()
