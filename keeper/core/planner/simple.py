"""The simple planner: sell what is over its weight to the hub, then buy with the hub what is under.

Every asset has a pool of its own against the hub and is either sold or bought, so no pool is used twice. What is over
and under is the decision's; how much follows from the NAV *after* the plan, because fees and impact shrink what the
weights are parts of. That NAV is the fixed point of "size for this NAV, see what NAV comes out": each round shrinks
the error by the cost of trading (well below 1 %), and at the fixed point the hub, which takes the rest, lands on its
target too.

Buys are sized by what the sells are expected to give. Should they give less, the treasury spends `min(amountIn,
balance)`: the hub's own weight is the first buffer, and the largest buy runs last, so that what is missing is the
smallest part of it. If it is missing beyond the tolerance, the batch reverts; nothing is ever overdrawn.
"""

from dataclasses import dataclass
from typing import Final

from keeper.core.drift import Rebalance
from keeper.core.hub import hub_of
from keeper.core.model import Asset, Market, Plan
from keeper.core.planner.legs import Leg, NoLeg, best_leg
from keeper.core.prices import PriceBook
from keeper.core.units import BPS, E18, BaseUnits, Px, UsdE18, amount_worth, value_of
from keeper.core.valuation import Valuation
from keeper.core.words import dollars

ROUNDS: Final = 12
PRECISION: Final = 10**12
"""Of the fixed point: it ends when NAV moves by less than one part in 10^12. Costs of 1 % get there in six rounds; a
plan from fewer is whole, only less exact."""


def plan(valuation: Valuation, decision: Rebalance, market: Market, book: PriceBook) -> Plan:
    """Swaps that land on the targets as far as limits and pools allow; `notes` say what was cut or left out."""
    balances = tuple(asset.balance or BaseUnits(0) for asset in market.treasury.assets)
    hub = hub_of(market)
    if hub is None or (hub_px := book.px[hub]) is None:
        return Plan((), balances, ("no swap is possible: the fund has no hub",))
    desk, notes = _open_desk(decision, market, book, hub, hub_px)

    nav, draft = valuation.nav, desk.draft(valuation.nav)
    for _ in range(ROUNDS):
        if abs(draft.nav_after - nav) <= nav // PRECISION:
            break
        nav = draft.nav_after
        draft = desk.draft(nav)
    swaps = tuple(order.leg.swap(order.amount) for order in draft.orders)
    return Plan(swaps, draft.holdings, (*notes, *draft.notes))


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
    """Orders for an assumed NAV, sells first, and the NAV that they would really leave."""

    orders: tuple[Order, ...]
    holdings: tuple[BaseUnits, ...]
    nav_after: UsdE18
    notes: tuple[str, ...]


def _open_desk(
    decision: Rebalance, market: Market, book: PriceBook, hub: int, hub_px: Px
) -> tuple["Desk", tuple[str, ...]]:
    """Find each asset its leg. The notes are of those that have none."""
    assets = market.treasury.assets
    treasury_nav = UsdE18(
        sum(value_of(a.balance or BaseUnits(0), px) for a, px in zip(assets, book.treasury_px, strict=True) if px)
    )
    sells, buys, notes = [], [], []
    for asset, item in zip(assets, decision.report.assets, strict=True):
        px = book.px[asset.index]
        off = UsdE18(abs(item.value - item.target_value))
        if asset.index == hub or px is None or off == 0:
            continue
        over = item.value > item.target_value
        sold, bought = (asset, assets[hub]) if over else (assets[hub], asset)
        leg = best_leg(market, book, sold, bought, amount_worth(off, px if over else hub_px), treasury_nav)
        if isinstance(leg, NoLeg):
            if off >= market.policy.min_trade:
                notes.append(f"{asset.symbol}: {dollars(off)} USD {'over' if over else 'under'} and left: {leg.reason}")
        elif over:
            sells.append(leg)
        else:
            buys.append(leg)
    return Desk(market, book, hub, hub_px, tuple(sells), tuple(buys)), tuple(notes)


@dataclass(frozen=True, slots=True)
class Desk:
    """All that can be traded. `draft` sizes it for an assumed NAV after the plan."""

    market: Market
    book: PriceBook
    hub: int
    hub_px: Px
    sells: tuple[Leg, ...]
    buys: tuple[Leg, ...]

    def draft(self, nav: UsdE18) -> Draft:
        notes: list[str] = []
        held, aim = self._held(self.hub), self._aim(self.hub, nav)
        wishes = self._wanted_buys(nav, notes)
        demand = sum(order.amount for order in wishes) + aim - held
        sells = self._sells(nav, demand, notes)
        budget = held + sum(order.out for order in sells) - aim
        buys = self._affordable(wishes, budget, notes)

        orders = (*sells, *buys)
        holdings = [self._held(asset.index) for asset in self._assets]
        for order in orders:
            holdings[order.leg.asset_in] -= order.amount
            holdings[order.leg.asset_out] += order.out
        after = tuple(BaseUnits(amount) for amount in holdings)
        nav_after = sum(value_of(amount, px) for amount, px in zip(after, self.book.px, strict=True) if px)
        return Draft(orders, after, UsdE18(nav_after), tuple(notes))

    # -------------------------------------------------------------------------------------------- sizing

    def _wanted_buys(self, nav: UsdE18, notes: list[str]) -> list[Order]:
        """Each buy as large as its target and its cap allow, the smallest first."""
        orders = []
        for leg in self.buys:
            lack = self._aim(leg.asset_out, nav) - self._held(leg.asset_out)
            if lack <= 0:
                continue
            order = Order(leg, leg.input_for(lack))
            if order.amount == leg.cap and order.out < lack:
                self._note_cap(order, leg.asset_out, UsdE18(value_of(BaseUnits(lack), leg.px_out)), notes)
            if self._fits(order, leg.asset_out, notes):
                orders.append(order)
        return sorted(orders, key=lambda order: order.value)

    def _sells(self, nav: UsdE18, demand: int, notes: list[str]) -> list[Order]:
        """Exits in full, then the largest excess first, until the hub has what buys and its own target ask for.

        What nothing asks for is not sold: it would only move an excess into the hub, at a cost.
        """
        wanted = []
        for leg in self.sells:
            excess = self._held(leg.asset_in) - self._aim(leg.asset_in, nav)
            if excess > 0:
                amount = min(excess, leg.cap)
                if amount < excess:
                    self._note_cap(Order(leg, amount), leg.asset_in, leg.value_in(excess), notes)
                wanted.append(Order(leg, amount))
        wanted.sort(key=lambda order: (not self._is_exit(order.leg), -order.value))

        orders = []
        for wish in wanted:
            order = wish
            if not self._is_exit(wish.leg) and wish.out > demand:
                order = Order(wish.leg, min(wish.amount, wish.leg.input_for(max(0, demand))))
                if wish.value - order.value > wish.value // BPS:
                    spare = dollars(UsdE18(wish.value - order.value))
                    notes.append(f"{self._symbol(wish.leg.asset_in)}: {spare} USD over is kept: nothing to buy with it")
            if self._fits(order, wish.leg.asset_in, notes):
                orders.append(order)
                demand -= order.out
        return orders

    def _affordable(self, wishes: list[Order], budget: int, notes: list[str]) -> list[Order]:
        """The largest lack is served first when the hub has not enough for all; run order stays smallest first."""
        orders: list[Order] = []
        for wish in reversed(wishes):
            order = wish if wish.amount <= budget else Order(wish.leg, max(0, budget))
            if wish.value - order.value > wish.value // BPS:
                short = dollars(UsdE18(wish.value - order.value))
                notes.append(f"{self._symbol(wish.leg.asset_out)}: {short} USD less is bought: the hub has no more")
            if self._fits(order, wish.leg.asset_out, notes):
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
        """Base units of an asset that are its weight of `nav`."""
        px = self.book.px[index]
        return self._assets[index].target * nav * E18 // (BPS * px) if px else 0

    def _symbol(self, index: int) -> str:
        return self._assets[index].symbol

    def _is_exit(self, leg: Leg) -> bool:
        return self._assets[leg.asset_in].target == 0

    def _fits(self, order: Order, asset: int, notes: list[str]) -> bool:
        """Whether an order is worth and able to run. The last slice of an exit is worth it at any size."""
        if order.amount == 0:
            return False
        ends_exit = self._is_exit(order.leg) and order.amount == self._held(order.leg.asset_in)
        if order.value < self.market.policy.min_trade and not ends_exit:
            notes.append(f"{self._symbol(asset)}: {dollars(order.value)} USD is below MIN_TRADE_SIZE_USD and waits")
            return False
        if not order.leg.works(order.amount):
            notes.append(f"{self._symbol(asset)}: the pool pays less than the treasury accepts: left out")
            return False
        return True

    def _note_cap(self, order: Order, asset: int, wish: UsdE18, notes: list[str]) -> None:
        size = f"{dollars(order.value)} of {dollars(wish)} USD"
        notes.append(f"{self._symbol(asset)}: {size} now, cut by {order.leg.cap_reason}; the rest waits")
