"""A part of the way from old targets to new ones: as far as the treasury lets its weigher go at once."""

from collections.abc import Sequence
from fractions import Fraction
from typing import Final

from keeper.core.index.rounding import apportion
from keeper.core.units import BPS, Bps

NO_CEILING: Final = Bps(BPS)


def shift_of(before: Sequence[Bps], after: Sequence[Bps]) -> Bps:
    """What the treasury counts such a change as: half of all that moves, rounded up (`setTargets`)."""
    moved = sum(abs(new - old) for old, new in zip(before, after, strict=True))
    return Bps(-(-moved // 2))


def step_towards(
    before: Sequence[Bps],
    after: Sequence[Bps],
    most: Bps,
    ceiling: Bps = NO_CEILING,
) -> tuple[Bps, ...]:
    """Targets on the way from `before` to `after`, both summing to 10,000, that shift by at most `most`.

    The whole way where that is allowed, else a step of exactly `most`: what stands above the `ceiling`, which nothing
    may after it, comes first; then what shall leave, the largest of it first; and everything else moves in proportion
    to what it still has to go. Raises ValueError for targets of another sum, of which no part sums to 10,000 either.
    """
    if sum(before) != BPS or sum(after) != BPS:
        raise ValueError(f"targets sum to {sum(before)} and {sum(after)}, not to {BPS}")
    if shift_of(before, after) <= most:
        return tuple(after)
    most = Bps(max(0, most))
    rises = [max(0, new - old) for old, new in zip(before, after, strict=True)]
    falls = [max(0, old - new) for old, new in zip(before, after, strict=True)]
    taken = _largest_first([min(fall, max(0, old - ceiling)) for fall, old in zip(falls, before, strict=True)], most)
    exits = [fall - part if new == 0 else 0 for fall, part, new in zip(falls, taken, after, strict=True)]
    taken = _sums(taken, _largest_first(exits, most - sum(taken)))
    others = [fall - part if new else 0 for fall, part, new in zip(falls, taken, after, strict=True)]
    taken = _sums(taken, _shared(others, most - sum(taken)))
    given = _shared(rises, most)
    return tuple(Bps(old + up - down) for old, up, down in zip(before, given, taken, strict=True))


def _largest_first(parts: Sequence[int], most: int) -> list[int]:
    """Each whole while it lasts; ties by order."""
    taken = [0] * len(parts)
    for index in sorted(range(len(parts)), key=lambda index: -parts[index]):
        taken[index] = min(parts[index], most - sum(taken))
    return taken


def _sums(ones: Sequence[int], others: Sequence[int]) -> list[int]:
    return [one + other for one, other in zip(ones, others, strict=True)]


def _shared(parts: Sequence[int], most: int) -> list[int]:
    """`most` in proportion to the parts, none of which gets more than itself. `most` is at most their sum."""
    whole = sum(parts)
    if not whole or not most:
        return [0] * len(parts)
    return list(apportion([Fraction(part, whole) for part in parts], most))
