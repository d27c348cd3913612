"""The contract of both kinds of books on an operator who accepts the chain as it is."""

import pytest

from keeper.core.ledger import AttemptKind, IntentState, Record, RecordKind, SignerState
from keeper.core.model import Fund
from tests.adapters.kept import Kept
from tests.adapters.storage import scenes
from tests.factories import address

pytestmark = pytest.mark.adapter

S = IntentState
ACCEPTED = Record(RecordKind.OPERATOR, None, {"event": "chain_accepted", "why": "the node was reset"})


async def final_blocks(kept: Kept) -> list[int | None]:
    return [place.block_number for place in await kept.books.final_places(0)]


async def test_what_was_final_at_a_release_need_not_stay(kept: Kept, fund: Fund) -> None:
    """It was looked at: a signer that a block held would be held for it again at the next head."""
    await kept.traded(fund, 0, 101, S.FINAL_OK)
    await kept.traded(fund, 1, 102, S.FINAL_REVERTED)
    assert await final_blocks(kept) == [102, 101]
    await kept.books.hold(fund.signer, "block 102 was final and is gone", scenes.record())
    assert await final_blocks(kept) == [102, 101]
    await kept.books.release(fund.signer, 2, ACCEPTED)
    assert await final_blocks(kept) == []
    await kept.traded(fund, 2, 103, S.FINAL_OK)
    assert await final_blocks(kept) == [103]
    await kept.books.release(fund.signer, 3, ACCEPTED)
    assert await final_blocks(kept) == []


async def test_what_is_open_at_a_release_must_stay_once_it_is_final(kept: Kept, fund: Fund) -> None:
    intent = await kept.planned(fund)
    attempt = await kept.sent(intent)
    await kept.books.release(fund.signer, 1, ACCEPTED)
    await kept.books.settle(scenes.settlement(intent, scenes.receipt(attempt.hash), S.FINAL_OK))
    assert len(await final_blocks(kept)) == 1


async def test_a_release_of_another_signer_accepts_nothing_of_this_one(kept: Kept, fund: Fund) -> None:
    await kept.traded(fund, 0, 101, S.FINAL_OK)
    apart = await kept.fund("apart", address(9), signer=address(10))
    await kept.books.release(apart.signer, 5, ACCEPTED)
    assert await final_blocks(kept) == [101]


async def test_a_nonce_that_the_chain_took_back_can_be_had_again(kept: Kept, fund: Fund) -> None:
    await kept.traded(fund, 0, 101, S.FINAL_OK)
    await kept.traded(fund, 1, 102, S.FINAL_OK)
    await kept.books.release(fund.signer, 1, ACCEPTED)
    assert await kept.books.signer_state(fund.signer) == SignerState(fund.signer, 1, None)
    assert len(await kept.executions(fund.id)) == 1
    await kept.traded(fund, 1, 103, S.FINAL_OK)
    assert await final_blocks(kept) == [103]


@pytest.mark.parametrize("accepted", [0, 1])
async def test_what_is_open_keeps_its_nonce_and_the_next_comes_after(kept: Kept, fund: Fund, accepted: int) -> None:
    intent = await kept.planned(fund)
    await kept.sent(intent, kind=AttemptKind.TRADE)
    await kept.books.release(fund.signer, accepted, ACCEPTED)
    assert (await kept.books.intent(intent.id)).nonce == 0
    assert await kept.books.signer_state(fund.signer) == SignerState(fund.signer, 1, None)
