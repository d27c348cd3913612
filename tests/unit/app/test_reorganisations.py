"""A chain that changes its mind: receipts that move or go, heads that go back, a nonce that a stranger spends."""

import asyncio
from fractions import Fraction
from itertools import count

import pytest

from keeper.core.ledger import AlertKind, IntentState
from keeper.core.model import Block, Treasury
from keeper.core.outbox import RESEND_AFTER_HEADS
from tests.fakes.chain import BLOCK_SECONDS
from tests.fakes.simulation import FINAL_SECONDS, Simulation, simulate
from tests.fakes.treasury import moved_pool

pytestmark = pytest.mark.unit

S = IntentState


def one_transaction(sim: Simulation) -> bool:
    """Signed once, mined once, whatever went over the wire how often."""
    mined = sim.chain.mined(sim.fund.signer)
    return len(sim.signer.signed) == len(mined) == len(set(sim.chain.wire)) == 1


def richer(item: Treasury) -> Treasury:
    """WETH rises by 0.1 % in its pool."""
    return moved_pool(item, Fraction(999, 1000))


# ------------------------------------------------------------------------------------- reorganisations


async def test_receipt_that_is_gone_makes_it_sent_again() -> None:
    sim = await simulate()
    await sim.run(BLOCK_SECONDS + 4)
    assert sim.books.states() == [S.MINED_OK]
    sim.chain.reorganise(1)
    sim.chain.congested = True
    sim.chain.forget()
    await sim.run(BLOCK_SECONDS)
    assert sim.books.states() == [S.SENT]
    assert {(row.status, row.fill) for row in sim.books.stored.swaps[1]} == {("pending", None)}
    assert sim.books.bodies("sent")[0]["reason"] == "it was mined_ok, and the chain no longer says so"
    sim.chain.congested = False
    await sim.run(FINAL_SECONDS)
    assert sim.books.states() == [S.FINAL_OK]
    assert one_transaction(sim)
    assert sim.treasury.last_id == 5


async def test_receipt_of_another_block_is_written_over_the_first() -> None:
    """Included again after somebody else's trade: other amounts, and the books hold those."""
    sim = await simulate()
    await sim.run(BLOCK_SECONDS + 4)
    first = sim.books.stored.swaps[1]
    sim.chain.alter(sim.fund.treasury, richer)
    sim.chain.reorganise(1, included_again=True)
    await sim.run(BLOCK_SECONDS + 4)
    second = sim.books.stored.swaps[1]
    assert sim.books.states() == [S.MINED_OK]
    assert second != first
    assert sim.intent.attempts[0].block_hash == sim.chain.blocks[1].block.hash
    await sim.run(FINAL_SECONDS)
    assert sim.books.states() == [S.FINAL_OK]
    received = sum(row.fill.amount_out for row in second[:1] if row.fill)
    usdc = sim.treasury.assets[2].balance or 0
    assert usdc == 200_000 * 10**6 + received - sim.intent.swaps[1].amount_in


async def test_block_that_is_replaced_amid_the_settlement_is_not_written_down() -> None:
    """Canonical when the receipt was judged, gone when the fund is observed after it."""
    sim = await simulate()
    assert await sim.die("after mark_sent")
    await sim.clock.sleep(BLOCK_SECONDS)
    ask, times = sim.chain.block, count(1)

    async def replaced(number: int) -> Block | None:
        if next(times) == 2:
            sim.chain.congested = True
            sim.chain.reorganise(1)
        return await ask(number)

    sim.chain.block = replaced  # type: ignore[method-assign]
    await sim.run(6)
    assert sim.books.states() == [S.SENT]
    assert "receipt" not in sim.books.events()
    sim.chain.congested = False
    await sim.run(FINAL_SECONDS)
    assert sim.books.states() == [S.FINAL_OK]


async def test_head_that_goes_back_is_looked_at() -> None:
    """A node that leads, then one that lags behind and forgot the pool: neither the look at the intent nor the sending
    again waits for the first height."""
    sim = await simulate()
    assert await sim.die("after mark_sent")
    process = sim.process()
    sim.chain.congested = True
    task = asyncio.create_task(process.run())
    await sim.clock.sleep(2)
    ahead = list(sim.chain.blocks)
    sim.chain.mine(20)
    leading = sim.chain.blocks
    await sim.clock.sleep(6)
    assert process.outbox.looked_at == leading[-1].block.hash
    sim.chain.blocks, sim.chain.congested = ahead, False
    sim.chain.forget()
    await sim.clock.sleep(FINAL_SECONDS + BLOCK_SECONDS * RESEND_AFTER_HEADS)
    process.stop.set()
    await task
    assert sim.books.states() == [S.FINAL_OK]


# ------------------------------------------------------------------------------------- a nonce that is taken


async def test_nonce_spent_by_a_stranger_halts_and_tells_once() -> None:
    sim = await simulate()
    sim.chain.congested = True
    await sim.run(6)
    sim.chain.foreign(sim.fund.signer)
    sim.chain.congested = False
    await sim.run(60)
    assert sim.books.states() == [S.SENT]  # the node's index may be late
    deadline = sim.intent.call.deadline
    await sim.run(deadline - sim.clock.timestamp() + 2 * BLOCK_SECONDS)
    assert sim.books.states() == [S.NONCE_STOLEN]
    await sim.run(1_000)
    assert sim.books.states() == [S.NONCE_STOLEN]
    assert len(sim.signer.signed) == 1
    halted = [alert for alert in sim.alerts.told if alert.kind is AlertKind.FUND_HALTED]
    assert [alert.message for alert in halted] == [
        "transaction nonce_stolen: nonce 0 was spent by a transaction that is not intent 1's"
    ]
    assert sim.books.open_alerts()[AlertKind.FUND_HALTED].count == 1


async def test_stolen_nonce_that_a_reorganisation_gives_back_is_used() -> None:
    sim = await simulate()
    sim.chain.congested = True
    await sim.run(6)
    sim.chain.hides_receipts, sim.chain.congested = True, False
    await sim.run(sim.intent.call.deadline - sim.clock.timestamp() + 2 * BLOCK_SECONDS)
    assert sim.books.states() == [S.NONCE_STOLEN]
    sim.chain.hides_receipts = False
    await sim.run(30)
    assert sim.books.states() == [S.FINAL_OK]  # it had been ours all along


async def test_nonce_that_is_taken_amid_a_cycle_moves_nothing() -> None:
    """Another program spends it between rehearsal and signature: our bytes can only be refused."""
    sim = await simulate()

    def taken(*_: object) -> None:
        sim.chain.foreign(sim.fund.signer)
        sim.chain.mine()

    sim.signer.witness = taken
    await sim.run(FINAL_SECONDS)
    assert {reply.text for _, reply in sim.books.stored.replies} == {"error: nonce too low"}
    assert sim.treasury.last_id == 4
    assert len(sim.signer.signed) == 1
