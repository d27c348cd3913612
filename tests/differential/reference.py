"""The treasury's arithmetic once more, written slowly from its definitions: exact fractions, one line a formula.

Nothing here is shared with the keeper or with the contract. USD have 18 decimals; amounts are base units; what a
definition rounds says `floor` or `ceil`. A call that the treasury refuses raises `Refused` with the error it names.
"""

from dataclasses import dataclass, field, replace
from fractions import Fraction
from math import ceil, floor

WORD = 2**256
ONE = 10**18
BPS = 10_000


class Refused(Exception):
    """The error by its name and its arguments; an address is a number, as everything on the chain."""

    def __init__(self, name: str, *arguments: int) -> None:
        super().__init__(name, *arguments)
        self.name, self.arguments = name, arguments


def fitting(number: int) -> int:
    """What does not fit a word of 256 bits is refused, never cut."""
    if not 0 <= number < WORD:
        raise Refused("Panic", 0x11)
    return number


@dataclass(slots=True)
class Asset:
    """`answer` is the feed's, with `feed_decimals`; times are seconds."""

    token: int
    token_decimals: int
    feed_decimals: int
    answer: int
    updated_at: int
    max_age: int
    min_price: int
    max_price: int
    target_bps: int
    buyable: bool
    retired: bool
    balance: int

    def value(self, amount: int) -> int:
        """Whole tokens times the price of one: both as their decimals say."""
        if self.retired:
            return 0
        scale = 10 ** (self.token_decimals + self.feed_decimals)
        # The contract's product has 36 decimals before it is cut to 18, and must fit.
        fitting(amount * self.answer * 10**36 // scale)
        return floor(Fraction(amount * self.answer * ONE, scale))

    def require_price(self, now: int) -> None:
        if self.answer <= 0 or not self.min_price <= self.answer <= self.max_price:
            raise Refused("BadPrice", self.token, self.answer)
        if self.updated_at > now or now - self.updated_at > self.max_age:
            raise Refused("StalePrice", self.token, self.updated_at, max(0, now - self.max_age))


@dataclass(slots=True)
class Limits:
    """As `ITreasury.Limits`, in its order."""

    max_slip_bps: int
    loss_cap_bps: int
    turnover_cap_bps: int
    per_trade_bps: int
    max_cost_bps: int
    min_drift_bps: int
    max_weight_bps: int
    shift_cap_bps: int
    cooldown: int
    window: int


@dataclass(slots=True)
class Bucket:
    """What was used of a cap when it was last written, as a fraction of the whole with 18 decimals."""

    used: int = 0
    time: int = 0

    def used_at(self, now: int, cap_bps: int, window: int) -> int:
        """A full bucket refills evenly within the window; a unit that is refilled in part is still used."""
        refilled = floor(Fraction(now - self.time, window) * Fraction(cap_bps, BPS) * ONE)
        return max(0, self.used - refilled)

    def left_at(self, now: int, cap_bps: int, window: int) -> int:
        return max(0, cap_bps * ONE // BPS - self.used_at(now, cap_bps, window))

    def use(self, share: int, error: str, now: int, cap_bps: int, window: int) -> None:
        left = self.left_at(now, cap_bps, window)
        if share > left:
            raise Refused(error, share, left)
        self.used, self.time = self.used_at(now, cap_bps, window) + share, now


@dataclass(frozen=True, slots=True)
class Venue:
    """`kind` is 0 V2 pair, 1 V3 pool, 2 V2 router, 3 V3 router. All but pairs pay `amount_out` for anything."""

    address: int
    kind: int
    i0: int
    i1: int
    reserve0: int
    reserve1: int
    amount_out: int

    def pays(self, zero_for_one: bool, amount_in: int) -> int:
        if self.kind != 0:
            return self.amount_out
        reserve_in, reserve_out = (self.reserve0, self.reserve1) if zero_for_one else (self.reserve1, self.reserve0)
        if reserve_in == 0 and amount_in == 0:
            raise Refused("Panic", 0x12)
        paid_in = amount_in * Fraction(997, 1000)
        return floor(paid_in * reserve_out / (reserve_in + paid_in))


@dataclass(frozen=True, slots=True)
class Swap:
    venue: int
    zero_for_one: bool
    amount_in: int
    min_out: int


@dataclass(slots=True)
class Outcome:
    """As `ITreasury.Outcome`, in its order."""

    nav_before: int
    nav_after: int
    turnover: int
    loss: int
    te_before: int
    te_after: int


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
