"""A soak's cycles: the market moves, the keeper trades or dies, and blocks come until nothing is open."""

import sys
import time
from collections.abc import Sequence
from typing import Final

from tests.faults.kit.rules import Rule
from tests.faults.soak import happenings, rpc_faults
from tests.faults.soak.ledgers import Look
from tests.faults.soak.schedule import AtState, AtStep, Cycle
from tests.faults.soak.stage import Stage
from tests.faults.soak.tally import Tally

CYCLE_SECONDS: Final = 60.0
"""A cycle that takes longer than that is stuck."""
_LOOK_SECONDS: Final = 0.01
_BLOCK_SECONDS: Final = 0.04
"""Between blocks while a transaction is on its way."""
_IDLE_BLOCK_SECONDS: Final = 0.4
"""Between blocks while none is: a keeper that waits for a new head gets one."""
_UNDER_WAY: Final = frozenset({"planned", "signed"})


class Stuck(Exception):
    """A cycle that did not end."""


class Soak:
    def __init__(self, stage: Stage, tally: Tally) -> None:
        self._stage = stage
        self._tally = tally

    def run(self, cycles: Sequence[Cycle]) -> None:
        """Raises Stuck, AssertionError."""
        began = time.monotonic()
        self._stage.daemon.start()
        for cycle in cycles:
            started = time.monotonic()
            self._cycle(cycle)
            self._tally.cycles += 1
            with (self._stage.keeper.folder / "cycles.log").open("a") as log:
                log.write(f"{time.monotonic() - started:7.2f} s {cycle}\n")
            if self._tally.cycles % 25 == 0 or self._tally.cycles == len(cycles):
                told = f"{self._tally.cycles} cycles, {self._tally.kills} kills, {self._tally.fired.total()} faults"
                print(f"{time.monotonic() - began:6.0f} s: {told}, {dict(self._tally.decisions)}", file=sys.stderr)
        self._stage.daemon.end()

    def _cycle(self, cycle: Cycle) -> None:
        stage, tally = self._stage, self._tally
        if isinstance(cycle.kill, AtStep):
            stage.daemon.end()
            stage.daemon.start(cycle.kill)
        installed = [
            (fault.kind, stage.proxy.add(rpc_faults.rule(fault.kind, fault.method, fault.times, fault.skip)))
            for fault in cycle.faults
        ]
        stage.begin(cycle)
        try:
            ended = _Course(stage, tally, cycle, installed).run()
        finally:
            for kind, rule in installed:
                stage.proxy.remove(rule)
                tally.fired[kind] += stage.proxy.fired(rule)
        assert ended.decision is not None
        action, reason = ended.decision
        tally.decisions[action] += 1
        if action != "submitted":
            tally.why_not[f"{action}: {reason.partition(':')[0][:60]}"] += 1
        self._operate(reason)

    def _operate(self, reason: str) -> None:
        """What an operator does about a keeper that has stopped by itself."""
        keeper = self._stage.keeper
        if reason.startswith("breaker"):
            assert keeper("breaker", "reset", "--why", "soak").code == 0
            self._tally.breaker_resets += 1
        elif reason.startswith("safe_hold"):
            self._stage.daemon.end()
            assert keeper("reconcile", "--accept", "--why", "soak").code == 0
            self._tally.holds_accepted += 1
            self._tally.differences.append(f"cycle {self._tally.cycles}: nobody else has the key, and yet {reason}")
            self._stage.daemon.start()


class _Course:
    """One cycle on its way."""

    def __init__(self, stage: Stage, tally: Tally, cycle: Cycle, installed: Sequence[tuple[str, Rule]]) -> None:
        self._stage = stage
        self._tally = tally
        self._cycle = cycle
        self._happening = happenings.KINDS[cycle.happening](stage) if cycle.happening else None
        self._kill = cycle.kill if isinstance(cycle.kill, AtState) else None
        self._kill_at: float | None = None
        self._last_block = self._began = time.monotonic()

    def run(self) -> Look:
        """The last look, at a keeper that has decided and has nothing open."""
        stage = self._stage
        try:
            while True:
                if stage.daemon.notice():
                    stage.daemon.start()
                seen = stage.look()
                now = time.monotonic()
                self._maybe_kill(seen, now)
                self._happen()
                if seen.decision is not None and seen.state is None and self._kill_at is None:
                    return seen
                if now - self._began > CYCLE_SECONDS:
                    print(stage.keeper.said()[-4000:], file=sys.stderr)
                    raise Stuck(f"{seen} of {self._cycle}")
                self._mine(seen, now)
                time.sleep(_LOOK_SECONDS)
        finally:
            if self._happening is not None:
                self._happening.close()

    def _maybe_kill(self, seen: Look, now: float) -> None:
        if self._kill is None:
            return
        if self._kill_at is None and self._kill.state in (None, seen.state):
            self._kill_at = now + self._kill.after
        if self._kill_at is not None and now >= self._kill_at:
            self._stage.daemon.kill(self._kill.kind)
            self._kill, self._kill_at = None, None

    def _happen(self) -> None:
        if self._happening is None:
            return
        try:
            next(self._happening)
        except StopIteration:
            assert self._cycle.happening is not None
            self._tally.fired[self._cycle.happening] += 1
        except (AssertionError, ProcessLookupError):
            child = self._stage.daemon.child
            if child is not None and child.exit_code() is None:
                raise
        else:
            return
        self._happening = None
        self._stage.calm()

    def _mine(self, seen: Look, now: float) -> None:
        """Quickly once there is something to include; the keeper is not outrun while it signs."""
        stage = self._stage
        under_way = seen.state is not None and seen.state not in _UNDER_WAY
        pause = _BLOCK_SECONDS if under_way else _IDLE_BLOCK_SECONDS
        waits_for_kill = self._kill_at is not None
        if stage.holding or waits_for_kill or now - self._last_block < pause:
            return
        stage.mine()
        self._last_block = time.monotonic()
