"""`scripts/bench gas`: what whole transactions use, beside the committed snapshot and plain Router02 swaps.

Real contracts on a local chain whose clock has no say: the figures are the same on every machine.
"""

import argparse
import sys
import tempfile
from pathlib import Path

from scripts.benchmarks.gas_setup import Setup
from scripts.benchmarks.gas_shares import Shares
from scripts.benchmarks.gas_snapshot import SNAPSHOT, Snapshot
from scripts.benchmarks.gas_trades import Trades
from scripts.benchmarks.metering import Meter
from scripts.localchain.anvil import ROOT
from scripts.localchain.chain import local_chain
from scripts.localchain.config import DAY, default_config

GENESIS = 1_700_000_000


def add_to(subjects: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    parser = subjects.add_parser("gas", help="gas of deployment, rebalances, shares, every call of a role")
    parser.add_argument("--json", action="store_true", help="one line of JSON instead of the table")
    parser.add_argument("--write", action="store_true", help=f"renew {SNAPSHOT.relative_to(ROOT)}")
    parser.set_defaults(measure=_compare)


def measure(folder: Path) -> Snapshot:
    """Every figure, on a new chain. `folder` takes Anvil's log."""
    with local_chain(folder, default_config(), genesis_timestamp=GENESIS) as chain:
        meter = Meter(chain.node, GENESIS + 10 * DAY)
        for scene in (Trades, Shares, Setup):
            scene(chain, meter).measure()
        return Snapshot(meter.gas)


def _compare(options: argparse.Namespace) -> int:
    """Exit code 0 when the limits hold and nothing has changed, or the change was to be written down."""
    with tempfile.TemporaryDirectory() as folder:
        found = measure(Path(folder))
    committed = Snapshot.read()
    print(found.as_json() if options.json else found.as_table(committed))
    if options.write:
        found.write()
    faults = found.broken_limits() + ([] if options.write else found.differences(committed))
    for fault in faults:
        print(f"error: {fault}", file=sys.stderr)
    return 1 if faults else 0
