"""EIP-1559: what is offered for gas, when gas is too dear, and what it cost."""

from dataclasses import dataclass
from typing import Final

from keeper.core.units import BPS, E18, UsdE18, Wei

GAS_HEADROOM_BPS: Final = 2_000
"""Above what the rehearsal took: pools move between it and inclusion, and a tick crossed costs gas."""
GAS_PER_SWAP: Final = 44_200
"""Two storage slots that were empty (EIP-2929, 22,100 each). A rehearsal runs in the second of the block it stands on:
in it a V2 pair that was traded in that block leaves its price accumulators alone, and a V3 pool its oracle. A second
later both write."""
LARGEST_GAS_LIMIT: Final = 16_777_216
"""EIP-7825: the gas that a transaction may have."""


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


def gas_limit(rehearsed: int, swaps: int) -> int:
    """Of a transaction whose rehearsal took `rehearsed` gas. What is not used is not paid."""
    return min(rehearsed * (BPS + GAS_HEADROOM_BPS) // BPS + swaps * GAS_PER_SWAP, LARGEST_GAS_LIMIT)


def gas_cost(gas_used: int, effective_gas_price: Wei, l1_fee: Wei | None = None) -> Wei:
    """All of it: execution, and on a rollup the fee for its data on layer 1."""
    return Wei(gas_used * effective_gas_price + (l1_fee or 0))


def gas_usd(cost: Wei, native_usd_px: UsdE18 | None) -> UsdE18 | None:
    """None when nobody knows the price of the native coin."""
    return None if native_usd_px is None else UsdE18(cost * native_usd_px // E18)
