"""Quotes of coins: every digit kept, a fault by name for each that is off, one request for 250."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from keeper.adapters.coingecko import simple_prices
from keeper.adapters.coingecko.plans import Plan
from keeper.adapters.coingecko.question import Malformed
from keeper.adapters.foreign import exact
from keeper.core.quotes import CoinId, Fault, FaultKind, Quote
from keeper.core.units import Timestamp
from tests.adapters.coingecko.conftest import ALPHA, AT, BETA, KEY, Clock, gecko_at
from tests.adapters.coingecko.fake_gecko import PRICES, UPDATED, fake_gecko, saying

COIN = CoinId("alpha")


def read(body: str, *coins: CoinId) -> Any:
    return simple_prices.read(exact(body.encode()), coins or [COIN])


def entry(usd: str = "1.5", rest: str = f',"usd_market_cap":10,"last_updated_at":{UPDATED}') -> Quote | Fault:
    found: Quote | Fault = read(f'{{"alpha":{{"usd":{usd}{rest}}}}}')[COIN]
    return found


@pytest.mark.unit
@pytest.mark.parametrize(
    ("usd", "kind"),
    [
        ("null", FaultKind.UNPRICED),
        ("0", FaultKind.NOT_POSITIVE),
        ("0.0e5", FaultKind.NOT_POSITIVE),
        ("-0", FaultKind.NOT_POSITIVE),
        ("-1.5", FaultKind.NOT_POSITIVE),
        ("NaN", FaultKind.MALFORMED),
        ("Infinity", FaultKind.MALFORMED),
        ("-Infinity", FaultKind.MALFORMED),
        ('"1.5"', FaultKind.MALFORMED),
        ("true", FaultKind.MALFORMED),
        ("false", FaultKind.MALFORMED),
        ("[1.5]", FaultKind.MALFORMED),
        ('{"usd":1.5}', FaultKind.MALFORMED),
        ("1e400", FaultKind.ABSURD),
        ("1e-400", FaultKind.ABSURD),
        ("1e99999999999999999999", FaultKind.MALFORMED),
        ("9" * 5_000, FaultKind.MALFORMED),
        ("0." + "0" * 5_000 + "1", FaultKind.MALFORMED),
    ],
)
def test_a_price_that_is_off_is_a_fault(usd: str, kind: FaultKind) -> None:
    fault = entry(usd)
    assert isinstance(fault, Fault)
    assert fault.kind is kind
    assert len(fault.reason) < 120


@pytest.mark.unit
@pytest.mark.parametrize(
    ("rest", "kind"),
    [
        (f',"usd_market_cap":10,"last_updated_at":{UPDATED}', None),
        (f',"usd_market_cap":null,"last_updated_at":{UPDATED}', None),
        (f',"last_updated_at":{UPDATED}', None),
        (f',"usd_market_cap":"10","last_updated_at":{UPDATED}', FaultKind.MALFORMED),
        (f',"usd_market_cap":-10,"last_updated_at":{UPDATED}', FaultKind.ABSURD),
        (f',"usd_market_cap":NaN,"last_updated_at":{UPDATED}', FaultKind.MALFORMED),
        ("", FaultKind.UNDATED),
        (',"last_updated_at":null', FaultKind.UNDATED),
        (f',"last_updated_at":"{UPDATED}"', FaultKind.MALFORMED),
        (f',"last_updated_at":{UPDATED}000', FaultKind.ABSURD),
        (',"last_updated_at":-1', FaultKind.ABSURD),
    ],
)
def test_what_comes_with_a_price_is_judged_too(rest: str, kind: FaultKind | None) -> None:
    found = entry("1.5", rest)
    assert (found.kind if isinstance(found, Fault) else None) is kind


@pytest.mark.unit
@pytest.mark.parametrize("wrong", ["null", "7", '"1.5"', "[]", "true", "NaN"])
def test_an_entry_that_is_no_object_is_a_fault_of_its_coin_alone(wrong: str) -> None:
    found = read(f'{{"alpha":{wrong},"beta":{{"usd":2,"last_updated_at":{UPDATED}}}}}', ALPHA, BETA)
    assert found[ALPHA].kind is FaultKind.MALFORMED
    assert isinstance(found[BETA], Quote)


@pytest.mark.unit
def test_a_coin_that_is_not_there_and_one_that_nobody_asked_for() -> None:
    found = read('{"gamma":{"usd":1},"alpha":{}}', ALPHA, BETA)
    assert {coin: fault.kind for coin, fault in found.items()} == {ALPHA: FaultKind.UNPRICED, BETA: FaultKind.MISSING}


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["usd", "usd_market_cap", "last_updated_at", "alpha", "x"]), inner, max_size=4
        )
    ),
    max_leaves=12,
)
FIGURES = st.sampled_from(
    ["0", "-1", "NaN", "Infinity", "1e-9", "1e999", "null", "true", '"1"', str(UPDATED), "[]", "{"]
)


@pytest.mark.property
@given(st.one_of(JSON, st.dictionaries(st.sampled_from(["alpha", "beta", "status"]), JSON)))
def test_any_json_gives_quotes_and_faults_and_never_a_zero(document: Any) -> None:
    body = json.dumps(document)
    _check(body)


@pytest.mark.property
@given(FIGURES, FIGURES, FIGURES)
def test_any_figures_give_quotes_and_faults_and_never_a_zero(usd: str, cap: str, at: str) -> None:
    _check(f'{{"alpha":{{"usd":{usd},"usd_market_cap":{cap},"last_updated_at":{at}}}}}')


def _check(body: str) -> None:
    try:
        found = read(body, ALPHA, BETA)
    except (Malformed, ValueError):
        return
    assert set(found) == {ALPHA, BETA}
    for answer in found.values():
        assert isinstance(answer, Fault) or answer.usd > 0


# ----------------------------------------------------------------------------------------- over the wire


@pytest.mark.adapter
@pytest.mark.parametrize("plan", Plan)
async def test_the_question_and_its_answer(clock: Clock, plan: Plan) -> None:
    async with fake_gecko(saying(PRICES)) as server, gecko_at(clock, server.url("/v3/"), plan=plan) as gecko:
        found = await gecko.quotes({BETA, ALPHA}, AT)
    first = found[ALPHA]
    assert isinstance(first, Quote)
    assert (str(first.usd), str(first.market_cap), first.updated_at) == ("76975", "1542226908349.8406", UPDATED)
    second = found[BETA]
    assert isinstance(second, Quote)
    assert f"{second.usd:f}" == "0.000012345678901234567890123"
    (request,) = server.asked
    assert request.method == "GET"
    assert request.rel_url.raw_path == "/v3/simple/price"
    assert dict(request.query) == {
        "ids": "alpha,beta",
        "vs_currencies": "usd",
        "include_market_cap": "true",
        "include_last_updated_at": "true",
        "precision": "full",
    }
    keys = {name.lower(): value for name, value in request.headers.items() if "key" in name.lower()}
    assert (
        keys
        == {
            Plan.DEMO: {"x-cg-demo-api-key": KEY},
            Plan.PRO: {"x-cg-pro-api-key": KEY},
            Plan.NONE: {},
        }[plan]
    )
    assert not (set(request.headers) & {"Cookie", "Authorization"})


@pytest.mark.unit
def test_the_hosts_of_the_plans() -> None:
    assert Plan.PRO.url == "https://pro-api.coingecko.com/api/v3"
    assert Plan.DEMO.url == Plan.NONE.url == "https://api.coingecko.com/api/v3"
    assert Plan.NONE.headers(KEY) == {}


@pytest.mark.adapter
async def test_an_age_is_judged_by_the_time_that_is_asked_for_also_of_an_answer_that_is_kept(clock: Clock) -> None:
    async with fake_gecko(saying(PRICES)) as server, gecko_at(clock, server.url()) as gecko:

        async def kinds(at: int) -> list[FaultKind | None]:
            found = await gecko.quotes([ALPHA, BETA], Timestamp(at))
            return [found[coin].kind if isinstance(found[coin], Fault) else None for coin in (ALPHA, BETA)]  # type: ignore[union-attr]

        assert await kinds(UPDATED + 150) == [None, None]
        assert await kinds(UPDATED + 180) == [None, FaultKind.STALE]
        assert await kinds(UPDATED + 181) == [FaultKind.STALE, FaultKind.STALE]
        assert await kinds(UPDATED - 60) == [None, None]
        assert await kinds(UPDATED - 61) == [FaultKind.FUTURE, None]
        assert len(server.asked) == 1


@pytest.mark.adapter
@pytest.mark.parametrize(("count", "requests"), [(0, 0), (1, 1), (250, 1), (251, 2), (501, 3)])
async def test_one_request_for_250_coins(clock: Clock, count: int, requests: int) -> None:
    coins = [CoinId(f"coin-{number}") for number in range(count)]

    async def respond(request: Any) -> Any:
        asked = request.query["ids"].split(",")
        assert len(asked) <= 250
        body = {coin: {"usd": int(coin[5:]) + 1, "last_updated_at": UPDATED} for coin in asked}
        return await saying(json.dumps(body))(request)

    async with fake_gecko(respond) as server, gecko_at(clock, server.url()) as gecko:
        found = await gecko.quotes([*coins, *coins], AT)
        assert len(server.asked) == requests
    assert {coin: answer.usd for coin, answer in found.items() if isinstance(answer, Quote)} == {
        coin: number + 1 for number, coin in enumerate(coins)
    }


@pytest.mark.adapter
async def test_a_batch_that_fails_takes_no_other_with_it(clock: Clock) -> None:
    async def respond(request: Any) -> Any:
        asked = request.query["ids"].split(",")
        if "coin-000" in asked:
            return await saying("<html>", 500)(request)
        return await saying(json.dumps({coin: {"usd": 1, "last_updated_at": UPDATED} for coin in asked}))(request)

    coins = [CoinId(f"coin-{number:03}") for number in range(300)]
    async with fake_gecko(respond) as server, gecko_at(clock, server.url()) as gecko:
        found = await gecko.quotes(coins, AT)
    assert sum(isinstance(answer, Quote) for answer in found.values()) == 50
    assert sum(isinstance(answer, Fault) and answer.kind is FaultKind.UNAVAILABLE for answer in found.values()) == 250


@pytest.mark.adapter
async def test_what_is_no_name_of_a_coin_is_not_asked_for(clock: Clock) -> None:
    bad = CoinId("beta,gamma&ids=delta")
    async with fake_gecko(saying(PRICES)) as server, gecko_at(clock, server.url()) as gecko:
        found = await gecko.quotes([ALPHA, bad], AT)
        assert [request.query["ids"] for request in server.asked] == ["alpha"]
    fault = found[bad]
    assert isinstance(fault, Fault)
    assert (fault.kind, isinstance(found[ALPHA], Quote)) == (FaultKind.MALFORMED, True)


@pytest.mark.adapter
async def test_a_coin_called_status_and_one_called_error_are_coins(clock: Clock) -> None:
    body = {name: {"usd": 1, "last_updated_at": UPDATED} for name in ("status", "error")}
    async with fake_gecko(saying(json.dumps(body))) as server, gecko_at(clock, server.url()) as gecko:
        found = await gecko.quotes([CoinId("status"), CoinId("error")], AT)
    assert all(isinstance(answer, Quote) for answer in found.values())
