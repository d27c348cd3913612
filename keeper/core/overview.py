"""A treasury as its holders see it: worth, weights, budgets, roles. What is not known is missing with its reason."""

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction
from typing import Final

from keeper.core.index.units import component_units, index_price
from keeper.core.ledger import RebalanceEvent
from keeper.core.model import Asset, Block, SequencerAnswer, Treasury
from keeper.core.sequencer import sequencer_fault
from keeper.core.units import BPS, E18, Address, BaseUnits, Bps, Hash32, Px, Timestamp, UsdE18, in_bps, scaled, value_of
from keeper.core.votes import feed_vote

_BUCKET_UNIT: Final = E18 // BPS


@dataclass(frozen=True, slots=True)
class KeeperRole:
    """`until` is the last second in which it may trade."""

    address: Address
    until: Timestamp


@dataclass(frozen=True, slots=True)
class LastRebalance:
    """The event of the newest rebalance and the transaction that it stands in."""

    event: RebalanceEvent
    tx_hash: Hash32
    block: int


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What the Lens does not bring, at the same block. `missing` says in words what could not be had, and why."""

    name: str
    symbol: str
    pending_owner: Address | None
    sequencer: SequencerAnswer | None = None
    keepers: tuple[KeeperRole, ...] = ()
    last: LastRebalance | None = None
    missing: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Position:
    """One asset. `component` are base units behind one share. `drift_bps` is weight less target. `fault` says why a
    value is missing; a retired asset has none and no fault."""

    asset: Asset
    px: Px | None
    age: int | None
    value: UsdE18 | None
    weight_bps: Decimal | None
    drift_bps: Decimal | None
    component: BaseUnits | None
    fault: str


@dataclass(frozen=True, slots=True)
class Budget:
    """A bucket: what is left and its size, bps of NAV (of the whole weight for `shift`), and seconds until it is full.

    `full_in` is None when it never will be: its size is 0.
    """

    name: str
    left_bps: Decimal
    cap: Bps
    full_in: int | None


@dataclass(frozen=True, slots=True)
class Overview:
    """`priced` is what the assets with a price are worth together; it is the NAV when nothing is missing.

    USD have 18 decimals; `tracking_error` is in USD. `missing` is every value that could not be had, with its reason.
    """

    treasury: Treasury
    block: Block
    around: Surroundings
    positions: tuple[Position, ...]
    priced: UsdE18
    nav: UsdE18 | None
    share_price: UsdE18 | None
    tracking_error: UsdE18 | None
    budgets: tuple[Budget, ...]
    missing: tuple[str, ...]

    @property
    def tracking_error_bps(self) -> Decimal | None:
        if self.nav is None or self.tracking_error is None:
            return None
        return in_bps(Fraction(self.tracking_error, self.nav)) if self.nav else Decimal(0)


def overview(treasury: Treasury, block: Block, around: Surroundings) -> Overview:
    """Everything that follows from one block. Values and their sum are the treasury's own integers."""
    halted = sequencer_fault(around.sequencer, block.timestamp)
    prices = [_price(asset, block.timestamp) for asset in treasury.assets]
    values = [_value(asset, px) for asset, (px, _, _) in zip(treasury.assets, prices, strict=True)]
    priced = UsdE18(sum(value for value in values if value is not None))
    faults = [fault for _, _, fault in prices if fault] + ([halted] if halted else [])
    nav = None if faults else priced
    positions = tuple(
        _position(asset, price, value, nav, treasury.total_supply)
        for asset, price, value in zip(treasury.assets, prices, values, strict=True)
    )
    return Overview(
        treasury=treasury,
        block=block,
        around=around,
        positions=positions,
        priced=priced,
        nav=nav,
        share_price=_share_price(nav, treasury.total_supply),
        tracking_error=None if nav is None else tracking_error(treasury.assets, values, nav),
        budgets=_budgets(treasury),
        missing=(*_missing(positions, halted, treasury), *around.missing),
    )


def tracking_error(assets: Sequence[Asset], values: Sequence[UsdE18 | None], nav: UsdE18) -> UsdE18:
    """`Portfolio.trackingError` in its own integers: half the sum of `|value - target|`, each target floored."""
    off = sum(abs((value or 0) - nav * asset.target // BPS) for asset, value in zip(assets, values, strict=True))
    return UsdE18(off // 2)


def _price(asset: Asset, now: Timestamp) -> tuple[Px | None, int | None, str]:
    """Price, age of the answer in seconds, and why there is no price that counts, or no balance to value."""
    if asset.retired:
        return None, None, ""
    vote = feed_vote(asset, now)
    age = None if vote.updated_at is None else now - vote.updated_at
    fault = "" if vote.used else vote.reason
    if asset.balance is None:
        fault = "; ".join(filter(None, [fault, "the token does not say what is held"]))
    return vote.px if vote.used else None, age, fault


def _value(asset: Asset, px: Px | None) -> UsdE18 | None:
    return None if px is None or asset.balance is None else value_of(asset.balance, px)


def _position(
    asset: Asset,
    price: tuple[Px | None, int | None, str],
    value: UsdE18 | None,
    nav: UsdE18 | None,
    supply: int,
) -> Position:
    px, age, fault = price
    weight = None
    if nav is not None and value is not None:
        weight = in_bps(Fraction(value, nav)) if nav else Decimal(0)
    component = None if asset.balance is None or not supply else component_units(asset.balance, supply)
    return Position(
        asset=asset,
        px=px,
        age=age,
        value=value,
        weight_bps=weight,
        drift_bps=None if weight is None else weight - asset.target,
        component=component,
        fault=fault,
    )


def _share_price(nav: UsdE18 | None, supply: int) -> UsdE18 | None:
    return None if nav is None or not supply else index_price(nav, supply)


def _budgets(treasury: Treasury) -> tuple[Budget, ...]:
    limits, left = treasury.limits, treasury.budgets
    sizes = (
        ("loss", left.loss, limits.loss_cap),
        ("turnover", left.turnover, limits.turnover_cap),
        ("shift", left.shift, limits.shift_cap),
    )
    return tuple(
        Budget(name, scaled(amount, 14), cap, _full_in(amount, cap, limits.window_seconds))
        for name, amount, cap in sizes
    )


def _full_in(left: int, cap: Bps, window: int) -> int | None:
    """Seconds, rounded up: an empty bucket takes the whole window."""
    size = cap * _BUCKET_UNIT
    return None if size == 0 else -(-max(0, size - left) * window // size)


def _missing(positions: Sequence[Position], halted: str, treasury: Treasury) -> list[str]:
    found = [f"value of {p.asset.symbol}: {p.fault}" for p in positions if p.fault]
    if found or halted:
        names = ", ".join(p.asset.symbol for p in positions if p.fault)
        found.append(f"NAV, weights and tracking error: {halted or f'not every asset has a value ({names})'}")
    if not treasury.total_supply:
        found.append("share price and component units: the fund is not seeded")
    return found
