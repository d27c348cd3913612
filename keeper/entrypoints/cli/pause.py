"""`keeper pause` and `keeper resume`: the keeper's own flag. The guardian's pause on the chain is shown, never set."""

import getpass
from typing import Annotated

import typer

from keeper.entrypoints.cli.console import Exit, perform

FundName = Annotated[str | None, typer.Argument(help="The fund; without it, all of them.", show_default=False)]


def pause(fund: FundName = None) -> None:
    """Stop trading a fund, or all: cycles go on and say why nothing is done."""
    perform(lambda: _set(fund, True))


def resume(fund: FundName = None) -> None:
    """Trade a fund again, or all."""
    perform(lambda: _set(fund, False))


async def _set(name: str | None, paused: bool) -> Exit:
    from keeper.entrypoints.cli.environment import load_settings
    from keeper.wiring.known import fund_named
    from keeper.wiring.places import open_library

    settings = load_settings()
    async with open_library(settings, settings.mode()) as library:
        funds = await library.books.funds()
        chosen = None if name is None else fund_named(funds, name)
        changed = await library.books.set_paused(chosen.id if chosen else None, paused, by=getpass.getuser())
    word = "paused" if paused else "resumed"
    for fund in funds if chosen is None else [chosen]:
        print(f"{fund.name}: {word if fund.id in changed else f'was {word} already'}")
    return Exit.FINE
