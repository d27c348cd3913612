"""Draws docs/demo.svg: what scripts/demo prints, then what `keeper trades` and `keeper status` say of that run."""

import io
import json
import os
import subprocess
import sys
from pathlib import Path

from rich.console import Console
from rich.text import Text

from scripts.localchain.anvil import ROOT

PICTURE = ROOT / "docs" / "demo.svg"
WIDTH = 118


def main() -> int:
    demo = subprocess.run(
        [ROOT / "scripts" / "demo", "--json"], capture_output=True, text=True, check=True, stdin=subprocess.DEVNULL
    )
    folder = Path(json.loads(demo.stdout.splitlines()[-1])["database"]).parent
    console = Console(record=True, width=WIDTH, file=io.StringIO())
    _show(console, "scripts/demo", demo.stderr)
    for command in (["trades", "--limit", "7"], ["status"]):
        _show(console, " ".join(["keeper", *command]), _keeper(folder, command))
    console.save_svg(str(PICTURE), title="keeper")
    print(PICTURE)
    return 0


def _keeper(folder: Path, command: list[str]) -> str:
    lines = (line.partition("=") for line in (folder / "env").read_text().splitlines() if line)
    environment = {**os.environ, "COLUMNS": str(WIDTH), **{name: value.strip("'") for name, _, value in lines}}
    done = subprocess.run(
        [sys.executable, "-m", "keeper", *command], env=environment, capture_output=True, text=True, check=True
    )
    return done.stdout


def _show(console: Console, command: str, output: str) -> None:
    console.print(Text(f"$ {command}", style="bold green"))
    console.print(Text(output.rstrip()))
    console.print()


if __name__ == "__main__":
    sys.exit(main())
