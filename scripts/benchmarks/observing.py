"""How long one observation takes, for some funds and for many, beside the same reads by plain contract calls."""

import gc
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path

from keeper.app.observe import Unobserved, observe
from keeper.core.ledger import Action
from keeper.core.model import Market, V2State
from scripts.benchmarks.funds import Keeper, keeper_on
from scripts.benchmarks.plain import Plain, Readings
from scripts.benchmarks.sample import Sample
from scripts.localchain import accounts
from scripts.localchain.chain import LocalChain
from scripts.localchain.fund import Treasury

_WORTH = 400
"""Funds observed in a round: a hundred funds four times, one fund (and at most) fifty times."""
_PLAIN_WORTH = 5


@dataclass(slots=True)
class Observed:
    """`observation` is `keeper.app.observe`, database reads included; `chain` is the Lens alone; `round` a whole idle
    cycle of every fund, each with its commit to disk; `plain` the contract calls."""

    observation: Sample = field(default_factory=Sample)
    chain: Sample = field(default_factory=Sample)
    round: Sample = field(default_factory=Sample)
    plain: Sample = field(default_factory=Sample)


async def time_observations(
    chain: LocalChain, treasuries: Sequence[Treasury], counts: Sequence[int], folder: Path, rounds: int
) -> dict[int, Observed]:
    """By number of funds. Both ways read the same block, and must have read the same values."""
    found = {count: Observed() for count in counts}
    plain = Plain.at(chain.url, chain.deployment.native_feed)
    try:
        async with keeper_on(chain, folder / "observing", Decimal("0.9")) as keeper:
            for count in sorted(counts):
                await keeper.register(treasuries[:count])
                for _ in range(rounds):
                    await _round(keeper, plain, found[count], count)
    finally:
        await plain.close()
    return found


async def _round(keeper: Keeper, plain: Plain, found: Observed, count: int) -> None:
    world = keeper.world
    funds = await world.books.funds()
    block = await world.chain.head()
    markets = await observe(funds, block, world)
    repetitions = max(4, min(50, _WORTH // count))
    gc.collect()

    durations = found.observation.new_round()
    for _ in range(repetitions):
        started = time.perf_counter()
        await observe(funds, block, world)
        durations.append(time.perf_counter() - started)

    durations = found.chain.new_round()
    for _ in range(repetitions):
        started = time.perf_counter()
        await world.chain.observe(block, funds)
        durations.append(time.perf_counter() - started)

    durations = found.plain.new_round()
    for _ in range(max(1, _PLAIN_WORTH // count)):
        started = time.perf_counter()
        readings = await plain.read_all([fund.treasury for fund in funds], accounts.KEEPER, block.number)
        durations.append(time.perf_counter() - started)
    for fund, reading in zip(funds, readings, strict=True):
        _compare(markets[fund.id], reading)

    durations = found.round.new_round()
    for _ in range(max(3, repetitions // 5)):
        started = time.perf_counter()
        await keeper.round_of(Action.HELD)
        durations.append(time.perf_counter() - started)


def _compare(market: Market | Unobserved, reading: Readings) -> None:
    """Two ways that read different things are not worth comparing."""
    assert isinstance(market, Market), f"not observed: {market}"
    treasury = market.treasury
    states = tuple(
        (venue.state.reserve0, venue.state.reserve1)
        if isinstance(venue.state, V2State)
        else venue.state and (venue.state.sqrt_price_x96, venue.state.tick, venue.state.liquidity)
        for venue in treasury.venues
    )
    assert treasury.last_id == reading.last_id
    assert tuple(asset.balance for asset in treasury.assets) == reading.balances
    assert tuple(asset.answer and asset.answer.answer for asset in treasury.assets) == reading.answers
    assert tuple(asset.code_hash for asset in treasury.assets) == reading.code_hashes
    assert states == reading.states
