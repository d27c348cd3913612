"""V3's arithmetic: the vectors of Uniswap's own tests, and what must hold of any swap."""

import math
from fractions import Fraction

import pytest

from keeper.core.amm.v3 import Q96
from keeper.core.amm.v3_math import price_after_token0, swap_step
from keeper.core.amm.v3_swap import MAX_SQRT_PRICE, MIN_SQRT_PRICE, NotFilled, Pool, swap, tick_at
from keeper.core.amm.v3_ticks import MAX_TICK, MIN_TICK, sqrt_price_at

pytestmark = pytest.mark.unit

E18 = 10**18
ONE = Q96


def root(price: Fraction) -> int:
    """`encodePriceSqrt` of Uniswap's tests."""
    return math.isqrt((price.numerator << 192) // price.denominator)


def test_a_step_that_reaches_its_target() -> None:
    """`SwapMath.spec.ts`: exact amount in that gets capped at price target in one for zero."""
    target = root(Fraction(101, 100))
    step = swap_step(ONE, target, 2 * E18, E18, 600)
    assert (step.price, step.amount_in, step.fee, step.amount_out) == (
        target, 9_975_124_224_178_055, 5_988_667_735_148, 9_925_619_580_021_728,
    )  # fmt: skip


def test_a_step_that_spends_all() -> None:
    """`SwapMath.spec.ts`: exact amount in that is fully spent in one for zero."""
    step = swap_step(ONE, root(Fraction(1000, 100)), 2 * E18, E18, 600)
    assert (step.amount_in, step.fee, step.amount_out) == (
        999_400_000_000_000_000, 600_000_000_000_000, 666_399_946_655_997_866,
    )  # fmt: skip
    assert step.amount_in + step.fee == E18


def test_all_of_the_input_is_the_fee() -> None:
    """`SwapMath.spec.ts`: entire input amount taken as fee."""
    step = swap_step(2413, 79_887_613_182_836_312, 1_985_041_575_832_132_834_610_021_537_970, 10, 1872)
    assert (step.price, step.amount_in, step.fee, step.amount_out) == (2413, 0, 10, 0)


@pytest.mark.parametrize(
    ("sqrt_price", "tick"),
    [
        (MIN_SQRT_PRICE, MIN_TICK),
        (MAX_SQRT_PRICE - 1, MAX_TICK - 1),
        (ONE, 0),
        (ONE - 1, -1),
        (ONE + 1, 0),
    ],
)
def test_the_tick_of_a_price(sqrt_price: int, tick: int) -> None:
    assert tick_at(sqrt_price) == tick


@pytest.mark.parametrize("tick", [MIN_TICK + 1, -500_000, -1, 0, 1, 60, 123_456, 887_000, MAX_TICK - 1])
def test_the_tick_of_a_ticks_price_and_of_its_neighbours(tick: int) -> None:
    assert tick_at(sqrt_price_at(tick)) == tick
    assert tick_at(sqrt_price_at(tick) - 1) == tick - 1
    assert tick_at(sqrt_price_at(tick + 1) - 1) == tick


@pytest.mark.parametrize("beyond", [MIN_SQRT_PRICE - 1, MAX_SQRT_PRICE])
def test_a_price_beyond_the_range_has_no_tick(beyond: int) -> None:
    with pytest.raises(ValueError, match="beyond the range"):
        tick_at(beyond)


def pool(**changed: object) -> Pool:
    """Full range liquidity, and a position of the same size around the price."""
    fields = {
        "sqrt_price": ONE,
        "tick": 0,
        "liquidity": 2 * E18,
        "fee_pips": 3_000,
        "spacing": 60,
        "net": {-887_220: E18, -600: E18, 600: -E18, 887_220: -E18},
    }
    return Pool(**(fields | changed))  # type: ignore[arg-type]


def test_crossing_a_tick_takes_its_liquidity_away_and_coming_back_gives_it() -> None:
    down = swap(pool(), E18 // 10, True)
    assert (down.crossed, down.after.liquidity) == (1, E18)
    assert down.after.tick < -600
    up = swap(down.after, down.amount_out, False)
    assert (up.crossed, up.after.liquidity) == (1, 2 * E18)
    assert 0.993 < up.amount_out / (E18 / 10) < 0.995, "there and back costs two fees"


def test_what_the_pool_cannot_take_is_never_a_swap() -> None:
    narrow = pool(liquidity=E18, net={-600: E18, 600: -E18})
    with pytest.raises(NotFilled, match="takes"):
        swap(narrow, E18, True)
    with pytest.raises(NotFilled, match="takes"):
        swap(narrow, E18, False)


def test_where_ticks_are_not_known_nothing_is_promised() -> None:
    partly = pool(known=(-700, 700))
    assert swap(partly, E18 // 100, True).amount_out
    with pytest.raises(NotFilled, match="known from -700 to 700 only"):
        swap(partly, E18, True)
    with pytest.raises(NotFilled, match="known from -700 to 700 only"):
        swap(partly, E18, False)


def test_nothing_is_no_input() -> None:
    with pytest.raises(ValueError, match="buys nothing"):
        swap(pool(), 0, True)


@pytest.mark.parametrize(("down", "edges"), [(True, (0, -15_360, -30_720)), (False, (15_300, 30_660))])
def test_the_edges_of_words_are_stops(down: bool, edges: tuple[int, ...]) -> None:
    """Step by step, by hand: to the edge of each word of 256 spacings, and then what is left."""
    amount, price, paid, out = 10**19, ONE, 0, 0
    wide = pool(net={-887_220: 2 * E18, 887_220: -2 * E18})
    for edge in (*edges, -46_080 if down else 46_020):
        step = swap_step(price, sqrt_price_at(edge), 2 * E18, amount - paid, 3_000)
        price, paid, out = step.price, paid + step.amount_in + step.fee, out + step.amount_out
    found = swap(wide, amount, down)
    assert paid == amount, "it ends within the last of these words"
    assert (found.amount_out, found.after.sqrt_price) == (out, price)
    straight = swap_step(ONE, sqrt_price_at(-887_220 if down else 887_220), 2 * E18, amount, 3_000)
    assert (straight.amount_out, straight.price) != (out, price), "without the stops it would be another quote"


def test_what_would_overflow_is_rounded_as_the_contract_then_does() -> None:
    """`amount * price` of more than 256 bits: the contract takes its other formula, which rounds otherwise."""
    liquidity, price, amount = (1 << 127) + 7, 3 << 158, (1 << 97) + 3
    scaled = liquidity << 96
    assert amount * price >= 1 << 256
    whole = -(-scaled * price // (scaled + amount * price))
    assert price_after_token0(price, liquidity, amount) == -(-scaled // (scaled // price + amount)) != whole
