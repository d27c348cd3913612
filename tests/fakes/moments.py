"""Every entrance to and exit from the world outside: the places where a process can be cut off."""

import asyncio
from dataclasses import dataclass, field
from typing import NoReturn


@dataclass
class Moments:
    """The chain and the books pass one moment before and one after each thing they do.

    At moment `cut`, by its number from 0 or its name, the task that comes by stops for ever, as when a peer stops
    answering. With `deadly` the machine has lost power: whoever comes by later goes no further either.
    `cycles_only` counts only what a cycle's own task passes.
    """

    cut: int | str | None = None
    deadly: bool = False
    cycles_only: bool = False
    passed: list[str] = field(default_factory=list)
    reached: asyncio.Event = field(default_factory=asyncio.Event)

    async def pass_(self, name: str) -> None:
        await asyncio.sleep(0)
        if self.reached.is_set() and self.deadly:
            raise asyncio.CancelledError("the process is dead")
        task = asyncio.current_task()
        if self.cycles_only and not (task and task.get_name().startswith("cycle ")):
            return
        self.passed.append(name)
        if not self.reached.is_set() and self.cut in (name, len(self.passed) - 1):
            self.reached.set()
            await never()


async def never() -> NoReturn:
    await asyncio.get_running_loop().create_future()
    raise AssertionError("a future that nobody holds was set")
