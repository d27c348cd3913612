"""Faults of a process from outside, by its pid: stopped for a while, and without room on its disk. Linux."""

import contextlib
import os
import resource
import signal
import time
from collections.abc import Iterator
from pathlib import Path


@contextlib.contextmanager
def stopped(pid: int, timeout: float = 5.0) -> Iterator[None]:
    """SIGSTOP now, SIGCONT at the end. Inside, none of its threads runs: its connections stay open, unanswered."""
    os.kill(pid, signal.SIGSTOP)
    try:
        deadline = time.monotonic() + timeout
        while not is_stopped(pid):
            assert time.monotonic() < deadline, f"process {pid} does not stop"
            time.sleep(0.001)
        yield
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGCONT)


def is_stopped(pid: int) -> bool:
    """Every thread of it."""
    states = [_state(task / "stat") for task in Path(f"/proc/{pid}/task").iterdir()]
    return all(state == "T" for state in states)


def _state(stat: Path) -> str:
    return stat.read_text().rpartition(")")[2].split()[0]


@contextlib.contextmanager
def disk_full(pid: int, *files: Path, room: int = 0) -> Iterator[int]:
    """No file of the process grows beyond the size of the largest of `files` now, and `room` bytes more.

    The kernel refuses the write with EFBIG, which SQLite reports as a full disk. It is a limit of the process
    (RLIMIT_FSIZE), so that nobody else's disk is full; the process must ignore SIGXFSZ, as Python does. Bytes are
    written over within that size all the same. Gives the limit.
    """
    limit = max(file.stat().st_size for file in files) + room
    before = resource.prlimit(pid, resource.RLIMIT_FSIZE)
    resource.prlimit(pid, resource.RLIMIT_FSIZE, (limit, before[1]))
    try:
        yield limit
    finally:
        with contextlib.suppress(ProcessLookupError):
            resource.prlimit(pid, resource.RLIMIT_FSIZE, before)
