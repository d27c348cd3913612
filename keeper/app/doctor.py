"""Is everything there that a fund needs? Each check says ok, warn or fail, and what to do."""

from dataclasses import dataclass, replace
from enum import StrEnum

from keeper.core.guards import figures, gates
from keeper.core.model import GuardResult, Market, Verdict
from keeper.core.prices import agree
from keeper.core.units import scaled
from keeper.core.words import duration, plain

EXPIRY_WARNING_SECONDS = 3 * 86_400
REBALANCE_GAS = 750_000
"""What a rebalance of eight assets may use at most; for telling how far the gas balance reaches."""
FEW_REBALANCES = 10


class Health(StrEnum):
    OK = "ok"
    WARN = "warn"
    FAIL = "fail"


@dataclass(frozen=True, slots=True)
class Check:
    """`fund` is empty for what all funds share."""

    name: str
    health: Health
    detail: str
    fund: str = ""


def examine(market: Market) -> list[Check]:
    """Everything that one look at the chain tells about a fund: the cycle's own gates, then what will fail soon."""
    checks = [_of_guard(guard) for guard in gates(market, agree(market)) if guard.name != "open_transaction"]
    checks += [keeper_expiry(market), gas_reach(market), clock(market)]
    return [replace(check, fund=market.fund.name) for check in checks]


def keeper_expiry(market: Market) -> Check:
    left = market.treasury.keeper_until - market.block.timestamp
    if left <= 0:
        return Check("keeper_expiry", Health.FAIL, "the role is not given or has expired: the owner calls setKeeper")
    health = Health.WARN if left < EXPIRY_WARNING_SECONDS else Health.OK
    return Check("keeper_expiry", health, f"the keeper role ends in {duration(left)}")


def gas_reach(market: Market) -> Check:
    """How many rebalances the signer can pay at the newest block's base fee."""
    balance, fee = market.treasury.keeper_balance, max(1, market.block.base_fee)
    reach = balance // (fee * REBALANCE_GAS)
    health = Health.OK if reach >= FEW_REBALANCES else Health.WARN if reach else Health.FAIL
    held = plain(scaled(balance, 18))
    return Check("gas_reach", health, f"{held} of the native coin pay about {reach} rebalances at today's base fee")


def clock(market: Market) -> Check:
    """A head from the future means that this machine's clock is behind, or that the chain is simulated."""
    age = market.head_age_seconds
    if age < -15:
        return Check("clock", Health.WARN, f"the newest block is {duration(-age)} ahead of this machine's clock")
    return Check("clock", Health.OK, f"the newest block is {duration(max(0, age))} old")


def _of_guard(guard: GuardResult) -> Check:
    health = Health.FAIL if guard.verdict is Verdict.REFUSE else Health.OK
    return Check(guard.name, health, f"{figures(guard)}, {guard.detail}" if guard.detail else figures(guard))
