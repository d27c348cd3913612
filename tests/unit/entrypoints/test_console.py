"""How commands speak: foreign names are shown as they are, and a stream that ends is no fault."""

import asyncio
import errno
import io
import os
import signal
import sys

import pytest
import structlog
import typer

from keeper.adapters.logs import configure
from keeper.entrypoints.cli.console import Exit, open_closed_streams, perform, show_table, unicode_text

pytestmark = pytest.mark.unit


@pytest.mark.parametrize("name", ["[red]USDC[/red]", "[/b]", ":smile:", "[link=http://x]y[/link]"])
def test_a_name_is_no_markup(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    """Anybody names a token: what stands in its name neither vanishes nor ends the command."""
    show_table("", ["asset", "amount"], [[name, 1]])
    assert name in capsys.readouterr().out


class Full(io.StringIO):
    """A stream that takes nothing any more."""

    def __init__(self, number: int) -> None:
        super().__init__()
        self._number = number

    def write(self, _: str) -> int:
        raise OSError(self._number, "no")


async def talk() -> Exit:
    print("something")
    return Exit.FINE


@pytest.mark.parametrize(("number", "code"), [(errno.EPIPE, Exit.FINE), (errno.ENOSPC, Exit.CHECK)])
def test_output_that_cannot_be_written_is_no_fault(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], number: int, code: Exit
) -> None:
    monkeypatch.setattr(sys, "stdout", Full(number))
    with pytest.raises(typer.Exit) as end:
        perform(talk)
    assert end.value.exit_code == code
    told = "" if code is Exit.FINE else "error: the output cannot be written: the disk is full\n"
    assert capsys.readouterr().err == told


def test_a_table_after_its_reader_left_is_told_like_any_line(monkeypatch: pytest.MonkeyPatch) -> None:
    """What was printed before is still buffered; rich would flush it, and end the process with 1."""
    reader, writer = os.pipe()
    os.close(reader)
    stream = os.fdopen(writer, "w")
    monkeypatch.setattr(sys, "stdout", stream)

    async def show() -> Exit:
        print("something")
        show_table("", ["asset"], [["WETH"]])
        return Exit.FINE

    with pytest.raises(typer.Exit) as end:
        perform(show)
    monkeypatch.undo()
    stream.close()
    assert end.value.exit_code == Exit.FINE


def test_a_reader_that_left_does_not_end_a_set_up_with_success(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """`keeper launch | head -1 && keeper handover`: half of the investors are paid."""
    monkeypatch.setattr(sys, "stdout", Full(errno.EPIPE))
    with pytest.raises(typer.Exit) as end:
        perform(talk, resumable=True)
    assert end.value.exit_code == Exit.CHECK
    assert "start again to go on" in capsys.readouterr().err


@pytest.mark.parametrize("resumable", [False, True])
def test_a_reader_that_left_at_the_end_does_not_change_what_was_found(
    monkeypatch: pytest.MonkeyPatch, resumable: bool
) -> None:
    """`keeper doctor | head -1`: what failed has failed."""

    class Late(io.StringIO):
        def flush(self) -> None:
            raise OSError(errno.EPIPE, "no")

    async def fail() -> Exit:
        print("fail")
        return Exit.PENDING

    monkeypatch.setattr(sys, "stdout", Late())
    with pytest.raises(typer.Exit) as end:
        perform(fail, resumable=resumable)
    assert end.value.exit_code == Exit.PENDING


@pytest.mark.parametrize(("resumable", "told"), [(False, "interrupted"), (True, "interrupted: start again to go on")])
def test_ctrl_c_is_no_success(capsys: pytest.CaptureFixture[str], resumable: bool, told: str) -> None:
    async def wait() -> Exit:
        signal.raise_signal(signal.SIGINT)
        await asyncio.sleep(60)
        return Exit.FINE

    with pytest.raises(typer.Exit) as end:
        perform(wait, resumable=resumable)
    assert end.value.exit_code == Exit.CHECK
    assert capsys.readouterr().err == f"error: {told}\n"


@pytest.mark.parametrize("number", [errno.EPIPE, errno.ENOSPC])
def test_a_log_that_cannot_be_written_stops_nobody(monkeypatch: pytest.MonkeyPatch, number: int) -> None:
    """Between a commit and the sending of a transaction a line about it must not raise."""
    monkeypatch.setattr(sys, "stderr", Full(number))
    configure("console", "info", [])
    try:
        structlog.get_logger().info("transaction sent")
    finally:
        structlog.reset_defaults()


def test_an_argument_in_an_unknown_encoding_can_be_stored() -> None:
    assert unicode_text("caf\udce9") == "caf?"


def test_a_name_that_the_terminal_cannot_show_ends_no_command(monkeypatch: pytest.MonkeyPatch) -> None:
    """A fund may be called what it likes, and a service may run without a locale."""
    raw = io.BytesIO()
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(raw, encoding="ascii"))
    open_closed_streams()
    print("指数", flush=True)
    assert raw.getvalue() == b"\\u6307\\u6570\n"
