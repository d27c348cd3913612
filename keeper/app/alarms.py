"""Which ends of a cycle a person must hear of."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from decimal import Decimal

from keeper.core.deliberation import Deliberation
from keeper.core.drift import Rebalance
from keeper.core.ledger import Action, Alert, AlertKind
from keeper.core.model import Market
from keeper.core.units import UsdE18, usd

HALTING = frozenset(
    {
        "paused",
        "keeper_role",
        "gas_balance",
        "head_age",
        "sequencer",
        "price_bounds",
        "price_age",
        "price_agreement",
        "stablecoin_peg",
        "token_health",
    }
)
"""Guards that stop a fund whatever its drift: somebody has to act."""


@dataclass(slots=True)
class Told:
    """What people were told of and still stands: it is told once, not at every cycle. The books count them all."""

    standing: set[tuple[int, AlertKind]] = field(default_factory=set)

    def news(self, fund_id: int, raised: Iterable[Alert], cleared: Iterable[AlertKind]) -> list[Alert]:
        """The alerts that were not standing before. What is cleared is told again when it comes back."""
        self.standing -= {(fund_id, kind) for kind in cleared}
        fresh = [alert for alert in raised if (alert.fund_id, alert.kind) not in self.standing]
        self.standing |= {(alert.fund_id, alert.kind) for alert in fresh}
        return fresh


def alerts_of(market: Market, thought: Deliberation, action: Action, reason: str) -> tuple[Alert, ...]:
    """For a cycle that got as far as seeing its market."""
    fund = market.fund.id
    alerts = []
    halting = [guard for guard in thought.refusals if guard.name in HALTING]
    if halting:
        alerts.append(Alert(fund, AlertKind.FUND_HALTED, thought.reason))
    if action is Action.REVERTED:
        alerts.append(Alert(fund, AlertKind.REBALANCE_FAILED, reason))
    if isinstance(thought.decision, Rebalance) and action is Action.BLOCKED:
        alerts.append(Alert(fund, AlertKind.HIGH_DRIFT, f"{thought.decision.reason}, but blocked by {reason}"))
    return tuple(alerts)


def cleared_by(thought: Deliberation, action: Action, raised: tuple[Alert, ...]) -> tuple[AlertKind, ...]:
    """Alerts whose cause is gone with a cycle that saw its market and ended like this.

    A signer that was halted over a transaction shows as one that is open: those alerts stand until it is settled. What
    gas cost stands until the next transaction. Whatever forbade to sign is over when something was signed.
    """
    over = {AlertKind.HIGH_DRIFT}
    if not any(guard.name == "open_transaction" for guard in thought.refusals):
        over |= {AlertKind.FUND_HALTED, AlertKind.TRANSACTION_STUCK}
    if action in (Action.HELD, Action.SUBMITTED, Action.PLANNED):
        over.add(AlertKind.REBALANCE_FAILED)
    if action is Action.SUBMITTED:
        over |= {AlertKind.HIGH_GAS_COST, AlertKind.SAFE_HOLD, AlertKind.BREAKER_OPEN}
    return tuple(sorted(over - {alert.kind for alert in raised}))


def gas_alert(fund_id: int, cost: UsdE18 | None, limit: UsdE18) -> tuple[Alert, ...]:
    if cost is None or cost <= limit:
        return ()
    spent, allowed = usd(cost).quantize(Decimal("0.01")), usd(limit).quantize(Decimal("0.01"))
    return (Alert(fund_id, AlertKind.HIGH_GAS_COST, f"gas cost {spent} USD, above HIGH_GAS_COST_USD {allowed}"),)
