"""`scripts/bench idle`: what an idle daemon takes of the machine, and whether it takes more the longer it runs.

The real `keeper run` beside a local chain with a block a second; its process is looked at through /proc (Linux).
"""

import argparse
import json
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from decimal import Decimal
from pathlib import Path

from scripts.localchain.anvil import ROOT
from scripts.localchain.books import Books
from scripts.localchain.chain import local_chain
from scripts.localchain.config import default_config
from scripts.localchain.lockstep import DATABASE, lockstep_environment, running_keeper
from scripts.localchain.process import Child

WARM_UP_SECONDS = 15
LOOK_EVERY_SECONDS = 5
GROWTH_LIMIT_KIB = 4_096
"""Of resident memory, from the first third's median to the last third's. Python's own arenas wander by about one."""


@dataclass(frozen=True, slots=True)
class Look:
    """A moment of the process: resident memory, open files and connections, threads, processor time used so far."""

    rss_kib: int
    files: int
    threads: int
    cpu_seconds: float


def add_to(subjects: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    parser = subjects.add_parser("idle", help="memory, connections and processor time of an idle daemon")
    parser.add_argument("--json", action="store_true", help="one line of JSON instead of text")
    parser.add_argument("--seconds", type=int, default=120, metavar="S", help="how long (default 120)")
    parser.add_argument("--poll", type=Decimal, default=Decimal(4), metavar="S", help="HEAD_POLL_SECONDS (default 4)")
    parser.add_argument("--interval", type=Decimal, default=Decimal("0.1"), metavar="MIN", help="INTERVAL_MINUTES")
    parser.set_defaults(measure=_measure)


def _measure(options: argparse.Namespace) -> int:
    """Exit code 1 when memory, connections or threads grew."""
    place = ROOT / ".bench"
    place.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory(dir=place) as temporary:
        folder = Path(temporary)
        with local_chain(folder, default_config()) as chain:
            chain.node.mine_every(1)
            environment = lockstep_environment(chain, folder, 60, Decimal("0.9"))
            environment |= {"HEAD_POLL_SECONDS": str(options.poll), "INTERVAL_MINUTES": str(options.interval)}
            with running_keeper(environment, folder) as keeper:
                looks, seconds = _watch(keeper, options.seconds)
            cycles = Books(folder / DATABASE).cycles_since(0)
    growth = _growth(looks)
    steady = growth <= GROWTH_LIMIT_KIB and looks[-1].files <= looks[0].files and looks[-1].threads <= looks[0].threads
    cpu = (looks[-1].cpu_seconds - looks[0].cpu_seconds) / seconds
    if options.json:
        facts = {"seconds": seconds, "cycles": len(cycles), "cpu": cpu, "growth_kib": growth, "steady": steady}
        print(json.dumps({**facts, "looks": [asdict(look) for look in looks]}))
    else:
        first, last = looks[0], looks[-1]
        print(
            f"{len(cycles)} cycles; in {seconds:.0f} s {cpu:.2%} of a core\n"
            f"resident {first.rss_kib / 1024:.1f} MiB at first, {last.rss_kib / 1024:.1f} at last ({growth:+} KiB)\n"
            f"files {first.files} -> {last.files}, threads {first.threads} -> {last.threads}: "
            f"{'steady' if steady else 'GROWING'}"
        )
    return 0 if steady else 1


def _watch(keeper: Child, seconds: int) -> tuple[list[Look], float]:
    print(f"watching an idle keeper for {seconds} s ...", file=sys.stderr, flush=True)
    time.sleep(WARM_UP_SECONDS)
    started = time.monotonic()
    looks = [_look(keeper.pid)]
    while time.monotonic() - started < seconds:
        time.sleep(LOOK_EVERY_SECONDS)
        if (code := keeper.exit_code()) is not None:
            raise AssertionError(f"the keeper ended with exit code {code}\n{keeper.last_words()}")
        looks.append(_look(keeper.pid))
    return looks, time.monotonic() - started


def _look(pid: int) -> Look:
    process = Path(f"/proc/{pid}")
    status = dict(line.split(":", 1) for line in (process / "status").read_text().splitlines())
    # Fields 14 and 15 of stat(5), counted after the name, which may hold blanks.
    user, system = (process / "stat").read_text().rpartition(")")[2].split()[11:13]
    return Look(
        rss_kib=int(status["VmRSS"].split()[0]),
        files=len(list((process / "fd").iterdir())),
        threads=int(status["Threads"]),
        cpu_seconds=(int(user) + int(system)) / os.sysconf("SC_CLK_TCK"),
    )


def _growth(looks: Sequence[Look]) -> int:
    third = max(1, len(looks) // 3)
    first, last = (statistics.median(look.rss_kib for look in part) for part in (looks[:third], looks[-third:]))
    return int(last - first)
