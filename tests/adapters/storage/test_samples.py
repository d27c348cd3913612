"""Samples of pools in a real database: whole to the last bit, and gone after a day."""

import pytest
from sqlalchemy import select

from keeper.adapters.storage.books import SqlBooks
from keeper.adapters.storage.database import Database
from keeper.adapters.storage.samples import KEPT_SECONDS
from keeper.adapters.storage.tables import pool_sample
from keeper.adapters.storage.types import UINT256_MAX
from keeper.core.model import Fund
from keeper.core.past import PoolPast, PoolSample
from keeper.core.units import Address, Timestamp
from tests.adapters.storage import scenes
from tests.factories import address

pytestmark = pytest.mark.adapter

POOL, OTHER = address(1, "b"), address(2, "b")
T0 = 1_700_000_000


def sample(at: int, pool: Address = POOL, price0: int = UINT256_MAX) -> PoolSample:
    return PoolSample(pool, 7, Timestamp(T0 + at), price0, 0)


async def test_all_bits_come_back_from_either_database(books: SqlBooks, fund: Fund) -> None:
    await books.commit_cycle(scenes.cycle(fund.id, samples=(sample(0), sample(0, OTHER, 2**128))))
    await books.commit_cycle(scenes.cycle(fund.id, samples=(sample(400), sample(400, OTHER))))
    past = await books.pool_past(Timestamp(T0 + 1_900))
    assert past[POOL] == PoolPast(sample(0), Timestamp(T0 + 400), Timestamp(T0 + 400))
    assert past[OTHER] == PoolPast(sample(0, OTHER, 2**128), Timestamp(T0 + 400), Timestamp(T0 + 400))


async def test_after_a_day_they_are_gone(books: SqlBooks, database: Database, fund: Fund) -> None:
    for at in (0, 300, KEPT_SECONDS, KEPT_SECONDS + 301):
        await books.commit_cycle(scenes.cycle(fund.id, samples=(sample(at),)))
    stored = await database.read(lambda db: list(db.scalars(select(pool_sample.c.block_timestamp))))
    assert sorted(stored) == [T0 + KEPT_SECONDS, T0 + KEPT_SECONDS + 301]
