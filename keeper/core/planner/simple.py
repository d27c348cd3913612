"""The simple planner: sell what is over its weight to the hub, then buy with the hub what is under.

Every asset has a pool of its own against the hub and is either sold or bought, so no pool is used twice. What is over
and under is the decision's; how much follows from the NAV *after* the plan, because fees and impact shrink what the
weights are parts of. That NAV is the fixed point of "size for this NAV, see what NAV comes out": each round shrinks
the error by the cost of trading (well below 1 %), and at the fixed point the hub, which takes the rest, lands on its
target too.

Buys are sized by what the sells are expected to give. Should they give less, the treasury spends `min(amountIn,
balance)`: the hub's own weight is the first buffer, and the largest buy runs last, so that what is missing is the
smallest part of it. If it is missing beyond the tolerance, the batch reverts; nothing is ever overdrawn.

What the treasury's budgets and its rule of progress do not allow at once is cut in `purse`; the rest waits.
"""

from keeper.core.drift import Rebalance
from keeper.core.hub import hub_of
from keeper.core.model import Market, Plan
from keeper.core.planner.desk import Desk
from keeper.core.planner.legs import NoLeg, best_leg
from keeper.core.planner.purse import within_budgets
from keeper.core.prices import PriceBook
from keeper.core.units import BaseUnits, Px, UsdE18, amount_worth, value_of
from keeper.core.valuation import Valuation
from keeper.core.words import dollars


def plan(valuation: Valuation, decision: Rebalance, market: Market, book: PriceBook) -> Plan:
    """Swaps that go to the targets as far as limits and pools allow; `notes` say what was cut or left out."""
    balances = tuple(asset.balance or BaseUnits(0) for asset in market.treasury.assets)
    hub = hub_of(market)
    if hub is None or (hub_px := book.px[hub]) is None:
        return Plan((), balances, ("no swap is possible: the fund has no hub",))
    desk, legless = _open_desk(valuation, decision, market, book, hub, hub_px)
    draft, cuts = within_budgets(desk)
    swaps = tuple(order.leg.swap(order.amount) for order in draft.orders)
    return Plan(swaps, draft.holdings, (*cuts, *legless, *draft.notes))


def _open_desk(
    valuation: Valuation, decision: Rebalance, market: Market, book: PriceBook, hub: int, hub_px: Px
) -> tuple[Desk, tuple[str, ...]]:
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
    return Desk(market, book, hub, valuation.nav, tuple(sells), tuple(buys)), tuple(notes)
