"""`keeper index rules|preview|units`: a fund's own index: its rules, what it would change, what a token is made of."""

import getpass
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from keeper.entrypoints.cli.console import Exit, amount, money, perform, show_json, show_table, unicode_text

if TYPE_CHECKING:
    from keeper.core.index.composition import Composition
    from keeper.core.model import Market
    from keeper.wiring.index import Preview

Fund = Annotated[str | None, typer.Argument(help="The fund; may be left out when there is one.")]
Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]
Other = Annotated[
    Path | None, typer.Option("--rules", help="JSON with other rules than the fund's.", show_default=False)
]


def rules(
    fund: Fund = None,
    new: Annotated[
        Path | None, typer.Option("--set", help="JSON with new rules; what is left out is the default.")
    ] = None,
    why: Annotated[str, typer.Option(help="Why they change; kept with them.")] = "",
    as_json: Json = False,
) -> None:
    """Show how the fund's index is made, every version, or set it. A keeper that runs looks at the market at once.

    Exit 2 with every mistake when the rules cannot be; nothing is stored then.
    """
    perform(lambda: _rules(fund, new, why, as_json))


def preview(fund: Fund = None, other: Other = None, as_json: Json = False) -> None:
    """Show old and new weights, why, and what the fund would trade. Writes and sends nothing.

    Exit 3 when something could not be asked, or the new targets could not be sent.
    """
    perform(lambda: _preview(fund, other, as_json))


def units(fund: Fund = None, as_json: Json = False) -> None:
    """Show what stands behind one index token, now and at the targets, and its price: as the treasury counts them.

    Exit 3 when a price or a balance is missing.
    """
    perform(lambda: _units(fund, as_json))


async def _rules(name: str | None, new: Path | None, why: str, as_json: bool) -> Exit:
    from keeper.core.mistakes import ConfigurationError
    from keeper.entrypoints.cli.environment import load_settings
    from keeper.wiring.index import rules_of, rules_of_fund, set_rules

    settings = load_settings()
    if new is not None:
        fund, _ = await rules_of_fund(settings, name)
        await set_rules(settings, fund.name, rules_of(new), getpass.getuser(), unicode_text(why))
    fund, versions = await rules_of_fund(settings, name)
    if not versions:
        raise ConfigurationError([f"{fund.name} follows no index: `keeper index rules {fund.name} --set FILE`"])
    if as_json:
        keys = ("version", "rules", "digest", "by", "why", "created_at")
        show_json({"fund": fund.name, "versions": [{key: row[key] for key in keys} for row in versions]})
        return Exit.FINE
    newest = versions[0]
    said = [[key, _plain(value)] for key, value in newest["rules"].items()]
    show_table(f"{fund.name}: version {newest['version']} of its index", ["rule", "value"], said)
    print()
    history = [[row["version"], row["created_at"], row["by"], row["why"]] for row in versions]
    show_table("Versions", ["version", "when", "by", "why"], history)
    return Exit.FINE


def _plain(value: Any) -> str:
    if isinstance(value, dict):
        return ", ".join(f"{name}: {each}" for name, each in value.items()) or "-"
    if isinstance(value, list):
        return ", ".join(value) or "-"
    return "-" if value in (None, "") else str(value)


# ------------------------------------------------------------------------------------------------ preview


async def _preview(name: str | None, file: Path | None, as_json: bool) -> Exit:
    from keeper.core.ledger import Action
    from keeper.entrypoints.cli.environment import load_settings
    from keeper.wiring.index import preview, rules_of

    found = await preview(load_settings(), name, None if file is None else rules_of(file))
    answer = describe_preview(found)
    if as_json:
        show_json(answer)
    else:
        _show_preview(found, answer)
    return Exit.CHECK if found.judgement.action is Action.BLOCKED else Exit.FINE


def describe_preview(found: "Preview") -> dict[str, Any]:
    """Bps are integers in the treasury's order, market caps and weights decimal text, amounts base units as text.

    `step_bps` is what one transaction would set now, null when none would be sent; `call` sets it, or all of it.
    """
    from keeper.core.index.proposal import Withheld
    from keeper.core.index.record import index_body
    from keeper.core.units import scaled
    from keeper.core.words import plain, utc
    from keeper.entrypoints.cli.plan import describe

    market, proposal, judgement = found.market, found.proposal, found.judgement
    body = index_body(market, found.state, proposal, judgement, "", found.survey.faults)
    assets = market.treasury.assets
    wanted = None if isinstance(proposal, Withheld) else proposal.targets
    answer: dict[str, Any] = {
        "fund": market.fund.name,
        "block": {"number": market.block.number, "hash": market.block.hash, "timestamp": market.block.timestamp},
        "methodology_version": found.state.methodology.version,
        "action": judgement.action.value,
        "reason": judgement.reason,
        "next_look": utc(judgement.next_due),
        "targets": [
            {
                "symbol": asset.symbol,
                "token": asset.token,
                "before_bps": asset.target,
                "after_bps": None if wanted is None else wanted[asset.index],
                "step_bps": None if judgement.step is None else judgement.step[asset.index],
            }
            for asset in assets
        ],
        "members": [
            {
                "rank": each.member.rank,
                "coin": each.member.coin,
                "symbol": each.member.symbol,
                "market_cap": None if (cap := each.member.candidate.market_cap) is None else plain(cap),
                "weight": plain(scaled(int(each.weight * 10**18), 18)),
                "bps": each.target,
            }
            for each in (() if isinstance(proposal, Withheld) else proposal.holdings)
        ],
        **{key: body.get(key, []) for key in ("members_before", "changes", "proposed", "refused", "faults", "reasons")},
        "guards": [
            {"name": g.name, "measured": g.measured, "limit": g.limit, "unit": g.unit, "verdict": g.verdict.value}
            | ({"detail": g.detail} if g.detail else {})
            for g in judgement.guards
        ],
        "call": None if found.call is None else {"to": found.call.to, "data": "0x" + found.call.data.hex()},
    }
    if found.trades is not None:
        answer["trades"] = describe(market, found.trades, None)
    return answer


def _show_preview(found: "Preview", answer: dict[str, Any]) -> None:
    def bps(value: int | None) -> str:
        return "-" if value is None else f"{value / 100:.2f} %"

    print(f"{answer['fund']}, block {answer['block']['number']}: {answer['action']}: {answer['reason']}")
    rows = [[t["symbol"], bps(t["before_bps"]), bps(t["after_bps"]), bps(t["step_bps"])] for t in answer["targets"]]
    columns = ["asset", "target now", "by the index", "sent now"]
    print()
    show_table("Targets", columns, rows, right=columns[1:])
    for title, key in (("Changes", "changes"), ("For the owner: not listed or not to be bought", "proposed")):
        if answer[key]:
            print()
            said = [[each["symbol"], each["coin"], each.get("move", ""), each["reason"]] for each in answer[key]]
            show_table(title, ["asset", "coin", "", "why"], said)
    trades = answer.get("trades", {})
    if trades.get("swaps"):
        print()
        show_table(
            "It would trade first",
            ["sell", "buy", "amount", "expected"],
            [_swap(swap, found.market) for swap in trades["swaps"]],
            right=["amount", "expected"],
        )
    elif trades:
        print(f"\nTrades: {trades['reason']}")
    if found.call is not None:
        print(f"\nsetTargets for whoever may: to {answer['call']['to']}, data {answer['call']['data']}")


def _swap(swap: dict[str, Any], market: "Market") -> list[str]:
    from keeper.core.units import scaled

    decimals = {asset.symbol: asset.decimals for asset in market.treasury.assets}
    paid = scaled(int(swap["amount_in"]), decimals[swap["token_in"]])
    got = scaled(int(swap["expected_out"]), decimals[swap["token_out"]])
    return [swap["token_in"], swap["token_out"], amount(paid), amount(got)]


# ------------------------------------------------------------------------------------------------ units


async def _units(name: str | None, as_json: bool) -> Exit:
    from keeper.core.index.composition import composition
    from keeper.entrypoints.cli.environment import load_settings
    from keeper.wiring.looking import open_sight

    async with open_sight(load_settings(), name) as sight:
        found, market = composition(sight.market), sight.market
    if as_json:
        show_json(describe_units(found, market))
    else:
        _show_units(found, market)
    return Exit.CHECK if any(each.fault for each in found.components if not each.asset.retired) else Exit.FINE


def describe_units(found: "Composition", market: "Market") -> dict[str, Any]:
    """Base units and USD with 18 decimals as decimal text of integers, for 10^18 base units of the index token."""
    return {
        "fund": market.fund.name,
        "block": {"number": market.block.number, "hash": market.block.hash, "timestamp": market.block.timestamp},
        "total_supply": str(found.supply),
        "nav_usd_e18": _text(found.nav),
        "index_price_usd_e18": _text(found.index_price),
        "components": [
            {
                "symbol": each.asset.symbol,
                "token": each.asset.token,
                "decimals": each.asset.decimals,
                "target_bps": each.asset.target,
                "units": _text(each.units),
                "target_units": _text(each.target_units),
                "value_usd_e18": _text(each.value),
                "retired": each.asset.retired,
            }
            | ({"fault": each.fault} if each.fault else {})
            for each in found.components
        ],
    }


def _show_units(found: "Composition", market: "Market") -> None:
    from keeper.core.units import scaled, usd

    def whole(value: int | None, decimals: int) -> str:
        return "-" if value is None else amount(scaled(value, decimals))

    price = None if found.index_price is None else usd(found.index_price)
    nav = None if found.nav is None else usd(found.nav)
    print(f"{market.fund.name}, block {market.block.number}: one index token is worth {money(price)} USD")
    print(f"NAV {money(nav)} USD, supply {amount(scaled(found.supply, 18))}")
    rows = [
        [
            each.asset.symbol,
            whole(each.units, each.asset.decimals),
            whole(each.target_units, each.asset.decimals),
            f"{Decimal(each.asset.target) / 100:.2f} %",
            money(None if each.value is None else usd(each.value)),
            "retired" if each.asset.retired else each.fault,
        ]
        for each in found.components
    ]
    columns = ["asset", "in one token", "at its target", "target", "all of it, USD", ""]
    print()
    show_table("", columns, rows, right=columns[1:5])


def _text(value: int | None) -> str | None:
    return None if value is None else str(value)
