"""The contract of both kinds of books on what V2 pairs summed up to earlier."""

import pytest

from keeper.core.model import Fund
from keeper.core.past import PoolPast, PoolSample
from keeper.core.units import Address, Timestamp
from tests.adapters.kept import Kept
from tests.adapters.storage import scenes
from tests.factories import address

pytestmark = pytest.mark.adapter

POOL, OTHER = address(1, "b"), address(2, "b")
T0 = 1_700_000_000
LARGEST = 2**256 - 1


def sample(at: int, pool: Address = POOL, price0: int = 5) -> PoolSample:
    return PoolSample(pool, at // 12, Timestamp(T0 + at), price0, LARGEST)


async def kept_at(kept: Kept, fund: Fund, *samples: PoolSample) -> None:
    await kept.books.commit_cycle(scenes.cycle(fund.id, samples=samples))


async def test_the_newest_that_is_half_an_hour_old(kept: Kept, fund: Fund) -> None:
    assert await kept.books.pool_past(Timestamp(T0)) == {}
    for at in (0, 300, 600, 900):
        await kept_at(kept, fund, sample(at), sample(at, OTHER, LARGEST))
    young = PoolPast(None, Timestamp(T0), Timestamp(T0 + 900))
    assert await kept.books.pool_past(Timestamp(T0 + 1_799)) == {POOL: young, OTHER: young}
    past = await kept.books.pool_past(Timestamp(T0 + 2_100))
    assert past[POOL] == PoolPast(sample(300), Timestamp(T0 + 600), Timestamp(T0 + 900))
    assert past[OTHER].sample == sample(300, OTHER, LARGEST)
    last = await kept.books.pool_past(Timestamp(T0 + 4 * 3_600 + 900))
    assert last[POOL] == PoolPast(sample(900), None, Timestamp(T0 + 900))
    assert await kept.books.pool_past(Timestamp(T0 + 4 * 3_600 + 901)) == {}


async def test_what_is_from_later_is_not_known_yet(kept: Kept, fund: Fund) -> None:
    """A replay, and the receipt of an older block, see what was known then."""
    await kept_at(kept, fund, sample(0))
    await kept_at(kept, fund, sample(3_600))
    assert await kept.books.pool_past(Timestamp(T0 + 3_599)) == {POOL: PoolPast(sample(0), None, Timestamp(T0))}


async def test_funds_that_share_a_pair_keep_one_sample_in_five_minutes(kept: Kept, fund: Fund) -> None:
    second = await kept.fund("second", address(8), signer=address(9))
    await kept_at(kept, fund, sample(0))
    await kept_at(kept, second, sample(12, price0=6), sample(12, OTHER))
    await kept_at(kept, second, sample(299, price0=7))
    past = await kept.books.pool_past(Timestamp(T0 + 2_000))
    assert past[POOL] == PoolPast(sample(0), None, Timestamp(T0))
    assert past[OTHER].sample == sample(12, OTHER)
    await kept_at(kept, fund, sample(300))
    assert (await kept.books.pool_past(Timestamp(T0 + 2_000)))[POOL].newest == T0 + 300


async def test_the_same_second_of_another_block_replaces(kept: Kept, fund: Fund) -> None:
    """A block that was reorganised away."""
    await kept_at(kept, fund, sample(0))
    await kept_at(kept, fund, sample(0, price0=9))
    assert (await kept.books.pool_past(Timestamp(T0 + 2_000)))[POOL].sample == sample(0, price0=9)


async def test_a_cycle_that_comes_to_nothing_keeps_no_sample(kept: Kept, fund: Fund) -> None:
    """It is of the cycle's transaction."""
    await kept.planned(fund)
    with pytest.raises(Exception, match="already has an open transaction"):
        await kept.books.commit_cycle(scenes.trading(fund.id, signer=fund.signer, samples=(sample(0),)))
    assert await kept.books.pool_past(Timestamp(T0 + 2_000)) == {}
