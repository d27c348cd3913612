"""Every check before the first transaction: what passes, and the one word that stops each of them."""

from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest

from keeper.core.model import VenueKind
from keeper.core.setup.checks import Severity, affordable, examine, passed, payable
from keeper.core.setup.config import FundConfig, LimitsConfig, RolesConfig, VenueConfig
from keeper.core.setup.listing import initial
from keeper.core.setup.state import Facts, FeedFacts, TreasuryState
from keeper.core.setup.steps import remaining
from keeper.core.units import Hash32, Timestamp, Wei
from tests.setup_factories import (
    CODE,
    DEPLOYER,
    FEEDS,
    GUARDIAN,
    NOW,
    OWNER,
    TOKENS,
    TREASURY,
    V2_FACTORY,
    V2_ROUTER,
    V3_FACTORY,
    address,
    asset,
    facts,
    fund,
)
from tests.unit.core.setup.ledger import play

pytestmark = pytest.mark.unit

WETH, USDC = TOKENS["WETH"], TOKENS["USDC"]
CONFIGURATION, WORLD, WARNING = Severity


def found(config: FundConfig, seen: Facts, code: Hash32 | None = None) -> list[tuple[Severity, str]]:
    return [(finding.severity, str(finding)) for finding in examine(config, seen, DEPLOYER, code)]


def feed_of(seen: Facts, symbol: str, /, **fields: Any) -> Facts:
    return replace(seen, feeds={**seen.feeds, FEEDS[symbol]: replace(seen.feeds[FEEDS[symbol]], **fields)})


def token_of(seen: Facts, symbol: str, /, **fields: Any) -> Facts:
    return replace(seen, tokens={**seen.tokens, TOKENS[symbol]: replace(seen.tokens[TOKENS[symbol]], **fields)})


def venue_of(seen: Facts, index: int, **fields: Any) -> Facts:
    venues = [replace(venue, **fields) if place == index else venue for place, venue in enumerate(seen.venues)]
    return replace(seen, venues=tuple(venues))


def without(seen: Facts, *addresses: Any) -> Facts:
    return replace(seen, with_code=seen.with_code - {*addresses})


def test_nothing_is_wrong_with_a_fund_that_stands() -> None:
    config = fund()
    assert found(config, facts(config)) == []
    places = [place for place, _ in passed(config, facts(config), [])]
    assert places == ["chain", *(f"assets[{n}]" for n in range(3)), *(f"venues[{n}]" for n in range(5))]


def test_a_place_with_a_finding_has_not_passed() -> None:
    config = fund()
    seen = feed_of(facts(config), "WBTC", description="DOGE / USD")
    findings = examine(config, seen, DEPLOYER)
    assert [finding.place for finding in findings] == ["assets[1].feed"]
    assert "assets[1]" not in [place for place, _ in passed(config, seen, findings)]
    assert "assets[0]" in [place for place, _ in passed(config, seen, findings)]


WRONG = {
    "chain": (lambda c: replace(facts(c), chain_id=1), CONFIGURATION, "chain_id: is 31337, but the node is of chain 1"),
    "token": (
        lambda c: without(facts(c), WETH), CONFIGURATION, f"assets[0].token: there is no contract at {WETH}",
    ),
    "decimals": (
        lambda c: token_of(facts(c), "WETH", decimals=None), CONFIGURATION,
        f"assets[0].token: {WETH} does not say its decimals: it is not a token",
    ),
    "too many decimals": (
        lambda c: token_of(facts(c), "USDC", decimals=29), CONFIGURATION,
        "assets[2].token: 29 decimals and 8 of the feed are more than 36, which prices cannot have",
    ),
    "erc777": (
        lambda c: token_of(facts(c), "WETH", erc777=True), WARNING,
        "assets[0].token: WETH is an ERC-777 token: its hooks run in the middle of transfers",
    ),
    "rebasing": (
        lambda c: token_of(facts(c), "WETH", rebasing=True), WARNING,
        "assets[0].token: WETH looks like a rebasing token, which must never be listed",
    ),
    "symbol": (
        lambda c: token_of(facts(c), "WETH", symbol="FAKE"), WARNING,
        "assets[0].symbol: is WETH, the token calls itself FAKE",
    ),
    "feed": (
        lambda c: without(facts(c), FEEDS["WBTC"]), CONFIGURATION,
        f"assets[1].feed: there is no contract at {FEEDS['WBTC']}",
    ),
    "no feed": (
        lambda c: feed_of(facts(c), "WBTC", answer=None), CONFIGURATION,
        f"assets[1].feed: {FEEDS['WBTC']} does not answer as a price feed",
    ),
    "low": (
        lambda c: feed_of(facts(c), "USDC", answer=5 * 10**7 - 1), CONFIGURATION,
        "assets[2].feed: answers 0.49999999 USD, outside min_price 0.5 and max_price 1000000",
    ),
    "high": (
        lambda c: feed_of(facts(c), "USDC", answer=10**14 + 1), CONFIGURATION,
        "assets[2].feed: answers 1000000 USD, outside min_price 0.5 and max_price 1000000",
    ),
    "negative": (
        lambda c: feed_of(facts(c), "USDC", answer=-1), CONFIGURATION,
        "assets[2].feed: answers -1e-08 USD, outside min_price 0.5 and max_price 1000000",
    ),
    "stale": (
        lambda c: feed_of(facts(c), "USDC", updated_at=Timestamp(NOW - 3901)), WORLD,
        "assets[2].feed: its answer is 3901 s old, max_age_seconds is 3900",
    ),
    "future": (
        lambda c: feed_of(facts(c), "USDC", updated_at=Timestamp(NOW + 5)), WORLD,
        "assets[2].feed: its answer is from the future, 5 s ahead of the chain",
    ),
    "description": (
        lambda c: feed_of(facts(c), "WETH", description="ETH / BTC"), WARNING,
        "assets[0].feed: describes itself as 'ETH / BTC': is it the price of WETH in USD?",
    ),
    "factory": (
        lambda c: without(facts(c), V2_FACTORY), CONFIGURATION,
        f"uniswap.v2_factory: there is no contract at {V2_FACTORY}",
    ),
    "pool": (
        lambda c: venue_of(facts(c), 1, pool=None), CONFIGURATION,
        f"venues[1]: the factory {V3_FACTORY} knows no pool of USDC/WETH with fee_pips 500",
    ),
    "other tokens": (
        lambda c: venue_of(facts(c), 0, token0=TOKENS["WBTC"]), CONFIGURATION,
        " is not a pool of WETH/USDC with fee_pips 3000",
    ),
    "other fee": (
        lambda c: venue_of(facts(c), 1, fee_pips=3000), CONFIGURATION, " is not a pool of USDC/WETH with fee_pips 500",
    ),
    "router": (
        lambda c: venue_of(facts(c), 3, router_factory=None), CONFIGURATION,
        f"venues[3].target: {V2_ROUTER} does not answer as a router",
    ),
    "foreign router": (
        lambda c: venue_of(facts(c), 3, router_factory=V3_FACTORY), CONFIGURATION,
        f"venues[3].target: {V2_ROUTER} trades through {V3_FACTORY}, not through {V2_FACTORY}",
    ),
    "constructor": (
        lambda c: replace(facts(c), expected_code=None), WORLD,
        "treasury: the node does not run its constructor: creation would fail",
    ),
}  # fmt: skip


@pytest.mark.parametrize("what", WRONG)
def test_what_the_chain_says_against_it(what: str) -> None:
    change, severity, text = WRONG[what]
    config = fund()
    ((told, line),) = found(config, change(config))
    assert told is severity
    assert text in line


def test_edges_that_are_fine() -> None:
    config = fund()
    for seen in (
        feed_of(facts(config), "USDC", answer=5 * 10**7),
        feed_of(facts(config), "USDC", answer=10**14),
        feed_of(facts(config), "USDC", updated_at=Timestamp(NOW - 3900)),
        token_of(facts(config), "USDC", decimals=28),
        feed_of(facts(config), "WETH", description="ETH / USD"),
        feed_of(facts(config), "WETH", description=None),
    ):
        assert found(config, seen) == []


def test_bounds_in_the_feeds_own_decimals() -> None:
    rest = (asset("WBTC", 3000), asset("USDC", 2000))
    config = fund(assets=(asset("WETH", 5000, min_price=Decimal("0.000000001")), *rest))
    ((_, line),) = found(config, facts(config))
    assert line == "assets[0].min_price: 0.000000001 is 0 in the 8 decimals of the feed"
    config = fund(assets=(asset("WETH", 5000, max_price=Decimal(10**31)), *rest))
    ((_, line),) = found(config, facts(config))
    assert line.startswith("assets[0].max_price: 1000000")


def test_a_configured_pool_must_be_the_factorys() -> None:
    venues = (VenueConfig(VenueKind.V2_PAIR, ("WETH", "USDC"), target=address(0x99)), *fund().venues[1:])
    config = fund(venues=venues)
    ((severity, line),) = found(config, facts(config))
    assert severity is CONFIGURATION
    assert line.startswith(f"venues[0].target: {address(0x99)} is not the factory's pool of WETH/USDC")


@pytest.mark.parametrize(
    ("answer", "told"),
    [(0, []), (1, [WORLD]), (None, [CONFIGURATION])],
)
def test_the_sequencer(answer: int | None, told: list[Severity]) -> None:
    feed = address(0x300)
    config = fund(sequencer_feed=feed)
    seen = replace(facts(config), feeds=facts(config).feeds | {feed: FeedFacts(0, "", answer, Timestamp(0))})
    assert [severity for severity, _ in found(config, seen)] == told
    assert found(config, without(facts(config), feed)) == [
        (CONFIGURATION, f"sequencer_feed: there is no contract at {feed}")
    ]


@pytest.mark.parametrize("weth", [4999, 5001])
def test_targets_make_a_whole(weth: int) -> None:
    config = fund(assets=(asset("WETH", weth), *fund().assets[1:]), limits=LimitsConfig(max_weight_bps=9000))
    assert found(config, facts(config)) == [(CONFIGURATION, f"assets: target_bps sum to {weth + 5000}, not to 10000")]


def test_one_key_one_role() -> None:
    config = fund(owner=GUARDIAN, roles=replace(fund().roles, weigher=DEPLOYER))
    assert found(config, facts(config)) == [
        (WARNING, f"roles: {DEPLOYER} is deployer and weigher: one key, one role"),
        (WARNING, f"roles: {GUARDIAN} is owner and guardian: one key, one role"),
    ]
    config = fund(roles=RolesConfig())
    assert found(config, facts(config)) == [(WARNING, "roles.guardian: is left out: only the owner can pause the fund")]


def test_money() -> None:
    seen = facts(fund(), balance=Wei(100))
    assert list(affordable(100, seen, DEPLOYER)) == []
    (finding,) = affordable(101, seen, DEPLOYER)
    assert finding.severity is WORLD


def test_the_price_of_gas() -> None:
    """Base fee and tip of a gwei each."""
    seen = facts(fund())
    assert list(payable(seen, Wei(2 * 10**9))) == []
    (finding,) = payable(seen, Wei(2 * 10**9 - 1))
    assert finding.severity is WORLD
    assert str(finding) == "gas: costs 2 gwei now, more than MAX_FEE_GWEI, 1.999999999"


# -------------------------------------------------------------------------------------- what stands already


def standing(config: FundConfig) -> TreasuryState:
    state = initial(TREASURY, facts(config), DEPLOYER, config)
    for call in remaining(config, facts(config), state, lambda *_: b""):
        state = play(state, call)
    return state


def test_a_treasury_as_configured_is_fine() -> None:
    config = fund()
    assert found(config, facts(config, treasury=standing(config))) == []


@pytest.mark.parametrize(
    ("changed", "place"),
    [
        ({"name": "Other"}, "name"),
        ({"symbol": "OTHER"}, "symbol"),
        ({"sequencer_feed": FEEDS["WETH"]}, "sequencer_feed"),
        ({"uniswap": replace(fund().uniswap, v3_factory=None), "venues": fund().venues[:1] + fund().venues[2:4]},
         "uniswap.v3_factory"),
    ],
)  # fmt: skip
def test_what_the_contract_cannot_change(changed: dict[str, Any], place: str) -> None:
    config = fund(**changed)
    seen = feed_of(facts(config, treasury=standing(fund())), "WETH")
    lines = [line for severity, line in found(config, seen) if severity is CONFIGURATION]
    assert any(line.startswith(f"{place}: cannot be changed any more: the treasury {TREASURY} has") for line in lines)


def test_tokens_and_venues_cannot_be_left_out() -> None:
    less = fund(assets=(asset("WETH", 5000), asset("USDC", 5000)), venues=(*fund().venues[:2], *fund().venues[3:]))
    lines = [line for _, line in found(less, facts(less, treasury=standing(fund())))]
    assert lines == [
        f"assets: {TOKENS['WBTC']} is listed by the treasury and cannot be left out: its owner retires it first",
        *[line for line in lines if line.startswith("venues: v2_pair")],
    ]
    assert len(lines) == 2


def test_what_was_retired_and_disabled_may_be_left_out() -> None:
    less = fund(assets=(asset("WETH", 5000), asset("USDC", 5000)), venues=(*fund().venues[:2], *fund().venues[3:]))
    state = standing(fund())
    retired = replace(state.assets[1], retired=True, buyable=False, target_bps=0)
    disabled = replace(state.venues[2], enabled=False)
    state = replace(
        state,
        assets=(state.assets[0], retired, state.assets[2]),
        venues=(*state.venues[:2], disabled, *state.venues[3:]),
    )
    seen = facts(less, treasury=state)
    assert found(less, seen) == []
    calls = remaining(less, seen, state, lambda *_: b"")
    assert [(call.function, call.arguments) for call in calls] == [("setTargets", ([5000, 0, 5000],))]
    config = fund()
    assert [line for _, line in found(config, facts(config, treasury=state))] == [
        f"assets[1].token: {TOKENS['WBTC']} was retired: leave it and its venues out, or bring it back as owner"
    ]


def test_nothing_brings_a_retired_asset_back() -> None:
    config, state = fund(), standing(fund())
    retired = replace(state.assets[2], retired=True, buyable=False)
    calls = remaining(config, facts(config), replace(state, assets=(*state.assets[:2], retired)), lambda *_: b"")
    assert [call.function for call in calls] == []


def test_code_of_another_version() -> None:
    config, other = fund(), Hash32("0x" + "0f" * 32)
    seen = facts(config, treasury=replace(standing(config), code_hash=other))
    assert [severity for severity, _ in found(config, seen)] == [CONFIGURATION]
    assert [severity for severity, _ in found(config, seen, CODE)] == [CONFIGURATION]
    assert [severity for severity, _ in found(config, seen, other)] == [WARNING]


def test_another_owner_is_told() -> None:
    config = fund()
    seen = facts(config, treasury=replace(standing(config), owner=OWNER))
    assert found(config, seen) == [
        (WARNING, f"treasury: {TREASURY} is owned by {OWNER}, the deployer may not change it")
    ]
