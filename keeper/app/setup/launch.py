"""`keeper launch`: look at the chain, send what comes next, look again, until every investor has their shares."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, Protocol

from keeper.app.setup.sender import Sender
from keeper.core.mistakes import SetupStopped
from keeper.core.overview import Overview
from keeper.core.setup.calls import Call, Sent
from keeper.core.setup.launch import Launch, LaunchFacts, Task

STUBBORN: Final = 5
"""Looks in a row that show no progress, after which a person has to look."""


class Sight(Protocol):
    """Reads the facts at the newest block, which is `since` or a later one. Raises SetupStopped, ChainUnavailable."""

    async def look(self, since: int = 0) -> LaunchFacts: ...


class Writer(Protocol):
    """A task as the bytes that are signed."""

    def call(self, task: Task, launch: Launch, facts: LaunchFacts) -> Call: ...


@dataclass(frozen=True, slots=True)
class Launched:
    """`start` is the fund as it is once seeded; `sent` what this run sent; `open_ends` what is missing at its end."""

    facts: LaunchFacts
    start: Overview
    problems: tuple[str, ...]
    sent: tuple[Sent, ...] = ()
    open_ends: tuple[str, ...] = ()


def _nothing(_: LaunchFacts) -> None:
    """Nobody listens."""


@dataclass(slots=True)
class Launcher:
    """One launch. `examine` sends nothing. `begun` hears of the facts that passed, before anything is sent."""

    launch: Launch
    sight: Sight
    writer: Writer
    begun: Callable[[LaunchFacts], None] = _nothing

    async def examine(self) -> Launched:
        facts = await self.sight.look()
        return Launched(
            facts,
            self.launch.start(facts),
            tuple(self.launch.problems(facts)),
            open_ends=tuple(self.launch.open_ends(facts)),
        )

    async def run(self, sender: Sender) -> Launched:
        """Everything that is left. Raises SetupStopped with what stands in the way, ChainUnavailable.

        What a stranger did first (whoever creates a batch pays the same people) makes a transaction of ours fail: the
        chain is looked at again, and only a failure after which it still asks for the same is one.
        """
        sent: list[Sent] = list(await sender.finish())
        facts = await self.sight.look(_newest(sender))
        start, idle = self.launch.start(facts), 0
        self._require(facts)
        self.begun(facts)
        while tasks := self.launch.tasks(facts):
            if idle == STUBBORN:
                raise SetupStopped(f"{tasks[0].move} was sent {idle} times and the node still asks for it: look at it")
            failed: SetupStopped | None = None
            try:
                sent += await sender.run([self.writer.call(task, self.launch, facts) for task in tasks])
            except SetupStopped as stop:
                failed = stop
            facts = await self.sight.look(_newest(sender))
            same = self.launch.tasks(facts) == tasks
            if failed is not None and same:
                raise failed
            idle = idle + 1 if same else 0
            self._require(facts)
        left = self.launch.open_ends(facts)
        return Launched(facts, start, (), tuple(sent), tuple(left))

    def _require(self, facts: LaunchFacts) -> None:
        if problems := self.launch.problems(facts):
            raise SetupStopped("; ".join(problems))


def _newest(sender: Sender) -> int:
    """The highest block in which a transaction of the record was mined."""
    return max((sent.block or 0 for sent in sender.ledger.entries()), default=0)
