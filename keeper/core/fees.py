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
TRANSFER_GAS: Final = 21_000
"""Of a transfer of nothing to oneself: a cancellation."""

BUMP_SECONDS: Final = 48
"""Chain time that a transaction waits at a fee before it is raised: four blocks of Ethereum."""
BUMP_BPS: Final = 1_000
"""geth's and Besu's price bump: a replacement offers at least a tenth more."""
NODE_BUMP_BPS: Final = 1_300
"""Where a node asked for more: Nethermind and Erigon ask for an eighth."""
MOST_SUGGESTIONS: Final = 5


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


@dataclass(frozen=True, slots=True)
class GasMarket:
    """What gas costs at a block, wei per gas: its base fee, and the tip that the node suggests."""

    base_fee: Wei
    tip: Wei

    @property
    def suggestion(self) -> FeeQuote:
        """What a transaction that begins now would offer."""
        return FeeQuote(Wei(2 * self.base_fee + self.tip), self.tip)


def trade_limit(max_fee: Wei) -> Wei:
    """The most a trade may offer under MAX_FEE_GWEI: what is left lets its cancellation outbid it on any node."""
    return Wei(max_fee * BPS // (BPS + NODE_BUMP_BPS))


def raised(
    old: FeeQuote, market: GasMarket, limit: Wei, bump_bps: int = BUMP_BPS, *, must_outbid: bool = False
) -> FeeQuote | None:
    """`old` raised by at least `bump_bps`, both fee and tip, and to the market, or `limit`, where that is more.

    None where a raise would be above `limit`, or above five times what the market suggests: an offer that is already
    far above it gains nothing by more. That second limit does not hold for what `must_outbid`: a cancellation has to
    get past whatever the market was when the trade was raised. Nodes compare fee and tip each with its own.
    """
    suggested = market.suggestion
    fee = max(min(suggested.max_fee, limit), _bumped(old.max_fee, bump_bps))
    tip = max(suggested.max_tip, _bumped(old.max_tip, bump_bps))
    if fee > limit or (fee > MOST_SUGGESTIONS * suggested.max_fee and not must_outbid):
        return None
    return FeeQuote(Wei(fee), Wei(min(tip, fee)))


def _bumped(price: int, bump_bps: int) -> int:
    """At least one wei: a tip of zero would otherwise stay zero, and no node takes that as a raise."""
    return max(price + 1, -(-price * (BPS + bump_bps) // BPS))


def gas_limit(rehearsed: int, swaps: int) -> int:
    """Of a transaction whose rehearsal took `rehearsed` gas. What is not used is not paid."""
    return min(rehearsed * (BPS + GAS_HEADROOM_BPS) // BPS + swaps * GAS_PER_SWAP, LARGEST_GAS_LIMIT)


def gas_cost(gas_used: int, effective_gas_price: Wei, l1_fee: Wei | None = None) -> Wei:
    """All of it: execution, and on a rollup the fee for its data on layer 1."""
    return Wei(gas_used * effective_gas_price + (l1_fee or 0))


def gas_usd(cost: Wei, native_usd_px: UsdE18 | None) -> UsdE18 | None:
    """None when nobody knows the price of the native coin."""
    return None if native_usd_px is None else UsdE18(cost * native_usd_px // E18)
