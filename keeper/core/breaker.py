"""The circuit breaker: when what was executed says that a person should look before anything more is. Pure."""

from collections.abc import Sequence
from fractions import Fraction
from typing import Final

from keeper.core.ledger import Execution
from keeper.core.model import Policy
from keeper.core.units import Timestamp, in_bps
from keeper.core.words import plain

WINDOW_SECONDS: Final = 86_400
"""Chain time."""
_EXPIRED: Final = "Expired"
"""The treasury's error for a deadline that has passed: the chain was slow, which says nothing against the plan."""


def counted_from(now: Timestamp) -> Timestamp:
    return Timestamp(max(0, now - WINDOW_SECONDS))


def trips(executions: Sequence[Execution], policy: Policy) -> str | None:
    """Why the breaker opens, or None. `executions` are those of the last `WINDOW_SECONDS`, any order.

    Two rules: so many reverts; or more than a part of NAV lost to execution, as the treasury counts it: each loss is a
    part of the NAV before it.
    """
    reverted = [
        each for each in executions if not each.succeeded and not (each.revert_reason or "").startswith(_EXPIRED)
    ]
    if len(reverted) >= policy.breaker_reverts:
        last = max(reverted, key=lambda each: each.mined_at)
        return f"{len(reverted)} transactions reverted within 24 h, the last with {last.revert_reason or 'no reason'}"
    lost = sum((Fraction(each.loss, each.nav) for each in executions if each.loss and each.nav), Fraction())
    if lost > Fraction(policy.breaker_loss):
        limit = plain(in_bps(Fraction(policy.breaker_loss)))
        return f"{plain(in_bps(lost))} bps of NAV were lost to execution within 24 h, more than {limit} bps"
    return None
