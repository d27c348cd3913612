"""The contract of both kinds of books on what cycles saw, for prices that jump."""

from dataclasses import replace

import pytest

from keeper.core.model import Fund
from keeper.core.past import SeenPrices
from keeper.core.units import Px, Timestamp
from tests.adapters.kept import Kept
from tests.adapters.storage import scenes
from tests.factories import address

pytestmark = pytest.mark.adapter

T0 = 1_700_000_000


async def cycle_at(kept: Kept, fund: Fund, at: int, px: int | None, **changes: object) -> None:
    weth, usdt, usdc = scenes.lines()
    lines = (replace(weth, px=None if px is None else Px(px)), replace(usdt, px=None), replace(usdc, px=Px(2**200)))
    if px is None:
        lines = (lines[0], lines[1], replace(usdc, px=None))
    cycle = scenes.cycle(fund.id, block=at, assets=lines, **changes)
    assert cycle.block_timestamp == T0 + at
    await kept.books.commit_cycle(cycle)


def saw(at: int, px: int) -> SeenPrices:
    return SeenPrices(Timestamp(T0 + at), {scenes.WETH: Px(px), scenes.USDC: Px(2**200)})


async def test_two_hours_of_every_fund_oldest_first(kept: Kept, fund: Fund) -> None:
    second = await kept.fund("second", address(8), signer=address(9))
    assert await kept.books.seen_prices(Timestamp(T0)) == {}
    await cycle_at(kept, fund, 0, 5)
    await cycle_at(kept, second, 12, 6)
    assert await kept.books.seen_prices(Timestamp(T0 + 300)) == {fund.id: [saw(0, 5)], second.id: [saw(12, 6)]}
    await cycle_at(kept, fund, 300, 7)
    await cycle_at(kept, fund, 600, None)  # no price counted
    await cycle_at(kept, fund, 900, 8)
    now = {fund.id: [saw(0, 5), saw(300, 7)], second.id: [saw(12, 6)]}
    assert await kept.books.seen_prices(Timestamp(T0 + 900)) == now, "not of the block itself, nor of a later one"
    assert await kept.books.seen_prices(Timestamp(T0 + 901)) == now | {fund.id: [*now[fund.id], saw(900, 8)]}
    assert await kept.books.seen_prices(Timestamp(T0 + 7_201)) == {
        fund.id: [saw(300, 7), saw(900, 8)],
        second.id: [saw(12, 6)],
    }
    assert await kept.books.seen_prices(Timestamp(T0 + 10**6)) == {}


async def test_an_earlier_block_is_asked_about_after_a_later_one(kept: Kept, fund: Fund) -> None:
    for at in (0, 20_000, 40_000):
        await cycle_at(kept, fund, at, 5)
    assert await kept.books.seen_prices(Timestamp(T0 + 40_001)) == {fund.id: [saw(40_000, 5)]}
    assert await kept.books.seen_prices(Timestamp(T0 + 20_001)) == {fund.id: [saw(20_000, 5)]}
    assert await kept.books.seen_prices(Timestamp(T0 + 1)) == {fund.id: [saw(0, 5)]}
    assert await kept.books.seen_prices(Timestamp(T0 + 40_001)) == {fund.id: [saw(40_000, 5)]}


async def test_one_that_reads_again_sees_what_another_wrote(kept: Kept, fund: Fund) -> None:
    await cycle_at(kept, fund, 0, 5)
    assert await kept.books.seen_prices(Timestamp(T0 + 1)) == {fund.id: [saw(0, 5)]}
    await cycle_at(kept, fund, 60, 6)
    await cycle_at(kept, fund, 120, 7)
    for _ in range(2):
        assert await kept.books.seen_prices(Timestamp(T0 + 200)) == {fund.id: [saw(0, 5), saw(60, 6), saw(120, 7)]}
