"""Prices from a file: the same quotes and faults as from anybody, and a file that is off is no price at all."""

import os
import re
import textwrap
from decimal import Decimal
from pathlib import Path

import pytest

from keeper.adapters.price_file import LONGEST, PriceFile
from keeper.core.quotes import CoinId, Fault, FaultKind, Quote
from keeper.core.units import Address, Timestamp
from keeper.core.universe import DexPool
from keeper.market_ports import MarketData, MarketDataUnavailable

pytestmark = pytest.mark.adapter

AT = Timestamp(1_779_092_300)
A, B, C = CoinId("alpha"), CoinId("beta"), CoinId("gamma")


def source(tmp_path: Path, text: str | bytes, suffix: str = ".csv", max_age: int | None = 180) -> PriceFile:
    path = tmp_path / f"prices{suffix}"
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    os.utime(path, (AT - 100, AT - 100))
    return PriceFile(path, max_age)


async def test_a_table_of_prices(tmp_path: Path) -> None:
    text = f"coin, price_usd, market_cap, updated_at\nalpha, 0.1234567890123456789012345, 1e9, {AT - 5}\nbeta,2,,\n"
    found = await source(tmp_path, text).quotes([A, B, C], AT)
    assert found[A] == Quote(A, "file", Decimal("0.1234567890123456789012345"), Decimal("1e9"), Timestamp(AT - 5))
    assert found[B] == Quote(B, "file", Decimal(2), None, Timestamp(AT - 100))
    missing = found[C]
    assert isinstance(missing, Fault)
    assert missing.kind is FaultKind.MISSING


async def test_a_list_of_objects(tmp_path: Path) -> None:
    text = f'[{{"coin":"alpha","price_usd":"1.5","updated_at":{AT}}},{{"coin":"beta","price_usd":2.25}}]'
    found = await source(tmp_path, text, ".json").quotes([A, B], AT)
    assert found[A] == Quote(A, "file", Decimal("1.5"), None, AT)
    assert found[B] == Quote(B, "file", Decimal("2.25"), None, Timestamp(AT - 100))


async def test_a_forgotten_file_grows_too_old(tmp_path: Path) -> None:
    prices = source(tmp_path, "coin,price_usd\nalpha,1\n")
    assert isinstance((await prices.quotes([A], Timestamp(AT + 80)))[A], Quote)
    fault = (await prices.quotes([A], Timestamp(AT + 81)))[A]
    assert isinstance(fault, Fault)
    assert fault.kind is FaultKind.STALE
    for_tests = source(tmp_path, "coin,price_usd\nalpha,1\n", max_age=None)
    assert isinstance((await for_tests.quotes([A], Timestamp(AT + 10**6)))[A], Quote)


@pytest.mark.parametrize(
    ("row", "kind"),
    [
        ("alpha,,,", FaultKind.UNPRICED),
        ("alpha,0,,", FaultKind.NOT_POSITIVE),
        ("alpha,-1,,", FaultKind.NOT_POSITIVE),
        ("alpha,NaN,,", FaultKind.MALFORMED),
        ("alpha,Infinity,,", FaultKind.MALFORMED),
        ("alpha,1_000,,", FaultKind.MALFORMED),
        ("alpha,٣,,", FaultKind.MALFORMED),
        ('alpha,"1,5",,', FaultKind.MALFORMED),
        ("alpha,1e9999,,", FaultKind.ABSURD),
        ("alpha,1,-1,", FaultKind.ABSURD),
        ("alpha,1,,yesterday", FaultKind.MALFORMED),
        ("alpha,1,,9999999999", FaultKind.FUTURE),
        ("alpha,1,,\nalpha,1,,", FaultKind.MALFORMED),
    ],
)
async def test_a_price_that_is_off_is_a_fault_of_its_coin(tmp_path: Path, row: str, kind: FaultKind) -> None:
    prices = source(tmp_path, f"coin,price_usd,market_cap,updated_at\n{row}\nbeta,1,,\n")
    found = await prices.quotes([A, B], AT)
    fault = found[A]
    assert isinstance(fault, Fault)
    assert fault.kind is kind
    assert isinstance(found[B], Quote)


@pytest.mark.parametrize(
    ("text", "suffix", "said"),
    [
        ("", ".csv", "has no coin"),
        ("coin,price\nalpha,1\n", ".csv", "has no price_usd"),
        ("coin,price_usd,volume\nalpha,1,2\n", ".csv", "has 'volume', which is not known here"),
        ("coin,price_usd,coin\nalpha,1,alpha\n", ".csv", "has a column twice"),
        ("coin,price_usd\nalpha,1,2\n", ".csv", "entry 1 has another number of columns"),
        ("coin,price_usd\nalpha\n", ".csv", "entry 1 has another number of columns"),
        ("coin,price_usd\na b,1\n", ".csv", "entry 1 has no name of a coin"),
        ('coin,price_usd\n"alpha,1\n', ".csv", "is not CSV"),
        (b"coin,price_usd\n\xff,1\n", ".csv", "is not UTF-8 text"),
        (b"x" * (LONGEST + 1), ".csv", "is longer than 4 MiB"),
        ("{}", ".json", "is not a list of objects"),
        ("[1]", ".json", "is not a list of objects"),
        ('[{"coin":"alpha"}]', ".json", "has no price_usd"),
        ('[{"coin":"alpha","price_usd":1,"price_usd":2}]', ".json", "is not JSON"),
        ("[" * 100_000, ".json", "is not JSON"),
        ('[{"coin":7,"price_usd":1}]', ".json", "entry 1 has no name of a coin"),
    ],
)
async def test_a_file_that_is_off_has_no_price(tmp_path: Path, text: str | bytes, suffix: str, said: str) -> None:
    prices = source(tmp_path, text, suffix)
    found = await prices.quotes([A, B], AT)
    for fault in found.values():
        assert isinstance(fault, Fault)
        assert fault.kind is FaultKind.UNAVAILABLE
        assert said in fault.reason
    with pytest.raises(MarketDataUnavailable, match=said):
        await prices.largest(10)


async def test_no_file(tmp_path: Path) -> None:
    prices = PriceFile(tmp_path / "none.csv", 180)
    fault = (await prices.quotes([A], AT))[A]
    assert isinstance(fault, Fault)
    assert "cannot be read (No such file or directory)" in fault.reason


async def test_a_file_is_a_market_too(tmp_path: Path) -> None:
    prices: MarketData = source(
        tmp_path,
        "coin,price_usd,market_cap,symbol,name\nalpha,1,5,A,\x1b[2JAlpha\nbeta,2,,B,Beta\ngamma,3,7,G,Gamma\ndelta,0,9,D,\n",
    )
    listing = await prices.largest(10)
    found = [(candidate.coin, candidate.name, candidate.rank) for candidate in listing.candidates]
    assert found == [(C, "Gamma", 1), (A, "[2JAlpha", 2), (B, "Beta", None)]
    assert [(fault.coin, fault.kind) for fault in listing.faults] == [("delta", FaultKind.NOT_POSITIVE)]
    assert [candidate.coin for candidate in (await prices.largest(1)).candidates] == [C]
    assert prices.name == "file"


# --------------------------------------------------------------------------------------------- of an index

TOKEN = "0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed"
INDEX = "coin,price_usd,market_cap,category,token,pools\n"


async def test_what_an_index_wants_to_know(tmp_path: Path) -> None:
    rows = (
        f'alpha,1,9,"Layer 1; Meme",{TOKEN.lower()}," uniswap:2500000 ; sushiswap: 8e5;"\n'
        f"beta,1,8,,{TOKEN},uniswap_v3:0\n"
        "gamma,1,7,USD Stablecoin,,\n"
    )
    first, second, third = (await source(tmp_path, INDEX + rows).largest(10)).candidates
    assert first.categories == ("Layer 1", "Meme")
    assert first.token == second.token == Address(TOKEN)
    assert first.pools == (DexPool("", "uniswap", Decimal(2_500_000)), DexPool("", "sushiswap", Decimal("8e5")))
    assert second.pools == (DexPool("", "uniswap_v3", Decimal(0)),)
    assert (third.categories, third.token, third.pools) == (("USD Stablecoin",), None, None)
    assert third.recent == ()


async def test_the_same_in_json(tmp_path: Path) -> None:
    text = f'[{{"coin":"alpha","price_usd":1,"category":"Meme","token":"{TOKEN}","pools":"curve:5"}}]'
    (found,) = (await source(tmp_path, text, ".json").largest(10)).candidates
    assert (found.categories, found.token) == (("Meme",), Address(TOKEN))
    assert found.pools == (DexPool("", "curve", Decimal(5)),)


@pytest.mark.parametrize(
    ("cells", "said"),
    [
        (",0x12,", "the token '0x12' is not an address"),
        (f",{TOKEN[:-1]}D,", "is mistyped"),
        (",,uniswap", "of the pools 'uniswap' is no exchange and USD"),
        (",,uniswap:", "is no exchange and USD"),
        (",,:5", "is no exchange and USD"),
        (",,uniswap:-5", "is no exchange and USD"),
        (",,uniswap:NaN", "is no exchange and USD"),
        (",,uniswap:1_000", "is no exchange and USD"),
        (",,uniswap:5;sushi swap:5", "of the pools 'sushi swap:5'"),
        (",,uniswap:5,000", "another number of columns"),
    ],
)
async def test_what_is_off_costs_the_coin_its_place_and_not_its_price(tmp_path: Path, cells: str, said: str) -> None:
    prices = source(tmp_path, f"{INDEX}alpha,1,9,{cells}\nbeta,2,8,,,\n")
    if "columns" in said:
        with pytest.raises(MarketDataUnavailable, match=said):
            await prices.largest(10)
        return
    listing = await prices.largest(10)
    assert [candidate.coin for candidate in listing.candidates] == [B]
    (fault,) = listing.faults
    assert (fault.coin, fault.kind) == (A, FaultKind.MALFORMED)
    assert said in fault.reason
    assert isinstance((await prices.quotes([A], AT))[A], Quote)


@pytest.mark.parametrize("value", ["7", "[]", "true", "{}"])
@pytest.mark.parametrize("name", ["category", "token", "pools"])
async def test_json_of_another_kind_is_a_fault(tmp_path: Path, name: str, value: str) -> None:
    listing = await source(tmp_path, f'[{{"coin":"alpha","price_usd":1,"{name}":{value}}}]', ".json").largest(10)
    assert listing.candidates == ()
    assert [fault.kind for fault in listing.faults] == [FaultKind.MALFORMED]


async def test_a_category_of_a_file_and_coins_by_name(tmp_path: Path) -> None:
    prices = source(tmp_path, INDEX + "alpha,1,5,Layer 1;Meme,,\nbeta,1,9,meme,,\ngamma,0,1,,,\ndelta,1,2,,,\n")
    assert [candidate.coin for candidate in (await prices.largest(9, "Meme")).candidates] == [B, A]
    assert [candidate.coin for candidate in (await prices.largest(1, " MEME ")).candidates] == [B]
    with pytest.raises(MarketDataUnavailable, match="no coin is of the category Layer 2"):
        await prices.largest(9, "Layer 2")
    listing = await prices.listing_of([A, C, CoinId("lost")])
    assert [candidate.coin for candidate in listing.candidates] == [A]
    assert [fault.coin for fault in listing.faults] == [C]


async def test_the_example_of_the_documentation_is_read_whole(tmp_path: Path) -> None:
    text = (Path(__file__).parents[2] / "docs/index.md").read_text()
    (example,) = re.findall(r"((?:^    \S.*\n)+)", text[text.index("### A market of your own") :], re.MULTILINE)
    listing = await source(tmp_path, textwrap.dedent(example)).largest(10)
    assert listing.faults == ()
    assert [each.coin for each in listing.candidates] == ["bitcoin", "chainlink"]
    assert all(each.pools for each in listing.candidates)
    assert listing.candidates[1].categories == ("Oracle", "DeFi")
