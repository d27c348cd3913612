"""A fund's configuration and list of investors as files: what the product reads out of them is what was meant."""

from dataclasses import fields, replace
from decimal import Decimal
from fractions import Fraction
from pathlib import Path

import pytest
from eth_utils.address import to_checksum_address
from hypothesis import given
from hypothesis import strategies as st

from keeper.adapters.config_file import read_fund_config
from keeper.core.setup.config import FundConfig, LimitsConfig
from keeper.core.setup.investors import read_investors
from scripts.localchain import accounts
from scripts.localchain.config import AssetSpec, FundSpec, VenueKind, default_config
from scripts.localchain.fund_files import FundFiles, Ground, investors, whole_tokens
from scripts.localchain.tokens import Token
from scripts.localchain.uniswap import Pool, Uniswap

pytestmark = pytest.mark.unit

SPEC = default_config().funds[0]
SHARE = 10**18
HALVES = {"WETH": 5_000, "WBTC": 5_000}


def address(number: int) -> str:
    return str(to_checksum_address(f"0x{number:040x}"))


def ground(*assets: AssetSpec) -> Ground:
    """Tokens at addresses from 100 on, feeds from 200 on; a V2 and two V3 pools of each with the first."""
    found = tuple(Token(asset, address(100 + n), address(200 + n)) for n, asset in enumerate(assets or ASSETS))
    pools = []
    for n, token in enumerate(found[1:]):
        sides = (found[0].address, token.address, found[0].symbol, token.symbol)
        pools += [Pool(2, address(300 + n), 3000, *sides), Pool(3, address(400 + n), 500, *sides)]
        pools.append(Pool(3, address(500 + n), 10_000, *sides))
    return Ground(Uniswap(*(address(n) for n in range(1, 8))), found, tuple(pools))


ASSETS = default_config().assets


def read(spec: FundSpec, folder: Path, on: Ground | None = None) -> FundConfig:
    return read_fund_config(FundFiles.write(spec, on or ground(), folder).config)


def test_the_product_reads_what_the_spec_says(tmp_path: Path) -> None:
    config = read(SPEC, tmp_path)
    assert (config.name, config.symbol, config.chain_id, config.owner) == (
        "Large Cap Index",
        "LCI",
        31337,
        accounts.OWNER,
    )
    assert {asset.symbol: asset.target for asset in config.assets} == SPEC.targets
    assert config.limits == SPEC.limits
    assert config.opening_limits is None
    assert (config.roles.guardian, config.roles.weigher) == (accounts.GUARDIAN, accounts.WEIGHER)
    assert [(keeper.address, keeper.days) for keeper in config.roles.keepers] == [(accounts.KEEPER, 30)]
    weth, usdc = config.asset("WETH"), config.asset("USDC")
    assert (weth.token, weth.feed, weth.max_age_seconds) == (address(100), address(200), SPEC.max_age)
    assert (weth.min_price, weth.max_price) == (Decimal(3), Decimal(3_000_000))
    assert (usdc.min_price, usdc.max_price) == (Decimal("0.5"), Decimal(2))
    assert config.uniswap.v3_router == address(5)


def test_every_pool_is_a_venue_and_each_router_one(tmp_path: Path) -> None:
    """Of a fund that has only some of the assets: none of the others' pools."""
    targets = {"USDC": 4_000, "WETH": 3_000, "WBTC": 3_000}
    config = read(replace(SPEC, targets=targets), tmp_path)
    kinds = [venue.kind.name for venue in config.venues]
    assert kinds == ["V2_PAIR", "V3_POOL", "V3_POOL", "V2_PAIR", "V3_POOL", "V3_POOL", "V2_ROUTER", "V3_ROUTER"]
    assert {frozenset(venue.assets) for venue in config.venues} == {
        frozenset({"WETH", "WBTC"}),
        frozenset({"WETH", "USDC"}),
    }
    assert [venue.fee_pips for venue in config.venues if venue.kind.name == "V3_POOL"] == [500, 10_000] * 2
    pairs = read(replace(SPEC, targets=targets, venues=(VenueKind.V2_PAIR,)), tmp_path)
    assert {venue.kind.name for venue in pairs.venues} == {"V2_PAIR"}


def test_limits_that_are_the_contract_s_are_left_out_and_others_explained(tmp_path: Path) -> None:
    usual = FundFiles.write(replace(SPEC, limits=LimitsConfig()), ground(), tmp_path).config.read_text()
    assert "[limits]" not in usual
    opened = FundFiles.write(SPEC, ground(), tmp_path).config.read_text()
    assert "# through pools that take 0.3 %. A replay trades 13 to 36 % of drift in one go" in opened
    for number, field in enumerate(fields(LimitsConfig), start=7_200):
        value = 30 + number % 100 if field.name.endswith("_bps") else number
        limits = replace(
            LimitsConfig(max_weight_bps=9_000), **{field.name: value if field.name != "max_weight_bps" else 9_000}
        )
        assert read(replace(SPEC, limits=limits), tmp_path).limits == limits


def test_several_keepers_and_a_name_that_needs_quotes(tmp_path: Path) -> None:
    spec = replace(SPEC, name='The "Large" \\ Füll', keepers=(accounts.KEEPER, accounts.ARBITRAGEUR))
    config = read(spec, tmp_path)
    assert config.name == spec.name
    assert [keeper.address for keeper in config.roles.keepers] == [accounts.KEEPER, accounts.ARBITRAGEUR]


@given(st.integers(0, 10**40), st.integers(0, 18))
def test_amounts_are_written_to_the_unit(units: int, decimals: int) -> None:
    written = whole_tokens(units, decimals)
    assert Fraction(written) * 10**decimals == units
    assert not written.endswith(".")
    assert "." not in written or not written.endswith("0")


@pytest.mark.parametrize(("size", "decimals"), [("2000000", 18), ("809646263", 15), ("7", 0), ("123456.78", 6)])
def test_the_seed_is_the_same_to_the_unit(tmp_path: Path, size: str, decimals: int) -> None:
    """Of what is left out, nothing."""
    dear = replace(ASSETS[1], price=Decimal("0.00000003"), decimals=decimals)
    spec = replace(SPEC, size_usd=Decimal(size), targets=HALVES, holdings={"WETH": 9_993, "WBTC": 7})
    on = ground(ASSETS[0], dear)
    amounts = read(spec, tmp_path, on).seed.amounts
    assert amounts["WETH"] == Decimal(size) * 9_993 / 10_000 / 3_000
    assert Fraction(amounts["WBTC"]) * 10**decimals == int(
        Fraction(size) * 7 / 10_000 * 10**decimals / Fraction(dear.price)
    )
    assert set(read(replace(spec, holdings={"WETH": 10_000}), tmp_path, on).seed.amounts) == {"WETH"}


@given(st.integers(1, 10**12))
def test_a_share_per_usd(size: int) -> None:
    listed = read_investors(investors(replace(SPEC, size_usd=Decimal(size))))
    assert listed.issue == size * SHARE  # with what the seed burns
    assert {investor.address for investor in listed.investors} == set(accounts.HOLDERS)
    assert max(investor.shares for investor in listed.investors) == size * SHARE * 3 // 4
