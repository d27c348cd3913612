"""Who is in and who is out: every filter from both sides, with the reason that a person reads."""

from decimal import Decimal
from typing import Any

import pytest

from keeper.core.index.candidates import Candidate, Cause
from keeper.core.index.categories import Kind, kinds
from keeper.core.index.eligibility import OF_THE_MARKET, Screening, protocol, screen
from keeper.core.index.methodology import Methodology
from keeper.core.universe import DexPool
from tests.index_factories import FLOATING, NOW, PEGGED, candidate, contract, market, rules, token

pytestmark = pytest.mark.unit

GOLD = tuple(Decimal(2_000 + day) for day in range(30))


def reason(one: Candidate, how: Methodology | None = None) -> str | None:
    """Why it is out; None when it is in."""
    found = screen([one], how or rules(), NOW)
    assert len(found.eligible) + len(found.refused) == 1
    return found.refused[0].refusal.reason if found.refused else None


def test_a_coin_with_everything_is_in() -> None:
    assert reason(candidate("link")) is None


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"market_cap": None}, "its market cap is not known"),
        ({"market_cap": Decimal(0)}, "its market cap is 0"),
        ({"market_cap": Decimal(-1)}, "its market cap is no amount: -1"),
        ({"market_cap": Decimal("NaN")}, "its market cap is no amount: NaN"),
        ({"market_cap": Decimal("Infinity")}, "its market cap is no amount: Infinity"),
        ({"price": None}, "its price is not known"),
        ({"price": Decimal("0.00")}, "its price is 0"),
        ({"updated_at": None}, "nobody says when its price is from"),
        ({"updated_at": NOW - 86_401}, "its price is 1d 1s old, at most 1d"),
        ({"updated_at": NOW - 86_400}, None),
        ({"updated_at": NOW + 3_600}, None),
        ({"updated_at": NOW + 3_601}, "its price is 1h 1s from the future"),
        ({"recent": (*FLOATING, Decimal("1.5"), Decimal("1.50"), Decimal("1.5"))}, "its price has stopped at 1.5 USD"),
        ({"recent": (*FLOATING, Decimal("1.5"), Decimal("1.5"))}, None),
        ({"recent": ()}, None),
        ({"recent": PEGGED}, "its price is held at 1 USD, whatever it is called"),
        ({"recent": PEGGED[1:]}, None),
        ({"recent": (*PEGGED, Decimal("1.02"))}, "its price is held at 1 USD, whatever it is called"),
        ({"recent": (*PEGGED, Decimal("1.0201"))}, None),
    ],
)
def test_what_is_measured(changed: dict[str, Any], words: str | None) -> None:
    assert reason(candidate("link", **{"market_cap": 5, **changed})) == words


@pytest.mark.parametrize(
    ("categories", "recent", "words"),
    [
        (["Stablecoins", "USD Stablecoin"], PEGGED, "a stablecoin (USD Stablecoin)"),
        (["Stablecoins", "EUR Stablecoin"], FLOATING, "a stablecoin (EUR Stablecoin)"),
        (["Stablecoins"], PEGGED, "called a stablecoin (Stablecoins), and its price is about 1 USD: 1.001"),
        (["Stablecoins"], (), "called a stablecoin (Stablecoins), and no recent price shows otherwise"),
        (["Stablecoins", "Tokenized Gold"], GOLD, None),
        (["Stablecoins"], (Decimal("1.1"),), "called a stablecoin (Stablecoins), and its price is about 1 USD: 1.1"),
        (["Stablecoins"], (Decimal("1.1001"),), None),
        (["Wrapped-Tokens"], FLOATING, "wrapped, staked or bridged: it stands for another coin (Wrapped-Tokens)"),
        (
            ["Liquid Staking Tokens"],
            FLOATING,
            "wrapped, staked or bridged: it stands for another coin (Liquid Staking Tokens)",
        ),
        (
            ["Crypto-Backed Tokens"],
            FLOATING,
            "wrapped, staked or bridged: it stands for another coin (Crypto-Backed Tokens)",
        ),
        (["Bridged WBTC"], FLOATING, "wrapped, staked or bridged: it stands for another coin (Bridged WBTC)"),
        (["LP Tokens"], FLOATING, "a share of a fund or of a pool (LP Tokens)"),
        (["Rebase Tokens"], FLOATING, "its balances change by themselves (Rebase Tokens)"),
    ],
)
def test_what_does_not_float_freely(categories: list[str], recent: tuple[Decimal, ...], words: str | None) -> None:
    """PAXG is called a stablecoin by one provider: only the peg test against 1 USD can tell gold from a dollar."""
    assert reason(candidate("paxg", categories=tuple(categories), recent=recent)) == words


@pytest.mark.parametrize(
    "category",
    [
        "Stablecoin Protocol",
        "Liquid Staking",
        "Liquid Staking Governance Tokens",
        "Bridge Governance Tokens",
        "GMCI Index",
        "Coinbase 50 Index",
        "Ethereum Ecosystem",
        "",
    ],
)
def test_who_runs_such_things_is_none_of_them(category: str) -> None:
    assert kinds([category]) == {}


def test_a_category_is_read_however_it_is_written() -> None:
    assert kinds(["  wrapped_tokens "]) == {Kind.TWIN: "wrapped_tokens"}
    assert kinds(["STABLECOIN", "usd-stablecoin"]) == {Kind.NAMED_STABLE: "STABLECOIN", Kind.STABLE: "usd-stablecoin"}


def test_exclusions_and_the_universe() -> None:
    assert reason(candidate("leo"), rules(exclusions=["leo"])) == "excluded by the methodology"
    assert reason(candidate("leo"), rules(coins=["uni"])) == "not one of the coins that the methodology chooses from"
    assert reason(candidate("uni"), rules(coins=["uni"])) is None
    assert reason(candidate("leo"), rules(category="DeFi")) == "not in the category DeFi"
    assert reason(candidate("uni", categories=("defi ",)), rules(category="DeFi")) is None


# -------------------------------------------------------------------------------------------------- exchanges


@pytest.mark.parametrize(
    ("dex", "name"),
    [
        ("uniswap_v2", "uniswap"),
        ("uniswap_v3", "uniswap"),
        ("uniswap-v4-ethereum", "uniswap"),
        ("UniswapV3", "uniswap"),
        ("sushiswap-v3-ethereum", "sushiswap"),
        ("pancakeswap_ethereum", "pancakeswap"),
        ("curve", "curve"),
        ("1inch", "1inch"),
        ("v2", "v2"),
    ],
)
def test_versions_and_networks_are_one_protocol(dex: str, name: str) -> None:
    assert protocol(dex) == name


def pools(*sizes: tuple[str, object]) -> tuple[DexPool, ...]:
    return tuple(DexPool("0x", dex, Decimal(str(size))) for dex, size in sizes)


def test_protocols_count_not_listings() -> None:
    twice = pools(("uniswap_v2", 10**6), ("uniswap_v3", 10**6), ("sushiswap", 10**6))
    assert reason(candidate("link", pools=twice)) == (
        "trades on 2 (sushiswap, uniswap) of at least 3 decentralised exchanges with a pool of 100,000 USD"
    )
    assert reason(candidate("link", pools=(*twice, *pools(("curve", 10**6))))) is None


def test_an_exchange_counts_when_one_pool_of_it_is_deep_enough() -> None:
    shallow = pools(("uniswap_v3", 10**6), ("sushiswap", "99999.99"), ("sushiswap", "99999.99"), ("curve", 100_000))
    assert reason(candidate("link", pools=shallow)) == (
        "trades on 2 (curve, uniswap) of at least 3 decentralised exchanges with a pool of 100,000 USD"
    )
    assert reason(candidate("link", pools=shallow), rules(min_pool_usd="99999.99")) is None


def test_no_pool_at_all_and_nobody_to_ask_are_told_apart() -> None:
    none = screen([candidate("link", pools=())], rules(), NOW).refused[0].refusal
    assert none.reason.startswith("trades on none of at least 3 ")
    assert none.cause is Cause.FEW_EXCHANGES
    unknown = screen([candidate("link", pools=None)], rules(), NOW).refused[0].refusal
    assert (unknown.cause, unknown.reason) == (Cause.MISSING, "nobody says on which exchanges it trades")
    assert reason(candidate("link", pools=None), rules(min_dexes=0)) is None


# -------------------------------------------------------------------------------------------------- the chain


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"contract": None}, "it has no contract on this chain: no token is mapped to it either"),
        ({"contract": contract("link", has_code=False)}, f"there is no code at {token('link')}"),
        ({"contract": contract("link", decimals=None)}, f"{token('link')} does not answer decimals()"),
        ({"contract": contract("link", decimals=0)}, None),
    ],
)
def test_the_contract_answers(changed: dict[str, Any], words: str | None) -> None:
    assert reason(candidate("link", **changed)) == words


def test_a_silent_contract_is_named() -> None:
    silent = contract("link", decimals=None)
    both = candidate("link", contract=type(silent)(silent.address, True, None, None))
    assert reason(both) == f"{token('link')} does not answer decimals() and symbol()"


def test_a_native_coin_enters_through_its_mapping_alone() -> None:
    assert reason(candidate("bitcoin", contract=contract("wbtc"))) is None
    assert reason(candidate("bitcoin", contract=None)) == (
        "it has no contract on this chain: its token by the methodology, WBTC, was not found"
    )
    assert reason(candidate("bitcoin", contract=contract("tbtc"))) == (
        f"mapped to WBTC, but {token('tbtc')} calls itself TBTC"
    )
    assert reason(candidate("solana", contract=None)) == (
        "it has no contract on this chain: no token is mapped to it either"
    )
    assert reason(candidate("bitcoin", contract=contract("tbtc")), rules(native={"bitcoin": "TBTC"})) is None


def test_a_twin_is_found_by_its_token_whatever_it_is_called() -> None:
    """Whoever calls WBTC neither wrapped nor backed still has bitcoin's token."""
    found = screen(
        [
            candidate("wrapped-bitcoin", 10, contract=contract("wbtc")),
            candidate("bitcoin", 1_000, contract=contract("wbtc")),
        ],
        rules(),
        NOW,
    )
    assert [each.coin for each in found.eligible] == ["bitcoin"]
    (twin,) = found.refused
    assert (twin.coin, twin.refusal.cause) == ("wrapped-bitcoin", Cause.TWIN)
    assert twin.refusal.reason == f"its token is that of Bitcoin, {token('wbtc')}"


# ---------------------------------------------------------------------------------------------------- ranks


def coins(found: Screening) -> list[tuple[int, str]]:
    return [(each.rank, each.coin) for each in found.eligible]


def test_ranks_are_counted_after_the_filters() -> None:
    everybody = [
        candidate("tether", 90, categories=("USD Stablecoin",)),
        *market(a=100, b=80, c=70),
        candidate("steth", 75, categories=("Liquid Staked ETH",)),
    ]
    found = screen(everybody, rules(), NOW)
    assert coins(found) == [(1, "a"), (2, "b"), (3, "c")]
    assert [each.coin for each in found.refused] == ["tether", "steth"]


def test_equal_market_caps_go_by_the_providers_rank_then_by_id() -> None:
    found = screen([candidate("c"), candidate("b"), candidate("z", rank=8), candidate("a", rank=9)], rules(), NOW)
    assert coins(found) == [(1, "z"), (2, "a"), (3, "b"), (4, "c")]


def test_a_coin_that_is_there_twice_counts_once() -> None:
    """A provider's pages shift while they are read."""
    found = screen([candidate("a", 5), candidate("a", 6), candidate("b", 4)], rules(), NOW)
    assert coins(found) == [(1, "a"), (2, "b")]
    assert found.eligible[0].market_cap == 5


def test_the_market_alone_can_be_asked() -> None:
    nowhere = candidate("solana", contract=None, pools=None)
    assert screen([nowhere], rules(), NOW, OF_THE_MARKET).refused == ()
