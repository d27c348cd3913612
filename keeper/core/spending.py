"""What a batch of swaps does and spends, by the treasury's own arithmetic: `Portfolio`, `Bucket` and `Spending`.

Everything is at the treasury's prices and rounds as the contract does: what fits here by a unit fits there by a unit.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Final

from keeper.core.model import Treasury
from keeper.core.units import BPS, E18, BaseUnits, Bps, Px, UsdE18, value_of

Move = tuple[int, int, int, int]
"""A swap: asset in, asset out (indices), amount in, amount out (base units)."""
_BPS_E18: Final = E18 // BPS


@dataclass(frozen=True, slots=True)
class Effect:
    """`ITreasury.Outcome`: `turnover` sums the swaps' input values, `loss` what each got less than it gave.

    `te` is the tracking error in USD, each side's with its own NAV.
    """

    nav_before: UsdE18
    nav_after: UsdE18
    turnover: UsdE18
    loss: UsdE18
    te_before: UsdE18
    te_after: UsdE18

    @property
    def progress(self) -> UsdE18:
        """Tracking error removed; negative when there is more of it than before."""
        return UsdE18(self.te_before - self.te_after)

    @property
    def loss_share(self) -> int:
        """What it takes out of the loss budget."""
        return share(self.loss, self.nav_before)

    @property
    def turnover_share(self) -> int:
        return share(self.turnover, self.nav_before)


@dataclass(frozen=True, slots=True)
class Budget:
    """One bucket: what is left of `cap`, both of NAV, 10^18 is all of it. An empty one is full after `window` s."""

    left: int
    cap: int
    window_seconds: int

    def seconds_until(self, level: int) -> int | None:
        """How long until so much is left, if nothing is spent. None when that is more than it holds."""
        if level > self.cap:
            return None
        return -(-(level - self.left) * self.window_seconds // self.cap) if level > self.left else 0


def loss_budget(treasury: Treasury) -> Budget:
    limits = treasury.limits
    return Budget(treasury.budgets.loss, capacity(limits.loss_cap), limits.window_seconds)


def turnover_budget(treasury: Treasury) -> Budget:
    limits = treasury.limits
    return Budget(treasury.budgets.turnover, capacity(limits.turnover_cap), limits.window_seconds)


def capacity(cap: Bps) -> int:
    """`Bucket.capacity`."""
    return cap * _BPS_E18


def share(part: int, whole: int) -> int:
    """`Bucket.share`: the part of the whole, 10^18 is all of it, rounded up; of nothing it is nothing."""
    return -(-part * E18 // whole) if part else 0


def allowed_loss(progress: int, max_cost: Bps | Fraction) -> int:
    """`_requireProgress`: what a batch may lose for the tracking error that it removes, rounded down."""
    return max(0, progress) * max_cost // BPS


def foresee(treasury: Treasury, prices: Sequence[Px | None], moves: Iterable[Move]) -> Effect:
    """What `rebalance` would measure of these moves, in their order. A swap spends `min(amount in, balance)`."""
    balances = [asset.balance or BaseUnits(0) for asset in treasury.assets]
    te_before, nav_before = tracking_error(treasury, prices, balances)
    turnover = loss = 0
    for asset_in, asset_out, amount_in, amount_out in moves:
        spent = min(amount_in, balances[asset_in])
        value_in, value_out = _worth(spent, prices[asset_in]), _worth(amount_out, prices[asset_out])
        balances[asset_in] = BaseUnits(balances[asset_in] - spent)
        balances[asset_out] = BaseUnits(balances[asset_out] + amount_out)
        turnover += value_in
        loss += max(0, value_in - value_out)
    te_after, nav_after = tracking_error(treasury, prices, balances)
    return Effect(nav_before, nav_after, UsdE18(turnover), UsdE18(loss), te_before, te_after)


def tracking_error(
    treasury: Treasury, prices: Sequence[Px | None], balances: Sequence[BaseUnits]
) -> tuple[UsdE18, UsdE18]:
    """(tracking error, NAV) in USD of such balances, as `Portfolio` computes them; what has no price counts 0."""
    values = [_worth(balance, px) for balance, px in zip(balances, prices, strict=True)]
    nav = sum(values)
    off = sum(abs(held - asset.target * nav // BPS) for held, asset in zip(values, treasury.assets, strict=True))
    return UsdE18(off // 2), UsdE18(nav)


def _worth(amount: int, px: Px | None) -> UsdE18:
    return UsdE18(0) if px is None else value_of(BaseUnits(amount), px)
