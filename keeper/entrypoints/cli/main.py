"""`keeper`: the commands, one file per group. Each imports what it needs when it runs, so that `--help` is quick."""

from typing import Annotated

import typer

from keeper import __version__
from keeper.entrypoints.cli import (
    breaker,
    config,
    db,
    deploy,
    doctor,
    funds,
    handover,
    index,
    launch,
    pause,
    plan,
    prices,
    reconcile,
    run,
    status,
    trades,
    treasury,
    tx,
)
from keeper.entrypoints.cli.console import open_closed_streams

app = typer.Typer(
    name="keeper",
    help="Keeps the tokens of on-chain index funds at their target weights.",
    epilog="Exit codes: 0 fine, 1 unexpected, 2 configuration or usage, 3 a check failed or it was interrupted, "
    "4 not complete yet.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
app.command("run")(run.run)
app.command("plan")(plan.plan)
app.command("prices")(prices.prices)
app.command("status")(status.status)
app.command("trades")(trades.trades)
app.command("pause")(pause.pause)
app.command("resume")(pause.resume)
app.command("deploy")(deploy.deploy)
app.command("launch")(launch.launch)
app.command("handover")(handover.handover)
app.command("doctor")(doctor.doctor)
app.command("reconcile")(reconcile.reconcile)
app.add_typer(tx.app, name="tx")
app.add_typer(breaker.app, name="breaker")
app.add_typer(funds.app, name="funds")
app.add_typer(config.app, name="config")
app.add_typer(treasury.app, name="treasury")
app.add_typer(index.app, name="index")
app.add_typer(db.app, name="db")


@app.callback(invoke_without_command=True)
def version(show: Annotated[bool, typer.Option("--version", help="Print the version and exit.")] = False) -> None:
    if show:
        print(__version__)
        raise typer.Exit


def main() -> None:
    open_closed_streams()
    app()
