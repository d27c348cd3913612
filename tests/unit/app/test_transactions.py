"""Exactly once: a restart in every state, and replies that are lost or lie."""

from fractions import Fraction

import pytest

from keeper.core.ledger import AlertKind, IntentState
from keeper.core.model import Market, Treasury
from keeper.core.outbox import RESEND_AFTER_HEADS
from keeper.core.units import Address
from keeper.ports import Account
from tests import factories
from tests.fakes.chain import BLOCK_SECONDS, FINALITY
from tests.fakes.pool import Sending
from tests.fakes.simulation import FINAL_SECONDS, Simulation, drifted, simulate
from tests.fakes.treasury import moved_pool

pytestmark = pytest.mark.unit

S = IntentState


def one_transaction(sim: Simulation) -> bool:
    """Signed once, mined once, whatever went over the wire how often."""
    mined = sim.chain.mined(sim.fund.signer)
    return len(sim.signer.signed) == len(mined) == len(set(sim.chain.wire)) == 1


def at_the_limit() -> Market:
    """What is offered first is the most that may be: there is nothing to raise."""
    return factories.with_policy(drifted(), max_fee=25 * 10**9)


def cheaper(item: Treasury) -> Treasury:
    """WETH falls by 6 % in its pool, beyond what the swap tolerates."""
    return moved_pool(item, Fraction(106, 100))


# ------------------------------------------------------------------------------------- restart in every state


async def test_plan_of_an_earlier_process_is_abandoned() -> None:
    sim = await simulate()
    assert await sim.die("after commit_cycle")
    assert sim.books.states() == [S.PLANNED]
    await sim.run(30)
    assert sim.books.states() == [S.ABANDONED]
    assert sim.books.bodies("abandoned")[0]["reason"] == "planned before a restart: the market has moved on"
    assert not sim.signer.signed
    assert {row.status for row in sim.books.stored.swaps[1]} == {"failed"}
    assert sim.alerts.kinds() == [AlertKind.REBALANCE_FAILED]
    await sim.run(400)
    assert sim.books.states() == [S.ABANDONED, S.FINAL_OK]
    assert one_transaction(sim)


async def test_signed_bytes_of_an_earlier_process_are_sent() -> None:
    sim = await simulate()
    assert await sim.die("after save_attempt")
    assert (sim.books.states(), sim.chain.wire) == ([S.SIGNED], [])
    raw = sim.intent.attempts[0].raw
    await sim.run(FINAL_SECONDS)
    assert sim.chain.wire == [raw]
    assert sim.books.states() == [S.FINAL_OK]
    assert one_transaction(sim)


async def test_bytes_that_were_sent_before_the_books_knew_are_known_to_the_node() -> None:
    sim = await simulate()
    assert await sim.die("after send")
    assert (sim.books.states(), len(sim.chain.wire)) == ([S.SIGNED], 1)
    await sim.run(FINAL_SECONDS)
    assert [reply.text for _, reply in sim.books.stored.replies] == ["error: already known"]
    assert sim.books.states() == [S.FINAL_OK]
    assert one_transaction(sim)


async def test_sent_transaction_that_was_mined_meanwhile_is_settled() -> None:
    sim = await simulate()
    assert await sim.die("after mark_sent")
    await sim.clock.sleep(5 * BLOCK_SECONDS)
    assert sim.books.states() == [S.SENT]
    await sim.run(30)
    assert sim.books.states() == [S.FINAL_OK]
    assert len(sim.chain.wire) == 1


async def test_sent_transaction_that_the_pool_forgot_is_sent_again() -> None:
    sim = await simulate()
    assert await sim.die("after mark_sent")
    sim.chain.forget()
    await sim.run(FINAL_SECONDS)
    assert len(sim.chain.wire) == 2
    assert sim.books.states() == [S.FINAL_OK]
    assert one_transaction(sim)


async def test_mined_transaction_becomes_final() -> None:
    sim = await simulate()
    assert await sim.die("after settle")
    assert sim.books.states() == [S.MINED_OK]
    await sim.run(10)
    assert sim.books.states() == [S.MINED_OK]
    await sim.run(FINAL_SECONDS)
    assert sim.books.states() == [S.FINAL_OK]
    assert sim.books.events().count("receipt") == sim.books.events().count("finality") == 1
    (finality,) = sim.books.bodies("finality")
    assert int(finality["finalized_block"]) >= int(finality["block_number"])
    assert int(finality["finalized_block"]) <= sim.chain.blocks[-1].block.number - FINALITY


async def test_reverted_transaction_becomes_final_too() -> None:
    sim = await simulate()
    sim.chain.alter(sim.fund.treasury, cheaper)
    assert await sim.die("after settle")
    assert sim.books.states() == [S.MINED_REVERTED]
    await sim.run(FINAL_SECONDS)
    assert sim.books.states() == [S.FINAL_REVERTED]
    assert sim.books.open_alerts()[AlertKind.REBALANCE_FAILED].count == 1


async def test_old_receipt_is_settled_although_the_node_forgot_the_state_after_it() -> None:
    """The daemon was away for longer than a node that is no archive remembers."""
    sim = await simulate()
    assert await sim.die("after mark_sent")
    sim.chain.mine(200)
    sim.clock.skew_seconds = 200 * BLOCK_SECONDS
    sim.chain.state_kept_from = sim.chain.blocks[-1].block.number - 100
    await sim.run(30)
    assert sim.books.states() == [S.FINAL_OK]
    settled = sim.books.stored.settled[1]
    assert (settled.assets_after, settled.nav_after, settled.gas_cost) == ((), None, None)
    assert {row.status for row in sim.books.stored.swaps[1]} == {"completed"}


async def test_young_receipt_waits_for_the_node_to_show_the_state_after_it() -> None:
    sim = await simulate()
    assert await sim.die("after mark_sent")
    sim.chain.mine(2)
    sim.chain.state_kept_from = sim.chain.blocks[-1].block.number
    sim.clock.skew_seconds = 2 * BLOCK_SECONDS
    await sim.run(30)
    assert sim.books.states() == [S.SENT]
    sim.chain.state_kept_from = 0
    await sim.run(FINAL_SECONDS)
    assert sim.books.stored.settled[1].assets_after


# ------------------------------------------------------------------------------------- replies


@pytest.mark.parametrize(
    ("fate", "reply"),
    [
        (Sending.REPLY_LOST, "no reply: the reply was lost"),
        (Sending.REQUEST_LOST, "no reply: the request was lost"),
        (Sending.MISREPORTED, "error: internal error"),
        (Sending.REFUSED, "error: rejected"),
    ],
)
async def test_any_reply_counts_as_sent_and_so_does_none(fate: Sending, reply: str) -> None:
    sim = await simulate()
    sim.chain.sending.append(fate)
    await sim.run(6)
    assert sim.books.states() == [S.SENT]
    assert [said.text for _, said in sim.books.stored.replies] == [reply]
    assert [body["reply"] for body in sim.books.bodies("submission")] == [reply]
    await sim.run(FINAL_SECONDS + BLOCK_SECONDS * RESEND_AFTER_HEADS)
    assert sim.books.states() == [S.FINAL_OK]
    assert one_transaction(sim)


async def test_bytes_are_sent_again_after_some_heads_without_a_receipt() -> None:
    sim = await simulate(at_the_limit(), cycle_timeout_seconds=10_000.0)
    sim.chain.sending.append(Sending.REQUEST_LOST)
    await sim.run(BLOCK_SECONDS * RESEND_AFTER_HEADS - 4)
    assert not sim.chain.wire
    sim = await simulate(at_the_limit(), cycle_timeout_seconds=10_000.0)
    sim.chain.sending.append(Sending.REQUEST_LOST)
    await sim.run(BLOCK_SECONDS * RESEND_AFTER_HEADS + 4)
    assert len(sim.chain.wire) == 1


async def test_receipt_that_is_indexed_late_is_waited_for() -> None:
    """The nonce is spent and no receipt is there: the node's index is behind its blocks."""
    sim = await simulate()
    sim.chain.hides_receipts = True
    await sim.run(60)
    assert sim.books.states() == [S.SENT]
    sim.chain.hides_receipts = False
    await sim.run(FINAL_SECONDS)
    assert sim.books.states() == [S.FINAL_OK]
    assert len(sim.chain.wire) == 1
    assert not sim.alerts.told


async def test_open_transaction_is_looked_at_once_per_head() -> None:
    sim = await simulate(at_the_limit(), cycle_timeout_seconds=20.0)
    sim.chain.congested = True
    await sim.run(24)
    sim.chain.requests.clear()
    await sim.run(10 * BLOCK_SECONDS)
    assert sim.chain.requests["head"] == 31  # the start's, and one every poll
    assert sim.chain.requests["receipts"] == 10


async def test_receipt_is_asked_for_once_per_head_while_a_cycle_waits_for_it() -> None:
    sim = await simulate(at_the_limit())
    sim.chain.congested = True
    await sim.run(10 * BLOCK_SECONDS - 4)
    assert sim.chain.requests["receipts"] == 10


async def test_transaction_that_is_mined_between_two_questions_is_no_strangers() -> None:
    """Past its deadline, a spent nonce without a receipt means a stranger. But the receipt was asked for first."""
    sim = await simulate(cycle_timeout_seconds=20.0)
    sim.chain.congested = True
    await sim.run(24)
    await sim.clock.sleep(sim.intent.call.deadline - sim.clock.timestamp() + BLOCK_SECONDS)
    ask = sim.chain.account

    async def late(signer: Address) -> Account:
        sim.chain.congested = False
        sim.chain.mine()
        return await ask(signer)

    sim.chain.account = late  # type: ignore[method-assign]
    await sim.run(10)
    assert sim.books.states() == [S.MINED_REVERTED]
    assert [body["revert_reason"].split(":")[0] for body in sim.books.bodies("receipt")] == ["Expired"]
    assert AlertKind.FUND_HALTED not in sim.alerts.kinds()
