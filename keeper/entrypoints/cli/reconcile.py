"""`keeper reconcile`: what every start does, on demand, and an operator's word that a held signer may go on."""

import getpass
from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, Any

import typer

from keeper.entrypoints.cli.console import Exit, perform, show_json, unicode_text

if TYPE_CHECKING:
    from keeper.wiring.operating import Reconciled


def reconcile(
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Look only: writes and sends nothing.")] = False,
    accept: Annotated[
        bool, typer.Option("--accept", help="Go on from the chain's nonce: what happened there is looked at and known.")
    ] = False,
    why: Annotated[str, typer.Option(help="With --accept: what was found. Kept with who asked.")] = "",
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Hold the books against the chain: open transactions, nonces, and rebalances that the books do not know.

    Exit code 3 while a signer is held or should be. Without --dry-run no other keeper may be running.
    """
    perform(lambda: _reconcile(dry_run, accept, unicode_text(why), as_json))


async def _reconcile(dry_run: bool, accept: bool, why: str, as_json: bool) -> Exit:
    from keeper.core.mistakes import ConfigurationError
    from keeper.entrypoints.cli.environment import load_settings
    from keeper.wiring.operating import accept_chain, look, reconcile_now

    if accept and dry_run:
        raise ConfigurationError(["--accept writes: leave --dry-run out"])
    if accept and not why.strip():
        raise ConfigurationError(["--why: say what was found, it is kept in the journal"])
    settings = load_settings()
    if dry_run:
        found = await look(settings)
    elif accept:
        found = await accept_chain(settings, why, by=getpass.getuser())
    else:
        found = await reconcile_now(settings)
    if as_json:
        show_json([_row(each) for each in found])
    else:
        _show(found)
    return Exit.CHECK if any(each.report.fault or each.report.halted for each in found) else Exit.FINE


def _row(each: "Reconciled") -> dict[str, Any]:
    report, intent = each.report, each.report.intent
    return {
        "signer": report.signer,
        "funds": [fund.name for fund in report.funds],
        "nonce": report.nonce,
        "pending_nonce": report.pending_nonce,
        "expected_nonce": report.next_nonce,
        "hold": report.halted,
        "fault": report.fault,
        "open_transaction": None if intent is None else {"id": intent.id, "state": intent.state.value},
        "unknown_rebalances": [
            {"fund": event.fund, "id": event.id, "block": event.block, "tx_hash": event.tx_hash, "keeper": event.keeper}
            for event in each.unknown
        ],
        "missing": list(each.missing),
    }


def _show(found: "Sequence[Reconciled]") -> None:
    for each in found:
        report = each.report
        print(f"{report.signer}, signer of {', '.join(fund.name for fund in report.funds)}")
        expected = "no transaction of it" if report.next_nonce is None else f"{report.next_nonce}"
        print(f"  nonce on the chain {report.nonce}, with its pool {report.pending_nonce}; the books know {expected}")
        if report.intent is not None:
            print(f"  open: transaction {report.intent.id}, {report.intent.state.value}, nonce {report.intent.nonce}")
        if report.foreign_pending:
            print(f"  {report.foreign_pending} transactions that are not ours wait in the node's pool")
        for event in each.unknown:
            print(f"  rebalance {event.id} of {event.fund} in block {event.block} is not in the books: {event.tx_hash}")
        for missing in each.missing:
            print(f"  not known: {missing}")
        if report.halted is not None:
            print(f"  HELD: {report.halted}")
        elif report.fault is not None:
            print(f"  to be held: {report.fault}")
        else:
            print("  in order")
    if any(each.report.halted or each.report.fault for each in found):
        print('once it is understood: `keeper reconcile --accept --why "..."` goes on from the chain\'s nonce')
