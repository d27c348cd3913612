"""How far the weights are from their targets, and whether that is enough to trade: Hold | Rebalance.

Methodology, section 3. Equality with a threshold holds. Once one asset triggers, all take part: what triggers and
what is traded are different questions, or a fund with one large excess and many small lacks would never move.
"""

from dataclasses import dataclass
from fractions import Fraction

from keeper.core.model import Asset, DriftMode, Market
from keeper.core.units import BPS, UsdE18
from keeper.core.valuation import Valuation
from keeper.core.words import duration, percent


@dataclass(frozen=True, slots=True)
class AssetDrift:
    """One asset against its target. Drifts are fractions of 1 and positive when over.

    `target_value` is floored as the treasury's; the drifts are exact. `relative` is None when something is held
    against a target of 0: it has no relative drift, it is an exit. 0 against 0 is 0.
    """

    asset: int
    value: UsdE18
    target_value: UsdE18
    absolute: Fraction
    relative: Fraction | None

    def by(self, mode: DriftMode) -> Fraction | None:
        return self.relative if mode is DriftMode.RELATIVE else self.absolute


@dataclass(frozen=True, slots=True)
class DriftReport:
    """By asset index. `te` is the tracking error, half the sum of absolute drifts, a fraction of NAV."""

    assets: tuple[AssetDrift, ...]
    te: Fraction

    def largest(self, mode: DriftMode) -> AssetDrift | None:
        """The asset that is furthest off, exits aside; ties: the first. None when there is none."""
        off = [(abs(drift), item) for item in self.assets if (drift := item.by(mode)) is not None]
        return max(off, key=lambda pair: pair[0])[1] if off else None


@dataclass(frozen=True, slots=True)
class Hold:
    report: DriftReport
    reason: str


@dataclass(frozen=True, slots=True)
class Rebalance:
    """`reasons` are all triggers that fired, in words; `reason` is the same in one line."""

    report: DriftReport
    reasons: tuple[str, ...]

    @property
    def reason(self) -> str:
        return "; ".join(self.reasons)


def drift(valuation: Valuation, market: Market) -> DriftReport:
    """Measure, without judging."""
    nav = valuation.nav
    assets = tuple(
        _asset_drift(asset, held, nav) for asset, held in zip(market.treasury.assets, valuation.values, strict=True)
    )
    return DriftReport(assets, sum((abs(item.absolute) for item in assets), Fraction(0)) / 2)


def decide(valuation: Valuation, market: Market) -> Hold | Rebalance:
    """Rebalance when any trigger fires and the treasury would let it.

    Triggers: an asset's drift or the tracking error above its threshold, an exit or a newcomer worth more than the
    smallest trade, the last rebalance longer ago than the maximum interval (0: no such limit). A fund that was never
    rebalanced has no last time to count from: the interval binds nothing. Below the treasury's minimum drift only an
    exit can be traded, so everything else holds.
    """
    report = drift(valuation, market)
    if valuation.nav == 0:
        return Hold(report, "the treasury is empty")
    exits = _exits(report, market)
    reasons = (*exits, *_newcomers(report, market), *_over_threshold(report, market), *_overdue(market))
    if not reasons:
        return Hold(report, _closest(report, market))
    minimum = Fraction(market.treasury.limits.min_drift, BPS)
    if report.te < minimum and not exits:
        te = f"tracking error {percent(report.te)} % is below the treasury's minimum {percent(minimum)} %"
        return Hold(report, f"{te} ({'; '.join(reasons)})")
    return Rebalance(report, reasons)


def _asset_drift(asset: Asset, held: UsdE18, nav: UsdE18) -> AssetDrift:
    excess, aim = held * BPS - asset.target * nav, asset.target * nav
    relative = Fraction(excess, aim) if aim else Fraction(0) if held == 0 else None
    return AssetDrift(
        asset=asset.index,
        value=held,
        target_value=UsdE18(aim // BPS),
        absolute=Fraction(excess, nav * BPS) if nav else Fraction(0),
        relative=relative,
    )


def _exits(report: DriftReport, market: Market) -> tuple[str, ...]:
    """Assets to be sold in full. Dust does not trigger: donated units must not move the fund."""
    return tuple(
        f"{asset.symbol} is {percent(item.absolute)} % of NAV, its target is 0"
        for asset, item in zip(market.treasury.assets, report.assets, strict=True)
        if asset.target == 0 and item.value > market.policy.min_trade
    )


def _newcomers(report: DriftReport, market: Market) -> tuple[str, ...]:
    """Assets to be bought that are not held at all, whatever the mode: the membership has changed."""
    return tuple(
        f"{asset.symbol} is new: target {percent(Fraction(asset.target, BPS))} %, none is held"
        for asset, item in zip(market.treasury.assets, report.assets, strict=True)
        if asset.buyable and asset.balance == 0 and item.target_value > market.policy.min_trade
    )


def _over_threshold(report: DriftReport, market: Market) -> tuple[str, ...]:
    policy = market.policy
    threshold, total = Fraction(policy.drift_threshold), Fraction(policy.total_drift_threshold)
    reasons = tuple(
        f"{asset.symbol} is {_distance(off, policy.drift_mode)}, threshold {percent(threshold)} %"
        for asset, item in zip(market.treasury.assets, report.assets, strict=True)
        if asset.target > 0 and (off := item.by(policy.drift_mode)) is not None and abs(off) > threshold
    )
    if report.te > total:
        reasons += (f"tracking error is {percent(report.te)} %, threshold {percent(total)} %",)
    return reasons


def _overdue(market: Market) -> tuple[str, ...]:
    longest, last = market.policy.max_rebalance_interval_seconds, market.treasury.last_rebalance
    elapsed = market.block.timestamp - last
    if longest == 0 or last == 0 or elapsed <= longest:
        return ()
    return (f"last rebalanced {duration(elapsed)} ago, at most {duration(longest)}",)


def _closest(report: DriftReport, market: Market) -> str:
    policy = market.policy
    item = report.largest(policy.drift_mode)
    off = item.by(policy.drift_mode) if item else None
    if item is None or off is None:
        return "nothing to compare"
    symbol = market.treasury.assets[item.asset].symbol
    threshold = percent(Fraction(policy.drift_threshold))
    return f"largest drift: {symbol} is {_distance(off, policy.drift_mode)}, threshold {threshold} %"


def _distance(off: Fraction, mode: DriftMode) -> str:
    if off == 0:
        return "on target"
    of = " of NAV" if mode is DriftMode.ABSOLUTE else ""
    return f"{percent(abs(off))} %{of} {'over' if off > 0 else 'under'} target"
