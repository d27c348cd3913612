"""`keeper handover`: a fund leaves its deployer's hands, and the proof that it has."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from keeper.entrypoints.cli.console import Exit, complain, perform, show_table
from keeper.entrypoints.cli.launch import show_sent, transaction

if TYPE_CHECKING:
    from keeper.wiring.handover import HandoverRun


def handover(
    config: Annotated[Path, typer.Option(help="The fund's configuration, TOML or YAML.", show_default=False)],
    accept: Annotated[bool, typer.Option("--accept", help="Step two, with the new owner's key (OWNER_...).")] = False,
    check: Annotated[bool, typer.Option("--check", help="Only prove what the deployer can still do.")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Show what would be sent; send nothing.")] = False,
    records: Annotated[Path, typer.Option(help="Folder of the deployment records.")] = Path("deployments"),
    treasury: Annotated[str | None, typer.Option(help="The treasury, where no record and no rule finds it.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="The last line of the output is JSON.")] = False,
) -> None:
    """Close the limits and offer the ownership to the configured owner; then prove that the deployer has no right left.

    Exit 0 when it is complete, 4 when the new owner has yet to accept, 3 when something is wrong.
    """
    perform(lambda: _handover(config, accept, check, dry_run, records, treasury, as_json), resumable=True)


async def _handover(
    path: Path, accept: bool, check: bool, dry_run: bool, records: Path, treasury: str | None, as_json: bool
) -> Exit:
    from keeper.core.setup.handover import Standing
    from keeper.entrypoints.cli.environment import load_settings
    from keeper.settings import ConfigurationError
    from keeper.wiring.funds import checked_address
    from keeper.wiring.handover import Part, handover_from_file
    from keeper.wiring.places import configuration_errors

    if check and accept:
        raise ConfigurationError(["--check sends nothing, --accept does: give one of them"])
    with configuration_errors():
        where = None if treasury is None else checked_address("--treasury", treasury)
    part = Part.LOOK if check or dry_run else Part.ACCEPT if accept else Part.OFFER
    run = await handover_from_file(load_settings(), path, part, folder=records, treasury=where, tell=show_sent)
    _show(run, planned=dry_run and not check, accepting=accept)
    if as_json:
        print(json.dumps(_as_json(run)))
    exits = {Standing.COMPLETE: Exit.FINE, Standing.PENDING: Exit.PENDING, Standing.FAILED: Exit.CHECK}
    return exits[run.done.verdict.standing]


def _show(run: "HandoverRun", *, planned: bool, accepting: bool) -> None:
    from keeper.core.setup.handover import OPEN_TO_ALL, Standing

    verdict, facts = run.done.verdict, run.done.facts
    if planned:
        calls = run.done.calls if not accepting else [call for call in (run.done.accept,) if call]
        rows = [[call.label, call.to, f"0x{call.data.hex()}"] for call in calls]
        show_table(f"{len(rows)} transactions, nothing was sent", ["what", "to", "calldata"], rows)
    tried = [probe for probe in facts.probes if probe.function not in OPEN_TO_ALL]
    refused = sum(probe.refused for probe in tried)
    print(f"treasury {run.treasury}, owner {facts.treasury.owner}")
    print(f"tried as the deployer {run.deployer}: {refused} of {len(tried)} functions refuse it")
    print(f"anybody may: {', '.join(f'{name} ({why})' for name, why in OPEN_TO_ALL.items())}")
    for line in verdict.warnings:
        print(f"warning: {line}")
    for line in verdict.missing:
        print(f"to come: {line}")
    for line in verdict.faults:
        complain(line)
    if run.done.accept is not None:
        _show_acceptance(run)
    words = {
        Standing.COMPLETE: "complete: the deployer can do nothing more to this fund",
        Standing.PENDING: "not complete yet",
        Standing.FAILED: "failed",
    }
    print(words[verdict.standing])


def _show_acceptance(run: "HandoverRun") -> None:
    """What the new owner does: a contract by a call of its own, an account by this command."""
    call = run.done.accept
    assert call is not None
    if run.done.facts.owner_is_contract:
        print(f"the owner {run.config.owner} is a contract; it is to call, with value 0:")
        print(f"  target   {call.to}")
        print(f"  calldata 0x{call.data.hex()}  ({call.function}())")
    else:
        print(f"next, with the key of {run.config.owner}: keeper handover --config FILE --accept")


def _as_json(run: "HandoverRun") -> dict[str, Any]:
    verdict, facts, accept = run.done.verdict, run.done.facts, run.done.accept
    return {
        "standing": verdict.standing.value,
        "treasury": run.treasury,
        "deployer": run.deployer,
        "record": str(run.record),
        "owner": facts.treasury.owner,
        "pending_owner": facts.treasury.pending_owner,
        "configured_owner": run.config.owner,
        "owner_is_contract": facts.owner_is_contract,
        "faults": list(verdict.faults),
        "missing": list(verdict.missing),
        "warnings": list(verdict.warnings),
        "probes": [
            {"function": probe.function, "refused": probe.refused, "said": probe.said} for probe in facts.probes
        ],
        "calls": [
            {"label": call.label, "to": call.to, "function": call.function, "data": f"0x{call.data.hex()}"}
            for call in run.done.calls
        ],
        "accept": None if accept is None else {"to": accept.to, "data": f"0x{accept.data.hex()}"},
        "transactions": [transaction(sent) for sent in run.done.sent],
    }
