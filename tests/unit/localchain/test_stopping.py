"""A stop that was asked for is never lost, whatever Python was doing when the signal came."""

import asyncio
import contextlib
import signal
import threading
import time
import weakref
from collections.abc import Callable, Iterator

import pytest

from scripts.localchain.stopping import Stopped, await_stop, hold_stops, stopping_on_signals

STOPS = [signal.SIGTERM, signal.SIGINT]


@pytest.fixture(autouse=True)
def nothing_is_left_behind() -> Iterator[None]:
    before = [signal.getsignal(number) for number in (*STOPS, signal.SIGALRM)]
    yield
    assert signal.getitimer(signal.ITIMER_REAL) == (0, 0)
    assert [signal.getsignal(number) for number in (*STOPS, signal.SIGALRM)] == before


class _Finalised:
    def __del__(self) -> None:
        signal.raise_signal(signal.SIGTERM)


def _in_a_finaliser() -> None:
    _Finalised()


def _in_a_weak_callback() -> None:
    class Thing:
        pass

    thing = Thing()
    watch = weakref.ref(thing, lambda _: signal.raise_signal(signal.SIGINT))
    del thing
    del watch


def _caught_by_somebody() -> None:
    with contextlib.suppress(BaseException):
        signal.raise_signal(signal.SIGINT)


LOSES = [_in_a_finaliser, _in_a_weak_callback, _caught_by_somebody]


@pytest.mark.parametrize("number", STOPS)
def test_a_signal_stops_what_runs(number: signal.Signals) -> None:
    with pytest.raises(Stopped), stopping_on_signals():
        signal.raise_signal(number)


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
@pytest.mark.parametrize("lose", LOSES)
def test_a_stop_that_python_swallows_comes_again(lose: Callable[[], None]) -> None:
    def run() -> None:
        with stopping_on_signals():
            lose()
            lost.append(True)
            time.sleep(30)  # interrupted at once
            pytest.fail("it did not come again")

    lost: list[bool] = []
    with pytest.raises(Stopped):
        run()
    assert lost, "the injection did not lose the first one"


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
@pytest.mark.parametrize("lose", LOSES)
def test_a_block_that_a_stop_was_asked_of_does_not_end_as_done(lose: Callable[[], None]) -> None:
    with pytest.raises(Stopped), stopping_on_signals():
        lose()


def test_a_stop_leaves_a_callback_of_asyncio() -> None:
    async def wait() -> None:
        asyncio.get_running_loop().call_soon(signal.raise_signal, signal.SIGTERM)
        await asyncio.sleep(30)

    with pytest.raises(Stopped), stopping_on_signals():
        asyncio.run(wait())


def test_neither_a_second_signal_nor_the_clock_interrupts_the_cleaning_up() -> None:
    def run() -> None:
        with stopping_on_signals():
            try:
                signal.raise_signal(signal.SIGTERM)
            finally:
                signal.raise_signal(signal.SIGTERM)
                signal.raise_signal(signal.SIGINT)
                with contextlib.suppress(KeyError):  # cleaning up meets its own errors
                    {}["missing"]
                signal.raise_signal(signal.SIGALRM)
                cleaned.append(True)

    cleaned: list[bool] = []
    with pytest.raises(Stopped):
        run()
    assert cleaned


def test_a_stop_held_back_is_awaited() -> None:
    with stopping_on_signals():
        hold_stops()
        threading.Timer(0.05, signal.pthread_kill, (threading.get_ident(), signal.SIGTERM)).start()
        await_stop()
