"""Is everything there that a fund needs? Each check says ok, warn or fail, and what to do."""

from dataclasses import dataclass, replace
from decimal import Decimal
from enum import StrEnum
from fractions import Fraction

from keeper.core.guards import figures, gates
from keeper.core.hub import in_use
from keeper.core.index.methodology import Methodology
from keeper.core.index.reweighting import is_owner, weigher_role
from keeper.core.model import GuardResult, Market, Verdict
from keeper.core.prices import PriceBook, PricesRefused, agree
from keeper.core.spending import foresee, loss_budget, turnover_budget
from keeper.core.units import BPS, PIPS, UsdE18, scaled
from keeper.core.valuation import readable
from keeper.core.words import dollars, duration, full_again, left_of, percent, plain

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
    prices = agree(market)
    checks = [_of_guard(guard) for guard in gates(market, prices) if guard.name != "open_transaction"]
    checks += [keeper_expiry(market), gas_reach(market), clock(market), budgets(market), limits(market, prices)]
    return [replace(check, fund=market.fund.name) for check in checks]


def examine_index(market: Market, rules: Methodology, no_universe: str) -> list[Check]:
    """Whether the fund's index can be looked at, and who would send its targets. `market` is as the weigher sees it,
    `no_universe` why nobody describes the market; empty when somebody does."""
    asked = "" if rules.fixed_bps else no_universe
    role, largest = weigher_role(market), rules.cap_bps or BPS
    checks = [Check("index", Health.FAIL if asked else Health.OK, asked or "its market can be asked")]
    if role.verdict is Verdict.REFUSE:
        checks.append(Check("weigher", Health.WARN, f"targets are told and not sent: {role.detail}"))
    elif largest > market.treasury.limits.max_weight and not is_owner(market):
        bound = percent(Fraction(market.treasury.limits.max_weight, BPS))
        checks.append(
            Check("weigher", Health.WARN, f"cap_bps lets a weight be above maxWeight, {bound} %: it would stay")
        )
    else:
        checks.append(Check("weigher", Health.OK, f"{market.fund.signer} sends the targets"))
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


def budgets(market: Market) -> Check:
    """What the treasury lets the fund spend now. Little left is no fault: it is what a rebalance leaves."""
    both = {"loss": loss_budget(market.treasury), "turnover": turnover_budget(market.treasury)}
    now = market.block.timestamp
    left = [f"{name} {left_of(budget)}{full_again(budget, now)}" for name, budget in both.items()]
    return Check("budgets", Health.OK, "; ".join(left))


def limits(market: Market, prices: PriceBook | PricesRefused) -> Check:
    """Whether policy, pools and the treasury's limits can work together at all."""
    treasury, policy, bounds = market.treasury, market.policy, market.treasury.limits
    faults = []
    if policy.slippage_tolerance > Decimal(bounds.max_slip) / BPS:
        asked, allowed = percent(Fraction(policy.slippage_tolerance)), percent(Fraction(bounds.max_slip, BPS))
        faults.append(f"SLIPPAGE_TOLERANCE {asked} % is beyond the treasury's maxSlip {allowed} %, which then counts")
    fee = min((Fraction(venue.fee_pips, PIPS) for venue in treasury.venues if in_use(treasury, venue)), default=None)
    if fee is None:
        return Check("limits", Health.WARN, "; ".join([*faults, "no venue is in use: nothing can be traded"]))
    if fee >= Fraction(bounds.max_slip, BPS):
        faults.append(f"pools take {percent(fee)} %, maxSlip is {percent(Fraction(bounds.max_slip, BPS))} %")
    if 2 * fee >= Fraction(bounds.max_cost, BPS):
        pays = percent(Fraction(bounds.max_cost, BPS))
        faults.append(f"two swaps cost {percent(2 * fee)} % of what they move, maxCost is {pays} %")
    if isinstance(prices, PriceBook) and readable(market):
        nav = foresee(treasury, prices.treasury_px, []).nav_before
        spendable, sellable = (nav * cap // BPS for cap in (bounds.loss_cap, bounds.turnover_cap))
        if policy.min_trade * fee > spendable:
            faults.append(f"lossCap is {dollars(UsdE18(spendable))} USD: less than MIN_TRADE_SIZE_USD loses in a pool")
        if policy.min_trade > sellable:
            faults.append(f"turnoverCap is {dollars(UsdE18(sellable))} USD: less than MIN_TRADE_SIZE_USD")
    return Check(
        "limits", Health.WARN if faults else Health.OK, "; ".join(faults) or "policy, pools and treasury agree"
    )


def _of_guard(guard: GuardResult) -> Check:
    health = Health.FAIL if guard.verdict is Verdict.REFUSE else Health.OK
    return Check(guard.name, health, f"{figures(guard)}, {guard.detail}" if guard.detail else figures(guard))
