"""A program to be killed: it writes a line before and after each of its steps."""

import asyncio
import sys
from pathlib import Path


class Worker:
    def __init__(self, log: Path) -> None:
        self._log = log

    def note(self, line: str) -> None:
        with self._log.open("a") as log:
            log.write(line + "\n")

    def step(self, number: int) -> None:
        self.note(f"step {number}")

    async def wait(self, number: int) -> None:
        await asyncio.sleep(0)
        self.note(f"wait {number}")


async def work(worker: Worker) -> None:
    for number in range(3):
        worker.step(number)
        await worker.wait(number)


def main() -> None:
    worker = Worker(Path(sys.argv[1]))
    try:
        asyncio.run(work(worker))
    finally:
        worker.note("end")
