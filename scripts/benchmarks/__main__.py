"""`scripts/bench SUBJECT [--json]`: measures one subject; a table on standard output, or one line of JSON."""

import argparse
import sys
from collections.abc import Sequence

from scripts.benchmarks import cycle, gas, idle, index
from scripts.localchain.anvil import AnvilError
from scripts.localchain.lockstep import KeeperFailed
from scripts.localchain.node import TransactionFailed
from scripts.localchain.rpc import RpcError
from scripts.localchain.stopping import Stopped, stopping_on_signals


def main(argv: Sequence[str] | None = None) -> int:
    options = _options(argv)
    try:
        with stopping_on_signals():
            return int(options.measure(options))
    except (AnvilError, RpcError, TransactionFailed, KeeperFailed) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    except Stopped:
        print("stopped", file=sys.stderr)
        return 130


def _options(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="scripts/bench", description=(__doc__ or "").partition("\n")[0])
    subjects = parser.add_subparsers(required=True, metavar="SUBJECT")
    for subject in (cycle, gas, idle, index):
        subject.add_to(subjects)
    return parser.parse_args(argv)


if __name__ == "__main__":
    sys.exit(main())
