"""When CoinGecko is asked and when not: memory, one question for many, limits, pauses. On a clock that tests move."""

import asyncio
from collections.abc import Callable
from typing import Any

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from keeper.adapters.coingecko.cache import Cache
from keeper.adapters.coingecko.source import CoinGecko
from keeper.core.quotes import CoinId, Fault, FaultKind, Quote
from keeper.market_ports import MarketDataUnavailable
from tests.adapters.coingecko.conftest import ALPHA, AT, BETA, Clock, gecko_at
from tests.adapters.coingecko.fake_gecko import PRICES

pytestmark = pytest.mark.unit

MARKET = '[{"id":"alpha","current_price":1}]'


class Script(httpx.AsyncBaseTransport):
    """Answers without a network; `answer` may be replaced at any time."""

    def __init__(self, answer: Callable[[httpx.Request], httpx.Response]) -> None:
        self.answer = answer
        self.asked: list[httpx.Request] = []
        self.gate = asyncio.Event()
        self.gate.set()

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        self.asked.append(request)
        await self.gate.wait()
        return self.answer(request)


def well(request: httpx.Request) -> httpx.Response:
    body = MARKET if "markets" in request.url.path else PRICES
    return httpx.Response(200, stream=httpx.ByteStream(body.encode()))


def saying(status: int, body: str = "{}", **headers: str) -> Callable[[httpx.Request], httpx.Response]:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return lambda _: httpx.Response(status, stream=httpx.ByteStream(body.encode()), headers=named)


def scripted(clock: Clock, answer: Any = well, **options: Any) -> tuple[CoinGecko, Script]:
    script = Script(answer)
    return gecko_at(clock, connections=script, **options), script


async def kind_of(gecko: CoinGecko, coin: CoinId = ALPHA) -> FaultKind | None:
    found = (await gecko.quotes([coin], AT))[coin]
    return found.kind if isinstance(found, Fault) else None


async def reason_of(gecko: CoinGecko) -> str:
    found = (await gecko.quotes([ALPHA], AT))[ALPHA]
    assert isinstance(found, Fault)
    return found.reason


# ------------------------------------------------------------------------------------------------- memory


async def test_an_answer_is_kept_for_its_time(clock: Clock) -> None:
    gecko, script = scripted(clock, keep_seconds=30)
    await gecko.quotes([ALPHA, BETA], AT)
    clock.elapsed = 29.9
    await gecko.quotes([BETA, ALPHA], AT)
    assert len(script.asked) == 1
    clock.elapsed = 30.0
    await gecko.quotes([ALPHA, BETA], AT)
    assert len(script.asked) == 2
    await gecko.quotes([ALPHA], AT)
    assert len(script.asked) == 3


async def test_nothing_is_kept_of_a_failure_or_when_told_so(clock: Clock) -> None:
    gecko, script = scripted(clock, saying(500))
    assert await kind_of(gecko) is FaultKind.UNAVAILABLE
    clock.elapsed = 5.0
    script.answer = well
    assert await kind_of(gecko) is None
    forgetful, script = scripted(clock, keep_seconds=0)
    assert [await kind_of(forgetful) for _ in range(3)] == [None] * 3
    assert len(script.asked) == 3


def test_the_memory_is_bounded_and_forgets_the_oldest() -> None:
    cache = Cache(most=2)
    for number, key in enumerate("abc"):
        cache.put(key, number, now=float(number), seconds=100)
    assert [cache.get(key, 3.0) is not None for key in "abc"] == [False, True, True]
    cache.put("b", "new", now=4.0, seconds=1)
    cache.put("d", 3, now=5.0, seconds=100)
    assert [cache.get(key, 5.0) is not None for key in "abcd"] == [False, False, True, True]
    cache.put("e", 4, now=6.0, seconds=0)
    assert cache.get("e", 6.0) is None


@given(st.binary(max_size=80) | st.text(max_size=40).map(str.encode), st.sampled_from([200, 200, 301, 404, 429, 500]))
def test_any_body_with_any_status_is_a_fault_and_never_a_crash(body: bytes, status: int) -> None:
    async def ask() -> None:
        gecko, _ = scripted(Clock(), lambda _: httpx.Response(status, stream=httpx.ByteStream(body)))
        found = await gecko.quotes([ALPHA, BETA], AT)
        assert all(isinstance(answer, Fault) and answer.reason.isprintable() for answer in found.values())
        assert set(found) == {ALPHA, BETA}

    asyncio.run(ask())


# ------------------------------------------------------------------------------------- one question for many


async def until(happened: Callable[[], bool]) -> None:
    async with asyncio.timeout(10):
        while not happened():
            await asyncio.sleep(0)  # a turn of the loop


async def test_the_same_question_is_put_once(clock: Clock) -> None:
    gecko, script = scripted(clock, keep_seconds=0)
    script.gate.clear()
    waiting = [asyncio.create_task(kind_of(gecko)) for _ in range(20)]
    other = asyncio.create_task(kind_of(gecko, BETA))
    await until(lambda: len(script.asked) == 2)  # the last one's, so that all before it wait
    script.gate.set()
    assert await asyncio.gather(*waiting, other) == [None] * 21
    assert len(script.asked) == 2


async def test_a_failure_is_everybodys_who_waited(clock: Clock) -> None:
    gecko, script = scripted(clock, saying(429))
    script.gate.clear()
    waiting = [asyncio.create_task(gecko.largest(5)) for _ in range(5)]
    await until(lambda: len(script.asked) == 1)
    script.gate.set()
    outages = await asyncio.gather(*waiting, return_exceptions=True)
    assert [isinstance(outage, MarketDataUnavailable) for outage in outages] == [True] * 5
    assert len({id(outage) for outage in outages}) == 5
    assert len(script.asked) == 1


async def test_who_is_cut_off_takes_the_answer_from_nobody(clock: Clock) -> None:
    gecko, script = scripted(clock)
    script.gate.clear()
    first, second = (asyncio.create_task(kind_of(gecko)) for _ in range(2))
    await until(lambda: len(script.asked) == 1)
    first.cancel()
    with pytest.raises(asyncio.CancelledError):
        await first
    script.gate.set()
    assert await second is None
    assert len(script.asked) == 1


async def test_when_it_is_closed_who_waits_is_refused(clock: Clock) -> None:
    gecko, script = scripted(clock)
    script.gate.clear()
    waiting = asyncio.create_task(reason_of(gecko))
    await until(lambda: len(script.asked) == 1)
    await gecko.close()
    assert "the keeper stopped asking" in await waiting


# ------------------------------------------------------------------------------------------- limits, pauses


@pytest.mark.parametrize(("header", "seconds"), [("119", 119), (None, 60), ("soon", 60), ("999999", 900), ("0", 1)])
async def test_a_limit_stops_every_question_for_as_long_as_is_said(
    clock: Clock, header: str | None, seconds: int
) -> None:
    gecko, script = scripted(clock, saying(429, **({} if header is None else {"retry_after": header})))
    assert await kind_of(gecko) is FaultKind.LIMITED
    script.answer = well
    clock.elapsed = seconds - 0.5
    assert await kind_of(gecko) is FaultKind.LIMITED
    assert await kind_of(gecko, BETA) is FaultKind.LIMITED
    with pytest.raises(MarketDataUnavailable) as outage:
        await gecko.largest(5)
    assert (outage.value.kind, outage.value.retry_seconds) == (FaultKind.LIMITED, 0.5)
    assert "coins/markets: not asked for another 0 s: too many calls" in str(outage.value)
    assert len(script.asked) == 1
    clock.elapsed = float(seconds)
    assert await kind_of(gecko) is None


async def test_a_date_is_a_time_to_wait_too(clock: Clock) -> None:
    gecko, script = scripted(clock, saying(503, retry_after=clock.now().strftime("%a, %d %b %Y %H:%M:59 GMT")))
    seconds = 59 - clock.now().second
    assert await kind_of(gecko) is FaultKind.UNAVAILABLE
    script.answer = well
    clock.elapsed = seconds - 0.1
    assert await kind_of(gecko) is FaultKind.UNAVAILABLE
    clock.elapsed = float(seconds)
    assert await kind_of(gecko) is None
    assert len(script.asked) == 2


async def test_what_is_kept_is_answered_while_nothing_is_asked(clock: Clock) -> None:
    gecko, script = scripted(clock)
    assert await kind_of(gecko) is None
    script.answer = saying(429)
    assert await kind_of(gecko, BETA) is FaultKind.LIMITED
    assert await kind_of(gecko) is None


async def test_a_question_that_fails_is_put_ever_later_and_stops_no_other(clock: Clock) -> None:
    gecko, script = scripted(clock, saying(500))
    for pause in (5, 10, 20):
        with pytest.raises(MarketDataUnavailable) as outage:
            await gecko.largest(5)
        assert outage.value.retry_seconds == pause
        clock.elapsed += pause - 0.5
        asked = len(script.asked)
        with pytest.raises(MarketDataUnavailable, match="not asked for another 0 s: CoinGecko's server failed"):
            await gecko.largest(5)
        assert len(script.asked) == asked
        clock.elapsed += 0.5
    script.answer = well
    assert await kind_of(gecko) is None
    await gecko.largest(5)
    script.answer = saying(500)
    clock.elapsed += 300
    with pytest.raises(MarketDataUnavailable) as outage:
        await gecko.largest(5)
    assert outage.value.retry_seconds == 5


@pytest.mark.parametrize(("code", "others"), [(10002, True), (10005, False), (10010, True), (10011, True)])
async def test_a_key_that_is_wrong_stops_everything_a_plan_only_its_question(
    clock: Clock, code: int, others: bool
) -> None:
    gecko, script = scripted(clock, saying(401, f'{{"status":{{"error_code":{code}}}}}', retry_after="1"))
    with pytest.raises(MarketDataUnavailable) as outage:
        await gecko.largest(5)
    assert outage.value.kind is FaultKind.FORBIDDEN
    script.answer = well
    clock.elapsed = 4.0
    assert await kind_of(gecko) is (FaultKind.FORBIDDEN if others else None)
    clock.elapsed = 301.0
    assert await kind_of(gecko) is None


async def test_a_question_that_is_wrong_stops_nothing(clock: Clock) -> None:
    gecko, script = scripted(clock, saying(400))
    assert await kind_of(gecko) is FaultKind.REFUSED
    script.answer = well
    assert await kind_of(gecko) is None


async def test_our_own_count_refuses_at_once_and_keeps_a_third_for_prices(clock: Clock) -> None:
    gecko, script = scripted(clock, calls=6, keep_seconds=0)
    for count in range(1, 5):
        await gecko.largest(count)
    with pytest.raises(MarketDataUnavailable, match="6 calls a minute are used up, the next may be made in 60 s") as no:
        await gecko.largest(5)
    assert (no.value.kind, no.value.retry_seconds) == (FaultKind.LIMITED, 60)
    assert [await kind_of(gecko) for _ in range(3)] == [None, None, FaultKind.LIMITED]
    assert "COINGECKO_CALLS_PER_MINUTE" in await reason_of(gecko)
    assert len(script.asked) == 6
    clock.elapsed = 60.0
    found = await gecko.quotes([ALPHA], AT)
    assert isinstance(found[ALPHA], Quote)
