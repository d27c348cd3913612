"""The trading desk: every leg that may run, and what is ordered through each for an assumed NAV after the plan.

Sells feed the hub, buys are paid from it. `Desk.draft` sizes both for one assumed NAV; `Desk.settled` finds the NAV at
which what was assumed is what comes out.
"""

from dataclasses import dataclass
from fractions import Fraction
from typing import Final

from keeper.core.model import Asset, Market
from keeper.core.planner.legs import Leg
from keeper.core.prices import PriceBook
from keeper.core.units import BPS, E18, BaseUnits, UsdE18, value_of
from keeper.core.words import dollars

ROUNDS: Final = 12
PRECISION: Final = 10**12
"""Of the fixed point: it ends when NAV moves by less than one part in 10^12. Costs of 1 % get there in six rounds; a
plan from fewer is whole, only less exact."""
CRUMBS: Final = 1_000
"""What is left of an exit beyond demand and is less than one part in so many is sold with the rest of it."""


@dataclass(frozen=True, slots=True)
class Order:
    """An amount decided on for a leg."""

    leg: Leg
    amount: int

    @property
    def out(self) -> int:
        return self.leg.out(self.amount)

    @property
    def value(self) -> UsdE18:
        return self.leg.value_in(self.amount)


@dataclass(frozen=True, slots=True)
class Draft:
    """Orders for an assumed NAV, sells first, and the NAV that they would really leave.

    `waiting` is how many were left out for being smaller than the smallest trade.
    """

    orders: tuple[Order, ...]
    holdings: tuple[BaseUnits, ...]
    nav_after: UsdE18
    notes: tuple[str, ...]
    waiting: int


@dataclass(frozen=True, slots=True)
class Desk:
    """All that can be traded, and how far: `part` of each asset's way to its target, 1 is all of it.

    `nav` is the fund's now, at the price book.
    """

    market: Market
    book: PriceBook
    hub: int
    nav: UsdE18
    sells: tuple[Leg, ...]
    buys: tuple[Leg, ...]
    part: Fraction = Fraction(1)

    def settled(self) -> Draft:
        """The draft for the NAV at which the ends of all ways sum to what the draft leaves.

        On a part of the way they sum to `now + part * (assumed - now)`: what trading costs is all due now.
        """
        nav, draft = self.nav, self.draft(self.nav)
        for _ in range(ROUNDS):
            cost = self.nav - draft.nav_after
            due = UsdE18(max(0, self.nav - cost * self.part.denominator // self.part.numerator))
            if abs(due - nav) <= nav // PRECISION:
                break
            nav, draft = due, self.draft(due)
        return draft

    def draft(self, nav: UsdE18) -> Draft:
        """Sized for that NAV after the whole way."""
        sheet = _Sheet()
        held, aim = self._held(self.hub), self._aim(self.hub, nav)
        wishes = self._wanted_buys(nav, sheet)
        demand = sum(order.amount for order in wishes) + aim - held
        sells = self._sells(nav, demand, sheet)
        budget = held + sum(order.out for order in sells) - aim
        buys = self._affordable(wishes, budget, sheet)

        orders = (*sells, *buys)
        holdings = [self._held(asset.index) for asset in self._assets]
        for order in orders:
            holdings[order.leg.asset_in] -= order.amount
            holdings[order.leg.asset_out] += order.out
        after = tuple(BaseUnits(amount) for amount in holdings)
        nav_after = sum(value_of(amount, px) for amount, px in zip(after, self.book.px, strict=True) if px)
        return Draft(orders, after, UsdE18(nav_after), tuple(sheet.notes), sheet.waiting)

    # -------------------------------------------------------------------------------------------- sizing

    def _wanted_buys(self, nav: UsdE18, sheet: "_Sheet") -> list[Order]:
        """Each buy as large as its target and its cap allow, the smallest first."""
        orders = []
        for leg in self.buys:
            lack = self._aim(leg.asset_out, nav) - self._held(leg.asset_out)
            if lack <= 0:
                continue
            order = Order(leg, leg.input_for(lack))
            if order.amount == leg.cap and order.out < lack:
                self._note_cap(order, leg.asset_out, UsdE18(value_of(BaseUnits(lack), leg.px_out)), sheet)
            if self._fits(order, leg.asset_out, sheet):
                orders.append(order)
        return sorted(orders, key=lambda order: order.value)

    def _sells(self, nav: UsdE18, demand: int, sheet: "_Sheet") -> list[Order]:
        """Exits first, then the largest excess, until the hub has what buys and its own target ask for.

        What nothing asks for is not sold: it would only move an excess into the hub, at a cost, and the treasury
        refuses what brings the weights no nearer. But crumbs of an exit, which nobody would sell later, go with it.
        """
        wanted = []
        for leg in self.sells:
            excess = self._held(leg.asset_in) - self._aim(leg.asset_in, nav)
            if excess > 0:
                amount = min(excess, leg.cap)
                if amount < excess:
                    self._note_cap(Order(leg, amount), leg.asset_in, leg.value_in(excess), sheet)
                wanted.append(Order(leg, amount))
        wanted.sort(key=lambda order: (not self._is_exit(order.leg), -order.value))

        orders = []
        for wish in wanted:
            order = wish
            if wish.out > demand:
                order = Order(wish.leg, min(wish.amount, wish.leg.input_for(max(0, demand))))
                spare = UsdE18(wish.value - order.value)
                if self._ends_exit(wish) and spare <= max(self.market.policy.min_trade, wish.value // CRUMBS):
                    order = wish
                elif spare > wish.value // BPS:
                    symbol = self._symbol(wish.leg.asset_in)
                    sheet.notes.append(f"{symbol}: {dollars(spare)} USD over is kept: nothing to buy with it")
            if self._fits(order, wish.leg.asset_in, sheet):
                orders.append(order)
                demand -= order.out
        return orders

    def _affordable(self, wishes: list[Order], budget: int, sheet: "_Sheet") -> list[Order]:
        """The largest lack is served first when the hub has not enough for all; run order stays smallest first."""
        orders: list[Order] = []
        for wish in reversed(wishes):
            order = wish if wish.amount <= budget else Order(wish.leg, max(0, budget))
            if wish.value - order.value > wish.value // BPS:
                short = dollars(UsdE18(wish.value - order.value))
                symbol = self._symbol(wish.leg.asset_out)
                sheet.notes.append(f"{symbol}: {short} USD less is bought: the hub has no more")
            if self._fits(order, wish.leg.asset_out, sheet):
                orders.append(order)
                budget -= order.amount
        return orders[::-1]

    # ------------------------------------------------------------------------------------------- helpers

    @property
    def _assets(self) -> tuple[Asset, ...]:
        return self.market.treasury.assets

    def _held(self, index: int) -> int:
        return self._assets[index].balance or 0

    def _aim(self, index: int, nav: UsdE18) -> int:
        """Base units of an asset that this plan wants: `part` of the way from what is held to its weight of `nav`."""
        px, held = self.book.px[index], self._held(index)
        target = self._assets[index].target * nav * E18 // (BPS * px) if px else 0
        return held + (target - held) * self.part.numerator // self.part.denominator

    def _symbol(self, index: int) -> str:
        return self._assets[index].symbol

    def _is_exit(self, leg: Leg) -> bool:
        return self._assets[leg.asset_in].target == 0

    def _ends_exit(self, order: Order) -> bool:
        return self._is_exit(order.leg) and order.amount == self._held(order.leg.asset_in)

    def _fits(self, order: Order, asset: int, sheet: "_Sheet") -> bool:
        """Whether an order is worth and able to run. The last slice of an exit is worth it at any size."""
        if order.amount == 0:
            return False
        if order.value < self.market.policy.min_trade and not self._ends_exit(order):
            size = dollars(order.value)
            sheet.notes.append(f"{self._symbol(asset)}: {size} USD is below MIN_TRADE_SIZE_USD and waits")
            sheet.waiting += 1
            return False
        if not order.leg.works(order.amount):
            sheet.notes.append(f"{self._symbol(asset)}: the pool pays less than the treasury accepts: left out")
            return False
        return True

    def _note_cap(self, order: Order, asset: int, wish: UsdE18, sheet: "_Sheet") -> None:
        size = f"{dollars(order.value)} of {dollars(wish)} USD"
        sheet.notes.append(f"{self._symbol(asset)}: {size} now, cut by {order.leg.cap_reason}; the rest waits")


class _Sheet:
    """What is written down while a draft is made."""

    def __init__(self) -> None:
        self.notes: list[str] = []
        self.waiting = 0
