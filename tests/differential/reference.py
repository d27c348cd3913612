"""The treasury's arithmetic once more, written slowly from its definitions: exact fractions, one line a formula.

Nothing here or in `terms` is shared with the keeper or with the contract.
"""

from dataclasses import dataclass, field, replace
from fractions import Fraction
from math import ceil, floor

from tests.differential.terms import BPS, ONE, Asset, Bucket, Limits, Outcome, Refused, Swap, Venue, fitting


@dataclass(slots=True)
class Fund:
    """A treasury: what it holds, what it allows, what was used of that. `shares` are those of `holder`, an address."""

    holder: int

    assets: list[Asset]
    venues: list[Venue]
    limits: Limits
    supply: int
    shares: int
    last_id: int = 0
    last_rebalance: int = 0
    loss: Bucket = field(default_factory=Bucket)
    turnover: Bucket = field(default_factory=Bucket)
    shift: Bucket = field(default_factory=Bucket)

    def copy(self) -> "Fund":
        """Nothing that changes is shared."""
        buckets = {name: replace(getattr(self, name)) for name in ("loss", "turnover", "shift")}
        return replace(self, assets=[replace(asset) for asset in self.assets], venues=list(self.venues), **buckets)

    # ------------------------------------------------------------------------------------------ what it is worth

    def nav(self, now: int) -> int:
        for asset in self.assets:
            if not asset.retired:
                asset.require_price(now)
        return self._worth()

    def _worth(self) -> int:
        return fitting(sum(asset.value(asset.balance) for asset in self.assets))

    def tracking_error(self, now: int) -> int:
        return self._distance(self.nav(now))

    def _distance(self, nav: int) -> int:
        """Half the sum of the distances from each asset's part of NAV, the part rounded down."""
        total = 0
        for asset in self.assets:
            if not asset.retired:
                target = floor(Fraction(fitting(nav * asset.target_bps), BPS))
                total += abs(asset.value(asset.balance) - target)
        return floor(Fraction(total, 2))

    def share_price(self, now: int) -> int:
        return 0 if self.supply == 0 else fitting(floor(Fraction(self.nav(now) * ONE, self.supply)))

    # ------------------------------------------------------------------------------------------ shares

    def component_units(self) -> list[int]:
        if self.supply == 0:
            return [0] * len(self.assets)
        return [fitting(floor(Fraction(asset.balance * ONE, self.supply))) for asset in self.assets]

    def preview_mint(self, shares: int) -> list[int]:
        self._require_seeded()
        return [fitting(ceil(Fraction(asset.balance * shares, self.supply))) for asset in self.assets]

    def preview_redeem(self, shares: int) -> list[int]:
        self._require_seeded()
        return [fitting(floor(Fraction(asset.balance * shares, self.supply))) for asset in self.assets]

    def _require_seeded(self) -> None:
        if self.supply == 0:
            raise Refused("NotSeeded")

    def mint(self, shares: int, max_in: list[int]) -> None:
        self._require_seeded()
        if shares == 0:
            raise Refused("NoShares")
        taken = []
        for asset, most in zip(self.assets, max_in, strict=True):
            amount = fitting(ceil(Fraction(asset.balance * shares, self.supply)))
            if amount > most:
                raise Refused("MaxIn", asset.token, amount, most)
            taken.append(amount)
        fitting(self.supply + shares)
        for asset, amount in zip(self.assets, taken, strict=True):
            asset.balance += amount
        self.supply += shares
        self.shares += shares

    def redeem(self, shares: int, min_out: list[int], skipped: set[int]) -> list[int]:
        """What is paid of each asset."""
        self._require_seeded()
        if shares == 0:
            raise Refused("NoShares")
        if shares > self.shares:
            raise Refused("ERC20InsufficientBalance", self.holder, self.shares, shares)
        paid = []
        for number, (asset, least) in enumerate(zip(self.assets, min_out, strict=True)):
            amount = 0
            if number not in skipped:
                amount = floor(Fraction(asset.balance * shares, self.supply))
                if amount < least:
                    raise Refused("MinRedeemed", asset.token, amount, least)
            paid.append(amount)
        for asset, amount in zip(self.assets, paid, strict=True):
            asset.balance -= amount
        self.supply -= shares
        self.shares -= shares
        return paid

    # ------------------------------------------------------------------------------------------ budgets

    def budgets(self, now: int) -> tuple[int, int, int]:
        """Left of loss, turnover, shift."""
        limits = self.limits
        return (
            self.loss.left_at(now, limits.loss_cap_bps, limits.window),
            self.turnover.left_at(now, limits.turnover_cap_bps, limits.window),
            self.shift.left_at(now, limits.shift_cap_bps, limits.window),
        )

    def set_limits(self, new: Limits, now: int) -> None:
        """What is used now stays used, up to the new caps."""
        old, self.limits = self.limits, new
        for bucket, old_cap, new_cap in (
            (self.loss, old.loss_cap_bps, new.loss_cap_bps),
            (self.turnover, old.turnover_cap_bps, new.turnover_cap_bps),
            (self.shift, old.shift_cap_bps, new.shift_cap_bps),
        ):
            used = bucket.used_at(now, old_cap, old.window)
            bucket.used, bucket.time = min(used, new_cap * ONE // BPS), now

    def set_targets_as_weigher(self, targets: list[int], now: int) -> None:
        """Targets of a fund without retired assets."""
        shifted = ceil(
            Fraction(sum(abs(new - asset.target_bps) for new, asset in zip(targets, self.assets, strict=True)), 2)
        )
        if sum(targets) != BPS:
            raise Refused("BadTargets", sum(targets))
        for number, target in enumerate(targets):
            if target > self.limits.max_weight_bps:
                raise Refused("WeightTooBig", number, target, self.limits.max_weight_bps)
        share = shifted * ONE // BPS
        self.shift.use(share, "ShiftBudget", now, self.limits.shift_cap_bps, self.limits.window)
        for asset, target in zip(self.assets, targets, strict=True):
            asset.target_bps = target

    # ------------------------------------------------------------------------------------------ rebalance

    def rebalance(self, swaps: list[Swap], rebalance_id: int, now: int) -> Outcome:
        """All of it or nothing: run it on a copy, or do not use the fund after it was refused."""
        limits = self.limits
        if rebalance_id != self.last_id + 1:
            raise Refused("BadId", rebalance_id, self.last_id + 1)
        if now < self.last_rebalance + limits.cooldown:
            raise Refused("Cooldown", now, self.last_rebalance + limits.cooldown)
        if not swaps:
            raise Refused("EmptyBatch")
        nav = self.nav(now)
        te = self._distance(nav)
        least_te = ceil(Fraction(fitting(nav * limits.min_drift_bps), BPS))
        if te < least_te and not any(self._sides(swap)[0].target_bps == 0 for swap in swaps):
            raise Refused("NoDrift", te, least_te)
        turnover = loss = 0
        for swap in swaps:
            value_in, value_out = self._swap(swap, nav)
            turnover = fitting(turnover + value_in)
            loss += max(0, value_in - value_out)
        nav_after = self._worth()
        te_after = self._distance(nav_after)
        allowed_loss = floor(Fraction(fitting(max(0, te - te_after) * limits.max_cost_bps), BPS))
        if te_after >= te or loss > allowed_loss:
            raise Refused("NoProgress", te, te_after, loss, allowed_loss)
        part = {"LossBudget": loss, "TurnoverBudget": turnover}
        shares = {name: fitting(ceil(Fraction(usd * ONE, nav))) for name, usd in part.items()}
        self.loss.use(shares["LossBudget"], "LossBudget", now, limits.loss_cap_bps, limits.window)
        self.turnover.use(shares["TurnoverBudget"], "TurnoverBudget", now, limits.turnover_cap_bps, limits.window)
        self.last_id, self.last_rebalance = rebalance_id, now
        return Outcome(nav, nav_after, turnover, loss, te, te_after)

    def _sides(self, swap: Swap) -> tuple[Asset, Asset]:
        """Sold, bought."""
        venue = self.venues[swap.venue]
        sold, bought = (venue.i0, venue.i1) if swap.zero_for_one else (venue.i1, venue.i0)
        return self.assets[sold], self.assets[bought]

    def _swap(self, swap: Swap, nav: int) -> tuple[int, int]:
        """Values of what is sold and bought."""
        limits = self.limits
        sold, bought = self._sides(swap)
        if sold.retired:
            raise Refused("IsRetired", sold.token)
        if bought.retired or not bought.buyable:
            raise Refused("NotBuyable", bought.token)
        amount_in = min(swap.amount_in, sold.balance)
        value_in = sold.value(amount_in)
        largest = floor(Fraction(fitting(nav * limits.per_trade_bps), BPS))
        if value_in > largest:
            raise Refused("TradeTooBig", swap.venue, value_in, largest)
        venue = self.venues[swap.venue]
        amount_out = venue.pays(swap.zero_for_one, amount_in)
        bought.balance = fitting(bought.balance + amount_out)
        if venue.kind == 1 and amount_in == 0:  # a pool that asks for nothing is not the pool that was meant
            raise Refused("BadCallback", venue.address)
        sold.balance -= amount_in
        if amount_out < swap.min_out:
            raise Refused("MinOut", swap.venue, amount_out, swap.min_out)
        value_out = bought.value(amount_out)
        least = ceil(Fraction(fitting(value_in * (BPS - limits.max_slip_bps)), BPS))
        if value_out < least:
            raise Refused("Slippage", swap.venue, value_out, least)
        return value_in, value_out
