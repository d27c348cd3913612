"""`keeper db`: the database's schema."""

import typer

from keeper.entrypoints.cli.console import Exit, perform

app = typer.Typer(no_args_is_help=True, help="The database.")


@app.callback()
def group() -> None:
    """The database."""


@app.command()
def upgrade() -> None:
    """Bring the tables to this version's schema; `keeper run` does it by itself."""
    perform(_upgrade)


async def _upgrade() -> Exit:
    from keeper.entrypoints.cli.environment import load_settings
    from keeper.wiring.places import open_library

    settings = load_settings()
    async with open_library(settings, settings.mode()) as library:
        print(f"{library.database.shown}: schema {await library.database.schema_version()}")
    return Exit.FINE
