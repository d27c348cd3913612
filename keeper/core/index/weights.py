"""Market caps -> weights that sum to 1, by one of two rules. Exact fractions: what is not possible is an error."""

from collections.abc import Sequence
from enum import StrEnum
from fractions import Fraction
from typing import Final

from keeper.core.words import percent


class Rule(StrEnum):
    """`clip` bounds every weight from both sides; `top3` takes the floor from the three largest."""

    CLIP = "clip"
    TOP3 = "top3"


class WeightsImpossible(ValueError):
    """No weights obey the rule. The message names the numbers, fit for an operator."""


_DONORS: Final = ("largest", "second", "third")


def weigh(rule: Rule, caps: Sequence[Fraction], cap: Fraction | None, floor: Fraction | None) -> tuple[Fraction, ...]:
    """Weights in the order of `caps`, the members' market caps. Raises WeightsImpossible."""
    if rule is Rule.CLIP:
        return clip(caps, cap, floor)
    if cap is not None:
        raise WeightsImpossible(f"rule {rule} knows no cap: rule {Rule.CLIP} does")
    return top3(caps, floor)


def clip(caps: Sequence[Fraction], cap: Fraction | None = None, floor: Fraction | None = None) -> tuple[Fraction, ...]:
    """`w = min(max(L * market cap, floor), cap)` with the one L for which the weights sum to 1.

    Raises WeightsImpossible unless `n * floor <= 1 <= n * cap`.
    """
    most, least = Fraction(1) if cap is None else cap, floor or Fraction(0)
    _require_market_caps(caps)
    _require_floor(len(caps), least)
    _require_cap(len(caps), most)
    level = _level(caps, most, least)
    return tuple(min(max(level * one, least), most) for one in caps)


def _level(caps: Sequence[Fraction], most: Fraction, least: Fraction) -> Fraction:
    """The L. As it rises from 0 each weight leaves the floor at `least / market cap` and stops at `most / market cap`;
    between two such points the sum of weights is `at the floor + at the cap + L * (market caps between)`."""
    points = sorted([(least / one, 0, one) for one in caps] + [(most / one, 1, one) for one in caps])
    floored, capped, free = len(caps), 0, Fraction(0)
    for level, stops, one in points:
        fixed = floored * least + capped * most
        if fixed + level * free >= 1:
            return (1 - fixed) / free if free else level
        if stops:
            capped, free = capped + 1, free - one
        else:
            floored, free = floored - 1, free + one
    raise AssertionError("at the last point every weight is at the cap, and the cap leaves room")


def top3(caps: Sequence[Fraction], floor: Fraction | None = None) -> tuple[Fraction, ...]:
    """What is under the floor is raised to it; the three largest give the shortfall, pro rata to their weights.

    Raises WeightsImpossible where one of them would fall below the fourth's weight or below the floor.
    """
    least = floor or Fraction(0)
    _require_market_caps(caps)
    _require_floor(len(caps), least)
    whole = sum(caps)
    weights = [one / whole for one in caps]
    raised = [weight for weight in weights if weight < least]
    shortfall = sum((least - weight for weight in raised), Fraction(0))
    if not shortfall:
        return tuple(weights)
    order = sorted(range(len(weights)), key=lambda index: -weights[index])
    donors = order[: len(_DONORS)]
    given = 1 - shortfall / sum(weights[index] for index in donors)
    after = [max(weight, least) for weight in weights]
    for index in donors:
        after[index] = weights[index] * given
    fourth = after[order[len(_DONORS)]] if len(order) > len(_DONORS) else Fraction(0)
    for name, index in zip(_DONORS, donors, strict=False):
        if fault := _too_low(after[index], fourth, least):
            members = "1 member" if len(raised) == 1 else f"{len(raised)} members"
            raise WeightsImpossible(
                f"raising {members} to the floor of {_shown(least)} takes {_shown(shortfall)} from the three largest: "
                f"the {name} would fall from {_shown(weights[index])} to {_shown(after[index])}, {fault}"
            )
    return tuple(after)


def _too_low(donor: Fraction, fourth: Fraction, least: Fraction) -> str:
    if donor < least:
        return "below the floor"
    return f"below the fourth's {_shown(fourth)}" if donor < fourth else ""


def _require_market_caps(caps: Sequence[Fraction]) -> None:
    if not caps:
        raise WeightsImpossible("there is no member to weigh")
    if any(one <= 0 for one in caps):
        raise ValueError("a member without a market cap has no weight")


def _require_floor(count: int, least: Fraction) -> None:
    if count * least > 1:
        raise WeightsImpossible(
            f"{_members(count)} of at least {_shown(least)} each need {_shown(count * least)} of 100 %: "
            "the floor is too high or they are too many"
        )


def _require_cap(count: int, most: Fraction) -> None:
    if count * most < 1:
        raise WeightsImpossible(
            f"{_members(count)} of at most {_shown(most)} each reach {_shown(count * most)}, not 100 %: "
            "the cap is too low or they are too few"
        )


def _members(count: int) -> str:
    return "1 member" if count == 1 else f"{count} members"


def _shown(fraction: Fraction) -> str:
    return f"{percent(fraction, 6)} %"
