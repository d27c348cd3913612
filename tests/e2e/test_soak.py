"""The soak in small: twenty cycles with faults hold, and a verdict that finds whatever is wrong with the books."""

import contextlib
import json
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from scripts.localchain.anvil import ROOT
from tests.faults.kit import chain_faults
from tests.faults.soak.run import Soak
from tests.faults.soak.schedule import schedule
from tests.faults.soak.stage import Stage, staged
from tests.faults.soak.tally import Tally
from tests.faults.soak.verdict import Verdict

pytestmark = pytest.mark.e2e
judging = pytest.mark.xdist_group("verdict")  # they share three cycles

SEED = 4
PATIENCE_SECONDS = 240


def test_twenty_cycles_with_faults() -> None:
    command = [sys.executable, "-m", "tests.faults.soak", "--cycles", "20", "--faults", "--seed", str(SEED), "--json"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=PATIENCE_SECONDS, check=False)
    assert done.returncode == 0, done.stderr[-5000:]
    assert done.stderr.splitlines()[0] == f"seed {SEED}"
    (line,) = done.stdout.splitlines()
    told = json.loads(line)
    assert (told["seed"], told["cycles"], told["holds"], told["differences"]) == (SEED, 20, True, [])
    assert told["landed"] == told["chain"]["rebalanced"] >= 10
    assert told["chain"]["transfers"] >= 2 * told["landed"]
    assert told["keeper"]["kills"] >= 3
    assert told["keeper"]["starts"] > told["keeper"]["kills"]
    assert told["kinds_fired"] >= 15
    assert sum(told["fired"].values()) >= 20


@pytest.fixture(scope="module")
def soaked(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Stage, int]]:
    """Three cycles without faults, and the block before the first."""
    tally = Tally(seed=1, faults=False)
    with staged(tmp_path_factory.mktemp("soak"), tally) as stage:
        since = chain_faults.head(stage.rpc)[0]
        Soak(stage, tally).run(schedule(1, 3, faults=False))
        assert tally.decisions == {"submitted": 3}
        yield stage, since


def verdict(soaked: tuple[Stage, int]) -> Verdict:
    stage, since = soaked
    return Verdict(stage.chain, stage.keeper, since)


@contextlib.contextmanager
def wrong(database: Path, *statements: str) -> Iterator[None]:
    """Books with something in them that never happened, or without something that did."""
    kept = database.with_suffix(".kept")
    shutil.copy(database, kept)
    try:
        with contextlib.closing(sqlite3.connect(database, isolation_level=None)) as books:
            guards = books.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'").fetchall()
            for (guard,) in guards:  # as somebody would who edits the journal
                books.execute(f'DROP TRIGGER "{guard}"')
            changed = sum(books.execute(statement).rowcount for statement in statements)
            assert changed > 0
            books.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        yield
    finally:
        shutil.copy(kept, database)


@judging
def test_right_books_agree(soaked: tuple[Stage, int]) -> None:
    judge = verdict(soaked)
    assert judge.differences() == []
    assert judge.counts["rebalanced"] == judge.counts["final_ok"] == judge.counts["nonces"] == 3
    assert judge.counts["transfers"] >= 6


LAST_SWAP = "(SELECT max(id) FROM rebalance_transaction)"
LAST = "(SELECT max(id) FROM transaction_intent)"
WRONG = {
    "a swap is missing": (f"DELETE FROM rebalance_transaction WHERE id = {LAST_SWAP}", "Transfer"),
    "an amount is wrong": (f"UPDATE rebalance_transaction SET actual_out = '1' WHERE id = {LAST_SWAP}", "Transfer"),
    "a rebalance is not known": (f"UPDATE rebalance SET status = 'failed' WHERE intent_id = {LAST}", "Rebalanced"),
    "one is open": (f"UPDATE transaction_intent SET state = 'sent' WHERE id = {LAST}", "still sent"),
    "a signer is held": ("UPDATE signer_account SET hold = 'why'", "on hold: why"),
    "one is said to have reverted": (
        f"UPDATE transaction_intent SET state = 'final_reverted' WHERE id = {LAST}",
        "did not on the chain",
    ),
    "a block is another": (f"UPDATE transaction_attempt SET block_hash = '0x1' WHERE intent_id = {LAST}", "block, gas"),
    "gas is another": (f"UPDATE transaction_attempt SET gas_used = 1 WHERE intent_id = {LAST}", "block, gas"),
    "a nonce is not known": (
        f"UPDATE transaction_attempt SET block_number = NULL WHERE intent_id = {LAST}",
        "nonce: 2 is on the chain 1 times",
    ),
    "a record was edited": ("UPDATE journal SET body = '{}' WHERE seq = 2", "does not recompute"),
}


@judging
@pytest.mark.parametrize("what", WRONG)
def test_whatever_is_wrong_is_found(soaked: tuple[Stage, int], what: str) -> None:
    statement, said = WRONG[what]
    with wrong(soaked[0].keeper.database, statement):
        found = verdict(soaked).differences()
    assert any(said in line for line in found), found
    assert verdict(soaked).differences() == []


@judging
def test_what_the_books_do_not_know_of_is_found(soaked: tuple[Stage, int]) -> None:
    """A swap that is written down twice is a transfer too many."""
    columns = [row["name"] for row in soaked[0].keeper.rows("PRAGMA table_info(rebalance_transaction)")]
    copied = ", ".join({"id": "id + 1000", "position": "position + 1000"}.get(name, name) for name in columns)
    twice = f"INSERT INTO rebalance_transaction SELECT {copied} FROM rebalance_transaction WHERE id = {LAST_SWAP}"
    with wrong(soaked[0].keeper.database, twice):
        found = verdict(soaked).differences()
    assert len(found) == 2
    assert all("in the books 2 times, on the chain 1" in line for line in found)
