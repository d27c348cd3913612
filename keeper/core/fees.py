"""EIP-1559: what is offered for gas, when gas is too dear, and what it cost."""

from dataclasses import dataclass

from keeper.core.units import E18, UsdE18, Wei


@dataclass(frozen=True, slots=True)
class FeeQuote:
    """Wei per gas, as the transaction states them: `max_tip <= max_fee`."""

    max_fee: Wei
    max_tip: Wei


@dataclass(frozen=True, slots=True)
class FeeTooHigh:
    """Getting in now would cost `needed` wei per gas, more than `limit`."""

    needed: Wei
    limit: Wei


def quote(base_fee: Wei, tip: Wei, max_fee: Wei) -> FeeQuote | FeeTooHigh:
    """Start at twice the base fee plus the tip, so that six full blocks do not price it out; never above `max_fee`."""
    needed = Wei(base_fee + tip)
    if needed > max_fee:
        return FeeTooHigh(needed, max_fee)
    return FeeQuote(Wei(min(2 * base_fee + tip, max_fee)), tip)


def gas_cost(gas_used: int, effective_gas_price: Wei, l1_fee: Wei | None = None) -> Wei:
    """All of it: execution, and on a rollup the fee for its data on layer 1."""
    return Wei(gas_used * effective_gas_price + (l1_fee or 0))


def gas_usd(cost: Wei, native_usd_px: UsdE18 | None) -> UsdE18 | None:
    """None when nobody knows the price of the native coin."""
    return None if native_usd_px is None else UsdE18(cost * native_usd_px // E18)
