"""Another process for a test: it runs a script until its standard input closes, and never outlives the test."""

import asyncio
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

ROOT = Path(__file__).parents[3]


@asynccontextmanager
async def another_process(script: str, *arguments: str) -> AsyncIterator[asyncio.subprocess.Process]:
    """`script` in a Python of its own, at the project's root."""
    pipe = asyncio.subprocess.PIPE
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", script, *arguments, stdin=pipe, stdout=pipe, cwd=ROOT
    )
    try:
        yield process
    finally:
        if process.stdin:
            process.stdin.close()
        try:
            await asyncio.wait_for(process.wait(), 20)
        except TimeoutError:
            process.kill()
            await process.wait()
