"""The example of docs/index.md is what the program prints."""

import re
from pathlib import Path

import pytest
from typer.testing import CliRunner

from keeper.entrypoints.cli.main import app

pytestmark = pytest.mark.unit

DOC = Path(__file__).parents[3] / "docs/index.md"


def block(kind: str) -> str:
    (text,) = re.findall(rf"```{kind}\n(.*?)```", DOC.read_text(), re.DOTALL)
    return str(text)


def test_the_example_is_what_is_printed(tmp_path: Path) -> None:
    (tmp_path / "caps.csv").write_text(block("csv"))
    (command,) = re.findall(r"`keeper (index weights .*?)`", DOC.read_text())
    arguments = command.replace("caps.csv", str(tmp_path / "caps.csv")).split()
    result = CliRunner().invoke(app, arguments)
    assert result.exit_code == 0
    assert [line.rstrip() for line in result.stdout.splitlines()] == block("text").splitlines()
