"""Drift and prices on any fund: the order of assets does not matter, equality holds, refusals are never zeros."""

import random
from dataclasses import replace
from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from keeper.core.drift import Hold, Rebalance, decide, drift
from keeper.core.model import DriftMode, Market, PriceSource
from keeper.core.prices import PriceBook, PricesRefused, agree
from keeper.core.units import E18, UsdE18
from keeper.core.valuation import Valuation, value
from tests import factories as f
from tests.property.strategies import funds, targets

pytestmark = pytest.mark.property


def valued(market: Market) -> Valuation:
    book = agree(market)
    assert isinstance(book, PriceBook)
    return value(market, book)


def permuted(market: Market, order: list[int]) -> Market:
    """The same fund with its assets listed in another order; the venues follow."""
    place = {old: new for new, old in enumerate(order)}
    assets = tuple(replace(market.treasury.assets[old], index=new) for new, old in enumerate(order))
    venues = tuple(
        replace(venue, asset0=place[venue.asset0], asset1=place[venue.asset1]) for venue in market.treasury.venues
    )
    return f.with_treasury(market, assets=assets, venues=venues)


@given(funds(exits=True), st.randoms(use_true_random=False))
def test_the_order_of_assets_does_not_matter(market: Market, randomly: random.Random) -> None:
    order = list(range(len(market.treasury.assets)))
    randomly.shuffle(order)
    other = permuted(market, order)
    ours, theirs = drift(valued(market), market), drift(valued(other), other)
    assert theirs.te == ours.te
    assert [replace(item, asset=order[item.asset]) for item in theirs.assets] == [ours.assets[old] for old in order]
    one, two = decide(valued(market), market), decide(valued(other), other)
    assert type(one) is type(two)
    if isinstance(one, Rebalance) and isinstance(two, Rebalance):
        assert sorted(one.reasons) == sorted(two.reasons)


@given(funds(exits=True))
def test_drifts_cancel_out(market: Market) -> None:
    report = drift(valued(market), market)
    assert sum(item.absolute for item in report.assets) == 0
    assert 0 <= report.te <= 1
    assert report.te == sum((item.absolute for item in report.assets if item.absolute > 0), Fraction(0))


@given(st.integers(2, 6).flatmap(lambda count: targets(count)), st.sampled_from(DriftMode))
def test_a_fund_on_target_holds_at_any_threshold(weights: list[int], mode: DriftMode) -> None:
    assets = [f.asset(i, f"A{i}", price=1, balance=weight, target=weight) for i, weight in enumerate(weights)]
    rules = f.policy(drift_mode=mode, drift_threshold=Decimal(0), total_drift_threshold=Decimal(0))
    market = f.market(assets, rules=rules)
    assert isinstance(decide(valued(market), market), Hold)


@given(funds(), st.sampled_from(DriftMode))
def test_a_threshold_equal_to_the_largest_drift_holds_and_less_does_not(market: Market, mode: DriftMode) -> None:
    """Only where that drift is an exact decimal can it be set; nobody is new, so that nothing else triggers."""
    market = f.with_assets(market, lambda item: replace(item, balance=max(1, item.balance or 0)))
    report = drift(valued(market), market)
    worst = report.largest(mode)
    off = worst.by(mode) if worst else None
    assert off is not None
    exact = round(abs(off), 20)
    at = Decimal(exact.numerator * (10**20 // exact.denominator)).scaleb(-20) if exact else Decimal(0)
    market = f.with_treasury(market, limits=f.limits(min_drift=0))
    market = f.with_policy(
        market, drift_mode=mode, drift_threshold=at, total_drift_threshold=Decimal(2), min_trade=UsdE18(10**40)
    )
    assert isinstance(decide(valued(market), market), Rebalance) is (abs(off) > Fraction(at))
    if at > 0:
        below = f.with_policy(market, drift_threshold=at - Decimal("1e-20"))
        assert isinstance(decide(valued(below), below), Rebalance)


@given(funds(), st.sampled_from([each for each in PriceSource if each is not PriceSource.TWAP]), st.data())
def test_one_broken_feed_refuses_whatever_the_source(market: Market, source: PriceSource, data: st.DataObject) -> None:
    market = f.with_policy(market, price_source=source)
    index = data.draw(st.sampled_from(range(len(market.treasury.assets))))
    broken = data.draw(
        st.sampled_from(
            (None, f.answer(0), f.answer(-1), f.answer(1, updated_at=f.NOW - 10**6), f.answer(1, updated_at=f.NOW + 1))
        )
    )
    outcome = agree(f.with_asset(market, index, answer=broken))
    assert isinstance(outcome, PricesRefused)
    assert outcome.refusals
    assert not any(vote.used for vote in outcome.votes if (vote.asset, vote.source) == (index, PriceSource.FEED))


@given(funds(), st.sampled_from((PriceSource.FEED, PriceSource.ROUTER, PriceSource.MEDIAN)))
def test_prices_are_positive_and_between_what_the_sources_say(market: Market, source: PriceSource) -> None:
    outcome = agree(f.with_policy(market, price_source=source))
    if isinstance(outcome, PricesRefused):
        return
    for asset in market.treasury.assets:
        said = [vote.px for vote in outcome.votes if vote.asset == asset.index and vote.px is not None]
        px = outcome.px[asset.index]
        assert px is not None
        assert 0 < min(said) <= px <= max(said)


@given(st.integers(0, 10**30), st.integers(1, 10**40))
def test_a_value_is_the_floor_of_amount_times_price(amount: int, px: int) -> None:
    from keeper.core.units import BaseUnits, Px, amount_worth, value_of

    worth = value_of(BaseUnits(amount), Px(px))
    assert worth * E18 <= amount * px < (worth + 1) * E18
    assert value_of(amount_worth(worth, Px(px)), Px(px)) <= worth
