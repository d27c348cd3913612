"""What is left to do: the difference between a configuration and a treasury as it is, as calls in order.

Resuming and changing are the same thing. Nothing is undone that a configuration does not speak of: retired assets and
disabled venues that it leaves out stay as they are.
"""

from collections.abc import Callable, Iterator
from dataclasses import astuple, dataclass, fields
from typing import Any

from keeper.core.setup.calls import Call
from keeper.core.setup.config import FundConfig, LimitsConfig
from keeper.core.setup.listing import Book, asset_of, venue_of
from keeper.core.setup.state import Facts, TreasuryState
from keeper.core.units import ZERO_ADDRESS, Address, Timestamp

HOUR, DAY = 3_600, 86_400
Encode = Callable[[str, tuple[Any, ...]], bytes]
"""Calldata of a treasury's function."""


def remaining(
    config: FundConfig,
    facts: Facts,
    treasury: TreasuryState,
    encode: Encode,
    *,
    closed: bool = False,
) -> list[Call]:
    """Calls of the owner that bring `treasury` to the configuration; none when it is there.

    `facts` must have passed `checks`. Keepers of `treasury` who are not configured any more are revoked. `closed`:
    the opening limits are over.
    """
    draft = _Draft(treasury.address, encode)
    calls, lists = _asset_steps(config, facts, Book(treasury.assets, treasury.venues), draft)
    calls += _venue_steps(config, facts, lists, draft)
    calls += _limit_steps(config, treasury, draft, closed)
    calls += _target_steps(config, lists, draft)
    calls += _role_steps(config, treasury, draft)
    calls += _keeper_steps(config, facts.now, treasury, draft)
    return calls


def wanted_limits(config: FundConfig, treasury: TreasuryState, closed: bool) -> LimitsConfig:
    """The opening ones until they are closed. A fund that has shares and its own limits was closed: it is not opened
    again, whatever the record says."""
    opening = config.opening_limits
    if closed or opening is None:
        return config.limits
    return config.limits if treasury.total_supply and treasury.limits == config.limits else opening


# ------------------------------------------------------------------------------------------------------ the steps


@dataclass(frozen=True, slots=True)
class _Draft:
    """Calls to one treasury. Gas limits hold for what an estimate cannot see: the calls before it are not mined yet."""

    treasury: Address
    encode: Encode

    def __call__(self, function: str, *arguments: Any, label: str, step: str, gas: int) -> Call:
        data = self.encode(function, arguments)
        return Call(self.treasury, function, arguments, data, label, step, gas_limit=gas)


def _asset_steps(config: FundConfig, facts: Facts, lists: Book, draft: _Draft) -> tuple[list[Call], Book]:
    """The calls, and the lists as they are after them. Target weights change later, all together."""
    calls: list[Call] = []
    assets = list(lists.assets)
    for asset in config.assets:
        place = next((index for index, listed in enumerate(assets) if listed.token == asset.token), None)
        step, gas = f"asset {asset.symbol}", _list_gas(len(assets) + 1)
        if place is None:
            listed = asset_of(asset, facts, target_bps=0)
            assets.append(listed)
            calls.append(draft("addAsset", astuple(listed), label=f"list {asset.symbol}", step=step, gas=gas))
            continue
        old = assets[place]
        listed = asset_of(asset, facts, target_bps=old.target_bps)
        if old.retired or listed == old:
            continue
        assets[place] = listed
        label = f"change {asset.symbol}: {_changed(old, listed)}"
        calls.append(draft("setAsset", place, astuple(listed), label=label, step=step, gas=gas))
    return calls, Book(tuple(assets), lists.venues)


def _venue_steps(config: FundConfig, facts: Facts, lists: Book, draft: _Draft) -> Iterator[Call]:
    enabled = {venue for venue in lists.venues if venue.enabled}
    for index, venue in enumerate(config.venues):
        listed = venue_of(venue, index, config, facts, lists)
        if listed in enabled:
            continue
        enabled.add(listed)
        kind = venue.kind.name.lower()
        name = f"{kind} {'/'.join(venue.assets)} {venue.fee_pips}"
        gas = 400_000 + 10_000 * len(lists.assets)
        yield draft("addVenue", astuple(listed), label=f"list {name}", step=f"venue {name}", gas=gas)


def _limit_steps(config: FundConfig, treasury: TreasuryState, draft: _Draft, closed: bool) -> Iterator[Call]:
    wanted = wanted_limits(config, treasury, closed)
    if wanted != treasury.limits:
        opening = wanted == config.opening_limits and wanted != config.limits
        label = f"{'open' if opening else 'set'} the limits: {_changed(treasury.limits, wanted)}"
        step = "opening limits" if opening else "limits"
        yield draft("setLimits", astuple(wanted), label=label, step=step, gas=250_000)


def _target_steps(config: FundConfig, lists: Book, draft: _Draft) -> Iterator[Call]:
    targets = {asset.token: int(asset.target) for asset in config.assets}
    wanted = [targets.get(asset.token, 0) for asset in lists.assets]
    if wanted != [asset.target_bps for asset in lists.assets]:
        gas = _list_gas(len(lists.assets))
        yield draft("setTargets", wanted, label="set the target weights", step="targets", gas=gas)


def _role_steps(config: FundConfig, treasury: TreasuryState, draft: _Draft) -> Iterator[Call]:
    for role, function in (("guardian", "setGuardian"), ("weigher", "setWeigher")):
        wanted = getattr(config.roles, role) or ZERO_ADDRESS
        if wanted != getattr(treasury, role):
            label = f"make {wanted} the {role}" if wanted != ZERO_ADDRESS else f"take the {role} away"
            yield draft(function, wanted, label=label, step=role, gas=150_000)


def _keeper_steps(config: FundConfig, now: Timestamp, treasury: TreasuryState, draft: _Draft) -> Iterator[Call]:
    """A term is renewed when less than half of it is left, and cut when it is longer than configured."""
    for keeper in config.roles.keepers:
        term = keeper.days * DAY
        left = treasury.keepers.get(keeper.address, 0) - now
        if left < term // 2 or left > term + HOUR:
            label, step = f"make {keeper.address} keeper for {keeper.days} days", f"keeper {keeper.address}"
            yield draft("setKeeper", keeper.address, now + term, label=label, step=step, gas=150_000)
    configured = {keeper.address for keeper in config.roles.keepers}
    for address in sorted({*treasury.keepers} - configured):
        if treasury.keepers.get(address, 0) >= now:
            label = f"{address} is a keeper no more"
            yield draft("setKeeper", address, 0, label=label, step=f"keeper {address}", gas=150_000)


def _list_gas(assets: int) -> int:
    """Of writing the list of assets anew: 96 bytes of code each, 200 gas a byte, with as much again to spare."""
    return 400_000 + 40_000 * assets


def _changed(old: Any, new: Any) -> str:
    pairs = ((field.name, getattr(old, field.name), getattr(new, field.name)) for field in fields(old))
    return ", ".join(f"{name} {before} -> {after}" for name, before, after in pairs if before != after)
