"""`keeper plan`: what a cycle would do now, without a daemon, a key or a record."""

from decimal import Decimal
from typing import TYPE_CHECKING, Annotated, Any

import typer

from keeper.entrypoints.cli.console import Exit, amount, money, percent, perform, show_json, show_table

if TYPE_CHECKING:
    from keeper.core.deliberation import Deliberation
    from keeper.core.model import Market
    from keeper.core.spending import Budget
    from keeper.ports import Account, Simulated, SimulatedRevert

    Rehearsal = tuple[Simulated | SimulatedRevert, Account] | None


def plan(
    fund: Annotated[str | None, typer.Argument(help="The fund; may be left out when there is one.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Show drift, every guard, and the swaps that would be sent. Exit 3 when a guard or the treasury refuses."""
    perform(lambda: _plan(fund, as_json))


async def _plan(name: str | None, as_json: bool) -> Exit:
    from keeper.app.preview import rehearse
    from keeper.core.deliberation import deliberate
    from keeper.core.ledger import Action
    from keeper.entrypoints.cli.environment import load_settings
    from keeper.ports import SimulatedRevert
    from keeper.wiring.looking import open_sight

    async with open_sight(load_settings(), name) as sight:
        thought = deliberate(sight.market)
        rehearsal = await rehearse(sight.market, thought, sight.chain, sight.codec)
    answer = describe(sight.market, thought, rehearsal)
    if as_json:
        show_json(answer)
    else:
        _show(sight.market, thought, answer)
    reverts = rehearsal is not None and isinstance(rehearsal[0], SimulatedRevert)
    return Exit.CHECK if thought.action is Action.BLOCKED or reverts else Exit.FINE


def describe(market: "Market", thought: "Deliberation", rehearsal: "Rehearsal") -> dict[str, Any]:
    """The plan as JSON: amounts are decimal strings of base units, USD and weights decimal strings.

    `budgets` are in bps of NAV. `retired` assets have a balance and no weight.
    """
    from keeper.core import fees
    from keeper.core.ledger import Action
    from keeper.core.prices import PriceBook
    from keeper.core.units import BPS, UsdE18, Wei, scaled, usd, value_of
    from keeper.ports import Simulated

    actions = {Action.PLANNED: "REBALANCE", Action.HELD: "HOLD", Action.BLOCKED: "BLOCKED"}
    answer: dict[str, Any] = {
        "action": actions[thought.action],
        "reason": thought.reason,
        "block": {"number": market.block.number, "hash": market.block.hash, "timestamp": market.block.timestamp},
        "guards": [
            {"name": g.name, "measured": g.measured, "limit": g.limit, "unit": g.unit, "verdict": g.verdict.value}
            | ({"detail": g.detail} if g.detail else {})
            for g in thought.guards
        ],
        "budgets": {
            name: {
                "left_bps": str(scaled(budget.left, 14)),
                "cap_bps": str(scaled(budget.cap, 14)),
                "seconds_until_full": budget.seconds_until(budget.cap),
            }
            for name, budget in _budgets(market).items()
        },
    }
    book, valuation, plan_ = thought.prices, thought.valuation, thought.plan
    if not isinstance(book, PriceBook) or valuation is None:
        return answer
    after = list(valuation.values)
    if plan_ is not None:
        pairs = zip(plan_.holdings_after, book.px, strict=True)
        after = [UsdE18(0) if px is None else value_of(amount, px) for amount, px in pairs]
    nav, nav_after = valuation.nav, sum(after)
    assets = market.treasury.assets
    if retired := [asset for asset in assets if asset.retired]:
        answer["retired"] = [
            {"symbol": a.symbol, "balance": None if a.balance is None else str(a.balance)} for a in retired
        ]
    answer |= {
        "nav_before_usd": str(usd(nav)),
        "nav_after_usd": str(usd(UsdE18(nav_after))),
        "cost_bps": str(Decimal(nav - nav_after) * BPS / Decimal(nav)) if nav else "0",
        "drift": [
            {
                "symbol": asset.symbol,
                "weight_before": str(Decimal(valuation.values[asset.index]) / Decimal(nav)) if nav else "0",
                "weight_after": str(Decimal(after[asset.index]) / Decimal(nav_after)) if nav_after else "0",
                "target": str(scaled(asset.target, 4)),
            }
            for asset in assets
            if not asset.retired
        ],
        "swaps": [
            {
                "pool": swap.venue,
                "token_in": assets[swap.asset_in].symbol,
                "token_out": assets[swap.asset_out].symbol,
                "amount_in": str(swap.amount_in),
                "expected_out": str(swap.expected_out),
                "min_out": str(swap.min_out),
            }
            for swap in (plan_.swaps if plan_ else ())
        ],
        "notes": list(plan_.notes) if plan_ else [],
    }
    if rehearsal is not None:
        outcome, account = rehearsal
        if isinstance(outcome, Simulated):
            cost = fees.gas_usd(
                fees.gas_cost(outcome.gas, Wei(market.block.base_fee + account.tip)), book.native_usd_px
            )
            answer |= {"gas_units": outcome.gas, "gas_usd": None if cost is None else str(usd(cost))}
        else:
            answer |= {"simulation": {"guard": outcome.guard, "detail": outcome.detail}}
    return answer


def _budgets(market: "Market") -> "dict[str, Budget]":
    from keeper.core.spending import loss_budget, turnover_budget

    return {"loss": loss_budget(market.treasury), "turnover": turnover_budget(market.treasury)}


def _show(market: "Market", thought: "Deliberation", answer: dict[str, Any]) -> None:
    from keeper.core.guards import figures
    from keeper.core.units import scaled
    from keeper.core.words import full_again, left_of

    nav = f", NAV {money(Decimal(answer['nav_before_usd']))} USD" if "nav_before_usd" in answer else ""
    print(f"{market.fund.name}: {answer['action']} at block {market.block.number}{nav}\n{answer['reason']}\n")
    if "drift" in answer:
        weights = ("weight_before", "weight_after", "target")
        rows = [
            [line["symbol"], *(percent(Decimal(line[key]) * 10_000) for key in weights)] for line in answer["drift"]
        ]
        show_table("Weights", ["asset", "now", "after", "target"], rows, right=["now", "after", "target"])
    rows = [[g.name, g.verdict, figures(g), g.detail] for g in thought.guards]
    show_table("Guards", ["guard", "verdict", "measured (limit)", ""], rows)
    now = market.block.timestamp
    left = [f"{name} {left_of(budget)}{full_again(budget, now)}" for name, budget in _budgets(market).items()]
    print(f"the treasury's budgets: {'; '.join(left)}")
    for asset in market.treasury.assets:
        if asset.retired:
            held = "?" if asset.balance is None else amount(scaled(asset.balance, asset.decimals))
            print(f"retired, not counted: {held} {asset.symbol}")
    if thought.plan and thought.plan.swaps:
        assets = market.treasury.assets
        swaps = [
            [
                swap.venue,
                f"{amount(scaled(swap.amount_in, assets[swap.asset_in].decimals))} {assets[swap.asset_in].symbol}",
                f"{amount(scaled(swap.expected_out, assets[swap.asset_out].decimals))} {assets[swap.asset_out].symbol}",
                amount(scaled(swap.min_out, assets[swap.asset_out].decimals)),
                percent(swap.impact * 10_000),
            ]
            for swap in thought.plan.swaps
        ]
        columns = ["venue", "sell", "buy", "at least", "price impact"]
        show_table("Swaps", columns, swaps, right=["sell", "buy", "at least", "price impact"])
        print(f"cost {Decimal(answer['cost_bps']):.2f} bps of NAV, gas {answer.get('gas_units', '-')} units")
    for note in answer.get("notes", []):
        print(f"note: {note}")
    if "simulation" in answer:
        print(f"the treasury would refuse: {answer['simulation']['detail']}")
