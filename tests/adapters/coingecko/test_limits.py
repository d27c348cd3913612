"""When a call may be made: bucket, `retry-after` and pauses, on a clock of their own."""

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from keeper.adapters.coingecko.brake import FIRST_PAUSE, LONGEST_PAUSE, Brake, Pause
from keeper.adapters.coingecko.bucket import WINDOW_SECONDS, Bucket
from keeper.adapters.coingecko.retry_after import LONGEST, SHORTEST, seconds_of
from keeper.core.quotes import FaultKind

pytestmark = pytest.mark.unit

NOW = datetime(2026, 5, 18, 8, 0, 0, tzinfo=UTC)

# ------------------------------------------------------------------------------------------------- bucket


def test_a_minutes_calls_at_once_and_then_one_for_each_that_leaves_the_minute() -> None:
    bucket = Bucket(3)
    assert [bucket.take(at, for_prices=True) for at in (0.0, 10.0, 20.0)] == [0, 0, 0]
    assert bucket.take(20.0, for_prices=True) == 40
    assert bucket.take(59.5, for_prices=True) == 0.5
    assert bucket.take(60.0, for_prices=True) == 0
    assert bucket.take(60.0, for_prices=True) == 10


def test_a_third_is_kept_for_prices() -> None:
    bucket = Bucket(30)
    assert [bucket.take(0.0, for_prices=False) for _ in range(20)] == [0] * 20
    assert bucket.take(1.0, for_prices=False) == 59
    assert [bucket.take(1.0, for_prices=True) for _ in range(10)] == [0] * 10
    assert bucket.take(1.0, for_prices=True) == 59
    # prices have taken what was theirs: the others wait until enough has come back
    assert bucket.take(60.0, for_prices=True) == 0
    assert bucket.take(60.0, for_prices=False) == 0


def test_prices_do_not_eat_into_what_others_wait_for_twice() -> None:
    bucket = Bucket(3)
    assert [bucket.take(float(at), for_prices=True) for at in range(3)] == [0, 0, 0]
    # two of three are for others: they wait until only one of the three is left in the window
    assert bucket.take(3.0, for_prices=False) == 58
    assert bucket.take(61.0, for_prices=False) == 0


@pytest.mark.parametrize("calls", [1, 2])
def test_of_very_few_none_is_kept(calls: int) -> None:
    bucket = Bucket(calls)
    assert [bucket.take(0.0, for_prices=False) for _ in range(calls)] == [0] * calls
    assert bucket.take(0.0, for_prices=True) == 60


@given(
    st.integers(1, 12),
    st.lists(st.tuples(st.floats(0, 20, allow_nan=False), st.booleans()), max_size=80),
)
def test_no_minute_has_more_and_a_wait_is_never_too_short_or_too_long(
    calls: int, asked: list[tuple[float, bool]]
) -> None:
    bucket, now, made = Bucket(calls), 0.0, list[float]()
    for step, for_prices in asked:
        now += step
        wait = bucket.take(now, for_prices=for_prices)
        if wait == 0:
            made.append(now)
            assert sum(now - at < WINDOW_SECONDS for at in made) <= calls
        else:
            assert 0 < wait <= WINDOW_SECONDS + 1e-6
            # somebody who waits as told, while nobody else asks, is let through
            left = [at for at in made if now + wait + 1e-6 - at < WINDOW_SECONDS]
            assert len(left) < (calls if for_prices else calls - calls // 3)


# -------------------------------------------------------------------------------------------- retry-after


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        ("119", 119),
        (" 60 ", 60),
        ("0", SHORTEST),
        ("900", 900),
        ("86400", LONGEST),
        ("9" * 400, LONGEST),
        ("Mon, 18 May 2026 08:01:59 GMT", 119),
        ("Mon, 18 May 2026 08:01:59 -0000", 119),
        ("Mon, 18 May 2026 10:01:59 +0200", 119),
        ("Monday, 18-May-26 08:00:30 GMT", 30),
        ("Mon, 18 May 2026 07:00:00 GMT", SHORTEST),
        ("Fri, 31 Dec 9999 23:59:59 GMT", LONGEST),
    ],
)
def test_retry_after(header: str, seconds: float) -> None:
    assert seconds_of(header, NOW) == seconds


@pytest.mark.parametrize(
    "header",
    [None, "", "soon", "-5", "1.5", "٣٠", "0x10", "Mon, 99 May 2026 08:00:00 GMT", "Mon, 18 May 99999999999 00:00:00"],
)
def test_a_retry_after_that_says_nothing(header: str | None) -> None:
    assert seconds_of(header, NOW) is None


@given(st.text(max_size=60))
def test_any_retry_after_is_bounded(header: str) -> None:
    seconds = seconds_of(header, NOW)
    assert seconds is None or SHORTEST <= seconds <= LONGEST


# -------------------------------------------------------------------------------------------------- brake


def fail(brake: Brake, at: float, topic: str = "a", took: float = 0.0) -> float:
    """Seconds of the pause."""
    return brake.fail(topic, at, at + took, FaultKind.UNAVAILABLE, "down").until - at - took


def test_failures_in_a_row_pause_longer_and_an_answer_forgets_them() -> None:
    brake, at, pauses = Brake(), 0.0, list[float]()
    for _ in range(8):
        pauses.append(fail(brake, at))
        assert brake.pause("a", at) is not None
        at += pauses[-1]
        assert brake.pause("a", at) is None
        at += 1
    assert pauses == [5, 10, 20, 40, 80, 160, 300, 300]
    brake.answered("a")
    assert fail(brake, at) == FIRST_PAUSE
    for _ in range(100):
        at += 1_000
        assert fail(brake, at) <= LONGEST_PAUSE


def test_questions_that_were_under_way_together_fail_once() -> None:
    brake = Brake()
    assert fail(brake, 0.0, took=2.0) == 5
    assert brake.fail("a", 1.0, 2.5, FaultKind.UNAVAILABLE, "down").until == 7
    assert fail(brake, 8.0) == 10


def test_one_topic_does_not_stop_another_but_a_stop_does() -> None:
    brake = Brake()
    fail(brake, 0.0, "lists")
    assert brake.pause("prices", 0.0) is None
    brake.stop(Pause(119.0, FaultKind.LIMITED, "slow down"))
    assert brake.pause("prices", 118.9) == Pause(119.0, FaultKind.LIMITED, "slow down")
    assert brake.pause("lists", 1.0) == Pause(119.0, FaultKind.LIMITED, "slow down")
    assert brake.pause("prices", 119.0) is None


def test_a_shorter_stop_does_not_end_a_longer_one() -> None:
    brake = Brake()
    brake.stop(Pause(119.0, FaultKind.LIMITED, "slow down"))
    brake.stop(Pause(60.0, FaultKind.LIMITED, "slow down"))
    brake.answered("prices")
    assert brake.pause("prices", 118.0) is not None
