"""`keeper funds`: which treasuries this keeper looks after."""

import getpass
from pathlib import Path
from typing import Annotated, Any

import typer

from keeper.entrypoints.cli.console import Exit, perform, show_json, show_table, unicode_text

app = typer.Typer(no_args_is_help=True, help="The funds of this database.")

Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]


@app.command("list")
def list_(as_json: Json = False) -> None:
    """Every fund, its treasury and its signer."""
    perform(lambda: _list(as_json))


@app.command()
def add(
    name: Annotated[str, typer.Argument(help="Its name here.")],
    treasury: Annotated[str, typer.Argument(help="The treasury contract.")],
    keystore: Annotated[
        Path, typer.Option(help="Keystore of its signer.", exists=True, dir_okay=False, resolve_path=True)
    ],
    password_file: Annotated[
        Path, typer.Option(help="File with its password.", exists=True, dir_okay=False, resolve_path=True)
    ],
    hub: Annotated[str | None, typer.Option(help="Token to trade through.")] = None,
) -> None:
    """Add a fund; a running keeper takes it up at once. Its policy begins with the environment's."""
    perform(lambda: _add(name, treasury, keystore, password_file, hub))


@app.command()
def show(
    name: Annotated[str | None, typer.Argument(help="The fund; may be left out when there is one.")] = None,
    as_json: Json = False,
) -> None:
    """One fund: paths, policy version and its place in the schedule."""
    perform(lambda: _show(name, as_json))


@app.command()
def coins(
    name: Annotated[str, typer.Argument(help="The fund.")],
    changes: Annotated[
        list[str] | None,
        typer.Argument(metavar="SYMBOL=COIN ...", help="Such as WETH=weth; without COIN it is forgotten."),
    ] = None,
    as_json: Json = False,
) -> None:
    """Which coin of the provider of market data each token is. It is asked about those alone; nothing is guessed."""
    perform(lambda: _coins(name, changes or [], as_json))


async def _list(as_json: bool) -> Exit:
    from keeper.entrypoints.cli.environment import load_settings
    from keeper.wiring.places import open_library

    settings = load_settings()
    async with open_library(settings, settings.mode(), read_only=True) as library:
        funds = await library.books.funds()
    if as_json:
        show_json([_row(fund) for fund in funds])
    else:
        rows = [[f.id, f.name, f.treasury, f.signer, "paused" if f.paused else "active"] for f in funds]
        show_table("", ["id", "name", "treasury", "signer", "state"], rows)
    return Exit.FINE


async def _add(name: str, treasury: str, keystore: Path, password_file: Path, hub: str | None) -> Exit:
    from keeper.entrypoints.cli.environment import load_settings
    from keeper.wiring.funds import add_fund

    fund = await add_fund(load_settings(), name, treasury, keystore, password_file, hub)
    print(f"{fund.name}: treasury {fund.treasury}, signer {fund.signer}")
    return Exit.FINE


async def _show(name: str | None, as_json: bool) -> Exit:
    from keeper.entrypoints.cli.environment import load_settings
    from keeper.wiring.known import fund_named
    from keeper.wiring.places import open_library

    settings = load_settings()
    async with open_library(settings, settings.mode(), read_only=True) as library:
        fund = fund_named(await library.books.funds(), name)
        stored = next(row for row in await library.books.fund_rows() if row["id"] == fund.id)
        job = (await library.books.jobs()).get(fund.id)
        pinned = await library.books.policy(fund.id)
    answer = _row(fund) | {
        "keystore_file": stored["keystore_file"],
        "policy_version": pinned.version,
        "last_run": job.last_run if job else None,
        "next_due": job.next_due if job else None,
        "last_action": job.last_action if job else None,
        "last_reason": job.last_reason if job else None,
    }
    if as_json:
        show_json(answer)
    else:
        show_table("", ["", "value"], answer.items())
    return Exit.FINE


async def _coins(name: str, changes: list[str], as_json: bool) -> Exit:
    from keeper.entrypoints.cli.environment import load_settings
    from keeper.wiring.coins import coins_of_fund, set_coins

    settings = load_settings()
    if changes:
        await set_coins(settings, name, [unicode_text(change) for change in changes], by=getpass.getuser())
    found = await coins_of_fund(settings, name)
    if as_json:
        show_json([{"symbol": symbol, "token": token, "coin": coin} for symbol, token, coin in found])
    else:
        show_table("", ["asset", "token", "coin"], [[symbol, token, coin or "-"] for symbol, token, coin in found])
    return Exit.FINE


def _row(fund: Any) -> dict[str, Any]:
    return {
        "id": fund.id,
        "name": fund.name,
        "treasury": fund.treasury,
        "signer": fund.signer,
        "hub": fund.hub,
        "paused": fund.paused,
    }
