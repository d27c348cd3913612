"""`keeper trades`: the trade log, newest first."""

from collections.abc import Iterator, Mapping, Sequence
from itertools import groupby
from typing import Annotated, Any

import typer

from keeper.entrypoints.cli.console import Exit, amount, money, perform, show_json, show_table

Row = Mapping[str, Any]


def trades(
    fund: Annotated[str | None, typer.Argument(help="The fund; without it, all of them.")] = None,
    limit: Annotated[int, typer.Option(min=1, help="How many swaps.")] = 20,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON: amounts in base units.")] = False,
) -> None:
    """Every swap that was sent: amounts quoted and executed, slippage, gas, transaction and status."""
    perform(lambda: _trades(fund, limit, as_json))


async def _trades(name: str | None, limit: int, as_json: bool) -> Exit:
    from keeper.entrypoints.cli.environment import load_settings
    from keeper.wiring.known import fund_named
    from keeper.wiring.places import open_library

    settings = load_settings()
    async with open_library(settings, settings.mode(), read_only=True) as library:
        chosen = None if name is None else fund_named(await library.books.funds(), name)
        rows = await library.reader.trades(chosen.id if chosen else None, limit)
    if as_json:
        show_json([{key: as_text(value) for key, value in row.items()} for row in rows])
        return Exit.FINE
    for transaction in _transactions(rows):
        _show(transaction)
    if not rows:
        print("no trades yet")
    return Exit.FINE


def _transactions(rows: Sequence[Row]) -> Iterator[list[Row]]:
    """Swaps of one plan stand together; the log holds them newest plan first."""
    for _, swaps in groupby(rows, key=lambda row: row["plan_id"]):
        yield list(swaps)


def _show(swaps: list[Row]) -> None:
    from keeper.core.units import scaled, usd

    first = swaps[0]
    cost = None if first["gas_cost_usd"] is None else usd(first["gas_cost_usd"])
    gas = "" if first["gas_used"] is None else f", {first['gas_used']:,} gas ({money(cost)} USD)"
    block = "no block yet" if first["block_number"] is None else f"block {first['block_number']}"
    print(f"{first['time']:%Y-%m-%d %H:%M:%S} UTC  {first['fund']}  {first['status']} in {block}{gas}")
    print(first["tx_hash"] or "not signed", *([f"reverted: {why}"] if (why := first["revert_reason"]) else []))
    lines = []
    for swap in swaps:
        sold = swap["amount_in"] if swap["actual_in"] is None else swap["actual_in"]
        bought = swap["quoted_out"] if swap["actual_out"] is None else swap["actual_out"]
        slippage = swap["slippage_bps"]
        lines.append(
            [
                f"{amount(scaled(sold, swap['decimals_in']))} {swap['symbol_in']}",
                f"{amount(scaled(bought, swap['decimals_out']))} {swap['symbol_out']}",
                f"{amount(scaled(swap['quoted_out'], swap['decimals_out']))}",
                f"{amount(scaled(swap['min_out'], swap['decimals_out']))}",
                None if slippage is None else f"{slippage:.2f} bps",
            ]
        )
    columns = ["sold", "bought", "quoted", "at least", "slippage"]
    show_table("", columns, lines, right=columns)
    print()


def as_text(value: Any) -> Any:
    """Integers of base units and wei go as text: a spreadsheet or JavaScript would lose digits."""
    return str(value) if isinstance(value, int) and not isinstance(value, bool) and abs(value) >= 2**53 else value
