"""Processes that are really stopped, and really have no room."""

import subprocess
import sys
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path

import pytest

from scripts.localchain.chain import LocalChain
from tests.e2e.keepers import Keeper, nonce
from tests.e2e.reckoning import assert_every_plan_happened_once, finish
from tests.faults.kit.processes import disk_full, is_stopped, stopped

WRITER = """
import sys
from pathlib import Path
path = Path(sys.argv[1])
print("up", flush=True)
for line in sys.stdin:
    try:
        with path.open("ab") as file:
            file.write(b"x" * int(line))
        print("wrote", flush=True)
    except OSError as error:
        print(error.strerror, flush=True)
"""


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "file"
    path.write_bytes(b"x" * 100)
    return path


@pytest.fixture
def writer(file: Path) -> "Iterator[subprocess.Popen[str]]":
    """Told a number, it appends so many bytes to the file."""
    command = [sys.executable, "-c", WRITER, str(file)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout
        assert process.stdout.readline() == "up\n"
        yield process
        assert process.stdin
        process.stdin.close()


def tell(process: "subprocess.Popen[str]", size: int) -> None:
    assert process.stdin
    process.stdin.write(f"{size}\n")
    process.stdin.flush()


def heard(process: "subprocess.Popen[str]") -> str:
    assert process.stdout
    return process.stdout.readline().strip()


@pytest.mark.adapter
def test_stopped(writer: "subprocess.Popen[str]", file: Path) -> None:
    with stopped(writer.pid):
        assert is_stopped(writer.pid)
        tell(writer, 10)
        assert file.stat().st_size == 100
    assert heard(writer) == "wrote"
    assert not is_stopped(writer.pid)
    assert file.stat().st_size == 110


@pytest.mark.adapter
def test_stopped_and_killed_meanwhile(writer: "subprocess.Popen[str]") -> None:
    with stopped(writer.pid):
        writer.kill()
        assert writer.wait(10) == -9


@pytest.mark.adapter
def test_disk_full(writer: "subprocess.Popen[str]", file: Path) -> None:
    with disk_full(writer.pid, file, room=20) as limit:
        assert limit == 120
        tell(writer, 20)
        assert heard(writer) == "wrote"
        tell(writer, 1)
        assert heard(writer) == "File too large"
        assert file.stat().st_size == 120
    tell(writer, 1)
    assert heard(writer) == "wrote"


@pytest.mark.e2e
def test_disk_full_for_the_real_keeper(chain: LocalChain, keeper: Keeper) -> None:
    """Its books take nothing more, so that nothing is sent; with room again it trades."""
    with keeper.running() as child:
        keeper.query_until("SELECT * FROM decision WHERE action = 'held'")
        log = keeper.database.with_name(keeper.database.name + "-wal")
        with disk_full(child.pid, keeper.database, log):
            chain.market.step({"WETH": Decimal(4000)}, at=chain.node.head()[1] + 3600)
            keeper.until(lambda: "disk is full" in keeper.said(), "a full disk")
            assert nonce(chain) == 0
            assert child.exit_code() is None
        keeper.query_until("SELECT * FROM transaction_intent")
        finish(chain, keeper)
    assert assert_every_plan_happened_once(chain, keeper) == 1
