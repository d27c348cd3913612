"""How long it takes from a new head to the signed bytes: real rebalances of a moving market, stage by stage, beside
the same trade by plain web3.py on the same block."""

import gc
import time
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from decimal import Decimal
from pathlib import Path

from keeper.app.observe import look
from keeper.app.remembered import remembered
from keeper.app.scheduler import Scheduler
from keeper.app.transactions import settle_open
from keeper.core.deliberation import deliberate
from keeper.core.ledger import Action, IntentState
from keeper.core.model import PlannedSwap
from scripts.benchmarks.funds import STEP_SECONDS, Keeper, keeper_on
from scripts.benchmarks.plain import Plain
from scripts.benchmarks.sample import Sample
from scripts.benchmarks.stages import AFTER_THE_INTENT, STAGES, Trace, traced
from scripts.localchain import accounts
from scripts.localchain.chain import LocalChain
from scripts.localchain.paths import Prices

THRESHOLD = Decimal("0.01")
_FINAL = 3
"""Blocks after which a transaction is final on the local chain."""


@dataclass(slots=True)
class Traded:
    """`head_to_bytes` from the head received to the node called with the signed bytes, `stages` its parts;
    `saved_to_bytes` from the intent in the books to the same call; `plain` from the head to it, by plain web3.py.
    `swaps` of each trade."""

    head_to_bytes: Sample = field(default_factory=Sample)
    saved_to_bytes: Sample = field(default_factory=Sample)
    stages: dict[str, Sample] = field(default_factory=lambda: {name: Sample() for name in STAGES})
    plain: Sample = field(default_factory=Sample)
    swaps: list[int] = field(default_factory=list)


async def time_trades(chain: LocalChain, moves: Iterator[Prices], trades: int, rounds: int, folder: Path) -> Traded:
    """`trades` rebalances in each of `rounds`."""
    found = Traded()
    plain = Plain.at(chain.url, chain.deployment.native_feed)
    chain.node.automine()
    try:
        async with keeper_on(chain, folder / "trading", THRESHOLD) as opened:
            trace = Trace()
            watched = traced(opened.world, trace)
            keeper = replace(opened, world=watched, scheduler=Scheduler(watched, opened.scheduler.stop))
            await _trade(chain, keeper, plain, trace, Traded(), moves, 2)  # warm
            for _ in range(rounds):
                for sample in (found.head_to_bytes, found.saved_to_bytes, found.plain, *found.stages.values()):
                    sample.new_round()
                await _trade(chain, keeper, plain, trace, found, moves, trades)
    finally:
        await plain.close()
    return found


async def _trade(
    chain: LocalChain, keeper: Keeper, plain: Plain, trace: Trace, found: Traded, moves: Iterator[Prices], trades: int
) -> None:
    """Moves the market until `trades` rebalances were made by both ways."""
    while trades:
        chain.market.step(next(moves), at=chain.node.head()[1] + STEP_SECONDS)
        swaps = await _wanted(keeper)
        if not swaps:
            continue
        gc.collect()
        before = chain.node.snapshot()
        plainly = await _plain_trade(plain, chain, swaps)
        chain.node.revert(before)

        trace.clear()
        gc.collect()
        (result,) = await keeper.cycle_of_all()
        if result.action is not Action.SUBMITTED or result.state is not IntentState.MINED_OK:
            raise AssertionError(f"the trade was {result.action}, {result.state}: {result.reason}")
        stages = trace.stages()
        _note(found.plain, plainly)
        _note(found.head_to_bytes, sum(stages.values()))
        _note(found.saved_to_bytes, sum(stages[name] for name in AFTER_THE_INTENT))
        for name, duration in stages.items():
            _note(found.stages[name], duration)
        found.swaps.append(len(swaps))
        for _ in range(_FINAL):
            chain.node.mine()
        # As the daemon does at every head: between two trades there are many.
        await settle_open(keeper.world, await keeper.world.chain.head(), keeper.scheduler.outbox, busy=set())
        trades -= 1


async def _wanted(keeper: Keeper) -> tuple[PlannedSwap, ...]:
    """What the fund's cycle will trade at this block; nothing when it will hold."""
    world = keeper.world
    (fund,) = await world.books.funds()
    pinned, head = await world.books.policy(fund.id), await world.chain.head()
    known, wall = await remembered(world.books, head.timestamp), world.clock.now().timestamp()
    thought = deliberate(await look(fund, pinned, head, wall, world.chain, known, None, {}))
    return thought.plan.swaps if thought.action is Action.PLANNED and thought.plan else ()


async def _plain_trade(plain: Plain, chain: LocalChain, swaps: tuple[PlannedSwap, ...]) -> float:
    """Read everything, build, sign, send; seconds from the head to the sending. What to trade is given."""
    treasury, account = chain.deployment.treasuries[0].address, accounts.keeper_key()
    head = await plain.w3.eth.get_block("latest")
    started = time.perf_counter()
    (reading,) = await plain.read_all([treasury], account.address, head["number"])
    raw = await plain.sign_rebalance(treasury, account, swaps, head["timestamp"] + 600, reading.last_id)
    duration = time.perf_counter() - started
    receipt = await plain.w3.eth.wait_for_transaction_receipt(await plain.w3.eth.send_raw_transaction(raw))
    assert receipt["status"] == 1, "the plain trade reverted"
    return duration


def _note(sample: Sample, duration: float) -> None:
    if sample.rounds:
        sample.rounds[-1].append(duration)
