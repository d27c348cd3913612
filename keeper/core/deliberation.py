"""From what was seen to what shall be done. Live cycle, dry run, `keeper plan` and a replay all think through here."""

from dataclasses import dataclass

from keeper.core.drift import Hold, Rebalance, decide
from keeper.core.guards import check_gas, check_plan, cooldown, drift_guard, gates
from keeper.core.ledger import Action
from keeper.core.model import GuardResult, Market, Plan, Verdict
from keeper.core.planner.simple import plan as make_plan
from keeper.core.prices import PriceBook, PricesRefused, agree
from keeper.core.units import Wei
from keeper.core.valuation import Valuation, readable, value


@dataclass(frozen=True, slots=True)
class Deliberation:
    """What was concluded, and everything it was concluded from.

    `action` is HELD, BLOCKED or PLANNED; a plan is present only when it passed, or when a guard refused it. `reason`
    is one line for a person.
    """

    action: Action
    reason: str
    prices: PriceBook | PricesRefused
    guards: tuple[GuardResult, ...]
    valuation: Valuation | None = None
    decision: Hold | Rebalance | None = None
    plan: Plan | None = None

    @property
    def refusals(self) -> tuple[GuardResult, ...]:
        return refused(self.guards)


def deliberate(market: Market) -> Deliberation:
    """Value the fund, decide, plan, and let every guard speak. Pure: the same market gives the same answer."""
    prices = agree(market)
    guards = gates(market, prices)
    if isinstance(prices, PricesRefused) or not readable(market):
        return Deliberation(Action.BLOCKED, because(guards), prices, guards)

    valuation = value(market, prices)
    decision = decide(valuation, market)
    guards += (drift_guard(decision, market),)
    if refused(guards):
        return Deliberation(Action.BLOCKED, because(guards), prices, guards, valuation, decision)
    if isinstance(decision, Hold):
        return Deliberation(Action.HELD, decision.reason, prices, guards, valuation, decision)

    plan = make_plan(valuation, decision, market, prices)
    # the tip is not known yet: what the base fee alone forbids is forbidden
    guards += (cooldown(market), check_gas(market, market.block.base_fee, Wei(0)))
    guards += check_plan(plan, valuation, decision, market, prices)
    if refused(guards):
        return Deliberation(Action.BLOCKED, because(guards), prices, guards, valuation, decision, plan)
    if not plan.swaps:
        reason = "; ".join(plan.notes) or "no swap would help"
        return Deliberation(Action.HELD, f"nothing to trade: {reason}", prices, guards, valuation, decision, plan)
    return Deliberation(Action.PLANNED, decision.reason, prices, guards, valuation, decision, plan)


def refused(guards: tuple[GuardResult, ...]) -> tuple[GuardResult, ...]:
    return tuple(guard for guard in guards if guard.verdict is Verdict.REFUSE)


def because(guards: tuple[GuardResult, ...]) -> str:
    """The refusals in one line: each guard, what it measured and what it allows."""
    return "; ".join(
        f"{guard.name}: {guard.detail}" if guard.detail else f"{guard.name}: {guard.measured}, limit {guard.limit}"
        for guard in refused(guards)
    )
