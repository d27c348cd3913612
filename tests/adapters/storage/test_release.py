"""An operator accepts what the chain says: a signer goes on, also on a chain that took back what was final."""

from collections.abc import Awaitable, Callable

import pytest

from keeper.adapters.storage.books import SqlBooks
from keeper.adapters.storage.reader import SqlReader
from keeper.core.ledger import Attempt, AttemptKind, Intent, IntentState, Record, RecordKind, SignerState
from keeper.core.model import Fund
from keeper.core.units import Timestamp
from keeper.ports import SigningForbidden
from tests.adapters.storage import scenes
from tests.factories import address

pytestmark = pytest.mark.adapter

S = IntentState
ACCEPTED = Record(RecordKind.OPERATOR, None, {"event": "chain_accepted", "why": "the node was reset"})

Trade = Callable[[int, IntentState], Awaitable[Intent]]


@pytest.fixture
def trade(books: SqlBooks, fund: Fund) -> Trade:
    """A plan with that nonce, taken to that state in the block 101 + nonce."""

    async def run(nonce: int, state: IntentState) -> Intent:
        intent_id = await books.commit_cycle(scenes.trading(fund.id))
        assert intent_id is not None
        kind = AttemptKind.CANCEL if state is S.CANCELLED else AttemptKind.TRADE
        attempt = await books.save_attempt(intent_id, scenes.signed(), scenes.terms(nonce, kind=kind), "signed")
        await books.mark_sent(attempt.id, scenes.SENT_AT, scenes.ACCEPTED, scenes.record())
        intent, block = await books.intent(intent_id), 101 + nonce
        mined = scenes.reverted(attempt.hash) if state is S.FINAL_REVERTED else scenes.receipt(attempt.hash, block)
        if state is S.CANCELLED:
            await books.cancelled(intent_id, mined, Timestamp(1_700_000_000 + block), scenes.record())
        elif state is not S.SENT:
            await books.settle(scenes.settlement(intent, mined, state))
        return await books.intent(intent_id)

    return run


async def test_nonce_that_the_chain_took_back_can_be_had_again(books: SqlBooks, fund: Fund, trade: Trade) -> None:
    await trade(0, S.FINAL_OK)
    await trade(1, S.FINAL_OK)
    await books.hold(fund.signer, "it was rolled back", scenes.record())
    await books.release(fund.signer, 1, ACCEPTED)
    assert await books.signer_state(fund.signer) == SignerState(fund.signer, 1, None)
    again = await trade(1, S.FINAL_OK)
    assert (again.state, again.nonce) == (S.FINAL_OK, 1)


@pytest.mark.parametrize("state", [S.FINAL_OK, S.FINAL_REVERTED, S.CANCELLED])
async def test_what_it_had_mined_is_not_there_any_more(
    books: SqlBooks, reader: SqlReader, fund: Fund, trade: Trade, state: IntentState
) -> None:
    """Neither in trades nor in gas; its bytes and its record are kept."""
    kept, gone = await trade(0, S.FINAL_OK), await trade(1, state)
    spent = await books.gas_spent(fund.signer, Timestamp(1_700_000_101))
    executed = await books.executions(fund.id, Timestamp(0))
    assert len(executed) == (1 if state is S.CANCELLED else 2)
    await books.hold(fund.signer, "it was rolled back", scenes.record())
    await books.release(fund.signer, 1, ACCEPTED)
    assert await books.intent(kept.id) == kept
    ended = await books.intent(gone.id)
    assert (ended.state, ended.nonce, ended.attempts[0].block_hash) == (S.ABANDONED, None, None)
    assert (ended.attempts[0].nonce, ended.attempts[0].raw) == (1, gone.attempts[0].raw)
    assert gone.attempts[0].hash in await reader.hashes()
    assert len(await books.executions(fund.id, Timestamp(0))) == 1
    assert await books.gas_spent(fund.signer, Timestamp(1_700_000_101)) < spent
    statuses = {row["plan_id"]: row["status"] for row in await reader.trades(None, 10)}
    assert statuses == {kept.plan_id: "completed", gone.plan_id: "failed"}
    found = await reader.transaction(gone.id)
    assert found is not None
    newest = found["events"][-1]
    assert (newest["state_from"], newest["state_to"]) == (state.value, "abandoned")
    assert newest["reason"] == "the chain has nonce 1 free again: the node was reset"


async def test_accepting_a_higher_nonce_takes_nothing_back(books: SqlBooks, fund: Fund, trade: Trade) -> None:
    first = await trade(0, S.FINAL_OK)
    await books.hold(fund.signer, "somebody else signed", scenes.record())
    await books.release(fund.signer, 5, ACCEPTED)
    assert await books.intent(first.id) == first
    await trade(5, S.FINAL_OK)


@pytest.mark.parametrize("accepted", [0, 1])
async def test_open_intent_keeps_its_nonce_and_the_next_comes_after(
    books: SqlBooks, fund: Fund, trade: Trade, accepted: int
) -> None:
    """The chain's count does not hold what is still on its way: that nonce is not free."""
    under_way = await trade(0, S.SENT)
    await books.hold(fund.signer, "a final block is gone", scenes.record())
    await books.release(fund.signer, accepted, ACCEPTED)
    assert await books.intent(under_way.id) == under_way
    assert (await books.signer_state(fund.signer)).next_nonce == 1
    await books.settle(scenes.settlement(under_way, scenes.receipt(under_way.attempts[0].hash)))
    await trade(1, S.FINAL_OK)


async def test_open_intent_of_another_signer_is_none_of_its(books: SqlBooks, fund: Fund, trade: Trade) -> None:
    other = await books.add_fund("other", address(1), address(2))
    await books.put_policy(other.id, {"DRIFT_THRESHOLD": "0.1"}, {}, "ann", "first")
    await books.release(other.signer, 7, ACCEPTED)
    theirs = await books.commit_cycle(scenes.trading(other.id, signer=other.signer))
    assert theirs is not None
    await books.save_attempt(theirs, scenes.signed(), scenes.terms(7), "signed")
    first = await trade(0, S.FINAL_OK)
    await books.release(fund.signer, 1, ACCEPTED)
    assert (await books.signer_state(fund.signer)).next_nonce == 1
    await books.release(other.signer, 0, ACCEPTED)  # what is of the others is not taken back either
    assert (await books.signer_state(other.signer)).next_nonce == 8
    assert await books.intent(first.id) == first


async def test_stolen_nonce_on_a_chain_that_was_rolled_back(
    books: SqlBooks, fund: Fund, intent: Intent, sent: Attempt, trade: Trade
) -> None:
    await books.set_intent_state(intent.id, S.NONCE_STOLEN, scenes.record())
    await books.release(fund.signer, 0, ACCEPTED)
    ended = await books.intent(intent.id)
    assert (ended.state, ended.nonce, ended.attempts[0].hash) == (S.ABANDONED, None, sent.hash)
    with pytest.raises(SigningForbidden):
        await trade(1, S.SENT)
    (planned,) = await books.open_intents(fund.signer)
    await books.set_intent_state(planned.id, S.ABANDONED, scenes.record())
    await trade(0, S.FINAL_OK)
