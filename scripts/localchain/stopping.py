"""A program's end by SIGTERM or Ctrl-C: an exception that cleans up on its way, and that is not lost."""

import contextlib
import signal
import sys
from collections.abc import Iterator
from types import FrameType

_STOPS = (signal.SIGTERM, signal.SIGINT)
_LOOK_AGAIN_SECONDS = 0.1


class Stopped(KeyboardInterrupt):
    """SIGTERM or Ctrl-C: passes every `except Exception`, and asyncio lets it out of callbacks, as it does Ctrl-C."""


@contextlib.contextmanager
def stopping_on_signals() -> Iterator[None]:
    """Inside, SIGTERM and SIGINT raise `Stopped`: a second one does not interrupt the cleaning up.

    Python throws away what a handler raises where nobody could catch it (finalisers, callbacks of weak references
    and of the collector). So a clock looks whether it is still on its way, and raises it again, until it has left
    the block: nobody inside can end it. Uses SIGALRM and its timer.
    """
    asked = False

    def stop(_number: int, _frame: FrameType | None) -> None:
        nonlocal asked
        asked = True
        for number in _STOPS:
            signal.signal(number, signal.SIG_IGN)
        signal.setitimer(signal.ITIMER_REAL, _LOOK_AGAIN_SECONDS, _LOOK_AGAIN_SECONDS)
        raise Stopped

    def look_again(_number: int, _frame: FrameType | None) -> None:
        if not _on_its_way():
            raise Stopped

    handlers = {signal.SIGTERM: stop, signal.SIGINT: stop, signal.SIGALRM: look_again}
    before = {number: signal.signal(number, handler) for number, handler in handlers.items()}
    try:
        yield
        if asked:
            raise Stopped
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        for number, handler in before.items():
            signal.signal(number, handler)


def _on_its_way() -> bool:
    """Whether what runs is the cleaning up after a `Stopped`: a `finally`, an `except`, the end of a `with`."""
    error = sys.exception()
    while error is not None and not isinstance(error, Stopped):
        error = error.__context__
    return error is not None


def hold_stops() -> None:
    """From here on SIGTERM and SIGINT wait for `await_stop`, and interrupt nothing."""
    signal.pthread_sigmask(signal.SIG_BLOCK, _STOPS)


def await_stop() -> None:
    """After `hold_stops`: returns when one has come, and later ones are ignored."""
    signal.sigwait(_STOPS)
    for number in _STOPS:
        signal.signal(number, signal.SIG_IGN)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, _STOPS)
