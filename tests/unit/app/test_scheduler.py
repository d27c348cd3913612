"""When cycles run: by chain time, one at a time per fund, sharing one look at the chain."""

import asyncio
from collections import Counter
from typing import Any

import pytest

from keeper.core.ledger import Action, IntentState
from keeper.ports import BooksUnavailable
from tests import factories
from tests.fakes.chain import BLOCK_SECONDS
from tests.fakes.simulation import FINAL_SECONDS, Simulation, drifted, simulate

pytestmark = pytest.mark.unit

S = IntentState
INTERVAL = 300
HELD = factories.market()
OFTEN = factories.with_policy(HELD, interval_seconds=BLOCK_SECONDS)


def times(sim: Simulation, fund: int = 0) -> list[int]:
    """Seconds after the beginning, in chain time, of the blocks that a fund's cycles saw."""
    stamps = [cycle.block_timestamp for cycle in sim.books.decisions(sim.funds[fund].id)]
    return [stamp - factories.NOW for stamp in stamps if stamp is not None]


# --------------------------------------------------------------------------------------------- due


async def test_fund_is_due_at_once_and_then_every_interval() -> None:
    sim = await simulate(HELD)
    await sim.run(2 * INTERVAL + 100)
    assert times(sim) == [0, INTERVAL, 2 * INTERVAL]
    job = (await sim.books.jobs())[sim.fund.id]
    assert (job.last_run, job.next_due) == (factories.NOW + 2 * INTERVAL, factories.NOW + 3 * INTERVAL)


async def test_every_fund_has_its_own_interval() -> None:
    sim = await simulate(HELD, factories.with_policy(HELD, interval_seconds=120))
    await sim.run(400)
    assert (times(sim, 0), times(sim, 1)) == ([0, 300], [0, 120, 240, 360])


async def test_interval_is_chain_time_not_wall_time() -> None:
    sim = await simulate(HELD)
    sim.chain.stalled = True
    await sim.run(3 * INTERVAL)
    assert times(sim) == [0]


async def test_place_in_the_schedule_outlives_the_process() -> None:
    sim = await simulate(HELD)
    await sim.run(60)
    await sim.run(INTERVAL - 100)
    assert times(sim) == [0]
    await sim.run(60)
    assert times(sim) == [0, INTERVAL]


async def test_interval_that_changes_counts_at_once() -> None:
    sim = await simulate(HELD)
    await sim.run(60)
    await sim.books.pin_policy(sim.fund.id, factories.policy(interval_seconds=120))
    await sim.run(200)
    assert times(sim) == [0, 120, 240]
    assert [cycle.policy_version for cycle in sim.books.decisions()] == [1, 2, 2]


async def test_fund_that_is_added_while_it_runs_joins_in() -> None:
    sim = await simulate(HELD, HELD)
    late = sim.books.stored.funds.pop()

    async def join() -> None:
        await sim.clock.sleep(100)
        sim.books.stored.funds.append(late)

    await asyncio.gather(sim.run(200), join())
    assert times(sim, 1) == [96]


# --------------------------------------------------------------------------------------------- together


async def test_due_funds_share_one_observation() -> None:
    """An idle cycle of all funds costs two requests: the head and the look. The start looks at all signers besides."""
    sim = await simulate(*[HELD] * 20)
    results = await sim.process().run_once()
    assert [result.action for result in results] == [Action.HELD] * 20
    assert sim.chain.requests == Counter(head=2, accounts=1, observe=1)
    assert {cycle.block_hash for cycle in sim.books.decisions()} == {sim.chain.blocks[0].block.hash}


async def test_nothing_is_observed_when_nothing_is_due() -> None:
    sim = await simulate(HELD)
    await sim.run(INTERVAL - BLOCK_SECONDS)
    assert sim.chain.requests["observe"] == 1
    assert sim.chain.requests["head"] > 50


async def test_fund_runs_one_cycle_at_a_time() -> None:
    """Its transaction is not mined, and it is due again with every block."""
    sim = await simulate(factories.with_policy(drifted(), interval_seconds=BLOCK_SECONDS), OFTEN)
    sim.chain.congested = True
    process = await sim.run(10 * BLOCK_SECONDS)
    assert len(sim.books.decisions(sim.fund.id)) == 1
    assert len(sim.books.decisions(sim.funds[1].id)) == 10
    assert not process.running


async def test_funds_that_share_a_signer_queue() -> None:
    """The second waits, without a failure, until the first one's transaction is final."""
    sim = await simulate(drifted(), drifted(), one_signer=True)
    await sim.run(INTERVAL + FINAL_SECONDS + 60)
    first, second = (sim.books.decisions(fund.id) for fund in sim.funds)
    assert [cycle.action for cycle in first] == [Action.SUBMITTED, Action.HELD]
    assert [cycle.action for cycle in second] == [Action.BLOCKED, Action.SUBMITTED]
    assert second[0].reason == "open_transaction: transaction 1 of this signer is not settled yet"
    assert [(intent.nonce, intent.state) for intent in sim.books.intents()] == [(0, S.FINAL_OK), (1, S.FINAL_OK)]
    assert [transaction.nonce for transaction in sim.chain.mined(sim.fund.signer)] == [0, 1]


async def test_funds_with_signers_of_their_own_trade_side_by_side() -> None:
    sim = await simulate(drifted(), drifted(), drifted())
    await sim.run(FINAL_SECONDS)
    assert sim.books.states() == [S.FINAL_OK] * 3
    assert len({mined.block.number for mined in sim.chain.blocks if mined.transactions}) == 1


# --------------------------------------------------------------------------------------------- how long


async def test_run_once_runs_every_fund_due_or_not() -> None:
    sim = await simulate(HELD, drifted())
    await sim.process().run_once()
    results = await sim.process().run_once()
    assert [(result.cycle.fund.name, result.action) for result in results] == [
        ("fund0", Action.HELD),
        ("fund1", Action.BLOCKED),  # its transaction is mined, not final
    ]


async def test_run_once_waits_for_its_transactions() -> None:
    sim = await simulate(drifted())
    (result,) = await sim.process().run_once()
    assert (result.action, result.state) == (Action.SUBMITTED, S.MINED_OK)


async def test_run_once_says_when_the_books_are_unavailable() -> None:
    sim = await simulate(HELD)
    sim.books.down = "database is locked"
    with pytest.raises(BooksUnavailable, match="locked"):
        await sim.process().run_once()


async def test_max_cycles_counts_the_cycles_of_all_funds() -> None:
    sim = await simulate(HELD, HELD)
    results = await sim.process(max_cycles=3).run()
    assert [result.cycle.fund.name for result in results] == ["fund0", "fund1", "fund0"]
    assert sim.clock.monotonic() < INTERVAL + BLOCK_SECONDS


async def test_max_cycles_lets_the_last_one_end() -> None:
    sim = await simulate(drifted())
    (result,) = await sim.process(max_cycles=1).run()
    assert result.state is S.MINED_OK


async def test_heartbeat(log: list[dict[str, Any]]) -> None:
    sim = await simulate(HELD)
    await sim.run(200)
    beats = [line for line in log if line["event"] == "heartbeat"]
    assert [beat["block"] for beat in beats] == [100, 105, 110, 115]
    assert {(beat["funds"], beat["running"]) for beat in beats} == {(1, 0)}
