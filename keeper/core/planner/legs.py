"""One asset against the hub: through which V2 pool, how much at most and why, and the swap that comes of an amount."""

from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction
from typing import Final

from keeper.core.amm import v2
from keeper.core.hub import venues_between
from keeper.core.model import Asset, Market, PlannedSwap, V2State, Venue, VenueKind
from keeper.core.prices import PriceBook
from keeper.core.units import BPS, E18, PIPS, BaseUnits, Px, UsdE18, amount_worth, value_of
from keeper.core.words import percent

V2_KINDS: Final = (VenueKind.V2_PAIR, VenueKind.V2_ROUTER)
POOL_DEVIATION: Final = Fraction(5, 1000)
"""A pool whose price is worse than ours by more than this, its fee aside, is left alone; better is welcome."""
FLOOR_RESERVE: Final = Fraction(1, 4)
"""Part of the treasury's `max_slip` that a plan keeps in hand: the pool may move before the swap is mined."""
SANDWICH: Final = "what a sandwich would pay for"
"""Reason of a cap: whoever moves a pool before a swap and back after it pays the fee twice, and gains by what the swap
moves the price in between. A pool that is the least bit against us may have been moved there for this swap, so the
swap moves the price by no more than that fee. A pool at our price or better was not moved to our loss."""
ROUNDING: Final = Fraction(1, PIPS)
"""Whole base units of a small reserve make that much of its price."""
MAX_UINT112: Final = 2**112 - 1


@dataclass(frozen=True, slots=True)
class Leg:
    """A swap that may be made, but for its amount. `cap` is the largest input, `cap_reason` what sets it.

    `px_*` are the price book's, `treasury_px_*` the feeds' by which the treasury judges. A swap has to yield
    `floor_part` of its input's value to pass there, and `quote_part` of what the pool computed to be worth it to us.
    """

    venue: Venue
    asset_in: int
    asset_out: int
    reserve_in: int
    reserve_out: int
    px_in: Px
    px_out: Px
    treasury_px_in: Px
    treasury_px_out: Px
    floor_part: Fraction
    quote_part: Fraction
    cap: int
    cap_reason: str

    @property
    def cost(self) -> Fraction:
        """What the smallest swap loses at the treasury's prices, of its input: the fee, and how far the pool is off."""
        kept = (PIPS - self.venue.fee_pips) * self.reserve_out * self.treasury_px_out
        return 1 - Fraction(kept, PIPS * self.reserve_in * self.treasury_px_in)

    def out(self, amount_in: int) -> int:
        return v2.amount_out(amount_in, self.reserve_in, self.reserve_out, self.venue.fee_pips)

    def input_for(self, amount_out: int) -> int:
        """Input that yields `amount_out`, but never more than the cap."""
        if amount_out >= self.reserve_out:
            return self.cap
        return min(self.cap, v2.amount_in(amount_out, self.reserve_in, self.reserve_out, self.venue.fee_pips))

    def value_in(self, amount_in: int) -> UsdE18:
        return value_of(BaseUnits(amount_in), self.px_in)

    def floor(self, amount_in: int) -> int:
        """The least output with which the treasury lets the swap pass."""
        value = value_of(BaseUnits(amount_in), self.treasury_px_in)
        least = -(-value * self.floor_part.numerator // self.floor_part.denominator)
        return -(-least * E18 // self.treasury_px_out)

    def minimum(self, amount_in: int) -> int:
        """`min_out`: what the pool computes less the tolerance, raised to the treasury's floor."""
        kept = self.out(amount_in) * self.quote_part.numerator // self.quote_part.denominator
        return max(kept, self.floor(amount_in))

    def works(self, amount_in: int) -> bool:
        """Whether the pool pays at least the minimum, and the minimum protects at all."""
        return amount_in > 0 and 0 < self.minimum(amount_in) <= self.out(amount_in)

    def swap(self, amount_in: int) -> PlannedSwap:
        expected = self.out(amount_in)
        impact = v2.impact(amount_in, self.reserve_in, self.venue.fee_pips)
        return PlannedSwap(
            venue=self.venue.index,
            zero_for_one=self.venue.asset0 == self.asset_in,
            asset_in=self.asset_in,
            asset_out=self.asset_out,
            amount_in=BaseUnits(amount_in),
            expected_out=BaseUnits(expected),
            min_out=BaseUnits(self.minimum(amount_in)),
            value_in=self.value_in(amount_in),
            value_out=value_of(BaseUnits(expected), self.px_out),
            fee_pips=self.venue.fee_pips,
            impact=Decimal(round(impact * 10**10)).scaleb(-10),
        )


@dataclass(frozen=True, slots=True)
class NoLeg:
    """Why an asset cannot be traded now."""

    reason: str


def best_leg(
    market: Market, book: PriceBook, sold: Asset, bought: Asset, amount_in: int, treasury_nav: UsdE18
) -> Leg | NoLeg:
    """The leg that yields most for `amount_in`, each pool up to its own cap; ties: a pair before a router, then order.

    V3 pools are not traded through in this version.
    """
    if not bought.buyable:
        return NoLeg("the treasury may not buy it")
    venues = venues_between(market.treasury, sold.index, bought.index)
    v2_venues = [venue for venue in venues if venue.kind in V2_KINDS]
    if not venues:
        return NoLeg("no enabled venue against the hub")
    if not v2_venues:
        return NoLeg("only V3 venues, through which this version does not trade")
    legs, faults = [], []
    for venue in v2_venues:
        leg = _leg(market, book, venue, sold, bought, treasury_nav)
        if isinstance(leg, Leg):
            legs.append(leg)
        else:
            faults.append(f"venue {venue.index}: {leg.reason}")
    if not legs:
        return NoLeg("; ".join(faults))
    return max(legs, key=lambda leg: (leg.out(min(amount_in, leg.cap)), -leg.venue.kind, -leg.venue.index))


def _allowed_of_moved_spot(book: PriceBook, sold: Asset, bought: Asset) -> Fraction | None:
    """How far a pool may be off in either direction where spot was dropped: who moved it gains by any trade. Else a
    pool that is better than the price is welcome."""
    return min((book.spot_off[each.index] for each in (sold, bought) if each.index in book.spot_off), default=None)


def _leg(
    market: Market, book: PriceBook, venue: Venue, sold: Asset, bought: Asset, treasury_nav: UsdE18
) -> Leg | NoLeg:
    state = venue.state
    if not isinstance(state, V2State) or state.reserve0 == 0 or state.reserve1 == 0:
        return NoLeg("the pool did not answer or is empty")
    forward = venue.asset0 == sold.index
    reserve_in, reserve_out = (state.reserve0, state.reserve1) if forward else (state.reserve1, state.reserve0)
    px_in, px_out = book.px[sold.index], book.px[bought.index]
    treasury_px_in, treasury_px_out = book.treasury_px[sold.index], book.treasury_px[bought.index]
    if px_in is None or px_out is None or treasury_px_in is None or treasury_px_out is None:
        return NoLeg("no price")

    worse = 1 - Fraction(reserve_out * px_out, reserve_in * px_in)
    if (allowed := _allowed_of_moved_spot(book, sold, bought)) is not None and abs(worse) > allowed:
        return NoLeg(f"the pool is {percent(abs(worse))} % off the price that the other sources agree on")
    if worse > POOL_DEVIATION:
        return NoLeg(f"the pool is {percent(worse)} % worse than the price, at most {percent(POOL_DEVIATION)} %")
    below_feeds = 1 - Fraction(reserve_out * treasury_px_out, reserve_in * treasury_px_in)
    max_slip = Fraction(market.treasury.limits.max_slip, BPS)
    price_at_floor = Fraction(treasury_px_in, treasury_px_out) * (1 - max_slip * (1 - FLOOR_RESERVE))
    impact = Fraction(market.policy.price_impact_threshold)
    caps = {
        "MAX_TRADE_SIZE_USD": amount_worth(market.policy.max_trade, px_in),
        "the treasury's size limit": amount_worth(
            UsdE18(treasury_nav * market.treasury.limits.per_trade // BPS), treasury_px_in
        ),
        "PRICE_IMPACT_THRESHOLD": v2.largest_input_for_impact(impact, reserve_in, venue.fee_pips),
        "the treasury's slippage limit": v2.largest_input_at_price(
            price_at_floor, reserve_in, reserve_out, venue.fee_pips
        ),
        "the pool's capacity": MAX_UINT112 - reserve_in,
    }
    if (against := max(worse, below_feeds)) > ROUNDING:
        caps[SANDWICH] = v2.largest_input_without_sandwich(reserve_in, venue.fee_pips, against)
    cap_reason = min(caps, key=caps.__getitem__)
    leg = Leg(
        venue=venue,
        asset_in=sold.index,
        asset_out=bought.index,
        reserve_in=reserve_in,
        reserve_out=reserve_out,
        px_in=px_in,
        px_out=px_out,
        treasury_px_in=treasury_px_in,
        treasury_px_out=treasury_px_out,
        floor_part=1 - max_slip,
        quote_part=1 - Fraction(market.policy.slippage_tolerance),
        cap=caps[cap_reason],
        cap_reason=cap_reason,
    )
    return leg if leg.cap > 0 else NoLeg(f"nothing fits within {cap_reason}: the pool is too far from the price")
