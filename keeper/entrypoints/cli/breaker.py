"""`keeper breaker`: the circuit breaker of each fund. It opens by itself and closes by hand."""

import getpass
from typing import Annotated

import typer

from keeper.entrypoints.cli.console import Exit, perform, show_json, show_table, unicode_text

app = typer.Typer(no_args_is_help=True, help="The circuit breaker: it opens by itself, and closes by hand.")


@app.command()
def show(as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False) -> None:
    """Every fund's breaker, and why it is open. Exit code 3 when one is."""
    perform(lambda: _show(as_json))


@app.command()
def reset(
    fund: Annotated[str | None, typer.Argument(help="The fund; may be left out when there is one.")] = None,
    why: Annotated[str, typer.Option(help="What was found and done. Kept with who asked.")] = "",
) -> None:
    """Close a breaker: the fund trades again, and what happened so far does not count any more."""
    perform(lambda: _reset(fund, unicode_text(why)))


async def _show(as_json: bool) -> Exit:
    from keeper.entrypoints.cli.environment import load_settings
    from keeper.wiring.places import open_library

    settings = load_settings()
    async with open_library(settings, settings.mode(), read_only=True) as library:
        rows = await library.reader.breakers()
    if as_json:
        show_json(rows)
    else:
        lines = [[row["fund"], "open" if row["reason"] else "closed", row["tripped_at"], row["reason"]] for row in rows]
        show_table("", ["fund", "breaker", "since", "why"], lines)
    return Exit.CHECK if any(row["reason"] for row in rows) else Exit.FINE


async def _reset(name: str | None, why: str) -> Exit:
    from keeper.core.mistakes import ConfigurationError
    from keeper.entrypoints.cli.environment import load_settings
    from keeper.wiring.known import fund_named
    from keeper.wiring.operating import reset_breaker
    from keeper.wiring.places import open_library

    if not why.strip():
        raise ConfigurationError(["--why: say what was found, it is kept in the journal"])
    settings = load_settings()
    async with open_library(settings, settings.mode()) as library:
        fund = fund_named(await library.books.funds(), name)
        was_open = await reset_breaker(settings, library, fund, why, by=getpass.getuser())
    print(f"{fund.name}: {'the breaker is closed' if was_open else 'the breaker was not open'}")
    return Exit.FINE
