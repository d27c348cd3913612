"""`keeper doctor`: each thing the keeper needs, checked: ok, warn or fail."""

from dataclasses import asdict
from typing import Annotated

import typer

from keeper.entrypoints.cli.console import Exit, perform, show_json, show_table


def doctor(as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False) -> None:
    """Check node, chain id, contract, key, role, gas, prices, database and clock. Exit 3 when any fails."""
    perform(lambda: _doctor(as_json))


async def _doctor(as_json: bool) -> Exit:
    from keeper.app.doctor import Health
    from keeper.entrypoints.cli.environment import load_settings
    from keeper.wiring.looking import examine_everything

    checks = await examine_everything(load_settings())
    if as_json:
        show_json([asdict(check) for check in checks])
    else:
        show_table("", ["fund", "check", "", "detail"], [[c.fund, c.name, c.health, c.detail] for c in checks])
    return Exit.CHECK if any(check.health is Health.FAIL for check in checks) else Exit.FINE
