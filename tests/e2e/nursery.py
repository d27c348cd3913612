"""Keeper processes without the two seconds that importing web3 takes each time.

A process that has imported everything forks one for every command: with its own environment, folder, output, session
and signals, and the console script's own `main`. What is killed, and how, is a process like any other. One nursery
serves one test worker and ends with it, and so do all that it has made.
"""

import contextlib
import gc
import importlib
import json
import os
import subprocess
import sys
import time
import traceback
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from scripts.localchain.anvil import ROOT
from scripts.localchain.process import Child, die_with

POLL_SECONDS = 0.01


class Fosterling:
    """As much of `subprocess.Popen` as Child needs; its parent, who alone can ask for the exit code, is the nursery."""

    def __init__(self, nursery: "Nursery", pid: int) -> None:
        self._nursery = nursery
        self.pid = pid
        self._code: int | None = None

    def poll(self) -> int | None:
        if self._code is None:
            self._code = self._nursery.ask({"poll": self.pid})
        return self._code

    def wait(self, timeout: float | None = None) -> int:
        deadline = time.monotonic() + (60 if timeout is None else timeout)
        while (code := self.poll()) is None:
            if time.monotonic() > deadline:
                raise subprocess.TimeoutExpired("keeper", timeout or 60)
            time.sleep(POLL_SECONDS)
        return code


class Nursery:
    def __init__(self, process: "subprocess.Popen[str]") -> None:
        self._process = process

    def ask(self, question: Mapping[str, Any]) -> Any:
        assert self._process.stdin
        assert self._process.stdout
        self._process.stdin.write(json.dumps(question) + "\n")
        self._process.stdin.flush()
        return json.loads(self._process.stdout.readline())

    def start(
        self,
        arguments: Sequence[str],
        *,
        log: Path,
        env: Mapping[str, str],
        cwd: Path,
        prepare: Mapping[str, Any] | None = None,
    ) -> Child:
        """`keeper` with these arguments, its output at the end of `log`.

        `prepare` are functions by their place, "package.module:name", which the process calls first, each with its
        argument: how a test breaks that process and no other.
        """
        wanted: dict[str, Any] = {"start": list(arguments), "log": str(log), "env": dict(env), "cwd": str(cwd)}
        wanted["prepare"] = dict(prepare or {})
        if fault := os.environ.get("KEEPER_TESTS_WITHOUT"):  # tests/faults/undefended.py
            wanted["prepare"]["tests.faults.undefended:take_away"] = fault
        return Child(Fosterling(self, self.ask(wanted)), log)  # type: ignore[arg-type]


@contextlib.contextmanager
def open_nursery() -> Iterator[Nursery]:
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.e2e.nursery"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        cwd=ROOT,
        env={name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ},
        preexec_fn=die_with(os.getpid()),
    )
    with process:
        yield Nursery(process)
        assert process.stdin
        process.stdin.close()  # it ends when nobody can ask any more


def serve() -> None:
    """Answers a line for a line until its input ends."""
    import alembic.command
    import alembic.config  # noqa: F401

    import keeper.app.scheduler
    import keeper.entrypoints.cli.main
    import keeper.wiring.daemon
    import keeper.wiring.looking
    import keeper.wiring.setup  # noqa: F401

    gc.freeze()  # a child that collects garbage must not copy all of it
    for line in sys.stdin:
        question = json.loads(line)
        if "poll" in question:
            done, status = os.waitpid(question["poll"], os.WNOHANG)
            answer = os.waitstatus_to_exitcode(status) if done else None
        elif not (answer := os.fork()):
            _become(question)
        print(json.dumps(answer), flush=True)


def _become(wanted: Mapping[str, Any]) -> None:
    """In the child: whatever a fresh process of the command would have. Does not return."""
    os.setsid()
    die_with(os.getppid())()
    log = os.open(wanted["log"], os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
    nothing = os.open(os.devnull, os.O_RDONLY)
    for descriptor, source in ((0, nothing), (1, log), (2, log)):
        os.dup2(source, descriptor)
    os.chdir(wanted["cwd"])
    os.environ.clear()
    os.environ.update(wanted["env"])
    sys.argv = ["keeper", *wanted["start"]]
    from keeper.entrypoints.cli.main import main

    code = 70  # neither of ours: `main` never returns, and lets nothing but SystemExit pass
    try:
        for place, argument in wanted["prepare"].items():
            module, _, name = place.partition(":")
            getattr(importlib.import_module(module), name)(argument)
        main()
    except SystemExit as end:
        code = end.code if isinstance(end.code, int) else code
    except BaseException:  # noqa: BLE001 - shown, and told by the code
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)  # without half a second of taking modules apart


if __name__ == "__main__":
    serve()
