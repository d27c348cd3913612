"""Child processes that cannot outlive us: ended with their process group, killed by the kernel should we vanish.

The kernel (Linux) counts the thread that starts a child as its parent: start children from the main thread.
"""

import contextlib
import ctypes
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import IO

_PR_SET_PDEATHSIG = 1
_LIBC = ctypes.CDLL(None) if sys.platform == "linux" else None


class Child:
    """A process in its own group, its output in a file."""

    def __init__(self, popen: subprocess.Popen[bytes], log: Path) -> None:
        self._popen = popen
        self.log = log

    @classmethod
    def spawn(
        cls,
        args: Sequence[str | Path],
        *,
        log: Path,
        env: Mapping[str, str] | None = None,
        cwd: Path | None = None,
    ) -> "Child":
        """Start `args`; raises OSError when the program cannot be started. `env` replaces the environment."""
        log.parent.mkdir(parents=True, exist_ok=True)
        with log.open("ab") as output:
            return cls(_popen(args, output, env, cwd), log)

    @property
    def pid(self) -> int:
        return self._popen.pid

    def exit_code(self) -> int | None:
        """None while it runs."""
        return self._popen.poll()

    def wait(self, timeout: float) -> int | None:
        """Exit code, or None when it still runs after `timeout` seconds."""
        try:
            return self._popen.wait(timeout)
        except subprocess.TimeoutExpired:
            return None

    def stop(self, grace: float = 6.0) -> int:
        """SIGTERM to the whole group, SIGKILL after `grace` seconds. Returns the exit code."""
        for sig, patience in ((signal.SIGTERM, grace), (signal.SIGKILL, 10.0)):
            if self._popen.poll() is None:
                with contextlib.suppress(ProcessLookupError):
                    os.killpg(self._popen.pid, sig)
                self.wait(patience)
        return self._popen.wait()

    def last_words(self, lines: int = 8) -> str:
        """The end of its output: for an error that says why."""
        text = self.log.read_text(errors="replace") if self.log.exists() else ""
        return "\n".join(text.strip().splitlines()[-lines:])


def _popen(
    args: Sequence[str | Path], output: IO[bytes], env: Mapping[str, str] | None, cwd: Path | None
) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [str(arg) for arg in args],
        stdin=subprocess.DEVNULL,
        stdout=output,
        stderr=subprocess.STDOUT,
        env=dict(env) if env is not None else None,
        cwd=cwd,
        start_new_session=True,  # Ctrl-C reaches us alone: we decide the order of the end
        preexec_fn=die_with(os.getpid()),
    )


def die_with(parent: int) -> Callable[[], None]:
    """What a child calls first, so that the kernel kills it when `parent`, its parent, dies. On Linux alone."""

    def arrange() -> None:
        if _LIBC is not None:
            _LIBC.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
            if os.getppid() != parent:  # it died between fork and prctl
                os._exit(1)

    return arrange
