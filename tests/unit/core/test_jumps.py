"""A price that jumps waits for a second cycle that sees it: what counts as a jump, and what confirms it."""

from dataclasses import replace
from decimal import Decimal
from fractions import Fraction

import pytest

from keeper.core.deliberation import deliberate
from keeper.core.guards.gates import gates
from keeper.core.journal import GENESIS
from keeper.core.jumps import hour_of
from keeper.core.ledger import Action
from keeper.core.model import GuardResult, Market, PriceSource, Verdict
from keeper.core.past import PriceHour, SeenPrices, Sighting
from keeper.core.prices import agree
from keeper.core.quotes import CoinId, Quote
from keeper.core.records import decision_body
from keeper.core.units import E18, Px, Timestamp
from tests import factories as f

pytestmark = pytest.mark.unit

WETH = 0
TENTH = Fraction(1, 10)
PASS, REFUSE, SKIP = Verdict.PASS, Verdict.REFUSE, Verdict.SKIP


def seen(*cycles: tuple[int, int]) -> list[SeenPrices]:
    """(seconds ago, USD of WETH), oldest first."""
    token = f.standard_assets()[WETH].token
    return [SeenPrices(Timestamp(f.NOW - ago), {token: Px(usd * E18)}) for ago, usd in cycles]


def market(price: int, *cycles: tuple[int, int], limit: str = "0.1", **quotes: int) -> Market:
    """WETH at that price by its feed, after these cycles."""
    made = f.with_policy(f.market(), max_price_jump=Decimal(limit))
    made = f.with_asset(made, WETH, answer=f.answer(price))
    hour = hour_of(seen(*cycles), made.treasury.assets[WETH].token, f.NOW, Fraction(Decimal(limit)))
    return replace(made, hour={} if hour is None else {WETH: hour})


def jump(of: Market) -> GuardResult:
    return next(guard for guard in gates(of, agree(of)) if guard.name == "price_jump")


@pytest.mark.parametrize(
    ("price", "cycles", "verdict"),
    [
        (2_000, [], SKIP),
        (2_000, [(3_600, 1_000)], SKIP),  # an hour old: does not count any more
        (2_000, [(3_599, 1_000)], REFUSE),
        (2_200, [(300, 2_000)], PASS),  # exactly at the limit
        (2_201, [(300, 2_000)], REFUSE),
        (1_800, [(300, 2_000)], PASS),
        (1_799, [(300, 2_000)], REFUSE),
        (2_300, [(600, 2_000), (300, 2_300)], PASS),  # seen a second time
        (2_300, [(600, 2_000), (60, 2_300)], PASS),
        (2_300, [(600, 2_000), (59, 2_300)], REFUSE),  # too soon
        (2_340, [(600, 2_000), (300, 2_300)], PASS),  # within what sources may be apart
        (2_347, [(600, 2_000), (300, 2_300)], REFUSE),
        (2_600, [(600, 2_000), (300, 2_300)], REFUSE),  # it goes on jumping
        (2_600, [(900, 2_000), (600, 2_300), (300, 2_600)], PASS),
        (2_000, [(900, 2_000), (600, 2_300), (300, 2_300)], REFUSE),  # back again: that, too, is a jump
        (2_000, [(900, 2_000), (600, 2_300), (300, 2_000)], PASS),
        (2_300, [(7_000, 2_000), (3_500, 2_300)], PASS),
        (2_210, [(3_000, 2_000), (300, 2_190)], REFUSE),  # what was not far itself confirms nothing
    ],
)
def test_what_jumps_and_what_confirms_it(price: int, cycles: list[tuple[int, int]], verdict: Verdict) -> None:
    assert jump(market(price, *cycles)).verdict is verdict


def test_a_trend_is_held_up_once() -> None:
    """1 % every five minutes, for three hours: only the first cycle beyond the limit waits."""
    prices = [int(200_000 * Decimal("1.01") ** step) for step in range(36)]
    held = []
    for now in range(1, 36):
        past = [(300 * (now - step), prices[step]) for step in range(max(0, now - 24), now)]
        made = market(prices[now], *past)
        held += [now] if jump(made).verdict is REFUSE else []
    assert held == [10]


def test_the_fund_is_blocked_and_told_why() -> None:
    thought = deliberate(market(2_300, (600, 2_000)))
    assert thought.action is Action.BLOCKED
    assert thought.reason == (
        "price_jump: WETH: 2300 USD is 15 % from 2000 USD at 2023-11-14T22:03:20Z: a second cycle has to see it"
    )
    assert thought.valuation is not None, "the price is in the books, for the next cycle to compare with"
    assert jump(market(2_300, (600, 2_000))).measured == "15"


def test_two_from_outside_confirm_it_at_once() -> None:
    made = f.with_policy(market(2_300, (600, 2_000)), price_source=PriceSource.MEDIAN)
    weth, hub = made.treasury.assets[WETH], made.treasury.assets[2]
    made = f.with_venue(made, WETH, state=f.v2_state(weth, hub, depth=20_000_000))
    assert jump(made).verdict is REFUSE
    quote = Quote(CoinId("weth"), "coingecko", Decimal(2_310), None, Timestamp(f.NOW))
    assert jump(replace(made, quotes={WETH: quote})).verdict is PASS
    off = replace(made, quotes={WETH: replace(quote, usd=Decimal(2_000))})
    assert jump(off).verdict is REFUSE, "an oracle that was dropped confirms nothing"
    only_feed = f.with_policy(replace(made, quotes={WETH: quote}), price_source=PriceSource.FEED)
    assert jump(only_feed).verdict is REFUSE, "nor does one that is not asked"


def test_it_can_be_switched_off() -> None:
    made = f.with_policy(market(9_000, (600, 2_000)), max_price_jump=Decimal(0))
    assert (jump(made).verdict, jump(made).limit, jump(made).detail) == (SKIP, "off", "MAX_PRICE_JUMP is 0")


def test_of_what_a_fund_neither_holds_nor_wants_no_jump_stops_it() -> None:
    made = f.aim(f.hold(market(2_300, (600, 2_000)), WETH=0), WETH=0, USDC=6_000)
    assert jump(made).verdict is SKIP


def test_prices_that_do_not_count_do_not_jump() -> None:
    made = f.with_asset(market(2_300, (600, 2_000)), 1, answer=None)
    assert jump(made).verdict is SKIP


def test_a_record_holds_what_a_price_was_compared_with() -> None:
    made = market(2_300, (900, 2_000), (300, 2_300))
    body = decision_body(made, deliberate(made), GENESIS, "1")
    first = {"at": "2023-11-14T21:58:20Z", "px": str(2_000 * E18)}
    second = {"at": "2023-11-14T22:08:20Z", "px": str(2_300 * E18)}
    assert body["hour"] == [{"asset": "0", "low": first, "high": second, "jumps": [second]}]
    assert "hour" not in decision_body(f.market(), deliberate(f.market()), GENESIS, "1")


def test_an_hour_keeps_its_ends_and_what_was_far() -> None:
    token = f.standard_assets()[WETH].token
    hour = hour_of(seen((7_000, 1_500), (3_700, 2_600), (3_000, 2_100), (1_000, 2_000)), token, f.NOW, TENTH)
    low, high = Sighting(Timestamp(f.NOW - 1_000), Px(2_000 * E18)), Sighting(Timestamp(f.NOW - 3_000), Px(2_100 * E18))
    assert hour == PriceHour(low, high, (high, low))
    assert hour_of(seen((7_000, 1_500)), token, f.NOW, TENTH) is None
    assert hour_of(seen((0, 1_500), (-12, 1_500)), token, f.NOW, TENTH) is None, "now, and later than now"
