"""Whether this is the moment to trade: drift beyond its threshold, cooldown over, gas cheap enough."""

from fractions import Fraction

from keeper.core import fees
from keeper.core.drift import Hold, Rebalance
from keeper.core.guards.shape import verdict
from keeper.core.model import DriftMode, GuardResult, Market, Verdict
from keeper.core.units import Wei, scaled
from keeper.core.words import duration, percent, plain


def drift_guard(decision: Hold | Rebalance, market: Market) -> GuardResult:
    """Passes when the fund is to be rebalanced, for whichever reason, else skips: to hold is no fault."""
    policy = market.policy
    largest = decision.report.largest(policy.drift_mode)
    off = largest.by(policy.drift_mode) if largest is not None else None
    return GuardResult(
        name="drift_threshold",
        measured=percent(abs(off), 4) if off is not None else "0",
        limit=percent(Fraction(policy.drift_threshold), 4),
        unit="% of target" if policy.drift_mode is DriftMode.RELATIVE else "% of NAV",
        verdict=Verdict.PASS if isinstance(decision, Rebalance) else Verdict.SKIP,
        detail=decision.reason,
    )


def cooldown(market: Market) -> GuardResult:
    """Chain time since the last rebalance against the longer of the policy's and the treasury's cooldown."""
    last = market.treasury.last_rebalance
    limit = max(market.policy.cooldown_seconds, market.treasury.limits.cooldown_seconds)
    elapsed = market.block.timestamp - last
    left = limit - elapsed if last else 0
    return GuardResult(
        name="cooldown",
        measured=str(elapsed) if last else "never rebalanced",
        limit=str(limit),
        unit="s",
        verdict=verdict(left <= 0),
        detail=f"{duration(left)} left" if left > 0 else "",
    )


def check_gas(market: Market, base_fee: Wei, tip: Wei) -> GuardResult:
    """Whether the next block's gas can be paid within the policy's cap."""
    quote = fees.quote(base_fee, tip, market.policy.max_fee)
    return GuardResult(
        name="max_gas_price",
        measured=_gwei(Wei(base_fee + tip)),
        limit=_gwei(market.policy.max_fee),
        unit="gwei",
        verdict=verdict(isinstance(quote, fees.FeeQuote)),
        detail="" if isinstance(quote, fees.FeeQuote) else "gas is dearer than MAX_FEE_GWEI: waiting",
    )


def _gwei(amount: Wei) -> str:
    return plain(scaled(amount, 9))
