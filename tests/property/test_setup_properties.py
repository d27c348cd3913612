"""Steps of a set-up, played on a treasury in a few lines: from any state on the way they lead to the configuration, and
then nothing is left."""

from dataclasses import astuple, replace
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from keeper.core.model import VenueKind
from keeper.core.setup.config import FundConfig, KeeperConfig, LimitsConfig, RolesConfig, VenueConfig, digest
from keeper.core.setup.listing import initial
from keeper.core.setup.state import TreasuryState
from keeper.core.setup.steps import remaining, wanted_limits
from keeper.core.units import ZERO_ADDRESS, BaseUnits, Timestamp
from tests.setup_factories import (
    DECIMALS,
    DEPLOYER,
    GUARDIAN,
    KEEPER,
    NOW,
    OWNER,
    TREASURY,
    WEIGHER,
    address,
    asset,
    facts,
    fund,
)
from tests.unit.core.setup.ledger import play

pytestmark = pytest.mark.property

DAY = 86_400
VENUES = [
    VenueConfig(kind, pair, 3000 if kind in (VenueKind.V2_PAIR, VenueKind.V2_ROUTER) else 500)
    for pair in (("WETH", "USDC"), ("USDC", "WBTC"), ("LINK", "WETH"), ("LINK", "USDC"))
    for kind in VenueKind
]
limits = st.builds(
    LimitsConfig,
    max_slip_bps=st.integers(0, 300),
    loss_cap_bps=st.integers(0, 200),
    cooldown_seconds=st.integers(0, 10**6),
)
roles = st.builds(
    RolesConfig,
    guardian=st.sampled_from([None, GUARDIAN, OWNER]),
    weigher=st.sampled_from([None, WEIGHER, OWNER]),
    keepers=st.lists(
        st.builds(KeeperConfig, st.sampled_from([KEEPER, address(0x51), address(0x52)]), st.integers(1, 30)),
        max_size=3,
        unique_by=lambda keeper: keeper.address,
    ).map(tuple),
)


@st.composite
def funds(draw: st.DrawFn, least: FundConfig | None = None) -> FundConfig:
    """Of some assets in some order; with everything of `least`, which a treasury cannot lose."""
    kept = [item.symbol for item in least.assets] if least else []
    symbols = [*kept, *draw(st.permutations([symbol for symbol in DECIMALS if symbol not in kept]))]
    symbols = draw(st.permutations(symbols[: draw(st.integers(max(1, len(kept)), 4))]))
    cuts = sorted(draw(st.lists(st.integers(0, 10_000), min_size=len(symbols) - 1, max_size=len(symbols) - 1)))
    weights = [high - low for low, high in zip([0, *cuts], [*cuts, 10_000], strict=True)]
    assets = tuple(
        asset(
            symbol,
            weight,
            max_age_seconds=draw(st.integers(1, 10**5)),
            min_price=Decimal(draw(st.integers(1, 10**8))) / 10**8,
            buyable=draw(st.booleans()),
        )
        for symbol, weight in zip(symbols, weights, strict=True)
    )
    possible = [venue for venue in VENUES if {*venue.assets} <= {*symbols}]
    venues = [venue for venue in possible if (least and venue in least.venues) or draw(st.booleans())]
    return fund(
        assets=assets,
        venues=tuple(draw(st.permutations(venues))),
        roles=draw(roles),
        limits=draw(limits),
        opening_limits=draw(st.none() | limits),
    )


def empty(config: FundConfig) -> TreasuryState:
    return initial(TREASURY, facts(config), DEPLOYER, config)


def assert_reached(config: FundConfig, state: TreasuryState, now: int) -> None:
    targets = {item.token: item.target for item in config.assets}
    assert {listed.token: listed.target_bps for listed in state.assets} == targets
    by_token = {listed.token: listed for listed in state.assets}
    for item in config.assets:
        listed = by_token[item.token]
        assert (listed.feed, listed.buyable, listed.max_age_seconds) == (item.feed, item.buyable, item.max_age_seconds)
        assert listed.min_answer == item.min_price * 10**8
    assert len([venue for venue in state.venues if venue.enabled]) == len(config.venues)
    assert (state.guardian, state.weigher) == (
        config.roles.guardian or ZERO_ADDRESS,
        config.roles.weigher or ZERO_ADDRESS,
    )
    assert state.limits == wanted_limits(config, state, closed=False)
    for keeper in config.roles.keepers:
        assert now + keeper.days * DAY // 2 <= state.keepers[keeper.address] <= now + (keeper.days + 1) * DAY
    strangers = {*state.keepers} - {keeper.address for keeper in config.roles.keepers}
    assert all(state.keepers[stranger] < now for stranger in strangers)


@given(funds(), st.integers(0, 60))
def test_from_any_state_on_the_way_to_the_configuration(config: FundConfig, done: int) -> None:
    """Some calls are mined, then a new run looks: together they are exactly what one run would have sent."""
    seen = facts(config)
    calls = remaining(config, seen, empty(config), lambda *_: b"")
    state = empty(config)
    for call in calls[:done]:
        state = play(state, call)
    rest = remaining(config, seen, state, lambda *_: b"")
    assert [(call.function, call.arguments) for call in rest] == [
        (call.function, call.arguments) for call in calls[done:]
    ]
    for call in rest:
        state = play(state, call)
    assert_reached(config, state, seen.now)
    assert remaining(config, seen, state, lambda *_: b"") == []


@given(st.data(), st.integers(0, 60), st.integers(0, 90 * DAY), st.booleans())
def test_from_one_configuration_to_another(data: st.DataObject, done: int, later: int, seeded: bool) -> None:
    """A run that was cut off, the file changed, time passed: the next run reaches the new one, and stays there."""
    first = data.draw(funds())
    state = empty(first)
    calls = remaining(first, facts(first), state, lambda *_: b"")
    for call in calls[:done]:
        state = play(state, call)
    state = replace(state, total_supply=BaseUnits(10**18 if seeded else 0))
    second = data.draw(funds(least=first))
    seen = facts(second, now=Timestamp(NOW + later))
    for call in remaining(second, seen, state, lambda *_: b""):
        state = play(state, call)
    assert_reached(second, state, seen.now)
    assert remaining(second, seen, state, lambda *_: b"") == []


@given(funds())
def test_gas_limits_are_given_where_estimates_mean_nothing(config: FundConfig) -> None:
    calls = remaining(config, facts(config), empty(config), lambda *_: b"")
    assert all(call.gas_limit and call.gas_limit <= 16_777_216 for call in calls)
    assert sum(call.gas_limit or 0 for call in calls) < 30_000_000


@given(funds(), limits)
def test_a_fund_that_was_closed_is_not_opened_again(config: FundConfig, opening: LimitsConfig) -> None:
    config = replace(config, opening_limits=opening)
    state = replace(empty(config), total_supply=BaseUnits(1), limits=config.limits)
    assert wanted_limits(config, state, closed=False) == config.limits
    assert wanted_limits(config, replace(state, limits=opening), closed=True) == config.limits
    assert wanted_limits(config, replace(state, total_supply=BaseUnits(0)), closed=False) == opening
    assert wanted_limits(config, replace(state, limits=opening), closed=False) == opening


@given(funds(), funds())
def test_digests_tell_configurations_apart(one: FundConfig, other: FundConfig) -> None:
    assert (digest(one) == digest(other)) == (one == other)


@given(limits)
def test_limits_are_in_the_contracts_order(drawn: LimitsConfig) -> None:
    (call,) = (
        call
        for call in remaining(
            replace(fund(), limits=replace(drawn, window_seconds=7200)), facts(fund()), empty(fund()), lambda *_: b""
        )
        if call.function == "setLimits"
    )
    (sent,) = call.arguments
    assert sent == (*astuple(drawn)[:9], 7200)
