"""`keeper deploy`: a fund's configuration, checked against the chain and carried out."""

import json
from enum import Enum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from keeper.entrypoints.cli.console import Exit, complain, perform, show_table

if TYPE_CHECKING:
    from keeper.app.setup.deploy import Plan
    from keeper.core.setup.calls import Call, Sent
    from keeper.core.setup.config import FundConfig
    from keeper.wiring.setup import Deployed


def deploy(
    config: Annotated[Path, typer.Option(help="The fund's configuration, TOML or YAML.", show_default=False)],
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Show every call; send nothing, need no key.")] = False,
    close_limits: Annotated[
        bool, typer.Option("--close-limits", help="End the opening limits: [limits] hold from now on.")
    ] = False,
    records: Annotated[Path, typer.Option(help="Folder of the deployment records.")] = Path("deployments"),
    as_json: Annotated[bool, typer.Option("--json", help="The last line of the output is JSON.")] = False,
) -> None:
    """Create a fund's treasury and configure it. Started again, it goes on where it stopped.

    Everything is checked against the chain before the first transaction. Exit 2 when the configuration is wrong, 3 when
    the chain does not let it be now; nothing is lost either way.
    """
    perform(lambda: _deploy(config, dry_run, close_limits, records, as_json), resumable=True)


async def _deploy(path: Path, dry_run: bool, close_limits: bool, records: Path, as_json: bool) -> Exit:
    from keeper.adapters.config_file import parse_fund_config
    from keeper.entrypoints.cli.environment import load_settings
    from keeper.wiring.setup import Listener, deploy_configured

    settings = load_settings()
    config = parse_fund_config(path)
    listener = Listener(planned=lambda plan: _show_checks(config, plan), settled=_show_sent)
    done = await deploy_configured(
        settings, config, folder=records, dry_run=dry_run, close_limits=close_limits, listener=listener
    )
    if dry_run:
        _show_checks(config, done.plan)
        _show_calls(done)
    else:
        _show_end(done, path)
    if as_json:
        print(json.dumps(_as_json(done, dry_run)))
    return _judge(done) if dry_run else Exit.FINE


def _judge(done: "Deployed") -> Exit:
    """Of a dry run: what the real one would end with. Problems go where every command's do."""
    from keeper.core.setup.checks import Severity

    for finding in done.plan.problems:
        complain(str(finding))
    if any(finding.severity is Severity.CONFIGURATION for finding in done.plan.problems):
        return Exit.USAGE
    return Exit.CHECK if done.plan.problems else Exit.FINE


def _show_checks(config: "FundConfig", plan: "Plan") -> None:
    from keeper.core.setup.checks import passed

    good = [["ok", place, text] for place, text in passed(config, plan.facts, plan.findings)]
    show_table("checks", ["", "place", "what"], good + [["warn", f.place, f.text] for f in plan.warnings])
    for line in plan.changed:
        print(f"changed since the last run: {line}")


def _show_sent(sent: "Sent") -> None:
    gas = "" if sent.gas_used is None else f"  {sent.gas_used:,} gas"
    print(f"{sent.status}  {sent.label}  {sent.hash}{gas}", flush=True)


def _show_calls(done: "Deployed") -> None:
    plan = done.plan
    rows = [
        [index + 1, call.label, call.to or "creation", _words(call), _data(call), f"{gas:,}"]
        for index, (call, gas) in enumerate(zip(plan.calls, plan.gas, strict=True))
    ]
    columns = ["", "what", "to", "call", "calldata", "gas, at most" if plan.creation else "gas"]
    show_table(f"{len(rows)} transactions of {done.deployer}", columns, rows, right=[columns[-1]])
    where = done.treasury or "known after its creation"
    print(f"treasury: {where}{' (to be created)' if plan.creation else ''}; nothing was sent")


def _words(call: "Call") -> str:
    return f"{call.function}({', '.join(_word(argument) for argument in call.arguments)})"


def _word(argument: Any) -> str:
    """Structs and lists in brackets, kinds by their names in the file."""
    if isinstance(argument, tuple | list):
        return f"[{', '.join(_word(one) for one in argument)}]"
    return argument.name.lower() if isinstance(argument, Enum) else str(argument)


def _data(call: "Call") -> str:
    """Short calldata as it is, long as its SHA-256."""
    return f"0x{call.data.hex()}" if len(call.data) <= 68 else f"{len(call.data)} bytes, sha256 {call.data_hash}"


def _show_end(done: "Deployed", path: Path) -> None:
    spent = sum(sent.cost_wei or 0 for sent in done.sent)
    gas = sum(sent.gas_used or 0 for sent in done.sent)
    if done.sent:
        print(f"{len(done.sent)} transactions, {gas:,} gas, {spent / 10**18:.6f} of the native coin")
    else:
        print("nothing to do: the treasury is as configured")
    print(f"treasury: {done.treasury}")
    print(f"record: {done.record}")
    print(f"next: keeper launch --config {path} --investors CSV")


def _as_json(done: "Deployed", dry_run: bool) -> dict[str, Any]:
    plan = done.plan
    return {
        "dry_run": dry_run,
        "treasury": done.treasury,
        "deployer": done.deployer,
        "record": str(done.record),
        "creation": plan.creation,
        "problems": [str(finding) for finding in plan.problems],
        "warnings": [str(finding) for finding in plan.warnings],
        "changed": list(plan.changed),
        "calls": [
            {
                "step": call.step,
                "label": call.label,
                "to": call.to,
                "function": call.function,
                "arguments": json.loads(json.dumps(call.arguments, default=str)),
                "data_sha256": call.data_hash,
                "gas": gas,
            }
            for call, gas in zip(plan.calls, plan.gas, strict=True)
        ],
        "transactions": [
            {
                "step": sent.step,
                "hash": sent.hash,
                "nonce": sent.nonce,
                "status": sent.status.value,
                "block": sent.block,
                "gas_used": sent.gas_used,
            }
            for sent in done.sent
        ],
    }
