"""What the treasury lets a plan spend: its buckets of losses and turnover, and its price for tracking error removed.

A plan that does not fit is cut in proportion: every asset goes the same part of its way to its target. Sells and buys
shrink together, so the hub, which stands between them, never moves away from its own target; tracking error falls by
that part; and because impact grows with the square of size, equal parts of all pools lose least for what they move.
Where parts would be too small to trade, or some pools too dear, the largest orders alone and the cheap pools alone are
tried as well, and what removes most tracking error is taken.

What a plan loses is only known when it is mined. A plan keeps `LOSS_RESERVE` of what it may lose in hand: its swaps
may together lose a third more than expected, 10 bps of what they sell where a pool takes 30. Beyond it the batch
reverts with `LossBudget` or `NoProgress`: safe, at the price of its gas. To hold every swap's `min_out` to the budget
instead would cut plans to a quarter for moves that are rare within a block or two. Turnover depends on prices alone
and keeps `TURNOVER_RESERVE`, for a feed that is updated in between.

A bucket fills all the time. So that a long way does not become a transaction per cooldown, a plan that has to be cut
waits until `WORTHWHILE` of the bucket is there: nothing is lost by it, for a bucket that is not full goes on filling.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from math import ceil
from typing import Final

from keeper.core.model import Treasury
from keeper.core.planner.desk import Desk, Draft, Order
from keeper.core.spending import Budget, Effect, allowed_loss, foresee, loss_budget, turnover_budget
from keeper.core.units import BPS, Px
from keeper.core.words import full_again, left_of, percent, utc

LOSS_RESERVE: Final = Fraction(1, 4)
TURNOVER_RESERVE: Final = Fraction(1, 50)
WORTHWHILE: Final = Fraction(1, 2)
AS_GOOD: Final = Fraction(99, 100)
STEPS: Final = 4_096
"""Parts of the way that are told apart."""


@dataclass(frozen=True, slots=True)
class Shortage:
    """What a plan asks too much of, in words; `budget` when it is a bucket, which fills."""

    name: str
    budget: Budget | None


@dataclass(frozen=True, slots=True)
class Purse:
    """The treasury's bounds on a whole batch, at its own prices."""

    treasury: Treasury
    prices: Sequence[Px | None]

    def effect(self, draft: Draft) -> Effect:
        moves = [(order.leg.asset_in, order.leg.asset_out, order.amount, order.out) for order in draft.orders]
        return foresee(self.treasury, self.prices, moves)

    def shortages(self, draft: Draft) -> tuple[Shortage, ...]:
        """What the draft does not fit into, the reserves kept. Nothing for a draft that trades nothing."""
        if not draft.orders:
            return ()
        effect, keep = self.effect(draft), 1 - LOSS_RESERVE
        loss, turnover = loss_budget(self.treasury), turnover_budget(self.treasury)
        short = []
        if effect.loss_share > loss.left * keep:
            short.append(Shortage("the loss budget", loss))
        if effect.turnover_share > turnover.left * (1 - TURNOVER_RESERVE):
            short.append(Shortage("the turnover budget", turnover))
        if effect.progress <= 0 or effect.loss > allowed_loss(effect.progress, self.max_cost * keep):
            short.append(Shortage(f"the treasury's price for progress, {percent(self.max_cost / BPS)} %", None))
        return tuple(short)

    @property
    def max_cost(self) -> Fraction:
        """Bps of the tracking error removed."""
        return Fraction(self.treasury.limits.max_cost)


def within_budgets(desk: Desk) -> tuple[Draft, tuple[str, ...]]:
    """The desk's draft, cut where the treasury would not let it pass; and what was cut, in words."""
    purse = Purse(desk.market.treasury, desk.book.treasury_px)
    whole = desk.settled()
    short = purse.shortages(whole)
    if not short:
        return whole, ()
    now = desk.market.block.timestamp
    if waits := [item for item in short if item.budget and item.budget.left < item.budget.cap * WORTHWHILE]:
        return _nothing(desk), tuple(_wait(item, now) for item in waits)
    best = _best_cut(desk, whole, purse)
    if best is None:
        return _nothing(desk), tuple(_too_small(item, now) for item in short)
    return best, tuple(_cut(item) for item in short)


# ------------------------------------------------------------------------------------------------- cutting


def _best_cut(desk: Desk, whole: Draft, purse: Purse) -> Draft | None:
    """All in proportion when that leaves nothing too small to trade, else whatever removes most tracking error.

    Of those that remove as good as most, the one that spreads it widest, which comes first.
    """
    even = _largest_part(desk, purse)
    if even is not None and not even.waiting:
        return even
    drafts = [even, *(_largest_part(some, purse) for some in _selections(desk, whole.orders, purse))]
    removed = [(draft, purse.effect(draft).progress) for draft in drafts if draft is not None]
    most = max((progress for _, progress in removed), default=0)
    return next((draft for draft, progress in removed if progress >= most * AS_GOOD), None)


def _selections(desk: Desk, orders: Sequence[Order], purse: Purse) -> Iterator[Desk]:
    """The half, the quarter, ... of the sells and of the buys that are largest; the pools that are cheap enough."""
    ranked = sorted(orders, key=lambda order: -order.value)
    sells = [order.leg for order in ranked if order.leg.asset_out == desk.hub]
    buys = [order.leg for order in ranked if order.leg.asset_in == desk.hub]
    count = max(len(sells), len(buys)) // 2
    while count:
        yield replace(desk, sells=tuple(sells[:count]), buys=tuple(buys[:count]))
        count //= 2
    paid = purse.max_cost / BPS * (1 - LOSS_RESERVE)
    for bound in (paid, paid / 2):
        cheap = [tuple(leg for leg in legs if leg.cost < bound) for legs in (sells, buys)]
        yield replace(desk, sells=cheap[0], buys=cheap[1])


def _largest_part(desk: Desk, purse: Purse) -> Draft | None:
    """The draft that goes as far as fits. None when no part that fits trades anything.

    What a plan spends grows with the part, so the buckets are searched by halves. What it costs for its progress does
    not: just where a buy becomes too small, a sell is left alone. From where the buckets bear it, parts get smaller by
    a fifth until that fits as well.
    """

    def draft(steps: int) -> Draft:
        return replace(desk, part=Fraction(steps, STEPS)).settled()

    low, high = 0, STEPS + 1
    while high - low > 1:
        middle = (low + high) // 2
        if any(short.budget for short in purse.shortages(draft(middle))):
            high = middle
        else:
            low = middle
    while low and purse.shortages(found := draft(low)):
        low = low * 4 // 5
    return found if low and found.orders else None


def _nothing(desk: Desk) -> Draft:
    return replace(desk, sells=(), buys=()).settled()


# --------------------------------------------------------------------------------------------------- words


def _cut(short: Shortage) -> str:
    of = f": {left_of(short.budget)}" if short.budget else " of the tracking error removed"
    return f"cut to {short.name}{of}; the rest waits"


def _wait(short: Shortage, now: int) -> str:
    assert short.budget is not None
    seconds = short.budget.seconds_until(ceil(short.budget.cap * WORTHWHILE))
    goes_on = f", enough to go on at {utc(now + seconds)}" if seconds else ""
    return f"{short.name} left is too small: {left_of(short.budget)}{goes_on}{full_again(short.budget, now)}"


def _too_small(short: Shortage, now: int) -> str:
    if short.budget is None:
        return f"whatever is traded costs more than {short.name} of the tracking error removed"
    fits = f"nothing worth MIN_TRADE_SIZE_USD fits {short.name}"
    return f"{fits}: {left_of(short.budget)}{full_again(short.budget, now)}"
