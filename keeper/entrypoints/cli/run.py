"""`keeper run`: the daemon."""

import asyncio
import resource
import signal
from typing import Annotated

import typer

from keeper.entrypoints.cli.console import Exit, complain, perform


def run(
    once: Annotated[bool, typer.Option("--once", help="One cycle of every fund now, due or not, then exit.")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Decide, plan and simulate; sign nothing.")] = False,
    max_cycles: Annotated[int | None, typer.Option(min=1, help="Stop after this many cycles of all funds.")] = None,
) -> None:
    """Keep the funds at their targets until SIGTERM. Signs only with SEND_TRANSACTIONS=true.

    On PostgreSQL a second one waits as a standby, and takes over when the first one's lease has expired.
    """
    perform(lambda: _run(once, dry_run, max_cycles))


async def _run(once: bool, dry_run: bool, max_cycles: int | None) -> Exit:
    import structlog

    from keeper.app.scheduler import Scheduler
    from keeper.core.ledger import Action
    from keeper.entrypoints.cli.environment import load_settings
    from keeper.wiring.daemon import open_world
    from keeper.wiring.leading import StandbyEnded

    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))  # a core file would hold the key
    settings = load_settings()
    log = structlog.get_logger()
    stop = asyncio.Event()
    for name in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(name, stop.set)

    try:
        async with open_world(settings, dry_run=dry_run, stop=stop, wait=not once) as (world, library):
            log.info("keeper started", mode=world.mode.value, chain=settings.chain_id, database=library.database.shown)
            scheduler = Scheduler(world, stop, max_cycles=max_cycles)
            results = await (scheduler.run_once() if once else scheduler.run())
            lost = scheduler.fenced or world.lease.lost
            log.info("keeper stopped", cycles=scheduler.started)
    except StandbyEnded:
        log.info("standby ended")
        return Exit.FINE
    if lost is not None:
        complain(lost)
        return Exit.CHECK
    if not once:
        return Exit.FINE
    stopped = [result for result in results if result.action in (Action.BLOCKED, Action.REVERTED, Action.FAILED)]
    for result in stopped:
        complain(f"{result.cycle.fund.name}: {result.action.value}: {result.reason}")
    return Exit.CHECK if stopped else Exit.FINE
