"""Exact weights -> whole parts of a total, by largest remainder: their sum is the total, always."""

from collections.abc import Sequence
from fractions import Fraction


def apportion(weights: Sequence[Fraction], total: int) -> tuple[int, ...]:
    """Each weight's part of `total`, rounded down; what is then missing goes one by one to the largest remainders.

    Equal remainders: whoever stands first. A part that is whole stays as it is, so a bound in whole parts that the
    weights keep is kept by the result. Raises ValueError when the weights do not sum to 1.
    """
    if (whole := sum(weights)) != 1:
        raise ValueError(f"weights sum to {whole}, not to 1")
    parts = [int(weight * total) for weight in weights]
    remainders = [weight * total - part for weight, part in zip(weights, parts, strict=True)]
    for index in sorted(range(len(parts)), key=lambda index: -remainders[index])[: total - sum(parts)]:
        parts[index] += 1
    return tuple(parts)
