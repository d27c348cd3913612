"""Whatever CoinGecko or a proxy answers: a fault by name, in bounded time, without key or URL, and never a zero."""

import gzip
import logging
import time
import tracemalloc
import zlib

import pytest
from structlog.testing import capture_logs

from keeper.adapters.coingecko.source import CoinGecko
from keeper.core.quotes import Fault, FaultKind, Quote
from keeper.market_ports import MarketDataUnavailable
from tests.adapters.coingecko.conftest import ALPHA, AT, BETA, KEY, SECRET_PATH, SHORT, TIMEOUT, Clock, gecko_at
from tests.adapters.coingecko.fake_gecko import (
    PRICES,
    Respond,
    break_off,
    drop,
    fake_gecko,
    flood,
    gibberish,
    hang,
    reset,
    saying,
    trickle,
)

pytestmark = pytest.mark.adapter

EXCEEDED = "You've exceeded the Rate Limit."
TOO_MANY = "too many calls: lower COINGECKO_CALLS_PER_MINUTE"

TRICKLE, TRICKLE_429 = trickle(), trickle(429)
ENDLESS = (hang, TRICKLE, TRICKLE_429)

WRONG: dict[str, tuple[Respond, FaultKind, str]] = {
    "429 as status": (
        saying(f'{{"status":{{"error_code":429,"error_message":"{EXCEEDED}"}}}}', 429, retry_after="119"),
        FaultKind.LIMITED,
        EXCEEDED,
    ),
    "429 as error with status": (
        saying(f'{{"error":{{"status":{{"error_code":429,"error_message":"{EXCEEDED}"}}}}}}', 429),
        FaultKind.LIMITED,
        EXCEEDED,
    ),
    "429 as error": (saying(f'{{"error":"{EXCEEDED}"}}', 429), FaultKind.LIMITED, EXCEEDED),
    "429 with a page": (saying("<html>slow down</html>", 429), FaultKind.LIMITED, TOO_MANY),
    "429 that trickles": (TRICKLE_429, FaultKind.LIMITED, TOO_MANY),
    "429 with status 200": (
        saying('{"status":{"error_code":429,"error_message":"slow"}}'),
        FaultKind.LIMITED,
        TOO_MANY,
    ),
    "400": (saying('{"error":"Missing parameter ids"}', 400), FaultKind.REFUSED, "Missing parameter ids"),
    "401": (saying("{}", 401), FaultKind.FORBIDDEN, "the key is missing or wrong: check COINGECKO_API_KEY"),
    "403": (saying("", 403), FaultKind.FORBIDDEN, "access is blocked by the server"),
    "404": (saying('{"error":"coin not found"}', 404), FaultKind.REFUSED, "there is no such thing"),
    "408": (saying("", 408), FaultKind.UNAVAILABLE, "is the network slow?"),
    "418": (saying("", 418), FaultKind.REFUSED, "the question is refused (HTTP status 418)"),
    "500": (saying('{"error":', 500), FaultKind.UNAVAILABLE, "CoinGecko's server failed"),
    "502": (saying("<html>Bad gateway</html>", 502), FaultKind.UNAVAILABLE, "CoinGecko failed"),
    "503": (saying("", 503), FaultKind.UNAVAILABLE, "see status.coingecko.com"),
    "1020 as text": (saying("error code: 1020", 403), FaultKind.FORBIDDEN, "a firewall"),
    "1020 as a code": (saying('{"status":{"error_code":1020}}', 403), FaultKind.FORBIDDEN, "error code 1020"),
    "10002": (
        saying('{"status":{"error_code":10002,"error_message":"API Key Missing"}}', 401),
        FaultKind.FORBIDDEN,
        "set COINGECKO_API_KEY",
    ),
    "10005": (saying('{"error":{"status":{"error_code":10005}}}', 401), FaultKind.FORBIDDEN, "a higher plan"),
    "10010": (saying('{"status":{"error_code":10010}}', 400), FaultKind.FORBIDDEN, "set COINGECKO_PLAN=pro"),
    "10011": (saying('{"error_code":"10011"}', 400), FaultKind.FORBIDDEN, "set COINGECKO_PLAN=demo"),
    "a redirect": (
        saying("", 302, location="https://elsewhere.example/"),
        FaultKind.UNAVAILABLE,
        "redirects, which is not followed: check COINGECKO_URL",
    ),
    "a hang": (hang, FaultKind.UNAVAILABLE, "no answer within 1 s"),
    "a trickle": (TRICKLE, FaultKind.UNAVAILABLE, "no answer within 1 s"),
    "a flood": (flood, FaultKind.UNAVAILABLE, "an answer of more than 1048576 bytes"),
    "truncated JSON": (saying(PRICES[:60]), FaultKind.UNAVAILABLE, "answered no JSON"),
    "HTML": (saying("<!DOCTYPE html><p>maintenance</p>"), FaultKind.UNAVAILABLE, "answered HTML instead of JSON"),
    "nothing": (saying(""), FaultKind.UNAVAILABLE, "answered nothing"),
    "null": (saying("null"), FaultKind.UNAVAILABLE, "answered null where prices belong"),
    "a list": (saying("[]"), FaultKind.UNAVAILABLE, "answered a list where prices belong"),
    "a number": (saying("7"), FaultKind.UNAVAILABLE, "answered 7 where prices belong"),
    "an error with status 200": (saying('{"error":"try later"}'), FaultKind.UNAVAILABLE, "try later"),
    "a coin twice": (saying(PRICES[:-1] + ',"alpha":{"usd":1}}'), FaultKind.UNAVAILABLE, "answered no JSON"),
    "nested without end": (saying("[" * 200_000), FaultKind.UNAVAILABLE, "answered no JSON"),
    "not text": (saying(b"\xff\xfe\xfd"), FaultKind.UNAVAILABLE, "answered no JSON"),
    "gzip that is none": (saying(PRICES, content_encoding="gzip"), FaultKind.UNAVAILABLE, "is not gzip"),
    "gzip that breaks off": (
        saying(gzip.compress(PRICES.encode())[:-20], content_encoding="gzip"),
        FaultKind.UNAVAILABLE,
        "the answer broke off",
    ),
    "gzip without end": (
        saying(gzip.compress(b" " * (64 << 20)), content_encoding="gzip"),
        FaultKind.UNAVAILABLE,
        "an answer of more than 1048576 bytes",
    ),
    "deflate": (
        saying(zlib.compress(PRICES.encode()), content_encoding="deflate"),
        FaultKind.UNAVAILABLE,
        "an encoding that was not asked for",
    ),
    "two encodings": (saying(PRICES, content_encoding="gzip, gzip"), FaultKind.UNAVAILABLE, "an encoding that was not"),
    "broken off": (break_off, FaultKind.UNAVAILABLE, "the answer broke off"),
    "dropped": (drop, FaultKind.UNAVAILABLE, "the answer broke off"),
    "reset": (reset, FaultKind.UNAVAILABLE, "no connection (Connection reset by peer)"),
    "no HTTP": (gibberish, FaultKind.UNAVAILABLE, "the answer broke off, or is no HTTP"),
    "an error that quotes the key": (saying(f'{{"error":"bad key {KEY}"}}', 401), FaultKind.FORBIDDEN, "bad key ***"),
    "an error that quotes the URL": (
        saying(f'{{"error":"no {SECRET_PATH} at https://x.example/{SECRET_PATH}"}}', 400),
        FaultKind.REFUSED,
        "no *** at https://x.example",
    ),
    "an error that commands the terminal": (
        saying('{"error":"\\u001b[2Jgone\\u0007\\n\\ud800"}', 400),
        FaultKind.REFUSED,
        "[2Jgone",
    ),
}


async def ask_everything(gecko: CoinGecko) -> tuple[Fault, str]:
    """What quotes say, and whatever else there is to read about it."""
    found = await gecko.quotes([ALPHA, BETA], AT)
    assert set(found) == {ALPHA, BETA}
    assert not any(isinstance(answer, Quote) for answer in found.values())
    first = found[ALPHA]
    assert isinstance(first, Fault)
    with pytest.raises(MarketDataUnavailable) as outage:
        await gecko.largest(10)
    assert outage.value.__cause__ is None
    return first, repr(found) + repr(outage.value) + str(outage.value) + repr(gecko) + repr(gecko._client)


@pytest.mark.parametrize("wrong", WRONG.values(), ids=WRONG.keys())
async def test_a_wrong_answer_is_a_fault_by_name_without_secrets(
    wrong: tuple[Respond, FaultKind, str],
    clock: Clock,
    caplog: pytest.LogCaptureFixture,
    capsys: pytest.CaptureFixture[str],
) -> None:
    respond, kind, expected = wrong
    caplog.set_level(logging.DEBUG)
    async with fake_gecko(respond) as server:
        started = time.monotonic()
        with capture_logs() as logs:
            seconds = SHORT if respond in ENDLESS else TIMEOUT
            async with gecko_at(clock, server.url(f"/{SECRET_PATH}/v3"), timeout_seconds=seconds) as gecko:
                fault, texts = await ask_everything(gecko)
        assert time.monotonic() - started < 2 * TIMEOUT
        assert all(request.headers["x-cg-demo-api-key"] == KEY for request in server.asked)
        assert all(request.path.startswith(f"/{SECRET_PATH}/v3/") for request in server.asked)
    assert (fault.kind, fault.source) == (kind, "coingecko")
    assert expected in fault.reason
    assert fault.reason.startswith(f"CoinGecko http://127.0.0.1:{server.port}: simple/price: ")
    assert fault.reason.isprintable()
    assert len(fault.reason) < 400
    assert logs
    seen = texts + caplog.text + repr(logs) + "".join(capsys.readouterr())
    assert KEY not in seen
    assert SECRET_PATH not in seen


async def test_a_bomb_is_not_unpacked(clock: Clock) -> None:
    bomb = gzip.compress(b" " * (128 << 20))
    async with fake_gecko(saying(bomb, content_encoding="gzip")) as server, gecko_at(clock, server.url()) as gecko:
        tracemalloc.start()
        try:
            fault = (await gecko.quotes([ALPHA], AT))[ALPHA]
            _, most = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()
    assert isinstance(fault, Fault)
    assert most < 16 << 20


async def test_nobody_at_home(clock: Clock) -> None:
    async with fake_gecko(hang) as gone:
        url = gone.url()
    async with gecko_at(clock, url) as gecko:
        fault = (await gecko.quotes([ALPHA], AT))[ALPHA]
    assert isinstance(fault, Fault)
    assert "no connection" in fault.reason


@pytest.mark.parametrize("url", [f"http://:{KEY}", f"http://[{KEY}", f"ftp://x/{KEY}"])
async def test_a_url_that_is_none(clock: Clock, url: str) -> None:
    async with gecko_at(clock, url) as gecko:
        fault = (await gecko.quotes([ALPHA], AT))[ALPHA]
    assert isinstance(fault, Fault)
    assert fault.kind is FaultKind.UNAVAILABLE
    assert KEY not in repr(fault)


@pytest.mark.parametrize("encoding", ["gzip", "identity", None])
async def test_an_answer_is_read_packed_or_not(clock: Clock, encoding: str | None) -> None:
    body = gzip.compress(PRICES.encode()) if encoding == "gzip" else PRICES.encode()
    headers = {} if encoding is None else {"content_encoding": encoding}
    async with fake_gecko(saying(body, **headers)) as server, gecko_at(clock, server.url()) as gecko:
        found = await gecko.quotes([ALPHA, BETA], AT)
    assert all(isinstance(answer, Quote) for answer in found.values())
