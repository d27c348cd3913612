"""`scripts/soak`: hundreds of cycles with faults, then the books against the chain. Exit code 0 when all holds."""

import argparse
import json
import secrets
import sqlite3
import sys
import tempfile
import time
from pathlib import Path

from scripts.localchain.rpc import RpcError
from scripts.localchain.stopping import Stopped, stopping_on_signals
from tests.faults.kit import chain_faults
from tests.faults.soak.run import Soak, Stuck
from tests.faults.soak.schedule import schedule
from tests.faults.soak.stage import staged
from tests.faults.soak.tally import Tally
from tests.faults.soak.verdict import Verdict


def main() -> int:
    wanted = _arguments()
    seed = secrets.randbelow(10**6) if wanted.seed is None else wanted.seed
    print(f"seed {seed}", file=sys.stderr, flush=True)
    try:
        with stopping_on_signals():
            if wanted.keep is not None:
                wanted.keep.mkdir(parents=True)
                tally = soak(seed, wanted.cycles, wanted.keep, faults=wanted.faults)
            else:
                with tempfile.TemporaryDirectory(prefix="keeper-soak-") as folder:
                    tally = soak(seed, wanted.cycles, Path(folder), faults=wanted.faults)
    except Stopped:
        return 130
    print(json.dumps(tally.as_json(), indent=None if wanted.json else 2))
    for line in [*tally.differences, *tally.shortfalls()]:
        print(f"does not hold: {line}", file=sys.stderr)
    return 0 if tally.holds else 1


def soak(seed: int, cycles: int, folder: Path, *, faults: bool) -> Tally:
    """Everything that is written goes to `folder`."""
    tally = Tally(seed, faults)
    began = time.monotonic()
    with staged(folder, tally) as stage:
        since = chain_faults.head(stage.rpc)[0]
        try:
            Soak(stage, tally).run(schedule(seed, cycles, faults=faults))
        except (Stuck, AssertionError) as error:
            tally.differences.append(f"{type(error).__name__} in cycle {tally.cycles}: {error}")
        verdict = Verdict(stage.chain, stage.keeper, since)
        try:
            tally.differences += verdict.differences()
        except (RpcError, sqlite3.Error) as error:  # an end so early that there is nothing to compare
            tally.differences.append(f"no verdict: {error}")
        tally.chain = verdict.counts
    tally.seconds = time.monotonic() - began
    return tally


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="scripts/soak", description=__doc__)
    parser.add_argument("--cycles", type=int, default=100, help="moves of the market (100)")
    parser.add_argument("--faults", action="store_true", help="break the node, the chain, the database and the keeper")
    parser.add_argument("--seed", type=int, help="the same faults, kills and prices as the run that printed it")
    parser.add_argument("--json", action="store_true", help="print the counts on one line")
    parser.add_argument("--keep", type=Path, help="a new folder that keeps the database and the logs")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
