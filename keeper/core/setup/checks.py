"""What the chain says against a configuration, before the first transaction. Pure: configuration and facts in, findings
out."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from keeper.core.fees import FeeTooHigh, quote
from keeper.core.setup.config import AssetConfig, FundConfig, VenueConfig
from keeper.core.setup.listing import answer_of, target_of
from keeper.core.setup.state import Facts, FeedFacts
from keeper.core.setup.static import mistakes_of
from keeper.core.units import ZERO_ADDRESS, Address, Hash32, Wei, scaled
from keeper.core.words import plain

MOST_DECIMALS: Final = 36
LARGEST_BOUND: Final = 2**128 - 1
SEQUENCER_UP: Final = 0


class Severity(StrEnum):
    """CONFIGURATION: what the file says cannot be. WORLD: it can, but not now or not from here. WARNING: look twice."""

    CONFIGURATION = "configuration"
    WORLD = "world"
    WARNING = "warning"


@dataclass(frozen=True, slots=True)
class Finding:
    """`place` is that of the file (`assets[2].feed`) or names what was looked at."""

    severity: Severity
    place: str
    text: str

    def __str__(self) -> str:
        return f"{self.place}: {self.text}"


def examine(config: FundConfig, facts: Facts, deployer: Address, recorded_code: Hash32 | None = None) -> list[Finding]:
    """Everything that is wrong, in the order of the file; empty when nothing is.

    `recorded_code` is the hash of the treasury's code as the record has it: an older version's is no mistake.
    """
    if facts.chain_id != config.chain_id:
        return [_wrong("chain_id", f"is {config.chain_id}, but the node is of chain {facts.chain_id}")]
    return [
        *(_wrong(*line.split(": ", 1)) for line in mistakes_of(config)),
        *_uniswap(config, facts),
        *(finding for index, asset in enumerate(config.assets) for finding in _asset(f"assets[{index}]", asset, facts)),
        *(
            finding
            for index, venue in enumerate(config.venues)
            for finding in _venue(f"venues[{index}]", index, venue, config, facts)
        ),
        *_sequencer(config, facts),
        *_roles(config, deployer),
        *_treasury(config, facts, deployer, recorded_code),
    ]


def passed(config: FundConfig, facts: Facts, findings: Sequence[Finding]) -> list[tuple[str, str]]:
    """Places of which nothing bad was found, with what was seen there, for people."""
    seen = [("chain", f"{facts.chain_id}, block {facts.block}")]
    for index, asset in enumerate(config.assets):
        token, feed = facts.tokens[asset.token], facts.feeds[asset.feed]
        if token.decimals is not None and feed.answer is not None and feed.decimals and feed.updated_at is not None:
            price = f"{feed.answer / 10**feed.decimals:.8g} USD, {facts.now - feed.updated_at} s old"
            seen.append((f"assets[{index}]", f"{asset.symbol}: {token.decimals} decimals, {price}"))
    for index, venue in enumerate(config.venues):
        name = f"{venue.kind.name.lower()} {'/'.join(venue.assets)} {venue.fee_pips}"
        seen.append((f"venues[{index}]", f"{name}: {target_of(venue, index, config, facts)}"))
    bad = {re.split(r"(?<=\])|\.", finding.place)[0] for finding in findings}
    return [(place, text) for place, text in seen if place not in bad]


def affordable(cost: int, facts: Facts, deployer: Address) -> Iterator[Finding]:
    """`cost` is what the whole set-up may take, wei."""
    if cost > facts.balance:
        yield Finding(
            Severity.WORLD,
            "deployer",
            f"{deployer} has {facts.balance / 10**18:.6f} of the native coin, the set-up may cost {cost / 10**18:.6f}",
        )


def payable(facts: Facts, max_fee: Wei) -> Iterator[Finding]:
    """`max_fee` is the most that is offered for gas, wei."""
    if isinstance(fees := quote(facts.base_fee, facts.tip, max_fee), FeeTooHigh):
        needed, limit = (plain(scaled(price, 9)) for price in (fees.needed, fees.limit))
        yield _not_now("gas", f"costs {needed} gwei now, more than MAX_FEE_GWEI, {limit}")


def _wrong(place: str, text: str) -> Finding:
    return Finding(Severity.CONFIGURATION, place, text)


def _not_now(place: str, text: str) -> Finding:
    return Finding(Severity.WORLD, place, text)


def _odd(place: str, text: str) -> Finding:
    return Finding(Severity.WARNING, place, text)


# ------------------------------------------------------------------------------------------------------ assets


def _asset(place: str, asset: AssetConfig, facts: Facts) -> Iterator[Finding]:
    token, feed = facts.tokens[asset.token], facts.feeds[asset.feed]
    if asset.token not in facts.with_code:
        yield _wrong(f"{place}.token", f"there is no contract at {asset.token}")
    elif token.decimals is None:
        yield _wrong(f"{place}.token", f"{asset.token} does not say its decimals: it is not a token")
    if token.erc777:
        yield _odd(f"{place}.token", f"{asset.symbol} is an ERC-777 token: its hooks run in the middle of transfers")
    if token.rebasing:
        yield _odd(f"{place}.token", f"{asset.symbol} looks like a rebasing token, which must never be listed")
    if token.symbol is not None and _letters(token.symbol) != _letters(asset.symbol):
        yield _odd(f"{place}.symbol", f"is {asset.symbol}, the token calls itself {token.symbol}")
    yield from _feed(place, asset, feed, facts)
    if token.decimals is not None and feed.decimals is not None:
        yield from _bounds(place, asset, token.decimals, feed.decimals)


def _feed(place: str, asset: AssetConfig, feed: FeedFacts, facts: Facts) -> Iterator[Finding]:
    where = f"{place}.feed"
    if asset.feed not in facts.with_code:
        yield _wrong(where, f"there is no contract at {asset.feed}")
        return
    if feed.decimals is None or feed.answer is None or feed.updated_at is None:
        yield _wrong(where, f"{asset.feed} does not answer as a price feed")
        return
    low, high = (answer_of(price, feed.decimals) for price in (asset.min_price, asset.max_price))
    if not max(low, 1) <= feed.answer <= high:
        shown = f"{feed.answer / 10**feed.decimals:.8g}"
        yield _wrong(
            where, f"answers {shown} USD, outside min_price {asset.min_price:f} and max_price {asset.max_price:f}"
        )
    age = facts.now - feed.updated_at
    if age > asset.max_age_seconds:
        yield _not_now(where, f"its answer is {age} s old, max_age_seconds is {asset.max_age_seconds}")
    elif age < 0:
        yield _not_now(where, f"its answer is from the future, {-age} s ahead of the chain")
    if feed.description is not None and not _names(feed.description, asset.symbol):
        yield _odd(where, f"describes itself as {feed.description!r}: is it the price of {asset.symbol} in USD?")


def _names(description: str, symbol: str) -> bool:
    """`ETH / USD` names WETH: its base and the symbol are part of one another. The quote must be USD."""
    base, _, quote = description.partition("/")
    first, second = _letters(base), _letters(symbol)
    return _letters(quote) == "USD" and bool(first) and (first in second or second in first)


def _letters(text: str) -> str:
    return re.sub(r"[^A-Z0-9]", "", text.upper())


def _bounds(place: str, asset: AssetConfig, token_decimals: int, feed_decimals: int) -> Iterator[Finding]:
    if token_decimals + feed_decimals > MOST_DECIMALS:
        yield _wrong(
            f"{place}.token",
            f"{token_decimals} decimals and {feed_decimals} of the feed are more than {MOST_DECIMALS}, "
            "which prices cannot have",
        )
    if answer_of(asset.min_price, feed_decimals) == 0:
        yield _wrong(f"{place}.min_price", f"{asset.min_price:f} is 0 in the {feed_decimals} decimals of the feed")
    if answer_of(asset.max_price, feed_decimals) > LARGEST_BOUND:
        yield _wrong(f"{place}.max_price", f"{asset.max_price:f} is larger than the treasury can hold")


# ------------------------------------------------------------------------------------------------------ venues


def _uniswap(config: FundConfig, facts: Facts) -> Iterator[Finding]:
    for name in ("v2_factory", "v2_router", "v3_factory", "v3_router"):
        address = getattr(config.uniswap, name)
        if address is not None and address not in facts.with_code:
            yield _wrong(f"uniswap.{name}", f"there is no contract at {address}")


def _venue(place: str, index: int, venue: VenueConfig, config: FundConfig, facts: Facts) -> Iterator[Finding]:
    found = facts.venues[index]
    factory = config.uniswap.v2_factory if venue.is_v2 else config.uniswap.v3_factory
    if factory is None or factory not in facts.with_code or not {*venue.assets} <= {a.symbol for a in config.assets}:
        return  # told elsewhere
    pair = "/".join(venue.assets)
    if found.pool is None:
        yield _wrong(place, f"the factory {factory} knows no pool of {pair} with fee_pips {venue.fee_pips}")
        return
    tokens = sorted((config.asset(symbol).token for symbol in venue.assets), key=lambda token: int(token, 16))
    if [found.token0, found.token1] != tokens or found.fee_pips != venue.fee_pips:
        yield _wrong(place, f"{found.pool} is not a pool of {pair} with fee_pips {venue.fee_pips}")
    target = target_of(venue, index, config, facts)
    if venue.is_router:
        if found.router_factory is None:
            yield _wrong(f"{place}.target", f"{target} does not answer as a router")
        elif found.router_factory != factory:
            yield _wrong(f"{place}.target", f"{target} trades through {found.router_factory}, not through {factory}")
    elif target != found.pool:
        yield _wrong(f"{place}.target", f"{target} is not the factory's pool of {pair}, {found.pool}")


def _sequencer(config: FundConfig, facts: Facts) -> Iterator[Finding]:
    feed = config.sequencer_feed
    if feed is None:
        return
    found = facts.feeds[feed]
    if feed not in facts.with_code:
        yield _wrong("sequencer_feed", f"there is no contract at {feed}")
    elif found.answer is None:
        yield _wrong("sequencer_feed", f"{feed} does not answer as a sequencer's uptime feed")
    elif found.answer != SEQUENCER_UP:
        yield _not_now("sequencer_feed", f"says that the sequencer is down (answer {found.answer})")


# ------------------------------------------------------------------------------------------------------ roles


def _roles(config: FundConfig, deployer: Address) -> Iterator[Finding]:
    held: dict[Address, list[str]] = {deployer: ["deployer"]}
    for role, address in (
        ("owner", config.owner),
        ("guardian", config.roles.guardian),
        ("weigher", config.roles.weigher),
        *((f"keepers[{index}]", keeper.address) for index, keeper in enumerate(config.roles.keepers)),
    ):
        if address is not None:
            held.setdefault(address, []).append(role)
    for address, roles in held.items():
        if len(roles) > 1:
            yield _odd("roles", f"{address} is {' and '.join(roles)}: one key, one role")
    if config.roles.guardian is None:
        yield _odd("roles.guardian", "is left out: only the owner can pause the fund")


# ------------------------------------------------------------------------------------------------------ treasury


def _treasury(config: FundConfig, facts: Facts, deployer: Address, recorded_code: Hash32 | None) -> Iterator[Finding]:
    """What stands already, and cannot become what is configured."""
    treasury = facts.treasury
    if treasury is None:
        if facts.expected_code is None:
            yield _not_now("treasury", "the node does not run its constructor: creation would fail")
        return
    settled = False
    for place, is_now, wanted in (
        ("name", treasury.name, config.name),
        ("symbol", treasury.symbol, config.symbol),
        ("uniswap.v2_factory", treasury.v2_factory, config.uniswap.v2_factory or ZERO_ADDRESS),
        ("uniswap.v3_factory", treasury.v3_factory, config.uniswap.v3_factory or ZERO_ADDRESS),
        ("sequencer_feed", treasury.sequencer_feed, config.sequencer_feed or ZERO_ADDRESS),
    ):
        if is_now != wanted:
            settled = True
            yield _wrong(place, f"cannot be changed any more: the treasury {treasury.address} has {is_now or 'none'}")
    if facts.expected_code not in (None, treasury.code_hash) and not settled:
        text = f"the code at {treasury.address} is not what this version of the keeper deploys"
        yield _odd("treasury", text) if treasury.code_hash == recorded_code else _wrong("treasury", text)
    if treasury.owner != deployer:
        yield _odd("treasury", f"{treasury.address} is owned by {treasury.owner}, the deployer may not change it")
    yield from _removed(config, facts)


def _removed(config: FundConfig, facts: Facts) -> Iterator[Finding]:
    treasury = facts.treasury
    if treasury is None:
        return
    tokens = {asset.token: index for index, asset in enumerate(config.assets)}
    for listed in treasury.assets:
        if listed.token not in tokens and not listed.retired:
            yield _wrong(
                "assets", f"{listed.token} is listed by the treasury and cannot be left out: its owner retires it first"
            )
        elif listed.token in tokens and listed.retired:
            place = f"assets[{tokens[listed.token]}].token"
            yield _wrong(place, f"{listed.token} was retired: leave it and its venues out, or bring it back as owner")
    wanted = {
        (
            venue.kind,
            target_of(venue, index, config, facts),
            frozenset(asset.token for asset in config.assets if asset.symbol in venue.assets),
            venue.fee_pips,
        )
        for index, venue in enumerate(config.venues)
    }
    for venue_ in treasury.venues:
        pair = frozenset({treasury.assets[venue_.i0].token, treasury.assets[venue_.i1].token})
        if venue_.enabled and (venue_.kind, venue_.target, pair, venue_.fee_pips) not in wanted:
            name = f"{venue_.kind.name.lower()} {venue_.target}"
            yield _wrong(
                "venues", f"{name} is listed by the treasury and cannot be left out: its owner disables it first"
            )
