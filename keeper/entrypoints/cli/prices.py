"""`keeper prices`: every source beside the others, and which one counts."""

from typing import TYPE_CHECKING, Annotated, Any

import typer

from keeper.entrypoints.cli.console import Exit, perform, show_json, show_table

if TYPE_CHECKING:
    from keeper.core.model import Market, PriceVote
    from keeper.core.prices import PriceBook, PricesRefused
    from keeper.core.units import Px


def prices(
    fund: Annotated[str | None, typer.Argument(help="The fund; may be left out when there is one.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Show what each source says an asset is worth, how old that is, how far off, and why it counts or does not.

    Exit 3 when the fund would hold because of its prices.
    """
    perform(lambda: _prices(fund, as_json))


async def _prices(name: str | None, as_json: bool) -> Exit:
    from keeper.core.prices import agree
    from keeper.entrypoints.cli.environment import load_settings
    from keeper.wiring.looking import open_sight

    async with open_sight(load_settings(), name) as sight:
        market = sight.market
    outcome = agree(market)
    answer = describe(market, outcome)
    if as_json:
        show_json(answer)
    else:
        _show(answer)
    return Exit.CHECK if answer["refused"] else Exit.FINE


def describe(market: "Market", outcome: "PriceBook | PricesRefused") -> dict[str, Any]:
    """Prices are USD for one whole token as decimal strings, ages seconds of chain time, deviations of a vote from the
    price that counts in basis points (from the feed's where no price counts)."""
    from keeper.core.guards.gates import price_jump
    from keeper.core.model import Verdict
    from keeper.core.prices import PriceBook
    from keeper.core.units import usd_per_token
    from keeper.core.words import plain

    assets = []
    for asset in market.treasury.assets:
        if asset.retired:
            continue
        votes = [vote for vote in outcome.votes if vote.asset == asset.index]
        px = outcome.px[asset.index] if isinstance(outcome, PriceBook) else None
        beside = px if px is not None else next((vote.px for vote in votes if vote.px is not None), None)
        assets.append(
            {
                "symbol": asset.symbol,
                "price_usd": None if px is None else plain(usd_per_token(px, asset.decimals)),
                "votes": [_vote(vote, asset.decimals, beside, market) for vote in votes],
            }
        )
    return {
        "fund": market.fund.name,
        "price_source": market.policy.price_source.value,
        "block": {"number": market.block.number, "hash": market.block.hash, "timestamp": market.block.timestamp},
        "assets": assets,
        "refused": [
            f"{guard.name}: {guard.detail}"
            for guard in (*outcome.guards, price_jump(market, outcome))
            if guard.verdict is Verdict.REFUSE
        ],
    }


def _vote(vote: "PriceVote", decimals: int, beside: "Px | None", market: "Market") -> dict[str, Any]:
    from fractions import Fraction

    from keeper.core.units import in_bps, usd_per_token
    from keeper.core.words import plain

    far = None if vote.px is None or beside is None else in_bps(Fraction(vote.px - beside, beside))
    return {
        "source": vote.source.value,
        "price_usd": None if vote.px is None else plain(usd_per_token(vote.px, decimals)),
        "age_seconds": None if vote.updated_at is None else market.block.timestamp - vote.updated_at,
        "deviation_bps": None if far is None else str(far),
        "used": vote.used,
        "reason": vote.reason,
    }


def _show(answer: dict[str, Any]) -> None:
    rows = [
        [
            asset["symbol"] if place == 0 else "",
            vote["source"],
            vote["price_usd"] or "-",
            "-" if vote["age_seconds"] is None else f"{vote['age_seconds']} s",
            "-" if vote["deviation_bps"] is None else f"{vote['deviation_bps']}",
            "yes" if vote["used"] else "no",
            vote["reason"],
        ]
        for asset in answer["assets"]
        for place, vote in enumerate(asset["votes"])
    ]
    title = f"Prices of {answer['fund']} at block {answer['block']['number']}, PRICE_SOURCE {answer['price_source']}"
    columns = ["asset", "source", "USD", "age", "off by, bps", "used", "why"]
    show_table(title, columns, rows, right=["USD", "age", "off by, bps"])
    for refusal in answer["refused"]:
        print(f"REFUSED  {refusal}")
