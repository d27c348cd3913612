"""`keeper index eligible`: every coin that an index could hold, in or out, and why."""

from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from keeper.entrypoints.cli.console import Exit, perform, show_json, show_table

if TYPE_CHECKING:
    from keeper.core.index.candidates import Candidate, Ranked, Refused
    from keeper.wiring.index import Eligibility


def eligible(
    fund: Annotated[
        str | None,
        typer.Option(help="Its treasury says which tokens stand for coins of other chains; else the provider does."),
    ] = None,
    rules: Annotated[
        Path | None,
        typer.Option(help="JSON with the rules; without, those of the fund or the defaults.", show_default=False),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON: amounts as decimal text.")] = False,
) -> None:
    """Show which coins may be in an index, by rank, and why each of the others may not.

    Asks CoinGecko some 30 to 50 questions with the default rules, and waits where its limits demand it, 5 minutes at
    most. Exit 3 when something could not be asked.
    """
    perform(lambda: _eligible(fund, rules, as_json))


async def _eligible(fund: str | None, file: Path | None, as_json: bool) -> Exit:
    from keeper.entrypoints.cli.environment import load_settings
    from keeper.wiring.index import look_for_eligible, rules_of

    settings = load_settings()
    answer = describe(await look_for_eligible(settings, fund, None if file is None else rules_of(file)))
    if as_json:
        show_json(answer)
    else:
        _show(answer)
    return Exit.FINE


def describe(found: "Eligibility") -> dict[str, Any]:
    """Amounts are USD as decimal strings, null where nobody says. `eligible` is by rank, `refused` by market cap."""
    from keeper.core.index.methodology_form import to_plain

    known = {each.coin: each for each in found.survey.candidates}
    refused = sorted(found.screening.refused, key=lambda each: _size(known[each.coin].market_cap))
    return {
        "provider": found.provider,
        "block": {"number": found.block.number, "hash": found.block.hash, "timestamp": found.block.timestamp},
        "rules": to_plain(found.rules),
        "eligible": [_in(each, found) for each in found.screening.eligible],
        "refused": [_out(each, known[each.coin]) for each in refused],
        "not_looked_at": [
            {"coin": each.coin, "symbol": each.symbol, "market_cap": _usd(each.market_cap), "reason": each.reason}
            for each in found.survey.not_looked_at
        ],
        "faults": [{"coin": each.coin, "kind": each.kind.value, "reason": each.reason} for each in found.survey.faults],
        "unknown": list(found.survey.unknown),
    }


def _in(each: "Ranked", found: "Eligibility") -> dict[str, Any]:
    from keeper.core.index.eligibility import protocol

    candidate = each.candidate
    deep = {protocol(p.dex) for p in candidate.pools or () if (p.reserve_usd or 0) >= found.rules.min_pool_usd}
    return {
        "rank": each.rank,
        "coin": each.coin,
        "symbol": each.symbol,
        "name": candidate.name,
        "market_cap": _usd(candidate.market_cap),
        "price": _usd(candidate.price),
        "token": None if candidate.contract is None else candidate.contract.address,
        "exchanges": sorted(deep),
    }


def _out(each: "Refused", candidate: "Candidate") -> dict[str, Any]:
    return {
        "coin": each.coin,
        "symbol": each.symbol,
        "name": candidate.name,
        "market_cap": _usd(candidate.market_cap),
        "cause": each.refusal.cause.value,
        "reason": each.refusal.reason,
    }


def _size(market_cap: Decimal | None) -> Decimal:
    return -(market_cap if market_cap is not None and market_cap.is_finite() else Decimal(0))


def _usd(value: Decimal | None) -> str | None:
    from keeper.core.words import plain

    return None if value is None else plain(value)


def _show(answer: dict[str, Any]) -> None:
    columns = ["rank", "coin", "symbol", "market cap USD", "why"]
    rows = [
        *([each["rank"], *_cells(each), "eligible: " + _traded(each)] for each in answer["eligible"]),
        *(["-", *_cells(each), each["reason"]] for each in answer["refused"]),
        *(["?", *_cells(each), f"not looked at: {each['reason']}"] for each in answer["not_looked_at"]),
        *(["-", each["coin"], "", "-", f"not believed: {each['reason']}"] for each in answer["faults"]),
        *(["-", coin, "", "-", f"{answer['provider']} has no such coin"] for coin in answer["unknown"]),
    ]
    title = f"Coins at block {answer['block']['number']} by {answer['provider']}: {len(answer['eligible'])} eligible"
    show_table(title, columns, rows, right=["rank", "market cap USD"])


def _cells(each: dict[str, Any]) -> list[str]:
    market_cap = each["market_cap"]
    return [each["coin"], each["symbol"], "-" if market_cap is None else f"{Decimal(market_cap):,.0f}"]


def _traded(each: dict[str, Any]) -> str:
    return f"trades on {', '.join(each['exchanges'])}" if each["exchanges"] else "its exchanges are not asked"
