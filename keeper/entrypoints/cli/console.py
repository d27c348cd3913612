"""How commands speak: tables for people, JSON for machines, one line and an exit code for what went wrong."""

import asyncio
import json
import os
import sys
import traceback
from collections.abc import Callable, Coroutine, Iterable, Sequence
from decimal import Decimal
from enum import IntEnum
from typing import Any

import typer


class Exit(IntEnum):
    """FINE; UNEXPECTED is a fault of the program; USAGE of the configuration; CHECK of the world outside."""

    FINE = 0
    UNEXPECTED = 1
    USAGE = 2
    CHECK = 3


def perform(work: Callable[[], Coroutine[Any, Any, Exit]]) -> None:
    """Run a command to its exit code. Every known failure is one clear line per mistake on stderr."""
    from keeper.ports import BooksUnavailable, ChainUnavailable
    from keeper.settings import ConfigurationError

    try:
        code = asyncio.run(work())
    except ConfigurationError as error:
        for problem in error.problems:
            complain(problem)
        code = Exit.USAGE
    except (ChainUnavailable, BooksUnavailable) as outage:
        complain(str(outage))
        code = Exit.CHECK
    except KeyboardInterrupt:
        code = Exit.FINE
    except BrokenPipeError:
        sys.stderr.close()
        code = Exit.FINE
    except Exception as error:  # noqa: BLE001 - the last resort: a fault of ours, told without secrets
        _confess(error)
        code = Exit.UNEXPECTED
    raise typer.Exit(code)


def _confess(error: Exception) -> None:
    """Where it happened, for a report; then the one line."""
    from keeper.core.redact import redact

    print(redact("".join(traceback.format_exception(error))), end="", file=sys.stderr)
    complain(redact(f"unexpected: {type(error).__name__}: {error}".splitlines()[0]))


def complain(problem: str) -> None:
    print(f"error: {problem}", file=sys.stderr)


def show_json(value: Any) -> None:
    print(json.dumps(value, indent=2, default=_text))


PIPE_WIDTH = 200
"""Columns where there is no terminal: what is piped is searched, and nothing in it should be cut in two."""


def show_table(title: str, columns: Sequence[str], rows: Iterable[Sequence[Any]], right: Sequence[str] = ()) -> None:
    """A table; the columns named in `right` hold numbers, and the first is never broken."""
    from rich.console import Console
    from rich.table import Table

    table = Table(title=title or None, title_justify="left", title_style="bold", header_style="dim", box=None)
    for column in columns:
        whole = column in right or column == columns[0]
        table.add_column(column, justify="right" if column in right else "left", overflow="fold", no_wrap=whole)
    for row in rows:
        table.add_row(*(_text(cell) for cell in row))
    width = None if sys.stdout.isatty() or "COLUMNS" in os.environ else PIPE_WIDTH
    # no markup: tokens, nodes and operators name things, and `[/b]` in a name must neither vanish nor raise
    Console(width=width, markup=False, emoji=False, highlight=False).print(table)


def money(value: Decimal | None) -> str:
    return "-" if value is None else f"{value:,.2f}"


def percent(bps: Decimal | None) -> str:
    return "-" if bps is None else f"{bps / 100:.2f} %"


def amount(value: Decimal) -> str:
    """For a table: four decimals, or six significant digits of what is less than 1. JSON has all of them."""
    return f"{value:.6g}" if value and abs(value) < 1 else f"{value:,.4f}"


def _text(value: Any) -> str:
    return "-" if value is None else str(value)
