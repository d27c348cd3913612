"""What stands behind one index token now, and what would at the targets: in the treasury's own integers and prices."""

from dataclasses import dataclass

from keeper.core.index.units import component_units, index_price, target_component
from keeper.core.model import Asset, Market
from keeper.core.units import BaseUnits, Px, UsdE18, value_of
from keeper.core.votes import feed_vote


@dataclass(frozen=True, slots=True)
class Component:
    """Of one asset. `units` are base units behind 10^18 base units of the index token, as `componentUnits` says them;
    None when the balance cannot be read. `target_units` would stand there at the target, rounded down, and `value` is
    of what the treasury holds; both None without a price, for which `fault` is the reason. A retired asset has none."""

    asset: Asset
    px: Px | None
    value: UsdE18 | None
    units: BaseUnits | None
    target_units: BaseUnits | None
    fault: str


@dataclass(frozen=True, slots=True)
class Composition:
    """`nav` and `index_price` (USD of 10^18 base units of the token) by the treasury's feeds; None while one of them is
    not to be had. Before the seed the price is 0."""

    supply: int
    nav: UsdE18 | None
    index_price: UsdE18 | None
    components: tuple[Component, ...]


def composition(market: Market) -> Composition:
    treasury = market.treasury
    supply, now = treasury.total_supply, market.block.timestamp
    votes = [None if asset.retired else feed_vote(asset, now) for asset in treasury.assets]
    prices = [vote.px if vote is not None and vote.used else None for vote in votes]
    values = [
        UsdE18(0) if asset.retired else None if px is None or asset.balance is None else value_of(asset.balance, px)
        for asset, px in zip(treasury.assets, prices, strict=True)
    ]
    known = [value for value in values if value is not None]
    nav = UsdE18(sum(known)) if len(known) == len(values) else None
    components = tuple(
        Component(
            asset=asset,
            px=px,
            value=value,
            units=None if asset.balance is None else component_units(asset.balance, supply),
            target_units=None
            if nav is None or px is None or not supply
            else BaseUnits(int(target_component(asset.target, nav, supply, px))),
            fault=_fault(asset, vote.reason if vote is not None and not vote.used else ""),
        )
        for asset, px, value, vote in zip(treasury.assets, prices, values, votes, strict=True)
    )
    return Composition(supply, nav, None if nav is None else index_price(nav, supply), components)


def _fault(asset: Asset, of_price: str) -> str:
    return "; ".join(filter(None, ["" if asset.balance is not None else "its balance cannot be read", of_price]))
