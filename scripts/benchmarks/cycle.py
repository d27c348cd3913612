"""`scripts/bench cycle`: what a cycle asks of the node, and how long it takes from a new head to signed bytes.

Everything runs on one local chain with the real contracts: the daemon's scheduler on SQLite with synchronous=FULL,
and web3.py's contract calls beside it, turn by turn.
"""

import argparse
import asyncio
import logging
import os
import sys
import tempfile
from pathlib import Path

import structlog

from scripts.benchmarks.counting import count_requests
from scripts.benchmarks.funds import STEP_SECONDS, chain_of_funds
from scripts.benchmarks.observing import time_observations
from scripts.benchmarks.report import Report
from scripts.benchmarks.trading import time_trades
from scripts.localchain.anvil import ROOT
from scripts.localchain.paths import random_walk


def add_to(subjects: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    parser = subjects.add_parser("cycle", help="requests of a cycle, time of an observation, time from head to bytes")
    parser.add_argument("--json", action="store_true", help="one line of JSON instead of the table")
    parser.add_argument("--funds", default="1,10,100", metavar="N,N", help="how many funds (default 1,10,100)")
    parser.add_argument("--trades", type=int, default=20, metavar="N", help="rebalances in a round (default 20)")
    parser.add_argument("--rounds", type=int, default=3, metavar="N", help="the best median counts (default 3)")
    parser.set_defaults(measure=lambda options: asyncio.run(_measure(options, parser)))


async def _measure(options: argparse.Namespace, parser: argparse.ArgumentParser) -> int:
    """Exit code 0 when the limits on requests hold. Times depend on the machine: they are shown beside their aims."""
    try:
        counts = sorted({int(count) for count in options.funds.split(",")})
    except ValueError:
        parser.error("--funds takes numbers with commas between them")
    if min(*counts, options.trades, options.rounds) < 1:
        parser.error("--funds, --trades and --rounds must be at least 1")
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.WARNING))
    folder = ROOT / ".bench"
    folder.mkdir(exist_ok=True)
    load_before = os.getloadavg()[0]
    # In the project, not in the system's place for temporary files: that one may be memory, which commits for free.
    with tempfile.TemporaryDirectory(dir=folder) as temporary:
        place = Path(temporary)
        _say(f"a local chain with {counts[-1]} treasuries ...")
        with chain_of_funds(place, counts[-1]) as (chain, treasuries):
            moves = random_walk(chain.deployment.config.assets, 1, STEP_SECONDS)
            _say("requests ...")
            asked = await count_requests(chain, treasuries, counts, place, moves)
            _say("observations ...")
            observed = await time_observations(chain, treasuries, counts, place, options.rounds)
            _say("trades ...")  # last: each takes half a day, after a month the other treasuries' keepers expire
            traded = await time_trades(chain, moves, options.trades, options.rounds, place)
    report = Report(asked, observed, traded, (load_before, os.getloadavg()[0]))
    print(report.as_json() if options.json else report.as_table())
    return 0 if report.within_limits else 1


def _say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)
