"""A treasury in a few lines: what each call of its owner does to its state, and what the contract would refuse."""

from dataclasses import replace
from typing import Any

from keeper.core.model import VenueKind
from keeper.core.setup.calls import Call
from keeper.core.setup.config import LimitsConfig
from keeper.core.setup.state import ListedAsset, ListedVenue, TreasuryState


def play(state: TreasuryState, call: Call) -> TreasuryState:
    """The state after the call. AssertionError where the contract would revert."""
    assert call.to == state.address
    return globals()[f"_{call.function}"](state, *call.arguments)  # type: ignore[no-any-return]


def _addAsset(state: TreasuryState, values: Any) -> TreasuryState:  # noqa: N802 - the contract's name
    asset = ListedAsset(*values)
    assert asset.target_bps == 0
    assert not asset.retired
    assert 0 < asset.min_answer <= asset.max_answer
    assert asset.token not in {listed.token for listed in state.assets}
    return replace(state, assets=(*state.assets, asset))


def _setAsset(state: TreasuryState, index: int, values: Any) -> TreasuryState:  # noqa: N802
    asset, old = ListedAsset(*values), state.assets[index]
    assert (asset.token, asset.target_bps, asset.retired) == (old.token, old.target_bps, False)
    return replace(state, assets=(*state.assets[:index], asset, *state.assets[index + 1 :]))


def _addVenue(state: TreasuryState, values: Any) -> TreasuryState:  # noqa: N802
    venue = ListedVenue(values[0], VenueKind(values[1]), *values[2:])
    first, second = state.assets[venue.i0].token, state.assets[venue.i1].token
    assert int(first, 16) < int(second, 16)
    return replace(state, venues=(*state.venues, venue))


def _setTargets(state: TreasuryState, targets: list[int]) -> TreasuryState:  # noqa: N802
    assert len(targets) == len(state.assets)
    assert sum(targets) == 10_000
    assert not any(target and asset.retired for target, asset in zip(targets, state.assets, strict=True))
    pairs = zip(state.assets, targets, strict=True)
    return replace(state, assets=tuple(replace(asset, target_bps=target) for asset, target in pairs))


def _setLimits(state: TreasuryState, values: Any) -> TreasuryState:  # noqa: N802
    return replace(state, limits=LimitsConfig(*values))


def _setGuardian(state: TreasuryState, guardian: Any) -> TreasuryState:  # noqa: N802
    return replace(state, guardian=guardian)


def _setWeigher(state: TreasuryState, weigher: Any) -> TreasuryState:  # noqa: N802
    return replace(state, weigher=weigher)


def _setKeeper(state: TreasuryState, keeper: Any, until: Any) -> TreasuryState:  # noqa: N802
    return replace(state, keepers={**state.keepers, keeper: until})
