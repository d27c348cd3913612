"""The keeper process of a soak: started, killed, started again, as a supervisor would, and counted."""

import os
import signal
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from scripts.localchain.process import Child
from tests.e2e.keepers import Keeper
from tests.faults.kit.killing import KillPoint, killing
from tests.faults.soak.ledgers import look
from tests.faults.soak.schedule import AtStep
from tests.faults.soak.tally import Tally

RETRY_SECONDS: Final = 0.2
_END_SECONDS: Final = 10.0
_CHECK: Final = 3
"""The exit code of a start that the node or the database did not let happen."""


class Daemon:
    """`variables` are added to the keeper's own."""

    def __init__(self, keeper: Keeper, variables: Mapping[str, str], tally: Tally) -> None:
        self._keeper = keeper
        self._tally = tally
        system = {name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ}
        self._environment = {**system, "COLUMNS": "240", **keeper.environment, **variables}
        self._armed: list[tuple[AtStep, KillPoint]] = []
        self._markers = 0
        self.child: Child | None = None

    def start(self, *points: AtStep) -> None:
        """With `points` at which it will kill itself."""
        armed = [(point, KillPoint(point.step, point.when, self._marker())) for point in points]
        prepare: dict[str, Any] = {
            "tests.faults.soak.impatience:impatient": RETRY_SECONDS,
            **killing(*(each for _, each in armed)),
        }
        self.child = self._keeper.nursery.start(
            ["run"],
            log=self._keeper.folder / "keeper.log",
            env=self._environment,
            cwd=self._keeper.folder,
            prepare=prepare,
        )
        self._armed = armed
        self._tally.starts += 1

    def _marker(self) -> Path:
        self._markers += 1
        return self._keeper.folder / f"killed-{self._markers}"

    def end(self) -> None:
        """SIGTERM. One that has died meanwhile at a point is counted as killed; one that had hardly begun has no
        handler for the signal yet."""
        if self.child is not None:
            self._ended(self.child.stop(), -signal.SIGTERM, 0)

    def kill(self, kind: str) -> None:
        """SIGKILL, if it still lives."""
        if self.child is None or self.child.exit_code() is not None:
            return
        os.kill(self.child.pid, signal.SIGKILL)
        self._tally.fired[kind] += 1
        assert self.child.wait(_END_SECONDS) == -signal.SIGKILL
        self._ended(-signal.SIGKILL, -signal.SIGKILL)

    def notice(self) -> bool:
        """Whether it has ended by now, which is then counted. Raises AssertionError for an end that nobody caused."""
        if self.child is None:
            return True
        if (code := self.child.exit_code()) is None:
            return False
        self._ended(code)
        return True

    def _ended(self, code: int, *asked: int) -> None:
        """`asked` are the exit codes that we have caused ourselves."""
        self.child = None
        fired = [point for point, armed in self._armed if armed.fired]
        self._armed = []
        self._tally.fired.update(point.kind for point in fired)
        if code == _CHECK:
            self._tally.refused_starts += 1
        elif not (fired and code == -signal.SIGKILL):
            assert code in asked, f"the keeper ended by itself, with {code}\n{self._keeper.said()[-3000:]}"
        if code == -signal.SIGKILL:
            self._tally.kills += 1
            if (state := look(self._keeper.database, 0).state) is not None:
                self._tally.found_open[state] += 1
