"""`keeper trades`: the trade log, newest first."""

from decimal import Decimal
from typing import Annotated, Any

import typer

from keeper.entrypoints.cli.console import Exit, money, perform, show_json, show_table


def trades(
    fund: Annotated[str | None, typer.Argument(help="The fund; without it, all of them.")] = None,
    limit: Annotated[int, typer.Option(min=1, help="How many swaps.")] = 20,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON: amounts in base units.")] = False,
) -> None:
    """Every swap that was sent: amounts quoted and executed, slippage, gas, transaction and status."""
    perform(lambda: _trades(fund, limit, as_json))


async def _trades(name: str | None, limit: int, as_json: bool) -> Exit:
    from keeper.entrypoints.cli.context import fund_named
    from keeper.settings import Settings
    from keeper.wiring.places import open_library

    settings = Settings.load()
    async with open_library(settings, settings.mode(), read_only=True) as library:
        chosen = None if name is None else fund_named(await library.books.funds(), name)
        rows = await library.reader.trades(chosen.id if chosen else None, limit)
    if as_json:
        show_json([{key: as_text(value) for key, value in row.items()} for row in rows])
        return Exit.FINE
    columns = ["time (UTC)", "fund", "block", "sold", "bought", "slippage", "gas", "status", "transaction"]
    show_table("", columns, [_line(row) for row in rows], right=["block", "sold", "bought", "slippage", "gas"])
    if not rows:
        print("no trades yet")
    return Exit.FINE


def _line(row: Any) -> list[Any]:
    from keeper.core.units import scaled, usd

    sold = row["actual_in"] if row["actual_in"] is not None else row["amount_in"]
    bought = row["actual_out"] if row["actual_out"] is not None else row["quoted_out"]
    gas = None if row["gas_cost_usd"] is None else usd(row["gas_cost_usd"])
    slippage = row["slippage_bps"]
    return [
        f"{row['time']:%Y-%m-%d %H:%M:%S}",
        row["fund"],
        row["block_number"],
        f"{_short(scaled(sold, row['decimals_in']))} {row['symbol_in']}",
        f"{_short(scaled(bought, row['decimals_out']))} {row['symbol_out']}",
        None if slippage is None else f"{slippage:.2f} bps",
        # the transaction's gas is shown once, with its first swap
        f"{money(gas)} USD" if row["position"] == 0 else "",
        row["status"],
        row["tx_hash"],
    ]


def _short(amount: Decimal) -> str:
    """Six significant digits, for a table; --json has them all."""
    return f"{amount:.6g}" if amount and abs(amount) < 1 else f"{amount:,.4f}"


def as_text(value: Any) -> Any:
    """Integers of base units and wei go as text: a spreadsheet or JavaScript would lose digits."""
    return str(value) if isinstance(value, int) and not isinstance(value, bool) and abs(value) >= 2**53 else value
