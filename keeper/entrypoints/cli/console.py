"""How commands speak: tables for people, JSON for machines, one line and an exit code for what went wrong."""

import asyncio
import contextlib
import errno
import io
import json
import os
import sys
import traceback
from collections.abc import Callable, Coroutine, Iterable, Sequence
from decimal import Decimal
from enum import IntEnum
from typing import Any, TextIO

import typer


class Exit(IntEnum):
    """FINE; UNEXPECTED is a fault of the program; USAGE of the configuration; CHECK of the world outside, and Ctrl-C.

    PENDING: nothing is wrong, somebody else has yet to act.
    """

    FINE = 0
    UNEXPECTED = 1
    USAGE = 2
    CHECK = 3
    PENDING = 4


def perform(work: Callable[[], Coroutine[Any, Any, Exit]], *, resumable: bool = False) -> None:
    """Run a command to its exit code. Every known failure is one clear line per mistake on stderr.

    `resumable`: half of it is no success, a script must not go on. Nor is Ctrl-C, ever: nothing was found to be fine.
    """
    from keeper.core.mistakes import ConfigurationError, SetupStopped
    from keeper.market_ports import MarketDataUnavailable
    from keeper.ports import BooksUnavailable, ChainUnavailable

    code = None
    try:
        code = asyncio.run(work())
        sys.stdout.flush()  # while a reader that has left can be told from a fault of ours
    except ConfigurationError as error:
        for problem in error.problems:
            complain(problem)
        code = Exit.USAGE
    except (ChainUnavailable, MarketDataUnavailable, BooksUnavailable, SetupStopped) as outage:
        complain(str(outage))
        code = Exit.CHECK
    except KeyboardInterrupt:
        complain("interrupted: start again to go on" if resumable else "interrupted")
        code = Exit.CHECK
    except Exception as error:  # noqa: BLE001 - the last resort: a fault of ours, told without secrets
        if (undelivered := _undelivered(error, code, resumable)) is None:
            _confess(error)
        code = Exit.UNEXPECTED if undelivered is None else undelivered
    raise typer.Exit(code)


def _undelivered(error: Exception, code: Exit | None, resumable: bool) -> Exit | None:
    """When the output could not be written: its reader has left, which changes nothing in a `code` that is known and
    is fine for what only shows, or its disk is full."""
    if not isinstance(error, OSError) or error.errno not in (errno.EPIPE, errno.ENOSPC):
        return None
    _drop(sys.stdout)
    if error.errno == errno.EPIPE:
        if code is None and resumable:
            complain("stopped, for whoever read the output has left: start again to go on")
            return Exit.CHECK
        return Exit.FINE if code is None else code
    complain("the output cannot be written: the disk is full")
    return Exit.CHECK


def _drop(stream: TextIO) -> None:
    """What is still buffered goes nowhere, or Python would try once more at exit, and complain."""
    with contextlib.suppress(OSError, ValueError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())


def open_closed_streams() -> None:
    """A process started without stdout or stderr (`>&-`) finds None there: what it says then goes nowhere. A name that
    the terminal's encoding does not know is escaped: it must not end a command."""
    for name in ("stdout", "stderr"):
        stream = getattr(sys, name)
        if stream is None:
            setattr(sys, name, open(os.devnull, "w"))  # noqa: SIM115 - until the process ends
        elif isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")


def _confess(error: Exception) -> None:
    """Where it happened, for a report; then the one line."""
    from keeper.core.redact import redact

    print(redact("".join(traceback.format_exception(error))), end="", file=sys.stderr)
    complain(redact(f"unexpected: {type(error).__name__}: {error}".splitlines()[0]))


def complain(problem: str) -> None:
    try:
        print(f"error: {problem}", file=sys.stderr)
    except OSError:  # nobody listens; the exit code tells
        _drop(sys.stderr)


def unicode_text(argument: str) -> str:
    """An argument as it can be stored: bytes that the terminal's encoding does not know become question marks."""
    return argument.encode(errors="replace").decode()


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
    console = Console(width=width, markup=False, emoji=False, highlight=False)
    sys.stdout.flush()  # and print: neither by rich, which ends the process with 1 when the reader has left
    with console.capture() as drawn:
        console.print(table)
    print(drawn.get(), end="")


def money(value: Decimal | None) -> str:
    return "-" if value is None else f"{value:,.2f}"


def percent(bps: Decimal | None) -> str:
    return "-" if bps is None else f"{bps / 100:.2f} %"


def amount(value: Decimal) -> str:
    """For a table: four decimals, or six significant digits of what is less than 1. JSON has all of them."""
    return f"{value:.6g}" if value and abs(value) < 1 else f"{value:,.4f}"


def _text(value: Any) -> str:
    return "-" if value is None else str(value)
