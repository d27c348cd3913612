"""`keeper index eligible` on a real chain, beside a CoinGecko of our own: in and out for every kind of reason."""

import asyncio
import contextlib
import json
import threading
from collections.abc import Coroutine, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from scripts.localchain import accounts
from scripts.localchain.chain import LocalChain
from tests.adapters.coingecko.fake_gecko import FakeGecko, Respond, fake_gecko, saying
from tests.e2e.keepers import PATIENCE_SECONDS, Done, Keeper

pytestmark = pytest.mark.e2e

DEEP = ("uniswap_v2", "uniswap_v3", "sushiswap", "curve")
FLOATING = [10 + hour % 7 for hour in range(168)]
PEGGED = [1 + hour % 5 / 1000 for hour in range(168)]


@dataclass
class World:
    """What this CoinGecko says, of coins in the order of their size. `now` is chain time."""

    now: int
    coins: list[dict[str, Any]] = field(default_factory=list)
    categories: dict[str, list[str]] = field(default_factory=dict)
    tokens: dict[str, str] = field(default_factory=dict)
    exchanges: dict[str, tuple[str, ...]] = field(default_factory=dict)

    def add(
        self, coin: str, token: str | None = None, *, category: str | None = None, exchanges: Any = DEEP, **changed: Any
    ) -> None:
        entry = {
            "id": coin,
            "symbol": coin[:5],
            "name": coin.title(),
            "current_price": 12.5,
            "market_cap": 10**12 - 10**9 * len(self.coins),
            "market_cap_rank": len(self.coins) + 1,
            "last_updated": datetime.fromtimestamp(self.now - 60, UTC).isoformat(),
            "sparkline_in_7d": {"price": FLOATING},
        }
        self.coins.append(entry | changed)
        if category is not None:
            self.categories.setdefault(category, []).append(coin)
        if token is not None:
            self.tokens[coin] = token
            self.exchanges[token.lower()] = exchanges

    async def respond(self, request: web.Request) -> web.StreamResponse:
        return await saying(json.dumps(self.answer(request.path, request.query)))(request)

    def answer(self, path: str, query: Mapping[str, str]) -> Any:
        if path == "/coins/list":
            return [{"id": coin, "platforms": {"devnet": token}} for coin, token in self.tokens.items()]
        if path.startswith("/onchain/networks/devnet-pools/tokens/"):
            return {"data": list(map(_pool, self.exchanges.get(path.split("/")[5], DEEP)))}
        assert path == "/coins/markets", path
        if (category := query.get("category")) is not None:
            names = self.categories.get(category, ["somebody-else"])
            return [{"id": name} for name in names]
        return self.coins


def _pool(dex: str) -> dict[str, Any]:
    return {
        "attributes": {"address": "0x" + dex.encode().hex().ljust(40, "0")[:40], "reserve_in_usd": "2500000.5"},
        "relationships": {"dex": {"data": {"id": dex}}},
    }


def variables(gecko: FakeGecko, **more: str) -> dict[str, str]:
    return {
        "MARKET_DATA": "coingecko",
        "COINGECKO_URL": gecko.url(),
        "COINGECKO_PLATFORM": "devnet",
        "COINGECKO_NETWORK": "devnet-pools",
        "COINGECKO_CALLS_PER_MINUTE": "600",
        **more,
    }


@contextlib.contextmanager
def serving(respond: Respond) -> Iterator[FakeGecko]:
    """On a loop of its own: the command has this thread."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever)
    thread.start()

    def run(work: Coroutine[Any, Any, Any]) -> Any:
        return asyncio.run_coroutine_threadsafe(work, loop).result(timeout=PATIENCE_SECONDS)

    server = fake_gecko(respond)
    try:
        yield run(server.__aenter__())
    finally:
        run(server.__aexit__(None, None, None))
        loop.call_soon_threadsafe(loop.stop)
        thread.join(timeout=PATIENCE_SECONDS)
        loop.close()


def eligible(keeper: Keeper, gecko: FakeGecko, *arguments: str, **more: str) -> Done:
    return keeper("index", "eligible", *arguments, **variables(gecko, **more))


def rules(keeper: Keeper, **said: Any) -> str:
    file = keeper.folder / "rules.json"
    file.write_text(json.dumps(said))
    return str(file)


def populated(chain: LocalChain) -> World:
    """Coins in and out for every kind of reason that there is on a chain such as this."""
    world, at = World(chain.node.head()[1]), chain.deployment.token
    world.add("bitcoin")
    world.add("ethereum")
    world.add("tether", at("USDT").address, category="stablecoins", sparkline_in_7d={"price": PEGGED})
    world.add("solana")
    world.add("gold", category="stablecoins")
    world.add("staked-ether", at("DAI").address, category="liquid-staking-tokens")
    world.add("wrapped-bitcoin", at("WBTC").address, category="wrapped-tokens")
    world.add("held-bitcoin", at("WBTC").address, category="crypto-backed-tokens")
    world.add("shut-out", at("DAI").address)
    world.add("no-cap", at("DAI").address, market_cap=None)
    world.add("no-price", at("DAI").address, current_price=None)
    world.add("yesterday", at("DAI").address, last_updated=datetime.fromtimestamp(world.now - 90_000, UTC).isoformat())
    world.add("stopped", at("DAI").address, sparkline_in_7d={"price": [5] * 168})
    world.add("account", accounts.KEEPER)
    world.add("no-token", chain.deployment.native_feed)
    world.add("uniswap", at("UNI").address, exchanges=("uniswap_v2", "uniswap_v3", "uniswap_v4"))
    world.add("chainlink", at("LINK").address)
    world.add("link-again", at("LINK").address)
    world.add("matic-network", at("MATIC").address)
    world.add("liar", at("DAI").address, current_price="12.5")
    return world


def test_every_coin_in_or_out_and_why(chain: LocalChain, keeper: Keeper) -> None:
    world = populated(chain)
    how = rules(keeper, size=3, rank_buffer=0, exclusions=["shut-out"])
    with serving(world.respond) as gecko:
        done = eligible(keeper, gecko, "--fund", "lci", "--rules", how, "--json")
        assert done.code == 0, done.stderr
        asked = [request.path for request in gecko.asked]
    told = json.loads(done.stdout)
    at = chain.deployment.token
    assert [(each["rank"], each["coin"], each["token"]) for each in told["eligible"]] == [
        (1, "bitcoin", at("WBTC").address),
        (2, "ethereum", at("WETH").address),
        (3, "chainlink", at("LINK").address),
    ]
    first = told["eligible"][0]
    assert (first["market_cap"], first["price"], first["symbol"]) == ("1000000000000", "12.5", "BITCO")
    assert first["exchanges"] == ["curve", "sushiswap", "uniswap"]
    assert (told["provider"], told["rules"]["size"], told["unknown"]) == ("coingecko", 3, [])
    assert told["block"]["timestamp"] >= world.now
    reasons = {each["coin"]: (each["cause"], each["reason"]) for each in told["refused"]}
    feed = chain.deployment.native_feed
    assert reasons == {
        "tether": ("pegged", "called a stablecoin (Stablecoins), and its price is about 1 USD: 1.002"),
        "solana": ("no contract", "it has no contract on this chain: no token is mapped to it either"),
        "gold": ("no contract", "it has no contract on this chain: no token is mapped to it either"),
        "staked-ether": ("twin", "wrapped, staked or bridged: it stands for another coin (Liquid Staking Tokens)"),
        "wrapped-bitcoin": ("twin", "wrapped, staked or bridged: it stands for another coin (Wrapped Tokens)"),
        "held-bitcoin": ("twin", "wrapped, staked or bridged: it stands for another coin (Crypto-Backed Tokens)"),
        "shut-out": ("excluded", "excluded by the methodology"),
        "no-cap": ("missing", "its market cap is not known"),
        "no-price": ("missing", "its price is not known"),
        "yesterday": ("stale", reasons["yesterday"][1]),
        "stopped": ("stale", "its price has stopped at 5 USD"),
        "account": ("no contract", f"there is no code at {accounts.KEEPER}"),
        "no-token": ("no contract", f"{feed} does not answer symbol()"),
        "uniswap": (
            "few exchanges",
            "trades on 1 (uniswap) of at least 3 decentralised exchanges with a pool of 100,000 USD",
        ),
        "link-again": ("twin", f"its token is that of Chainlink, {at('LINK').address}"),
    }
    assert reasons["yesterday"][1].startswith("its price is 1d 1h ")
    assert [(each["coin"], each["kind"]) for each in told["faults"]] == [("liar", "malformed")]
    assert told["not_looked_at"] == [
        {
            "coin": "matic-network",
            "symbol": "MATIC",
            "market_cap": "982000000000",
            "reason": "beyond the first 3 that are eligible",
        }
    ]
    assert asked[:6] == [*["/coins/markets"] * 5, "/coins/list"]
    pools = [at(symbol).address.lower() for symbol in ("WBTC", "WETH", "UNI", "LINK")]
    assert asked[6:] == [f"/onchain/networks/devnet-pools/tokens/{token}/pools" for token in pools]


def test_without_a_fund_the_provider_names_the_tokens_of_mapped_coins(chain: LocalChain, keeper: Keeper) -> None:
    """What it names must be called as the methodology says, or the coin is out."""
    world, at = World(chain.node.head()[1]), chain.deployment.token
    world.add("bitcoin")
    world.add("ethereum")
    world.tokens |= {"weth": at("WETH").address, "wrapped-bitcoin": at("UNI").address}
    world.exchanges = {at("WETH").address.lower(): DEEP}
    with serving(world.respond) as gecko:
        done = eligible(keeper, gecko, "--json")
        assert done.code == 0, done.stderr
        told = json.loads(done.stdout)
        table = eligible(keeper, gecko)
    assert [each["coin"] for each in told["eligible"]] == ["ethereum"]
    (refused,) = told["refused"]
    assert refused["reason"] == f"mapped to WBTC, but {at('UNI').address} calls itself UNI"
    assert table.code == 0
    assert "1 eligible" in table.stdout
    assert "eligible: trades on curve, sushiswap, uniswap" in table.stdout
    assert refused["reason"] in table.stdout


def test_what_cannot_be_asked_is_one_line_and_nobody_is_eligible(chain: LocalChain, keeper: Keeper) -> None:
    world = populated(chain)

    async def without_categories(request: web.Request) -> web.StreamResponse:
        return await (saying("", 500)(request) if "category" in request.query else world.respond(request))

    with serving(without_categories) as gecko:
        done = eligible(keeper, gecko, "--json")
        assert (done.code, done.stdout) == (3, "")
        assert len(done.errors) == 1
        assert "coins/markets: CoinGecko's server failed" in done.errors[0]
        nameless = eligible(keeper, gecko, COINGECKO_PLATFORM="", COINGECKO_NETWORK="")
    assert nameless.code == 2
    assert nameless.errors == [
        f"{name}: is not set, and what CoinGecko calls chain 31337 is not known here"
        for name in ("COINGECKO_PLATFORM", "COINGECKO_NETWORK")
    ]


def test_limits_are_waited_out(chain: LocalChain, keeper: Keeper) -> None:
    """A provider that wants a second between two questions, as often as it says so."""
    world, refused = populated(chain), list[str]()

    async def limited(request: web.Request) -> web.StreamResponse:
        if request.path not in refused:
            refused.append(request.path)
            return await saying('{"error":"too many"}', 429, retry_after="1")(request)
        return await world.respond(request)

    with serving(limited) as gecko:
        done = eligible(keeper, gecko, "--rules", rules(keeper, size=1, rank_buffer=0), "--fund", "lci", "--json")
    assert done.code == 0, done.stderr
    assert [each["coin"] for each in json.loads(done.stdout)["eligible"]] == ["bitcoin"]
    assert len(refused) == 3
    assert "waiting for the provider" in done.stderr


def test_a_file_is_a_universe_of_its_own(chain: LocalChain, keeper: Keeper, tmp_path: Path) -> None:
    now, at = chain.node.head()[1], chain.deployment.token
    traded = "uniswap:2500000;sushiswap:800000;curve:500000"
    file = tmp_path / "market.csv"
    file.write_text(
        "coin,price_usd,market_cap,updated_at,symbol,category,token,pools\n"
        f"bitcoin,60000,900,{now},BTC,,,{traded}\n"
        f"chainlink,15,80,{now},LINK,Oracle,{at('LINK').address},{traded}\n"
        f"uniswap,8,70,{now},UNI,,{at('UNI').address},uniswap:2500000;sushiswap:99999\n"
        f"dai,1,60,{now},DAI,USD Stablecoin,{at('DAI').address},{traded}\n"
        f"matic-network,0.7,50,{now},MATIC,,{at('MATIC').address},\n"
        f"typo,1,40,{now},TYPO,,0x12,\n"
    )
    source = {"MARKET_DATA": "file", "MARKET_DATA_FILE": str(file)}
    told = keeper("index", "eligible", "--fund", "lci", "--json", **source).json
    assert [each["coin"] for each in told["eligible"]] == ["bitcoin", "chainlink"]
    assert {each["coin"]: each["cause"] for each in told["refused"]} == {
        "uniswap": "few exchanges",
        "dai": "pegged",
        "matic-network": "missing",
    }
    assert [each["coin"] for each in told["faults"]] == ["typo"]
    assert told["not_looked_at"] == []
    of_category = keeper("index", "eligible", "--rules", rules(keeper, category="oracle"), "--json", **source).json
    assert [each["coin"] for each in of_category["eligible"]] == ["chainlink"]
    unfunded = keeper("index", "eligible", "--json", **source).json
    assert [each["coin"] for each in unfunded["eligible"]] == ["chainlink"], "nobody says which token is WBTC"


def test_what_is_not_set_and_what_is_wrong(keeper: Keeper) -> None:
    off = keeper("index", "eligible")
    assert off.code == 2
    assert off.errors == [
        "MARKET_DATA: is off, and an index needs a market to choose from: set it to coingecko or file"
    ]
    file = keeper.folder / "wrong.json"
    for text, said in (
        ("{", "is not JSON"),
        ('{"exclusions": ["luna"], "exclusions": []}', "has a name twice"),
        ("[]", "is not an object of rules and their values"),
        ('{"size": 0, "cap": 1}', "cap: there is no such rule of an index"),
    ):
        file.write_text(text)
        done = keeper("index", "eligible", "--rules", str(file), "--json")
        assert (done.code, done.stdout) == (2, "")
        assert said in done.errors[0]
