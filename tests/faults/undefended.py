"""Every fault's test fails without its defence: `python -m tests.faults.undefended [--jobs N] [fault ...]`.

In a keeper without the defence (its code is changed in that process alone, before it starts) the fault's own test is
run, and must fail. Prints a table of fault, defence and what the test then says; exit code 1 when a test passes.
"""

import argparse
import concurrent.futures
import os
import re
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from scripts.localchain.anvil import ROOT

VARIABLE: Final = "KEEPER_TESTS_WITHOUT"
"""Names the fault whose defence is taken away, for the nursery's keepers and for those inside the test's process."""
PATIENCE: Final = 8
PATIENCE_WITH_A_LEASE: Final = 30
"""A standby needs 15 s for what takes a moment otherwise."""
_TEST_SECONDS = 240
_SAID = re.compile(r"^E\s+(\S.*)$", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Defence:
    """`remove` changes the product's code in this process. `tests` selects the fault's test by its name."""

    what: str
    remove: Callable[[], None]
    tests: str
    patience: int


DEFENCES: Final[dict[str, Defence]] = {}


def defends(*faults: str, what: str, patience: int = PATIENCE) -> Callable[[Callable[[], None]], Callable[[], None]]:
    """Declares what a function takes away. A fault is the beginning of its test's name after `test_fault_`."""

    def declare(remove: Callable[[], None]) -> Callable[[], None]:
        for fault in faults:
            assert fault not in DEFENCES, fault
            DEFENCES[fault] = Defence(what, remove, f"test_fault_{fault}", patience)
        return remove

    return declare


def take_away(fault: str) -> None:
    """In the process that shall be without it."""
    from tests.faults import without, without_prices, without_rpc  # noqa: F401 - they declare

    DEFENCES[fault].remove()


def here() -> None:
    """The same where the environment asks for it."""
    if fault := os.environ.get(VARIABLE):
        take_away(fault)


def falls(fault: str) -> tuple[bool, str]:
    """Whether the fault's test fails without its defence, and what it says then."""
    command = [sys.executable, "-m", "pytest", "-q", "-x", "-p", "no:cacheprovider", "tests/faults"]
    done = subprocess.run(
        [*command, "-k", DEFENCES[fault].tests, "--color=no"],
        cwd=ROOT,
        env=os.environ | {VARIABLE: fault, "KEEPER_TESTS_PATIENCE": str(DEFENCES[fault].patience)},
        capture_output=True,
        text=True,
        timeout=_TEST_SECONDS,
        check=False,
    )
    said = _SAID.findall(done.stdout)
    failed = done.returncode == 1 and "\nFAILED tests/faults/" in done.stdout
    return failed, (said or (done.stdout + done.stderr).strip().splitlines()[-1:] or ["nothing"])[0][:110]


def main() -> int:
    from tests.faults import without, without_prices, without_rpc  # noqa: F401 - they declare

    parser = argparse.ArgumentParser(description="Each fault's test without its defence: it must fail.")
    parser.add_argument("faults", nargs="*", metavar="fault", help="beginnings, such as 07; without any, all")
    parser.add_argument("--jobs", type=int, default=2)
    given = parser.parse_args()
    chosen = sorted(f for f in DEFENCES if not given.faults or any(f.startswith(begin) for begin in given.faults))
    passed = []
    print("| fault | without | its test |\n|---|---|---|")
    with concurrent.futures.ThreadPoolExecutor(given.jobs) as pool:
        for fault, (fell, said) in zip(chosen, pool.map(falls, chosen), strict=True):
            verdict = f"fails: {said}" if fell else f"PASSES: {said}"
            print(f"| {fault} | {DEFENCES[fault].what} | {verdict.replace('|', '/')} |", flush=True)
            if not fell:
                passed.append(fault)
    print(f"\n{len(chosen) - len(passed)} of {len(chosen)} fail without their defence")
    return 1 if passed else 0


if __name__ == "__main__":
    # by its name, so that the registry is one: `without` imports it from there
    from tests.faults.undefended import main as named

    sys.exit(named())
