"""`keeper tx`: every transaction that was meant to be, its attempts, and what was said to them; and to stop one."""

import getpass
from collections.abc import Mapping
from typing import Annotated, Any

import typer

from keeper.entrypoints.cli.console import Exit, perform, show_json, show_table, unicode_text
from keeper.entrypoints.cli.trades import as_text

app = typer.Typer(no_args_is_help=True, help="Transactions: what was meant, signed, sent, answered and mined.")

Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]
Number = Annotated[int, typer.Argument(metavar="ID", min=1, help="The number that `keeper tx list` gives.")]


@app.command("list")
def list_(
    fund: Annotated[str | None, typer.Argument(help="The fund; without it, all of them.")] = None,
    limit: Annotated[int, typer.Option(min=1, help="How many.")] = 20,
    as_json: Json = False,
) -> None:
    """The newest transactions, one line each."""
    perform(lambda: _list(fund, limit, as_json))


@app.command()
def show(number: Number, as_json: Json = False) -> None:
    """One transaction: every attempt with its fees and replies, and every change of its state with the reason."""
    perform(lambda: _show(number, as_json))


@app.command()
def cancel(
    number: Annotated[int | None, typer.Argument(metavar="[ID]", min=1, help="The transaction.")] = None,
    nonce: Annotated[
        int | None, typer.Option(min=0, help="Instead: whatever waits at this nonce, though it is not ours.")
    ] = None,
    why: Annotated[str, typer.Option(help="Kept with who asked.")] = "asked by an operator",
) -> None:
    """Take the nonce of a transaction that waits, by a transfer of nothing to oneself at a higher fee.

    A running keeper does it at its next block. With --nonce this command does it itself: no keeper may be running.
    """
    perform(lambda: _cancel(number, nonce, unicode_text(why)))


async def _list(name: str | None, limit: int, as_json: bool) -> Exit:
    from keeper.entrypoints.cli.environment import load_settings
    from keeper.wiring.known import fund_named
    from keeper.wiring.places import open_library

    settings = load_settings()
    async with open_library(settings, settings.mode(), read_only=True) as library:
        chosen = None if name is None else fund_named(await library.books.funds(), name)
        rows = await library.reader.transactions(chosen.id if chosen else None, limit)
    if as_json:
        show_json([_plain(row) for row in rows])
        return Exit.FINE
    if not rows:
        print("no transactions yet")
        return Exit.FINE
    lines = [
        [row["id"], row["fund"], row["what"], row["state"], row["nonce"], row["attempts"], row["hash"], row["reason"]]
        for row in rows
    ]
    show_table("", ["id", "fund", "what", "state", "nonce", "attempts", "transaction", "why"], lines, right=["nonce"])
    return Exit.FINE


async def _show(number: int, as_json: bool) -> Exit:
    from keeper.core.mistakes import ConfigurationError
    from keeper.entrypoints.cli.environment import load_settings
    from keeper.wiring.places import open_library

    settings = load_settings()
    async with open_library(settings, settings.mode(), read_only=True) as library:
        found = await library.reader.transaction(number)
    if found is None:
        raise ConfigurationError([f"there is no transaction {number}: `keeper tx list` shows them"])
    if as_json:
        show_json(_plain(found))
    else:
        _print(found)
    return Exit.FINE


def _print(found: Mapping[str, Any]) -> None:
    from keeper.core.words import utc

    nonce = "no nonce yet" if found["nonce"] is None else f"nonce {found['nonce']}"
    print(f"transaction {found['id']} of {found['fund']}: {found['state']}, {nonce}")
    what = f"treasury id {found['treasury_id']}" if found["kind"] == "rebalance" else "sets target weights"
    print(f"  {what}, signer {found['signer']}, cycle {found['cycle_id']}")
    print(f"  at most {found['gas_limit']:,} gas, valid until {utc(found['deadline'])} chain time")
    if found["cancel_asked"]:
        print(f"  to be cancelled: {found['cancel_asked']} ({found['cancel_asked_by']})")
    for attempt in found["attempts"]:
        print(f"{attempt['kind']} {attempt['hash']}")
        print(f"  offers {_gwei(attempt['max_fee'])} gwei, tip {_gwei(attempt['max_tip'])}; {_outcome(attempt)}")
        for reply in attempt["replies"]:
            print(f"  {_time(reply['sent_at'])}  {reply['reply']}")
    rows = [[_time(event["at"]), _change(event), event["reason"]] for event in found["events"]]
    show_table("", ["time UTC", "state", "why"], rows)


def _outcome(attempt: Mapping[str, Any]) -> str:
    if attempt["block_number"] is None:
        return "not sent" if attempt["sent_at"] is None else "not mined"
    reverted = f", reverted: {attempt['revert_reason']}" if attempt["revert_reason"] else ""
    price = _gwei(attempt["effective_gas_price"])
    return f"mined in block {attempt['block_number']}, {attempt['gas_used']:,} gas at {price} gwei{reverted}"


def _change(event: Mapping[str, Any]) -> str:
    before, after = event["state_from"], event["state_to"]
    return after if before in (None, after) else f"{before} -> {after}"


def _gwei(price: int) -> str:
    from keeper.core.units import scaled
    from keeper.core.words import plain

    return plain(scaled(price, 9))


def _time(at: Any) -> str:
    return f"{at:%Y-%m-%d %H:%M:%S}"


async def _cancel(number: int | None, nonce: int | None, why: str) -> Exit:
    from keeper.core.mistakes import ConfigurationError
    from keeper.entrypoints.cli.environment import load_settings
    from keeper.wiring.places import configuration_errors, open_library

    if (number is None) == (nonce is None):
        raise ConfigurationError(["which one? give the ID of a transaction, or --nonce of one that is not ours"])
    settings = load_settings()
    if nonce is not None:
        from keeper.wiring.cancelling import take_nonce

        done = await take_nonce(settings, nonce, why, by=getpass.getuser())
        print(f"{done.hash}: {done.reply}")
        return Exit.FINE if done.taken else Exit.CHECK
    assert number is not None
    async with open_library(settings, settings.mode()) as library:
        try:
            with configuration_errors():
                await library.books.ask_cancel(number, why, getpass.getuser())
        except LookupError:
            raise ConfigurationError([f"there is no transaction {number}: `keeper tx list` shows them"]) from None
    print(f"transaction {number} will be cancelled at the next block that a running keeper sees")
    return Exit.FINE


def _plain(value: Any) -> Any:
    match value:
        case Mapping():
            return {key: _plain(inner) for key, inner in value.items()}
        case list() | tuple():
            return [_plain(inner) for inner in value]
        case bytes():
            return "0x" + value.hex()
        case _:
            return as_text(value)
