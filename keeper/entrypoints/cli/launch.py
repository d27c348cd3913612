"""`keeper launch`: the seed, and the shares to their first holders, nobody twice."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from keeper.entrypoints.cli.console import Exit, amount, complain, money, percent, perform, show_table

if TYPE_CHECKING:
    from keeper.core.overview import Overview
    from keeper.core.setup.calls import Sent
    from keeper.core.setup.launch import Launch, LaunchFacts
    from keeper.wiring.launch import LaunchRun


def launch(
    config: Annotated[Path, typer.Option(help="The fund's configuration, TOML or YAML.", show_default=False)],
    investors: Annotated[Path, typer.Option(help="CSV with the columns address,shares.", show_default=False)],
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Check and show everything; send nothing.")] = False,
    records: Annotated[Path, typer.Option(help="Folder of the deployment records.")] = Path("deployments"),
    treasury: Annotated[str | None, typer.Option(help="The treasury, where no record and no rule finds it.")] = None,
    from_block: Annotated[
        int | None, typer.Option(min=0, help="A block before the treasury's first event, where no record says it.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="The last line of the output is JSON.")] = False,
) -> None:
    """Seed the treasury and give every investor their shares. Started again, it goes on where it stopped.

    Whatever ends it, and whatever is lost, nobody is paid twice: the chain itself holds each batch to one payment. Exit
    2 when configuration or list are wrong, 3 when something stands in the way.
    """
    perform(lambda: _launch(config, investors, dry_run, records, treasury, from_block, as_json), resumable=True)


async def _launch(
    path: Path,
    investors: Path,
    dry_run: bool,
    records: Path,
    treasury: str | None,
    from_block: int | None,
    as_json: bool,
) -> Exit:
    from keeper.entrypoints.cli.environment import load_settings
    from keeper.wiring.funds import checked_address
    from keeper.wiring.launch import Told, launch_from_files
    from keeper.wiring.places import configuration_errors

    with configuration_errors():
        where = None if treasury is None else checked_address("--treasury", treasury)
    done = await launch_from_files(
        load_settings(),
        path,
        investors,
        folder=records,
        treasury=where,
        from_block=from_block,
        dry_run=dry_run,
        told=Told(begun=_show_start, settled=show_sent),
    )
    if dry_run:
        _show_start(done.launch, done.launched.facts)
    for line in done.warnings:
        print(f"note: {line}")
    faults = done.launched.problems if dry_run else done.launched.open_ends
    for fault in faults:
        complain(fault)
    if not faults:
        print(_verdict(done, path, dry_run))
    if as_json:
        print(json.dumps(_as_json(done, dry_run)))
    return Exit.CHECK if faults else Exit.FINE


def _verdict(done: "LaunchRun", path: Path, dry_run: bool) -> str:
    from keeper.core.setup.airdrop import shares

    people = len(done.launch.listed.investors)
    if not dry_run or not done.launched.open_ends:
        total = shares(done.launch.listed.total)
        return f"done: {people} investors hold {total}, the deployer none\nnext: keeper handover --config {path}"
    return "nothing stands in the way; nothing was sent"


def _show_start(launch: "Launch", facts: "LaunchFacts") -> None:
    from keeper.core.setup.airdrop import shares
    from keeper.core.units import scaled, usd
    from keeper.core.words import plain

    start = launch.start(facts)
    rows = [
        [
            position.asset.symbol,
            amount(scaled(wanted, position.asset.decimals)),
            None if held is None else amount(scaled(held, position.asset.decimals)),
            money(None if position.value is None else usd(position.value)),
            percent(position.weight_bps),
            f"{position.asset.target / 100:.2f} %",
            position.fault,
        ]
        for position, wanted, held in zip(start.positions, launch.amounts(facts.treasury), facts.held, strict=True)
    ]
    columns = ["asset", "seed", "the deployer has", "value USD", "weight", "target", ""]
    seeded = "seeded already" if facts.book.seeding else "to be seeded"
    show_table(f"{launch.config.name} {facts.treasury.address}, {seeded}", columns, rows, right=columns[1:-1])
    _show_worth(start)
    print(f"{len(launch.listed.investors)} investors, {shares(launch.listed.total)}")
    batches = [
        [
            drop.batch.number,
            len(drop.batch.investors),
            plain(scaled(drop.batch.total, 18)),
            drop.address,
            "paid" if drop.address in facts.book.created else "",
        ]
        for drop in launch.drops
    ]
    show_table("", ["batch", "investors", "shares", "its contract", ""], batches, right=["investors", "shares"])


def _show_worth(start: "Overview") -> None:
    from keeper.core.units import usd

    nav, price = (None if value is None else usd(value) for value in (start.nav, start.share_price))
    error = percent(start.tracking_error_bps)
    print(f"NAV {money(nav)} USD, tracking error {error}, {'-' if price is None else amount(price)} USD a share")


def show_sent(sent: "Sent") -> None:
    gas = "" if sent.gas_used is None else f"  {sent.gas_used:,} gas"
    print(f"{sent.status}  {sent.label}  {sent.hash}{gas}", flush=True)


def _as_json(done: "LaunchRun", dry_run: bool) -> dict[str, Any]:
    """Amounts are decimal strings of base units, USD of 10^-18 dollars."""
    launch, launched = done.launch, done.launched
    facts, start = launched.facts, launched.start
    return {
        "dry_run": dry_run,
        "treasury": done.treasury,
        "deployer": launch.deployer,
        "record": str(done.record),
        "complete": not launched.open_ends,
        "problems": list(launched.problems),
        "open_ends": list(launched.open_ends),
        "seeded": facts.book.seeding is not None,
        "seed": [
            {"token": asset.token, "symbol": asset.symbol, "amount": str(wanted)}
            for asset, wanted in zip(facts.treasury.assets, launch.amounts(facts.treasury), strict=True)
        ],
        "nav_usd_e18": None if start.nav is None else str(start.nav),
        "share_price_usd_e18": None if start.share_price is None else str(start.share_price),
        "tracking_error_bps": None if start.tracking_error_bps is None else f"{start.tracking_error_bps:f}",
        "list": {
            "digest": launch.listed.digest,
            "investors": len(launch.listed.investors),
            "shares": str(launch.listed.total),
        },
        "batches": [
            {
                "number": drop.batch.number,
                "contract": drop.address,
                "investors": len(drop.batch.investors),
                "shares": str(drop.batch.total),
                "paid": drop.address in facts.book.created,
            }
            for drop in launch.drops
        ],
        "gas": launch.gas(facts),
        "transactions": [transaction(sent) for sent in launched.sent],
    }


def transaction(sent: "Sent") -> dict[str, Any]:
    return {
        "step": sent.step,
        "hash": sent.hash,
        "nonce": sent.nonce,
        "status": sent.status.value,
        "block": sent.block,
        "gas_used": sent.gas_used,
    }
