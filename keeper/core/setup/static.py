"""What is wrong with a configuration by itself, without a look at any chain."""

from collections.abc import Iterator
from dataclasses import fields
from typing import Final

from keeper.core.setup.config import V2_FEE_PIPS, FundConfig, LimitsConfig
from keeper.core.units import BPS, Address

MAX_KEEPER_DAYS: Final = 30
CEILINGS: Final = {
    "max_slip_bps": 300,
    "loss_cap_bps": 200,
    "turnover_cap_bps": 2**16 - 1,
    "per_trade_bps": BPS,
    "max_cost_bps": BPS,
    "min_drift_bps": BPS,
    "max_weight_bps": BPS,
    "shift_cap_bps": BPS,
    "cooldown_seconds": 2**32 - 1,
    "window_seconds": 30 * 86_400,
}
"""The contract's own (`Spending._setLimits`)."""
SHORTEST_WINDOW: Final = 3_600


def mistakes_of(config: FundConfig) -> list[str]:
    """A line per mistake, each beginning with its place."""
    return [
        *_assets(config),
        *_targets(config),
        *_venues(config),
        *_reach(config),
        *_limits("limits", config.limits),
        *(_limits("opening_limits", config.opening_limits) if config.opening_limits else ()),
        *_roles(config),
        *_people(config),
        *_seed(config),
    ]


def _assets(config: FundConfig) -> Iterator[str]:
    symbols: set[str] = set()
    tokens: dict[Address, int] = {}
    for index, asset in enumerate(config.assets):
        place = f"assets[{index}]"
        if asset.symbol in symbols:
            yield f"{place}.symbol: {asset.symbol} is there twice"
        symbols.add(asset.symbol)
        if asset.token in tokens:
            yield f"{place}.token: is that of assets[{tokens[asset.token]}] too ({asset.token})"
        tokens.setdefault(asset.token, index)
        if asset.min_price > asset.max_price:
            yield f"{place}.min_price: {asset.min_price:f} is above max_price, {asset.max_price:f}"


def _targets(config: FundConfig) -> Iterator[str]:
    if (total := sum(asset.target for asset in config.assets)) != BPS:
        yield f"assets: target_bps sum to {total}, not to 10000"
    most = config.limits.max_weight_bps
    for index, asset in enumerate(config.assets):
        if asset.target > most:
            yield f"assets[{index}].target_bps: {asset.target} is above limits.max_weight_bps, {most}"


def _venues(config: FundConfig) -> Iterator[str]:
    symbols = {asset.symbol for asset in config.assets}
    seen: dict[object, int] = {}
    for index, venue in enumerate(config.venues):
        place = f"venues[{index}]"
        if unknown := [symbol for symbol in venue.assets if symbol not in symbols]:
            yield f"{place}.assets: there is no asset {', '.join(unknown)}"
        if venue.assets[0] == venue.assets[1]:
            yield f"{place}.assets: are the same"
        if venue.is_v2 and venue.fee_pips != V2_FEE_PIPS:
            yield f"{place}.fee_pips: {venue.fee_pips} is not {V2_FEE_PIPS}, the fee of every Uniswap V2 pair"
        version = "v2" if venue.is_v2 else "v3"
        if getattr(config.uniswap, f"{version}_factory") is None:
            yield f"{place}.kind: needs uniswap.{version}_factory, of which none is known on chain {config.chain_id}"
        if venue.is_router and venue.target is None and getattr(config.uniswap, f"{version}_router") is None:
            yield f"{place}.kind: needs uniswap.{version}_router or a target"
        key = (venue.kind, frozenset(venue.assets), venue.fee_pips, venue.target)
        if key in seen:
            yield f"{place}: is the same as venues[{seen[key]}]"
        seen.setdefault(key, index)


def _reach(config: FundConfig) -> Iterator[str]:
    """All assets with a target must be connected by venues: what is not cannot be bought or sold."""
    wanted = [asset.symbol for asset in config.assets if asset.target]
    if len(wanted) < 2:
        return
    neighbours: dict[str, set[str]] = {asset.symbol: set() for asset in config.assets}
    for venue in config.venues:
        first, second = venue.assets
        if first in neighbours and second in neighbours:
            neighbours[first].add(second)
            neighbours[second].add(first)
    largest = max((_reached(symbol, neighbours) for symbol in wanted), key=lambda group: len(group & set(wanted)))
    for index, asset in enumerate(config.assets):
        if asset.target and (asset.symbol not in largest or not neighbours[asset.symbol]):
            yield f"assets[{index}]: no venue connects {asset.symbol} with the other assets that have a target"


def _reached(start: str, neighbours: dict[str, set[str]]) -> set[str]:
    reached, frontier = {start}, [start]
    while frontier:
        for other in neighbours[frontier.pop()] - reached:
            reached.add(other)
            frontier.append(other)
    return reached


def _limits(place: str, limits: LimitsConfig) -> Iterator[str]:
    for name in (field.name for field in fields(limits)):
        value = getattr(limits, name)
        if not 0 <= value <= CEILINGS[name]:
            yield f"{place}.{name}: {value} is above the treasury's ceiling, {CEILINGS[name]}"
    if limits.window_seconds < SHORTEST_WINDOW:
        yield f"{place}.window_seconds: {limits.window_seconds} is below the treasury's minimum, {SHORTEST_WINDOW}"


def _roles(config: FundConfig) -> Iterator[str]:
    seen: set[Address] = set()
    for index, keeper in enumerate(config.roles.keepers):
        place = f"roles.keepers[{index}]"
        if keeper.days > MAX_KEEPER_DAYS:
            yield f"{place}.days: {keeper.days} is more than the {MAX_KEEPER_DAYS} that the treasury grants at a time"
        if keeper.address in seen:
            yield f"{place}.address: is there twice"
        seen.add(keeper.address)


def _people(config: FundConfig) -> Iterator[str]:
    """Who is to act must be able to: an address copied from the wrong line gets a role that nobody can use."""
    things = {getattr(config.uniswap, field.name): f"uniswap.{field.name}" for field in fields(config.uniswap)}
    things[config.sequencer_feed] = "sequencer_feed"
    things |= {venue.target: f"venues[{index}].target" for index, venue in enumerate(config.venues)}
    for index, asset in enumerate(config.assets):
        things |= {asset.token: f"assets[{index}].token", asset.feed: f"assets[{index}].feed"}
    roles = config.roles
    people = {"owner": config.owner, "roles.guardian": roles.guardian, "roles.weigher": roles.weigher}
    people |= {f"roles.keepers[{index}].address": keeper.address for index, keeper in enumerate(roles.keepers)}
    for place, who in people.items():
        if who is not None and who in things:
            yield f"{place}: {who} is {things[who]}, which cannot act"


def _seed(config: FundConfig) -> Iterator[str]:
    symbols = {asset.symbol for asset in config.assets}
    for symbol in config.seed.amounts:
        if symbol not in symbols:
            yield f"seed.amounts.{symbol}: there is no such asset"
