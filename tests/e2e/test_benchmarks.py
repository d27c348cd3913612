"""The benchmark of a cycle still runs: it is looked at rarely, and reads what contracts and books offer."""

import json
import subprocess
import sys

import pytest

from scripts.localchain.anvil import ROOT

pytestmark = pytest.mark.e2e


def test_the_benchmark_of_a_cycle_measures_a_trade() -> None:
    """At its smallest. Times are of no interest here; the exit code says that the limits on requests hold."""
    command = [sys.executable, "-m", "scripts.benchmarks", "cycle", "--funds", "1", "--trades", "1", "--rounds", "1"]
    done = subprocess.run([*command, "--json"], cwd=ROOT, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stderr[-3000:]
    told = json.loads(done.stdout.splitlines()[-1])
    assert told["head_to_bytes"]["swaps"], told
