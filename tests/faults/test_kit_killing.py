"""A kill point kills there, at that time and for good; and every write of the books is one."""

import inspect
import json
import signal
import subprocess
import sys
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from keeper import ports
from keeper.adapters.storage.books import SqlBooks
from scripts.localchain.anvil import ROOT
from scripts.localchain.chain import LocalChain
from tests.e2e.keepers import Keeper, nonce
from tests.faults import steps
from tests.faults.kit.killing import KillPoint, When, arm, killing

TOY = "tests.faults.toy:"


def run_toy(tmp_path: Path, *points: KillPoint) -> tuple[int, list[str]]:
    """Its exit code, and what it wrote."""
    (armed,) = killing(*points).values()
    log = tmp_path / "log"
    command = [sys.executable, "-m", "tests.faults.kit.killing", json.dumps(armed), TOY + "main", str(log)]
    code = subprocess.run(command, cwd=ROOT, timeout=30, check=False).returncode
    return code, log.read_text().splitlines() if log.exists() else []


@pytest.mark.adapter
@pytest.mark.parametrize(
    ("method", "when", "nth", "wrote"),
    [
        ("step", "before", 1, []),
        ("step", "after", 1, ["step 0"]),
        ("wait", "before", 2, ["step 0", "wait 0", "step 1"]),
        ("wait", "after", 3, ["step 0", "wait 0", "step 1", "wait 1", "step 2", "wait 2"]),
    ],
)
def test_killed_there(tmp_path: Path, method: str, when: When, nth: int, wrote: list[str]) -> None:
    point = KillPoint(f"{TOY}Worker.{method}", when, tmp_path / "killed", nth)
    code, lines = run_toy(tmp_path, point)
    assert lines == wrote  # and not "end"
    point.assert_fired(code)
    assert code == -signal.SIGKILL


@pytest.mark.adapter
def test_a_point_that_is_not_reached_kills_nobody(tmp_path: Path) -> None:
    point = KillPoint(f"{TOY}Worker.step", "before", tmp_path / "killed", 4)
    code, lines = run_toy(tmp_path, point)
    assert (code, lines[-1]) == (0, "end")
    with pytest.raises(AssertionError, match="nothing was killed before"):
        point.assert_fired()


@pytest.mark.unit
def test_a_step_that_is_not_there_is_a_mistake(tmp_path: Path) -> None:
    for step in (TOY + "Worker.nothing", TOY + "nothing"):
        with pytest.raises(AssertionError, match="there is no"):
            arm([KillPoint(step, "before", tmp_path / "killed").as_json()])


@pytest.mark.unit
def test_every_write_of_the_books_is_a_step() -> None:
    """A method that comes with a new version is on one of the two lists, and each names what is there."""
    port = {name for name, _ in inspect.getmembers(ports.Books, inspect.isfunction) if not name.startswith("_")}
    assert port == steps.WRITING | steps.READING
    assert not steps.WRITING & steps.READING
    for method in steps.WRITING:
        assert inspect.iscoroutinefunction(getattr(SqlBooks, method))
        written = inspect.getsource(getattr(SqlBooks, method))
        assert "self._db.write(" in written
        assert steps.inside(method).rpartition(".")[2].replace(":", ".") in written
    for method in steps.READING:
        assert "self._db.write(" not in inspect.getsource(getattr(SqlBooks, method))


MOMENTS: list[tuple[str, When, dict[str, Any]]] = [
    (steps.SIGN, "before", {"state": "planned", "attempts": 0, "pooled": 0}),
    (steps.inside("save_attempt"), "after", {"state": "planned", "attempts": 0, "pooled": 0}),
    (steps.books("save_attempt"), "after", {"state": "signed", "attempts": 1, "pooled": 0}),
    (steps.SEND, "after", {"state": "signed", "attempts": 1, "pooled": 1}),
    (steps.books("mark_sent"), "after", {"state": "sent", "attempts": 1, "pooled": 1}),
]


@pytest.mark.e2e
@pytest.mark.parametrize(("step", "when", "left"), MOMENTS, ids=[f"{when} {step}" for step, when, _ in MOMENTS])
def test_the_real_keeper_dies_there(
    chain: LocalChain, keeper: Keeper, tmp_path: Path, step: str, when: When, left: dict[str, Any]
) -> None:
    """With what it had committed in its books, and what it had sent in the pool."""
    chain.market.step({"WETH": Decimal(4000)}, at=chain.node.head()[1] + 3600)
    chain.node.mine_every(0)
    point = KillPoint(step, when, tmp_path / "killed")
    with keeper.running(prepare=killing(point)) as child:
        code = keeper.until(child.exit_code, "killed")
    point.assert_fired(code)
    (intent,) = keeper.rows("SELECT state FROM transaction_intent")
    attempts = len(keeper.rows("SELECT id FROM transaction_attempt"))
    assert {"state": intent["state"], "attempts": attempts, "pooled": nonce(chain)} == left
