"""A fund's configuration file: what it says, every mistake at once, and the example that is true."""

import json
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from eth_utils.address import is_checksum_address

from keeper.adapters.config_file import parse_fund_config, read_fund_config
from keeper.adapters.known_addresses import CHAINS, chain_name, known_addresses, read_document
from keeper.core.mistakes import ConfigurationError
from keeper.core.model import VenueKind
from keeper.core.setup.changes import changes
from keeper.core.setup.config import LimitsConfig, VenueConfig, digest, plain
from keeper.core.setup.static import mistakes_of
from tests.setup_factories import address, asset, fund

pytestmark = pytest.mark.unit

ROOT = Path(__file__).parents[2]
EXAMPLE = ROOT / "docs" / "example-fund.toml"
WETH = "0xC02aaA39b223FE8D0A0e5C4F27eAD9083C756Cc2"
USDC = "0xA0b86991c6218b36c1d19D4a2e9Eb0cE3606eB48"


def document(**fields: Any) -> dict[str, Any]:
    bounds = {"max_age_seconds": 3900, "min_price": "0.5", "max_price": "1000000", "target_bps": 5000}
    return {
        "name": "Pair",
        "symbol": "PR",
        "chain_id": 1,
        "owner": address(5),
        "assets": [
            {"symbol": "WETH", "token": "known:WETH", "feed": "known:ETH/USD", **bounds},
            {"symbol": "USDC", "token": USDC.lower(), "feed": "known:USDC/USD", **bounds},
        ],
        "venues": [{"kind": "v2_pair", "assets": ["WETH", "USDC"]}],
        **fields,
    }


def written(folder: Path, wanted: Any, name: str = "fund.yaml") -> Path:
    path = folder / name
    path.write_text(wanted if isinstance(wanted, str) else json.dumps(wanted))
    return path


def mistakes(folder: Path, wanted: Any, name: str = "fund.yaml") -> list[str]:
    with pytest.raises(ConfigurationError) as caught:
        read_fund_config(written(folder, wanted, name))
    return caught.value.problems


def test_the_example_is_valid() -> None:
    config = read_fund_config(EXAMPLE)
    assert config.chain_id == 1
    assert config.asset("WETH").token == WETH
    assert config.opening_limits is not None
    assert config.opening_limits.per_trade_bps == config.limits.per_trade_bps == 1000
    assert config.seed.amounts["WBTC"] == Decimal("0.4")


def test_what_is_left_out_is_the_chains_and_the_contracts(tmp_path: Path) -> None:
    config = read_fund_config(written(tmp_path, document(uniswap={"v2_router": address(9)})))
    assert config.uniswap.v2_router == address(9)
    assert config.uniswap.v2_factory == known_addresses(1).uniswap.v2_factory
    assert config.limits == LimitsConfig()
    assert config.opening_limits is None
    assert config.venues == (VenueConfig(VenueKind.V2_PAIR, ("WETH", "USDC"), 3000, None),)
    assert config.asset("USDC").token == USDC
    assert config.roles.keepers == ()


def test_contract_defaults_are_the_contracts() -> None:
    """`Spending`'s constructor, as the sources have it."""
    source = (ROOT / "contracts/src/base/Spending.sol").read_text()
    block = source[source.index("_setLimits(") :]
    words = {"15 minutes": 900, "1 days": 86_400}
    lines = [line.split(": ") for line in block[block.index("({") + 2 : block.index("})")].strip().split(",\n")]
    said = [words.get(value.strip()) or int(value.strip().replace("_", "")) for _, value in lines]
    defaults = LimitsConfig()
    assert said == [getattr(defaults, name) for name in defaults.__dataclass_fields__]


def test_every_mistake_at_once_with_its_place(tmp_path: Path) -> None:
    wanted = document(onwer="x", roles={"keepers": [{"address": "0x1", "days": 0}]}, limits={"max_slip": 5})
    wanted["assets"][0] |= {"min_price": 0.5, "token": "known:NOPE", "target_bps": 10_001}
    wanted["assets"][1].pop("feed")
    wanted["venues"][0] |= {"kind": "v4", "assets": ["WETH"]}
    del wanted["owner"]
    assert sorted(line.split(": ")[0] for line in mistakes(tmp_path, wanted)) == [
        "assets[0].target_bps", "assets[0].token", "assets[1].feed", "limits.max_slip", "onwer", "owner",
        "roles.keepers[0].address", "roles.keepers[0].days", "venues[0].assets", "venues[0].kind",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("change", "line"),
    [
        ({"owner": "0x" + "0" * 40}, "owner: is the zero address"),
        ({"chain_id": "1"}, "chain_id: must be a valid integer"),
        ({"chain_id": True}, "chain_id: must be a valid integer"),
        ({"name": ""}, "name: "),
        ({"name": "x" * 65}, "name: "),
        ({"name": "a\nb"}, "name: must be printable text"),
        ({"assets": []}, "assets: "),
        ({"seed": {"amounts": {"WETH": "-1"}}}, "seed.amounts.WETH: must be a decimal number in quotes"),
        ({"seed": {"amounts": {"WETH": "NaN"}}}, "seed.amounts.WETH: must be a decimal number in quotes"),
        ({"seed": {"amounts": {"WETH": "0"}}}, "seed.amounts.WETH: must be greater than 0"),
        ({"seed": {"amounts": {"DOGE": "1"}}}, "seed.amounts.DOGE: there is no such asset"),
        ({"limits": {"max_slip_bps": 301}}, "limits.max_slip_bps: 301 is above the treasury's ceiling, 300"),
        ({"limits": {"cooldown_seconds": -1}}, "limits.cooldown_seconds: must be greater than or equal to 0"),
        ({"limits": {"window_seconds": 2_592_001}}, "limits.window_seconds: 2592001 is above"),
        ({"limits": {"window_seconds": 3599}}, "limits.window_seconds: 3599 is below the treasury's minimum, 3600"),
        ({"opening_limits": {"loss_cap_bps": 201}}, "opening_limits.loss_cap_bps: 201 is above"),
        ({"venues": []}, "assets[0]: no venue connects WETH"),
        ({"venues": [{"kind": "v2_pair", "assets": ["WETH", "USDC"], "fee_pips": 500}]}, "venues[0].fee_pips: 500 is"),
        ({"venues": [{"kind": "v2_pair", "assets": ["WETH", "WETH"]}]}, "venues[0].assets: are the same"),
        ({"chain_id": 5, "assets": []}, "assets: "),
        ({"owner": USDC}, f"owner: {USDC} is assets[1].token, which cannot act"),
        (
            {"uniswap": {"v2_router": address(9)}, "roles": {"keepers": [{"address": address(9), "days": 1}]}},
            f"roles.keepers[0].address: {address(9)} is uniswap.v2_router, which cannot act",
        ),
    ],
)
def test_one_mistake(tmp_path: Path, change: dict[str, Any], line: str) -> None:
    found = mistakes(tmp_path, document(**change))
    assert any(said.startswith(line) for said in found), found


def test_a_mistyped_address_is_noticed(tmp_path: Path) -> None:
    (line,) = mistakes(tmp_path, document(owner=WETH.replace("aaA39", "aaA38")))
    assert line.startswith("owner: is mistyped: it does not have the checksum")


def test_venues_twice(tmp_path: Path) -> None:
    venue = {"kind": "v2_pair", "assets": ["WETH", "USDC"]}
    turned = {"kind": "v2_pair", "assets": ["USDC", "WETH"], "fee_pips": 3000}
    assert mistakes(tmp_path, document(venues=[venue, turned])) == ["venues[1]: is the same as venues[0]"]


def test_without_known_addresses_a_venue_needs_its_factory(tmp_path: Path) -> None:
    wanted = document(chain_id=5, venues=[{"kind": "v3_router", "assets": ["WETH", "USDC"], "fee_pips": 500}])
    for number, item in enumerate(wanted["assets"]):
        item |= {"token": address(0x50 + number), "feed": address(0x60 + number)}
    assert mistakes(tmp_path, wanted) == [
        "venues[0].kind: needs uniswap.v3_factory, of which none is known on chain 5",
        "venues[0].kind: needs uniswap.v3_router or a target",
    ]
    wanted["assets"][0]["token"] = "known:WETH"
    (line,) = mistakes(tmp_path, wanted)
    assert line.startswith("assets[0].token: no token 'WETH' is known on this chain: write its address")


def test_connected_is_connected_with_the_most() -> None:
    pairs = (("WETH", "USDC"), ("WBTC", "LINK"))
    config = fund(
        assets=(asset("WETH", 4000), asset("USDC", 3000), asset("WBTC", 3000), asset("LINK", 0)),
        venues=tuple(VenueConfig(VenueKind.V2_PAIR, pair) for pair in pairs),
    )
    assert mistakes_of(config) == ["assets[2]: no venue connects WBTC with the other assets that have a target"]
    assert (
        mistakes_of(fund(assets=(asset("WETH", 10_000),), venues=(), limits=LimitsConfig(max_weight_bps=10_000))) == []
    )


@pytest.mark.parametrize(
    ("name", "text", "words"),
    [
        ("f.toml", 'name = "a"\nname = "b"', "is not TOML"),
        ("f.yaml", "name: a\nname: b", "is not YAML: 'name' is there twice"),
        ("f.yaml", "name: &a [*a]", "is "),
        ("f.yaml", "!!python/object/apply:os.system [ls]", "is not YAML"),
        ("f.toml", "\x00", "is not TOML"),
        ("f.yaml", "[" * 1000, "is n"),
        ("f.toml", "#" * (1 << 20) + "#", "is longer than 1 MiB"),
        ("f.yaml", "", "holds no names and values"),
        ("f.yaml", "name: !!timestamp soon", "is not YAML"),
        ("f.toml", "chain_id = " + "9" * 5000, "is not TOML"),
        ("f.toml", "chain_id = 0x" + "f" * 5000, "chain_id: must be"),
        ("f.toml", '"na\\u001b[31mme" = 1', "na?[31mme: is not known here"),
        ("f.toml", f"{'x' * 10_000} = 1", f"{'x' * 60}...: is not known here"),
    ],
)
def test_files_that_say_nothing(tmp_path: Path, name: str, text: str, words: str) -> None:
    found = mistakes(tmp_path, text, name)
    assert any(words in line for line in found), found
    assert all(line.isprintable() for line in found)  # no terminal obeys a file


def test_a_file_of_windows(tmp_path: Path) -> None:
    path = tmp_path / "fund.toml"
    path.write_bytes(b"\xef\xbb\xbf" + EXAMPLE.read_bytes().replace(b"\n", b"\r\n"))
    assert digest(parse_fund_config(path)) == digest(parse_fund_config(EXAMPLE))


def test_bytes_that_are_not_text(tmp_path: Path) -> None:
    path = tmp_path / "fund.toml"
    path.write_bytes(b"\xff\xfe")
    with pytest.raises(ConfigurationError, match="is not UTF-8 text"):
        parse_fund_config(path)
    with pytest.raises(ConfigurationError, match="cannot be read"):
        parse_fund_config(tmp_path)


def test_yaml_without_quotes(tmp_path: Path) -> None:
    """What YAML would make numbers of is text, as in TOML with quotes."""
    wanted = json.dumps(document()).replace(f'"{USDC.lower()}"', USDC.lower()).replace('"0.5"', "0.5")
    config = read_fund_config(written(tmp_path, wanted))
    assert config.asset("USDC").token == USDC
    assert config.asset("USDC").min_price == Decimal("0.5")


def test_digests_do_not_depend_on_how_it_is_written(tmp_path: Path) -> None:
    one = read_fund_config(written(tmp_path, document()))
    turned = dict(reversed(document(limits={"loss_cap_bps": 5}).items()))
    assert digest(read_fund_config(written(tmp_path, turned))) == digest(one)
    assert digest(read_fund_config(written(tmp_path, document(limits={"loss_cap_bps": 6})))) != digest(one)
    assert json.loads(json.dumps(plain(one))) == plain(one)


def test_changes_are_told_in_the_files_words() -> None:
    one = fund()
    other = fund(
        assets=(asset("LINK", 1000), asset("WETH", 4000, buyable=False), asset("WBTC", 3000), asset("USDC", 2000)),
        venues=one.venues[1:],
        limits=LimitsConfig(loss_cap_bps=7),
        sequencer_feed=address(8),
    )
    assert sorted(changes(plain(one), plain(other))) == [
        "assets[LINK]: added",
        "assets[WETH].buyable: True -> False",
        "assets[WETH].target: 5000 -> 4000",
        "limits.loss_cap_bps: 5 -> 7",
        f"sequencer_feed: nothing -> {address(8)}",
        "venues[v2_pair WETH/USDC 3000]: removed",
    ]
    assert changes(plain(one), json.loads(json.dumps(plain(one)))) == []


# -------------------------------------------------------------------------------------- known addresses


@pytest.mark.parametrize("chain_id", CHAINS)
def test_known_addresses_are_checksummed_sourced_and_there_once(chain_id: int) -> None:
    document = read_document(chain_id)
    assert document["chain_id"] == chain_id
    assert set(document) == {"chain_id", "uniswap", "tokens", "feeds"}
    entries = [(name, entry) for group in ("uniswap", "tokens", "feeds") for name, entry in document[group].items()]
    assert len(entries) > 8
    for name, entry in entries:
        assert is_checksum_address(entry["address"]), name
        assert entry["source"].startswith("https://"), name
    addresses = [entry["address"] for _, entry in entries]
    assert len(set(addresses)) == len(addresses)
    for name, entry in document["feeds"].items():
        assert name.endswith("/USD")
        assert (entry["decimals"], entry["heartbeat"] in (3600, 86_400)) == (8, True), name


def test_a_chain_without_a_file() -> None:
    assert known_addresses(31337).tokens == {}
    assert (chain_name(1), chain_name(11155111), chain_name(31337)) == ("mainnet", "sepolia", "31337")
