"""Limits are waited out within a bound, everything else ends at once."""

import pytest

from keeper.app.index.patience import Patience
from keeper.core.quotes import FaultKind
from keeper.market_ports import MarketDataUnavailable
from tests.fakes.clock import FakeClock
from tests.fakes.market import limited

pytestmark = pytest.mark.unit


class Question:
    """Has no answer so many times, then one."""

    def __init__(self, outage: MarketDataUnavailable, times: int) -> None:
        self.outage, self.left, self.asked = outage, times, 0

    async def __call__(self) -> str:
        self.asked += 1
        if self.asked <= self.left:
            raise self.outage
        return "answer"


async def test_a_limit_is_waited_out() -> None:
    clock = FakeClock()
    before = clock.monotonic()
    question = Question(limited(40.0), times=2)
    assert await Patience(clock, 100.0).ask(question) == "answer"
    assert question.asked == 3
    assert clock.monotonic() - before == 80.0


async def test_not_longer_than_the_bound_in_all() -> None:
    patience = Patience(FakeClock(), 100.0)
    assert await patience.ask(Question(limited(60.0), times=1)) == "answer"
    question = Question(limited(60.0), times=1)
    with pytest.raises(MarketDataUnavailable, match="too many calls"):
        await patience.ask(question)
    assert question.asked == 1


async def test_a_limit_that_is_over_in_no_time_is_not_asked_about_for_ever() -> None:
    question = Question(limited(0.0), times=1_000)
    with pytest.raises(MarketDataUnavailable):
        await Patience(FakeClock(), 10.0).ask(question)
    assert question.asked == 11


@pytest.mark.parametrize(
    "outage",
    [
        MarketDataUnavailable("no answer", FaultKind.UNAVAILABLE, 5.0),
        MarketDataUnavailable("a wrong key", FaultKind.FORBIDDEN, 5.0),
        MarketDataUnavailable("for ever", FaultKind.LIMITED, None),
    ],
)
async def test_nothing_else_is_waited_for(outage: MarketDataUnavailable) -> None:
    clock, question = FakeClock(), Question(outage, times=1)
    before = clock.monotonic()
    with pytest.raises(MarketDataUnavailable):
        await Patience(clock, 100.0).ask(question)
    assert (question.asked, clock.monotonic()) == (1, before)
