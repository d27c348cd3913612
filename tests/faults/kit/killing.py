"""Kill points that really kill: a process that ends itself with SIGKILL right before or after a named step.

The step is a function or method by its place, "package.module:Class.method". In the process that is to die, `arm` wraps
it where it stands; the code under test has no hook for this. What was wrapped before is what is called, and the first
sign of the end is the end: no handler, no `finally`, no flush.

A marker file tells that it happened: a process that ended otherwise has none.
"""

import functools
import importlib
import inspect
import json
import os
import signal
import sys
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, NoReturn

When = Literal["before", "after"]


@dataclass(frozen=True, slots=True)
class KillPoint:
    """At the `nth` time that `step` is about to be called (`before`) or has returned (`after`)."""

    step: str
    when: When
    marker: Path
    nth: int = 1

    def as_json(self) -> dict[str, Any]:
        return {"step": self.step, "when": self.when, "nth": self.nth, "marker": str(self.marker)}

    @property
    def fired(self) -> bool:
        return self.marker.exists()

    def assert_fired(self, exit_code: int | None = None) -> None:
        """The process killed itself there and, if its exit code is given, died of it."""
        assert self.fired, f"nothing was killed {self.when} {self.step}"
        told = json.loads(self.marker.read_text())
        assert {name: told[name] for name in ("step", "when", "nth")} == {
            "step": self.step,
            "when": self.when,
            "nth": self.nth,
        }
        assert exit_code in (None, -signal.SIGKILL), f"it ended with {exit_code}"


def killing(*points: KillPoint) -> dict[str, Any]:
    """What the process that is to die must call first: a function's place, and its argument as JSON."""
    return {f"{__package__}.killing:arm": [point.as_json() for point in points]}


def arm(points: Iterable[Mapping[str, Any]]) -> None:
    """In the process that is to die. `points` are as `KillPoint.as_json` tells them."""
    for point in points:
        owner, name = _place(point["step"])
        setattr(owner, name, _wrapped(getattr(owner, name), point))


def _place(step: str) -> tuple[Any, str]:
    module, _, path = step.partition(":")
    owner: Any = importlib.import_module(module)
    *parents, name = path.split(".")
    for parent in parents:
        owner = getattr(owner, parent)
    assert callable(getattr(owner, name, None)), f"there is no {step}"
    return owner, name


def _wrapped(original: Callable[..., Any], point: Mapping[str, Any]) -> Callable[..., Any]:
    count = 0

    def reached(when: When) -> None:
        nonlocal count
        if when == point["when"]:
            count += 1
            if count == point["nth"]:
                _die(point)

    @functools.wraps(original)
    async def waits(*args: Any, **kwargs: Any) -> Any:
        reached("before")
        result = await original(*args, **kwargs)
        reached("after")
        return result

    @functools.wraps(original)
    def at_once(*args: Any, **kwargs: Any) -> Any:
        reached("before")
        result = original(*args, **kwargs)
        reached("after")
        return result

    return waits if inspect.iscoroutinefunction(original) else at_once


def _die(point: Mapping[str, Any]) -> NoReturn:
    marker = os.open(point["marker"], os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o644)
    os.write(marker, json.dumps({**point, "pid": os.getpid()}).encode())
    os.close(marker)
    os.kill(os.getpid(), signal.SIGKILL)
    raise AssertionError("SIGKILL did not kill")


def main() -> None:
    """`python -m ...killing POINTS package.module:main [argument...]`, POINTS a JSON list: a process of its own, for
    who has no nursery."""
    points, program, *arguments = sys.argv[1:]
    owner, name = _place(program)
    arm(json.loads(points))
    sys.argv = [program, *arguments]
    getattr(owner, name)()


if __name__ == "__main__":
    main()
