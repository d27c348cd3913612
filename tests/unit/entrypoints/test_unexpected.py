"""A fault of ours: exit code 1, where it happened, one line, and neither secrets nor local variables."""

import io
import json
import sys

import pytest
import structlog
import typer

from keeper.adapters.logs import configure
from keeper.entrypoints.cli.console import Exit, perform

pytestmark = pytest.mark.unit

SECRET = "4fd1c5a2e9b34d7f"
URL = f"https://rpc.example/v3/{SECRET}"


async def break_down() -> Exit:
    raise KeyError(f"no such thing at {URL}")


def test_an_unexpected_fault_is_exit_1_and_keeps_secrets(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(typer.Exit) as end:
        perform(break_down)
    assert end.value.exit_code == Exit.UNEXPECTED == 1
    told = capsys.readouterr().err
    assert told.splitlines()[-1] == "error: unexpected: KeyError: 'no such thing at https://rpc.example'"
    assert "break_down" in told
    assert SECRET not in told


@pytest.mark.parametrize("log_format", ["console", "json"])
def test_a_logged_fault_shows_where_and_nothing_else(monkeypatch: pytest.MonkeyPatch, log_format: str) -> None:
    monkeypatch.setattr(sys, "stderr", stderr := io.StringIO())
    configure(log_format, "info", [URL])
    log = structlog.get_logger()
    try:
        password = "hunter2-" + "of-the-keystore"  # put together: a traceback quotes source lines
        try:
            raise RuntimeError(f"at {URL}, path {SECRET}")
        except RuntimeError:
            log.exception("cycle failed", length=len(password))
    finally:
        structlog.reset_defaults()
    told = stderr.getvalue()
    assert "RuntimeError" in told
    assert "test_a_logged_fault" in told
    assert SECRET not in told
    assert password not in told
    if log_format == "json":
        assert json.loads(told)["event"] == "cycle failed"
