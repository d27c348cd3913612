"""From a decision to its end: rehearse, ask whether it may be signed, commit, execute, tell. Whatever is decided."""

from dataclasses import dataclass
from typing import Protocol

import structlog

from keeper.app.memory import Outbox
from keeper.app.outcome import Cycle, Result
from keeper.app.permits import forbidden, too_large
from keeper.app.transactions import execute
from keeper.app.world import World
from keeper.core import fees
from keeper.core.ledger import Action, Call, CycleRecord, IntentKind, Mode, NewIntent, Record, RecordKind
from keeper.core.model import Market, PlannedSwap
from keeper.core.outcomes import simulation_body
from keeper.core.units import Hash32
from keeper.ports import Simulated, SimulatedRevert

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Order:
    """A transaction that a decision asks for. `digest` is that of the decision, `reason` why it is made."""

    call: Call
    kind: IntentKind
    swaps: tuple[PlannedSwap, ...]
    digest: Hash32
    reason: str


class Draft(Protocol):
    """What a cycle leaves behind, but for how it ended."""

    def __call__(
        self, action: Action, reason: str, outcomes: tuple[Record, ...] = (), intent: NewIntent | None = None
    ) -> CycleRecord: ...


async def carry_out(cycle: Cycle, market: Market, order: Order, draft: Draft, world: World, outbox: Outbox) -> Result:
    """Signed by `market.fund.signer`, or not: then the record says why."""
    rehearsal, account = await world.chain.rehearse(order.call, market.fund.signer, market.block)
    outcomes = (_simulation_record(cycle, market, order.digest, rehearsal),)
    if isinstance(rehearsal, SimulatedRevert):
        return await commit(
            cycle, draft(Action.REVERTED, f"the treasury would refuse: {rehearsal.detail}", outcomes), world
        )
    if world.mode is Mode.DRY_RUN:
        return await commit(cycle, draft(Action.PLANNED, order.reason, outcomes), world)

    intent = _new_intent(cycle, market, order, rehearsal)
    async with outbox.turn(market.fund.signer):
        stopped = too_large(rehearsal.gas, market) or await forbidden(account, market, intent.gas_limit, world, outbox)
        if stopped:
            return await commit(cycle, draft(Action.BLOCKED, stopped, outcomes), world)
        entry = draft(Action.SUBMITTED, order.reason, outcomes, intent)
        intent_id = await write(cycle, entry, world)
    # record and intent are in the books by one transaction; only now is anything signed
    assert intent_id is not None, "an entry with an intent was stored without it"
    state = await execute(intent_id, intent, account, market, world, outbox)
    return Result(cycle, entry.action, entry.reason, state)


async def commit(cycle: Cycle, entry: CycleRecord, world: World) -> Result:
    await write(cycle, entry, world)
    return Result(cycle, entry.action, entry.reason)


async def write(cycle: Cycle, entry: CycleRecord, world: World) -> int | None:
    intent_id = await world.books.commit_cycle(entry)
    cycle.committed = True
    event = "cycle" if entry.reweighting is None else "look at the index"
    log.info(event, action=entry.action.value, reason=entry.reason, block=entry.block_number)
    for alert in world.told.news(entry.fund_id, entry.alerts, entry.cleared):
        await world.alerts.send(alert)
    return intent_id


def _new_intent(cycle: Cycle, market: Market, order: Order, rehearsal: Simulated) -> NewIntent:
    return NewIntent(
        plan_id=cycle.id,
        signer=market.fund.signer,
        chain_id=market.chain_id,
        call=order.call,
        gas_limit=min(fees.gas_limit(rehearsal.gas, len(order.swaps)), market.policy.max_gas),
        swaps=order.swaps,
        kind=order.kind,
    )


def _simulation_record(cycle: Cycle, market: Market, digest: Hash32, rehearsal: Simulated | SimulatedRevert) -> Record:
    """What the node said of the very bytes that would be signed: a record after the decision, never part of it."""
    said = (
        {"gas": rehearsal.gas}
        if isinstance(rehearsal, Simulated)
        else {"guard": rehearsal.guard, "detail": rehearsal.detail}
    )
    body = simulation_body(cycle.id, digest, market.block.hash, **said)
    return Record(RecordKind.OUTCOME, cycle.fund.id, body)
