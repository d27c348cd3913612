"""One look at the world: all due funds at one block, each with one version of its policy."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction

from keeper.app.quoting import Quotes, ask_quotes, of_assets
from keeper.app.remembered import Remembered, remembered
from keeper.app.world import World
from keeper.core.model import Block, Fund, Market, PinnedPolicy, Treasury
from keeper.core.units import Address, Hash32
from keeper.ports import Chain, ChainUnavailable, Observation


@dataclass(frozen=True, slots=True)
class Unobserved:
    """A fund that could not be seen, and why."""

    reason: str


async def observe(funds: Sequence[Fund], block: Block, world: World) -> dict[int, Market | Unobserved]:
    """By fund id. One request to the node however many funds; the books are read at the same time.

    A node that does not answer leaves every fund unobserved; a treasury that does not answer only its own. A provider
    of market data is asked once for all funds that listen to it, beside the node. Raises BooksUnavailable.
    """
    wall = world.clock.now().timestamp()
    try:
        # a group, not `gather`: when one question fails, the others do not go on behind our back
        async with asyncio.TaskGroup() as questions:
            chain = questions.create_task(_ask_chain(funds, block, world))
            versions = questions.create_task(world.books.policies())
            past = questions.create_task(remembered(world.books, block.timestamp))
            opened = questions.create_task(world.books.open_intents())
            quoted = questions.create_task(_ask_provider(funds, versions, block, world))
    except ExceptionGroup as failures:
        raise failures.exceptions[0] from None
    seen, policies, known, intents = chain.result(), versions.result(), past.result(), opened.result()
    if isinstance(seen, Unobserved):
        return {fund.id: seen for fund in funds}

    quotes = quoted.result()
    open_by_signer = {intent.signer: intent.id for intent in intents}
    markets: dict[int, Market | Unobserved] = {}
    for fund, treasury in zip(funds, seen.treasuries, strict=True):
        if treasury is None:
            markets[fund.id] = Unobserved(nobody(fund, block))
            continue
        if fund.id not in policies:  # added a moment ago: its policy is a transaction of its own
            markets[fund.id] = Unobserved(f"fund {fund.name} has no policy yet")
            continue
        markets[fund.id] = _market(
            fund, policies[fund.id], seen, treasury, wall, known, open_by_signer.get(fund.signer), quotes
        )
    await _remember(markets, known.known_code, world)
    return markets


async def look(
    fund: Fund,
    pinned: PinnedPolicy,
    block: Block,
    wall: float,
    chain: Chain,
    known: Remembered,
    open_intent: int | None,
    quotes: Quotes,
) -> Market:
    """One fund at that block. `wall` is the wall clock's time that the head's age is told from, seconds since 1970.

    Raises ChainUnavailable, also when no treasury answers.
    """
    seen = await chain.observe(block, [fund])
    treasury = seen.treasuries[0]
    if treasury is None:
        raise ChainUnavailable(nobody(fund, block))
    return _market(fund, pinned, seen, treasury, wall, known, open_intent, quotes)


def nobody(fund: Fund, block: Block) -> str:
    return f"no treasury answers at {fund.treasury} in block {block.number}"


def _market(
    fund: Fund,
    pinned: PinnedPolicy,
    seen: Observation,
    treasury: Treasury,
    wall: float,
    known: Remembered,
    open_intent: int | None,
    quotes: Quotes,
) -> Market:
    return Market(
        fund=fund,
        pinned=pinned,
        chain_id=seen.chain_id,
        block=seen.block,
        head_age_seconds=int(wall - seen.block.timestamp),
        treasury=treasury,
        native=seen.native,
        wrapped_native=seen.wrapped_native,
        known_code=dict(known.known_code),
        open_intent=open_intent,
        quotes=of_assets(treasury, quotes),
        hour=known.hours(fund.id, treasury, seen.block.timestamp, Fraction(pinned.policy.max_price_jump)),
        pool_past={v.pool: known.pool_past[v.pool] for v in treasury.venues if v.pool in known.pool_past},
    )


async def _remember(
    markets: Mapping[int, Market | Unobserved], known_code: Mapping[Address, Hash32], world: World
) -> None:
    """Tokens met for the first time: their code from now on is the code they had today."""
    new = {
        asset.token: (asset.token, asset.symbol, asset.decimals, asset.code_hash)
        for market in markets.values()
        if isinstance(market, Market)
        for asset in market.treasury.assets
        if asset.token not in known_code
    }
    if new:
        await world.books.remember_tokens(list(new.values()))


async def _ask_provider(
    funds: Sequence[Fund], versions: asyncio.Task[dict[int, PinnedPolicy]], block: Block, world: World
) -> Quotes:
    if world.market_data is None:
        return {}
    policies = await versions
    return await ask_quotes([policies[fund.id].policy for fund in funds if fund.id in policies], block.timestamp, world)


async def _ask_chain(funds: Sequence[Fund], block: Block, world: World) -> Observation | Unobserved:
    try:
        return await world.chain.observe(block, funds)
    except ChainUnavailable as outage:
        return Unobserved(str(outage))
