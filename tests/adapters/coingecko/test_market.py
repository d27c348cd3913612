"""The market in pages, categories, tokens and pools: each coin once, nothing incomplete, names fit for a terminal."""

import json
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest
from aiohttp import web
from hypothesis import given
from hypothesis import strategies as st

from keeper.adapters.coingecko import dex_pools, markets, platforms
from keeper.adapters.coingecko.question import Malformed
from keeper.adapters.foreign import exact
from keeper.core.quotes import CoinId, Fault, FaultKind
from keeper.core.units import Address, Timestamp
from keeper.core.universe import CoinKind, DexPool, ListedCoin, Listing
from keeper.market_ports import CoinFacts, MarketData, MarketDataUnavailable
from tests.adapters.coingecko.conftest import ALPHA, BETA, Clock, gecko_at
from tests.adapters.coingecko.fake_gecko import Respond, fake_gecko, saying

ENTRY = {
    "id": "alpha",
    "symbol": "alp",
    "name": "Alpha",
    "image": "https://images.example/alpha.png",
    "current_price": 77671.25,
    "market_cap": 1555886872303,
    "market_cap_rank": 1,
    "circulating_supply": 20030493.0,
    "roi": None,
    "last_updated": "2026-05-18T12:49:21.599Z",
    "market_cap_rank_with_rehypothecated": 1,
}
TOKEN = Address("0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed")


def read(*entries: Any) -> markets.Page:
    return markets.read_page(exact(json.dumps(entries).encode()))


def paged(coins: list[Any]) -> Respond:
    """A market of these coins, cut into the pages that are asked for."""

    async def respond(request: web.Request) -> web.StreamResponse:
        size, number = int(request.query["per_page"]), int(request.query["page"])
        assert 1 <= size <= 250
        return await saying(json.dumps(coins[(number - 1) * size : number * size]))(request)

    return respond


def coins(count: int) -> list[Any]:
    return [ENTRY | {"id": f"coin-{number}", "market_cap_rank": number + 1} for number in range(count)]


# ------------------------------------------------------------------------------------------------ reading


@pytest.mark.unit
def test_a_candidate() -> None:
    assert read(ENTRY).found == (
        ListedCoin(
            ALPHA,
            "coingecko",
            "ALP",
            "Alpha",
            Decimal("77671.25"),
            Decimal(1_555_886_872_303),
            1,
            Timestamp(1_779_108_561),
        ),
    )


@pytest.mark.unit
def test_what_coingecko_does_not_know_is_none() -> None:
    unknown = dict.fromkeys(("current_price", "market_cap", "market_cap_rank", "last_updated"))
    (found,) = read(ENTRY | unknown).found
    assert isinstance(found, ListedCoin)
    assert (found.usd, found.market_cap, found.rank, found.updated_at) == (None, None, None, None)


@pytest.mark.unit
@pytest.mark.parametrize(
    ("change", "kind"),
    [
        ({"current_price": 0}, FaultKind.NOT_POSITIVE),
        ({"current_price": "1"}, FaultKind.MALFORMED),
        ({"current_price": True}, FaultKind.MALFORMED),
        ({"market_cap": -5}, FaultKind.ABSURD),
        ({"market_cap": [5]}, FaultKind.MALFORMED),
        ({"market_cap_rank": 0}, FaultKind.MALFORMED),
        ({"market_cap_rank": 1.5}, FaultKind.MALFORMED),
        ({"market_cap_rank": "1"}, FaultKind.MALFORMED),
        ({"last_updated": "yesterday"}, FaultKind.MALFORMED),
        ({"last_updated": 1_779_092_258}, FaultKind.MALFORMED),
        ({"last_updated": "1970-01-01T00:00:00Z"}, FaultKind.ABSURD),
        ({"last_updated": "0001-01-01T00:00:00+23:59"}, FaultKind.ABSURD),
    ],
)
def test_a_candidate_that_is_off_is_a_fault(change: dict[str, Any], kind: FaultKind) -> None:
    fault, other = read(ENTRY | change, ENTRY | {"id": "beta"}).found
    assert isinstance(fault, Fault)
    assert (fault.coin, fault.kind) == (ALPHA, kind)
    assert isinstance(other, ListedCoin)


@pytest.mark.unit
@pytest.mark.parametrize("entry", [None, 7, "alpha", [], {}, {"id": None}, {"id": 7}, {"id": "a,b"}, {"id": "\x1b[2J"}])
def test_an_entry_without_a_coin_is_a_fault_and_makes_a_category_unbelievable(entry: Any) -> None:
    (fault,) = read(entry).found
    assert isinstance(fault, Fault)
    assert fault.reason.isprintable()
    with pytest.raises(Malformed, match="without a name"):
        markets.read_ids([ENTRY, entry])


# ------------------------------------------------------------------------------------- a price for each day


HOURS = [100 + hour for hour in range(168)]
"""A week, oldest first: the newest is 267."""
DAYS = [123, 147, 171, 195, 219, 243, 267]


def recent(sparkline: Any) -> tuple[Decimal, ...]:
    (found,) = read(ENTRY | {"sparkline_in_7d": sparkline}).found
    assert isinstance(found, ListedCoin)
    return found.recent


@pytest.mark.unit
@pytest.mark.parametrize(
    ("prices", "days"),
    [
        (HOURS, DAYS),
        (HOURS[1:], DAYS),
        ([0, *HOURS], DAYS),
        (HOURS[-25:], [243, 267]),
        (HOURS[-24:], [267]),
        ([5], [5]),
        ([*HOURS[:-1], None], DAYS[:-1]),
        ([*HOURS[:143], None, *HOURS[144:]], [123, 147, 171, 195, 219, 267]),
        ([], []),
        (None, []),
    ],
)
def test_a_week_of_hours_is_a_price_a_day_and_the_newest_is_one(prices: Any, days: list[int]) -> None:
    assert recent({"price": prices}) == tuple(map(Decimal, days))


@pytest.mark.unit
@pytest.mark.parametrize("sparkline", [None, {}, {"price": None}])
def test_without_a_sparkline_there_are_no_daily_prices(sparkline: Any) -> None:
    assert recent(sparkline) == ()
    assert read(ENTRY).found[0] == read(ENTRY | {"sparkline_in_7d": sparkline}).found[0]


@pytest.mark.unit
@pytest.mark.parametrize(
    ("sparkline", "kind"),
    [
        (HOURS, FaultKind.MALFORMED),
        ("up", FaultKind.MALFORMED),
        ({"price": "up"}, FaultKind.MALFORMED),
        ({"price": {"0": 1}}, FaultKind.MALFORMED),
        ({"price": [1] * 193}, FaultKind.MALFORMED),
        ({"price": [*HOURS[:-1], "1"]}, FaultKind.MALFORMED),
        ({"price": [*HOURS[:-1], True]}, FaultKind.MALFORMED),
        ({"price": [*HOURS[:-1], float("nan")]}, FaultKind.MALFORMED),
        ({"price": [*HOURS[:-1], 0]}, FaultKind.NOT_POSITIVE),
        ({"price": [*HOURS[:-1], -1]}, FaultKind.NOT_POSITIVE),
        ({"price": [*HOURS[:-1], 1e300]}, FaultKind.ABSURD),
        ({"price": [*HOURS[:143], [], *HOURS[144:]]}, FaultKind.MALFORMED),
    ],
)
def test_daily_prices_that_are_off_are_a_fault_as_any_other_field(sparkline: Any, kind: FaultKind) -> None:
    fault, other = read(ENTRY | {"sparkline_in_7d": sparkline}, ENTRY | {"id": "beta"}).found
    assert isinstance(fault, Fault)
    assert (fault.coin, fault.kind) == (ALPHA, kind)
    assert isinstance(other, ListedCoin)


@pytest.mark.unit
def test_names_are_fit_for_a_terminal() -> None:
    (found,) = read(ENTRY | {"symbol": "\x1b[31mp\r\nwn", "name": "N" * 500}).found
    assert isinstance(found, ListedCoin)
    assert found.symbol == "[31MP  WN"
    assert len(found.name) == markets.NAME_LENGTH
    (found,) = read(ENTRY | {"symbol": None, "name": ["x"]}).found
    assert isinstance(found, ListedCoin)
    assert (found.symbol, found.name) == ("", "")


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=6),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                [
                    *ENTRY,
                    "sparkline_in_7d",
                    "price",
                    "platforms",
                    "ethereum",
                    "data",
                    "attributes",
                    "relationships",
                    "dex",
                    "address",
                    "reserve_in_usd",
                ]
            ),
            inner,
            max_size=5,
        )
    ),
    max_leaves=15,
)


@pytest.mark.property
@pytest.mark.parametrize("reader", [markets.read_page, markets.read_ids, platforms.read, dex_pools.read])
@given(document=JSON | st.lists(JSON, max_size=3))
def test_any_json_is_read_or_refused(reader: Callable[[Any], Any], document: Any) -> None:
    try:
        found = reader(exact(json.dumps(document).encode()))
    except ValueError:
        return
    if isinstance(found, markets.Page):
        assert all(isinstance(one, Fault) or one.usd is None or one.usd > 0 for one in found.found)


# ----------------------------------------------------------------------------------------- over the wire


@pytest.mark.adapter
@pytest.mark.parametrize(("wanted", "sizes"), [(0, []), (1, ["1"]), (250, ["250"]), (300, ["250", "250"])])
async def test_the_largest_in_pages(clock: Clock, wanted: int, sizes: list[str]) -> None:
    async with fake_gecko(paged(coins(600))) as server, gecko_at(clock, server.url()) as gecko:
        source: MarketData = gecko
        if not wanted:
            with pytest.raises(MarketDataUnavailable, match="the market has no coins"):
                await source.largest(wanted)
            return
        listing = await source.largest(wanted)
        assert [request.query["per_page"] for request in server.asked] == sizes
        assert "include_rehypothecated" not in server.asked[0].query
    assert [candidate.coin for candidate in listing.candidates] == [f"coin-{number}" for number in range(wanted)]
    assert listing.faults == ()


@pytest.mark.adapter
async def test_a_page_has_a_week_of_prices_and_stays_well_below_the_longest_answer(clock: Clock) -> None:
    """250 coins with a price an hour, to the last digit."""
    week = {"price": [81045.84776489827 + hour for hour in range(168)]}
    market = [entry | {"sparkline_in_7d": week} for entry in coins(250)]
    async with fake_gecko(paged(market)) as server, gecko_at(clock, server.url()) as gecko:
        listing = await gecko.largest(250)
        assert server.asked[0].query["sparkline"] == "true"
    assert {len(one.recent) for one in listing.candidates} == {7}
    assert len(json.dumps(market)) < markets.page(1, 250, 0).longest / 2


@pytest.mark.adapter
async def test_the_largest_of_a_category(clock: Clock) -> None:
    async with fake_gecko(paged(coins(3))) as server, gecko_at(clock, server.url()) as gecko:
        assert len((await gecko.largest(250, "layer-1")).candidates) == 3
        assert server.asked[0].query["category"] == "layer-1"
        server.respond = saying("[]")
        with pytest.raises(MarketDataUnavailable, match="the category 'layer-one' is empty: is it called so"):
            await gecko.largest(250, "layer-one")


@pytest.mark.adapter
async def test_coins_by_name_are_a_question_for_250_of_them(clock: Clock) -> None:
    async def respond(request: web.Request) -> web.StreamResponse:
        known = [entry for entry in coins(400) if entry["id"] in request.query["ids"].split(",")]
        return await saying(json.dumps([*known, ENTRY | {"id": "uninvited"}]))(request)

    async with fake_gecko(respond) as server, gecko_at(clock, server.url()) as gecko:
        wanted = [CoinId(f"coin-{number}") for number in range(300)] + [CoinId("lost"), CoinId("a,b")]
        listing = await gecko.listing_of(wanted)
        assert len(server.asked) == 2
        assert {request.query["include_rehypothecated"] for request in server.asked} == {"true"}
        assert await gecko.listing_of([]) == Listing((), ())
        assert len(server.asked) == 2
    assert {candidate.coin for candidate in listing.candidates} == {f"coin-{number}" for number in range(300)}


@pytest.mark.adapter
async def test_a_market_that_ends_before_and_a_coin_on_two_pages(clock: Clock) -> None:
    market = coins(260)
    market[255] = market[3] | {"market_cap_rank": 256}
    market[256] = market[10] | {"current_price": 1}
    market[10] = market[10] | {"current_price": 0}
    async with fake_gecko(paged(market)) as server, gecko_at(clock, server.url()) as gecko:
        listing = await gecko.largest(1_000)
        assert len(server.asked) == 2
    found = [candidate.coin for candidate in listing.candidates]
    assert len(found) == len(set(found)) == 257
    assert next(one.rank for one in listing.candidates if one.coin == "coin-3") == 4
    assert [fault.coin for fault in listing.faults] == ["coin-10"]


@pytest.mark.adapter
async def test_a_page_that_does_not_come_refuses_the_whole(clock: Clock) -> None:
    async def respond(request: web.Request) -> web.StreamResponse:
        if request.query["page"] == "2":
            return await saying("", 500)(request)
        return await paged(coins(600))(request)

    async with fake_gecko(respond) as server, gecko_at(clock, server.url()) as gecko:
        with pytest.raises(MarketDataUnavailable, match="server failed"):
            await gecko.largest(500)
        clock.elapsed = 10.0
        with pytest.raises(MarketDataUnavailable, match="server failed"):
            await gecko.members(CoinKind.STABLECOIN)


@pytest.mark.adapter
async def test_categories_have_the_wrapped_coins_too(clock: Clock) -> None:
    async with fake_gecko(paged(coins(251))) as server, gecko_at(clock, server.url()) as gecko:
        facts: CoinFacts = gecko
        assert len(await facts.members(CoinKind.WRAPPED)) == 251
        for kind in CoinKind:
            await facts.members(kind)
        asked = [request.query["category"] for request in server.asked]
        assert asked == [
            *["wrapped-tokens"] * 2,
            *["stablecoins"] * 2,
            *["liquid-staking-tokens"] * 2,
            *["crypto-backed-tokens"] * 2,
        ]
        assert {request.query["include_rehypothecated"] for request in server.asked} == {"true"}


@pytest.mark.adapter
@pytest.mark.parametrize(("count", "said"), [(0, "stablecoins is empty"), (5_000, "stablecoins has no end")])
async def test_a_category_that_is_not_believed(clock: Clock, count: int, said: str) -> None:
    async with (
        fake_gecko(paged(coins(count))) as server,
        gecko_at(clock, server.url(), calls=60) as gecko,
    ):
        with pytest.raises(MarketDataUnavailable, match=said):
            await gecko.members(CoinKind.STABLECOIN)


@pytest.mark.adapter
async def test_tokens_of_coins_on_a_chain(clock: Clock) -> None:
    listed = [
        {"id": "alpha", "symbol": "a", "name": "A", "platforms": {"ethereum": TOKEN.lower(), "solana": "6p6xgHyF7AeE"}},
        {"id": "beta", "symbol": "b", "name": "B", "platforms": {"": ""}},
        {"id": "gamma", "symbol": "c", "name": "C", "platforms": {}},
        {"id": "delta", "platforms": {"ethereum": None, "flow": "0x12"}},
        {"id": "no name of a coin", "platforms": {"ethereum": TOKEN}},
        {"id": "epsilon", "platforms": None},
        None,
    ]
    async with fake_gecko(saying(json.dumps(listed))) as server, gecko_at(clock, server.url()) as gecko:
        wanted = [CoinId(name) for name in ("alpha", "beta", "gamma", "delta", "epsilon", "zeta")]
        assert await gecko.addresses("ethereum", wanted) == {ALPHA: TOKEN}
        assert await gecko.addresses("ethereum", [BETA]) == {}
        with pytest.raises(MarketDataUnavailable, match="no coin has a token on 'eth'"):
            await gecko.addresses("eth", wanted)
        assert [dict(request.query) for request in server.asked] == [{"include_platform": "true"}]


def pool(address: object = "0x" + "AB" * 20, dex: object = "uniswap_v3", reserve: object = "99194225.032") -> Any:
    return {
        "id": "eth_x",
        "type": "pool",
        "attributes": {"address": address, "name": "A / B", "reserve_in_usd": reserve},
        "relationships": {"dex": {"data": {"id": dex, "type": "dex"}}},
    }


@pytest.mark.adapter
async def test_pools_of_a_token(clock: Clock) -> None:
    data = [
        pool(),
        pool(),
        pool("0x" + "cd" * 32, "uniswap-v4-ethereum", "44682614." + "5" * 60),
        pool("0x" + "01" * 20, reserve=None),
        pool("0x" + "02" * 20, reserve="-5"),
        pool("0x" + "03" * 20, reserve=7),
        pool("0x12"),
        pool(dex="\x1b[2J"),
        pool(dex=None),
        {},
        None,
    ]
    async with fake_gecko(saying(json.dumps({"data": data}))) as server, gecko_at(clock, server.url("/v3")) as gecko:
        found = await gecko.dex_pools("eth", TOKEN)
        assert [request.path for request in server.asked] == [f"/v3/onchain/networks/eth/tokens/{TOKEN.lower()}/pools"]
        await gecko.dex_pools("eth", TOKEN, 2)
        assert [dict(request.query) for request in server.asked] == [{}, {"page": "2"}]
        with pytest.raises(MarketDataUnavailable, match="is not the name of a network"):
            await gecko.dex_pools("eth/../..", TOKEN)
    assert found == (
        DexPool("0x" + "ab" * 20, "uniswap_v3", Decimal("99194225.032")),
        DexPool("0x" + "cd" * 32, "uniswap-v4-ethereum", Decimal("44682614." + "5" * 60)),
        DexPool("0x" + "01" * 20, "uniswap_v3", None),
        DexPool("0x" + "02" * 20, "uniswap_v3", None),
        DexPool("0x" + "03" * 20, "uniswap_v3", None),
    )


@pytest.mark.adapter
async def test_a_token_that_is_not_known_there_has_no_pools(clock: Clock) -> None:
    nothing = saying('{"errors":[{"status":"404","title":"Not Found"}]}', 404)
    async with fake_gecko(nothing) as server, gecko_at(clock, server.url()) as gecko:
        assert await gecko.dex_pools("eth", TOKEN) == ()
        server.respond = saying('{"errors":[{"status":"400","title":"Invalid address"}]}', 400)
        with pytest.raises(MarketDataUnavailable, match="Invalid address"):
            await gecko.dex_pools("eth", Address("0x" + "11" * 20))
