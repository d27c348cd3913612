"""Cut off anywhere: at every entrance to and exit from chain and books, by a crash, a hang or a stop.

Whatever the moment, the fund ends rebalanced once, and the three invariants hold: bytes were in the books before they
were on the wire, an intent has one nonce, and what is unknown counts as sent.
"""

import asyncio
from collections.abc import Callable, Coroutine
from itertools import pairwise
from typing import Any

import pytest

from keeper.app.tasks import STOP_GRACE_SECONDS
from keeper.core.journal import GENESIS, content_hash, link
from keeper.core.ledger import IntentState
from tests import factories
from tests.fakes.moments import Moments
from tests.fakes.shelf import CLOSED
from tests.fakes.simulation import FINAL_SECONDS, Simulation, drifted, simulate

pytestmark = pytest.mark.unit

MARKET = factories.with_policy(drifted(), interval_seconds=60)
"""A plan that was abandoned is soon made anew."""

End = Callable[[Simulation, int], Coroutine[Any, Any, bool]]


async def crash(sim: Simulation, moment: int) -> bool:
    return await sim.die(moment, within=FINAL_SECONDS)


async def crash_twice(sim: Simulation, moment: int) -> bool:
    """Again early in the life of the next process."""
    reached = await crash(sim, moment)
    await crash(sim, moment % 23)
    return reached


async def hang(sim: Simulation, moment: int) -> bool:
    """A peer never answers the cycle, which is cut off by its timeout; the process goes on."""
    moments = sim.watch(Moments(cut=moment, cycles_only=True))
    await sim.run(sim.world.cycle_timeout_seconds + 30)
    return moments.reached.is_set()


async def stop(sim: Simulation, moment: int) -> bool:
    """SIGTERM, while a peer does not answer."""
    moments = sim.watch(Moments(cut=moment))
    process = sim.process()
    task = asyncio.create_task(process.run())
    reached = asyncio.create_task(moments.reached.wait())
    await asyncio.wait([task, reached], timeout=FINAL_SECONDS, return_when=asyncio.FIRST_COMPLETED)
    reached.cancel()
    process.stop.set()
    await asyncio.wait_for(task, STOP_GRACE_SECONDS + 1)
    return moments.reached.is_set()


@pytest.mark.parametrize("end", [crash, crash_twice, hang, stop])
async def test_rebalanced_once_whenever_it_is_cut_off(end: End) -> None:
    moment = 0
    while True:
        sim = await simulate(MARKET, poll_seconds=8.0, cycle_timeout_seconds=40.0)
        if not await end(sim, moment):
            break
        sim.watch(Moments())
        await the_next_process_ends_it(sim)
        the_invariants_hold(sim)
        moment += 1
    assert moment > 20, "the sweep did not reach the trade"


async def the_next_process_ends_it(sim: Simulation) -> None:
    process = sim.process()
    task = asyncio.create_task(process.run())
    before = MARKET.treasury.last_id
    await sim.until(lambda: sim.treasury.last_id > before and all(state in CLOSED for state in sim.books.states()))
    process.stop.set()
    await task
    assert sim.treasury.last_id == before + 1


def the_invariants_hold(sim: Simulation) -> None:
    intents = sim.books.intents()
    mined, wire = sim.chain.mined(sim.fund.signer), set(sim.chain.wire)
    stored = {attempt.raw for intent in intents for attempt in intent.attempts}
    assert wire <= stored
    assert all({attempt.nonce for attempt in intent.attempts} <= {intent.nonce} for intent in intents)
    assert all(intent.state in CLOSED for intent in intents)
    assert len(mined) == len(wire) == sim.books.states().count(IntentState.FINAL_OK) == 1
    assert sim.books.states().count(IntentState.ABANDONED) == len(intents) - 1
    the_journal_holds(sim)


def the_journal_holds(sim: Simulation) -> None:
    journal = sim.books.stored.journal
    assert journal[0].previous == GENESIS
    assert all(earlier.link == later.previous for earlier, later in pairwise(journal))
    assert all(entry.content == content_hash(entry.record.body) for entry in journal)
    assert all(entry.link == link(entry.previous, entry.content) for entry in journal)
    assert len({cycle.cycle_id for cycle in sim.books.decisions()}) == len(sim.books.decisions())
