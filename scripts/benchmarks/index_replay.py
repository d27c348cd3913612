"""An index made anew on each of many days out of a history: members, weights, turnover, and every reason."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from fractions import Fraction

from keeper.core.index.candidates import Refused
from keeper.core.index.eligibility import OF_THE_MARKET, screen
from keeper.core.index.membership import Change, reconstitute
from keeper.core.index.methodology import Methodology
from keeper.core.index.rounding import apportion
from keeper.core.index.weights import weigh
from keeper.core.units import BPS, Timestamp
from scripts.benchmarks.index_history import CATEGORIES, History
from scripts.localchain.paths import midnight


@dataclass(frozen=True, slots=True)
class Step:
    """One day on which the index was made anew. `weights` are by rank. `turnover` is half of what the weights move by,
    from where the prices had carried them; of the first step None, for it is all bought."""

    day: date
    weights: dict[str, int]
    turnover: Fraction | None
    changes: tuple[Change, ...]
    refused: tuple[Refused, ...]
    stale_purchases: tuple[str, ...]
    missed_exits: tuple[str, ...]


def months(first: date, last: date) -> Iterator[date]:
    """The first day of each month, both included."""
    for month in range(first.year * 12 + first.month - 1, last.year * 12 + last.month):
        yield date(month // 12, month % 12 + 1, 1)


def replay(history: History, rules: Methodology, days: Iterable[date]) -> list[Step]:
    """Raises WeightsImpossible on a day with too few members for the cap, or none."""
    steps: list[Step] = []
    for day in days:
        steps.append(_step(history, rules, day, steps[-1] if steps else None))
    return steps


def _step(history: History, rules: Methodology, day: date, before: Step | None) -> Step:
    current = list(before.weights) if before else []
    screening = screen(history.candidates(day), rules, Timestamp(midnight(day)), OF_THE_MARKET)
    refused = {each.coin: each for each in screening.refused}
    chosen = reconstitute(current, screening.eligible, refused, rules.size, rules.rank_buffer)
    cap, floor = (None if bound is None else Fraction(bound, BPS) for bound in (rules.cap_bps, rules.floor_bps))
    exact = weigh(rules.rule, [each.market_cap for each in chosen.members], cap, floor)
    weights = dict(zip((each.coin for each in chosen.members), apportion(exact, BPS), strict=True))
    carried = drifted(history, before, day) if before else None
    return Step(
        day=day,
        weights=weights,
        turnover=None if carried is None else turnover(carried, weights),
        changes=chosen.changes,
        refused=screening.refused,
        stale_purchases=tuple(
            coin
            for coin, bps in weights.items()
            if day not in history.closes[coin] and bps > (carried or {}).get(coin, Fraction(0)) * BPS
        ),
        missed_exits=tuple(_missed(history, rules, day, current, weights)),
    )


def drifted(history: History, step: Step, day: date) -> dict[str, Fraction]:
    """The weights of a step as prices have carried them until `day`. What has no price any more is at its last one: it
    can only be sold. What is worth nothing weighs nothing, and the others carry on."""
    values = {}
    for coin, bps in step.weights.items():
        bought, now = history.last_price(coin, step.day), history.last_price(coin, day)
        assert bought, "nothing is bought at no price"
        values[coin] = bps * Fraction(now or 0) / Fraction(bought)
    whole = sum(values.values(), Fraction(0))
    return {coin: value / whole if whole else Fraction(0) for coin, value in values.items()}


def turnover(before: Mapping[str, Fraction], after: Mapping[str, int]) -> Fraction:
    """Half the sum of what the weights move by."""
    return (
        sum(
            (abs(Fraction(after.get(coin, 0), BPS) - before.get(coin, Fraction(0))) for coin in {*before, *after}),
            Fraction(0),
        )
        / 2
    )


def _missed(
    history: History, rules: Methodology, day: date, current: Sequence[str], weights: Mapping[str, int]
) -> Iterator[str]:
    """Members that stayed and should not have, found in the plainest way: no row on that day, no market cap, or as many
    larger coins that float as there are ranks a member may fall to."""
    rows = {coin: closes[day] for coin, closes in history.closes.items() if day in closes}
    floating = {coin: row.market_cap or 0 for coin, row in rows.items() if coin not in CATEGORIES}
    for coin in current:
        own = floating.get(coin, 0)
        larger = sum(cap > own for cap in floating.values())
        if coin in weights and (not own or larger >= rules.size + rules.rank_buffer):
            yield coin
