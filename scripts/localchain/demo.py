"""`scripts/demo`: a fund is set up, and the real keeper daemon keeps it on target while the market moves.

It is set up on the real Uniswap by the functions of `keeper deploy`, `keeper launch` and `keeper handover`.
The default market is a seeded random walk of half-day steps; `--prices` replays real daily prices instead, a cycle a
day. Chain, database and logs go to a fresh folder under `.demo/`. Exit code 0 only when at least one rebalance
brought the drift below the threshold, nothing failed, and the books agree with the receipts to the last unit.
"""

import argparse
import itertools
import os
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from pathlib import Path

from scripts.localchain.anvil import ROOT, AnvilError
from scripts.localchain.books import Books
from scripts.localchain.chain import LocalChain, local_chain
from scripts.localchain.config import DAY, DevnetConfig, default_config
from scripts.localchain.lockstep import DATABASE, KeeperFailed, Lockstep, Step, lockstep_environment, running_keeper
from scripts.localchain.node import TransactionFailed
from scripts.localchain.paths import BadPriceFile, daily_prices, midnight, random_walk
from scripts.localchain.report import Result, cycle_line, setup_lines
from scripts.localchain.rpc import RpcError
from scripts.localchain.state import environment_lines
from scripts.localchain.stopping import Stopped, await_stop, hold_stops, stopping_on_signals

WALK_STEP_SECONDS = DAY // 2
WALK_CYCLES = 5
THRESHOLD = Decimal("0.05")  # relative drift at which the demo's fund trades
SUCCESS, FAILURE, USAGE = 0, 1, 2


@dataclass(frozen=True, slots=True)
class Script:
    """What will happen: the chain at the start and every step of the market.

    A `replayed` chain has no clock: its genesis is the first step and blocks come as they are needed.
    """

    config: DevnetConfig
    steps: Sequence[Step]
    replayed: bool


def main(argv: Sequence[str] | None = None) -> int:
    options = _options(argv)
    try:
        script = _script(options)
        folder = _fresh_folder()
        with stopping_on_signals():
            return _run(script, folder, options)
    except BadPriceFile as error:
        print(f"error: {error}", file=sys.stderr)
        return USAGE
    except (AnvilError, RpcError, TransactionFailed, KeeperFailed) as error:
        print(f"error: {error}", file=sys.stderr)
        return FAILURE
    except Stopped:
        print("stopped", file=sys.stderr)
        return 130


def _options(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="scripts/demo", description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--cycles", type=int, metavar="N", help=f"default: {WALK_CYCLES}, or every day of --prices")
    parser.add_argument("--seed", type=int, default=1, metavar="N", help="of the random walk (default 1)")
    parser.add_argument("--prices", type=Path, metavar="FILE", help="replay daily prices: CSV with date,coin_id,price")
    parser.add_argument("--from", dest="first", type=date.fromisoformat, metavar="DATE", help="first day of --prices")
    parser.add_argument("--to", dest="last", type=date.fromisoformat, metavar="DATE", help="last day of --prices")
    parser.add_argument("--json", action="store_true", help="the result as one line of JSON, last on standard output")
    parser.add_argument("--keep", action="store_true", help="afterwards keep the chain up until Ctrl-C or SIGTERM")
    parser.add_argument("--verbose", action="store_true", help="show the keeper's log too")
    options = parser.parse_args(argv)
    if options.cycles is not None and options.cycles < 1:
        parser.error("--cycles must be at least 1")
    if (options.prices is None) != (options.first is None) or (options.first is None) != (options.last is None):
        parser.error("--prices, --from and --to go together")
    return options


def _script(options: argparse.Namespace) -> Script:
    config = default_config()
    if options.prices is None:
        count = options.cycles or WALK_CYCLES
        path = itertools.islice(random_walk(config.assets, options.seed, WALK_STEP_SECONDS), count)
        now = int(time.time())
        steps = [
            Step(f"step {number}/{count}", now + number * WALK_STEP_SECONDS, prices)
            for number, prices in enumerate(path, start=1)
        ]
        return Script(config, steps, replayed=False)
    days = daily_prices(options.prices, options.first, options.last, config.assets)[: options.cycles]
    steps = [Step(day.isoformat(), midnight(day), prices) for day, prices in days]
    return Script(config.with_prices(days[0][1]), steps, replayed=True)


def _fresh_folder() -> Path:
    folder = ROOT / ".demo" / f"{time.strftime('%Y%m%d-%H%M%S')}-{os.getpid()}"
    folder.mkdir(parents=True)
    return folder


def _run(script: Script, folder: Path, options: argparse.Namespace) -> int:
    genesis = script.steps[0].at if script.replayed else None
    with local_chain(folder, script.config, genesis_timestamp=genesis) as chain:
        count = len(chain.deployment.deployed)
        _say(f"local chain at {chain.url}: {count} contracts and pools in {chain.deployment.seconds:.1f} s")
        for line in setup_lines(chain.deployment.treasuries[0], folder):
            _say(line)
        if script.replayed:
            chain.node.automine()
        else:
            chain.node.mine_every(1)
        result = _drive(chain, script, folder, options.verbose)
        complaints = result.complaints(THRESHOLD)
        for complaint in complaints:
            _say(f"FAILED  {complaint}")
        _say(_summary(result) if not complaints else f"see {folder}")
        if options.keep:
            hold_stops()  # before anything tells that it is ready
        if options.json:
            print(result.as_json(), flush=True)
        if options.keep:
            _keep(chain, folder)
    return FAILURE if complaints else SUCCESS


def _drive(chain: LocalChain, script: Script, folder: Path, verbose: bool) -> Result:
    step_seconds = DAY if script.replayed else WALK_STEP_SECONDS
    environment = lockstep_environment(chain, folder, step_seconds, THRESHOLD)
    (folder / "env").write_text(environment_lines(environment))
    books = Books(folder / DATABASE)
    tick: Callable[[], None] = chain.node.mine if script.replayed else lambda: None
    cycles = []
    with running_keeper(environment, folder) as keeper:
        follow = _Follower(keeper.log) if verbose else None
        lockstep = Lockstep(chain, keeper, books, tick)
        for step in script.steps:
            row = lockstep.cycle(step)
            cycles.append(row)
            if follow:
                follow.show()
            _say(cycle_line(chain, books, step, row))
    return Result.read(chain, books, cycles)


def _summary(result: Result) -> str:
    counts = f"{len(result.cycles)} cycles, {len(result.rebalances)} rebalances, {len(result.swaps)} swaps"
    return f"{counts}: every amount equals the receipts' Transfer logs"


def _keep(chain: LocalChain, folder: Path) -> None:
    _say(f"chain at {chain.url}, files in {folder}; Ctrl-C ends it")
    await_stop()
    _say("stopped")


class _Follower:
    """Shows what a file has gained since the last look."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self._shown = 0

    def show(self) -> None:
        text = self._file.read_text(errors="replace")
        for line in text[self._shown :].splitlines():
            _say(f"    {line}")
        self._shown = len(text)


def _say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
