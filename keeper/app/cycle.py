"""One cycle of one fund: deliberate, rehearse, commit, execute, tell. It reads like the specification."""

import uuid

import structlog

from keeper.app.journal import draft, draft_failure
from keeper.app.memory import Outbox
from keeper.app.observe import Unobserved
from keeper.app.outcome import Cycle, Result
from keeper.app.permits import forbidden, too_large
from keeper.app.transactions import execute
from keeper.app.world import World
from keeper.core import fees
from keeper.core.deliberation import Deliberation, deliberate
from keeper.core.journal import content_hash, rfc3339
from keeper.core.ledger import Action, Call, CycleRecord, Mode, NewIntent, Record, RecordKind
from keeper.core.model import Fund, Market
from keeper.core.outcomes import simulation_body
from keeper.core.records import decision_body, failure_body
from keeper.core.units import Hash32, Timestamp
from keeper.ports import Account, Simulated, SimulatedRevert

log = structlog.get_logger()


def new_cycle(fund: Fund, world: World) -> Cycle:
    return Cycle(uuid.uuid4().hex, fund, world.clock.now())


async def run_cycle(cycle: Cycle, seen: Market | Unobserved, world: World, outbox: Outbox) -> Result:
    """Every end is recorded and told: held, blocked, reverted and failed exactly like submitted."""
    if isinstance(seen, Unobserved):
        return await cut_off(cycle, seen, seen.reason, world)

    chain_head = await world.books.chain_head()
    thought = deliberate(seen)
    body = decision_body(seen, thought, chain_head, world.code_version)
    if thought.action is not Action.PLANNED or thought.plan is None:
        return await commit(cycle, draft(cycle, seen, thought, thought.action, thought.reason, body), world)

    digest = content_hash(body)
    deadline = Timestamp(seen.block.timestamp + seen.policy.deadline_seconds)
    call = world.codec.rebalance(seen.treasury.address, thought.plan.swaps, seen.treasury.last_id + 1, deadline, digest)
    rehearsal, account = await world.chain.rehearse(call, seen.fund.signer, seen.block)
    outcomes = (simulation_record(cycle, seen, digest, rehearsal),)
    if isinstance(rehearsal, SimulatedRevert):
        reason = f"the treasury would refuse: {rehearsal.detail}"
        return await commit(cycle, draft(cycle, seen, thought, Action.REVERTED, reason, body, outcomes), world)
    if world.mode is Mode.DRY_RUN:
        return await commit(cycle, draft(cycle, seen, thought, Action.PLANNED, thought.reason, body, outcomes), world)

    intent = new_intent(cycle, seen, thought, call, rehearsal)
    async with outbox.turn(seen.fund.signer):
        stopped = too_large(rehearsal.gas, seen) or await forbidden(account, seen, intent.gas_limit, world, outbox)
        if stopped:
            return await commit(cycle, draft(cycle, seen, thought, Action.BLOCKED, stopped, body, outcomes), world)
        entry = draft(cycle, seen, thought, Action.SUBMITTED, thought.reason, body, outcomes, intent)
        intent_id = await _write(cycle, entry, world)
    return await submit(cycle, entry, intent_id, account, seen, world, outbox)


async def commit(cycle: Cycle, entry: CycleRecord, world: World) -> Result:
    await _write(cycle, entry, world)
    return Result(cycle, entry.action, entry.reason)


async def submit(
    cycle: Cycle,
    entry: CycleRecord,
    intent_id: int | None,
    account: Account,
    market: Market,
    world: World,
    outbox: Outbox,
) -> Result:
    """Record and intent are in the books by one transaction; only now is anything signed."""
    assert intent_id is not None, "an entry with an intent was stored without it"
    assert entry.intent is not None
    state = await execute(intent_id, entry.intent, account, market, world, outbox)
    return Result(cycle, entry.action, entry.reason, state)


async def cut_off(cycle: Cycle, seen: Market | Unobserved, reason: str, world: World) -> Result:
    """Record a cycle that could not be observed, hung or broke. Raises BooksUnavailable when even that fails."""
    if not cycle.committed:
        body = failure_body(
            cycle.fund,
            await world.books.chain_head(),
            world.code_version,
            started_at=rfc3339(cycle.started_at),
            reason=reason,
            market=None if isinstance(seen, Unobserved) else seen,
        )
        await _write(cycle, draft_failure(cycle, seen, reason, body), world)
    log.warning("cycle failed", reason=reason, recorded="before" if cycle.committed else "now")
    return Result(cycle, Action.FAILED, reason)


async def _write(cycle: Cycle, entry: CycleRecord, world: World) -> int | None:
    intent_id = await world.books.commit_cycle(entry)
    cycle.committed = True
    log.info("cycle", action=entry.action.value, reason=entry.reason, block=entry.block_number)
    for alert in world.told.news(entry.fund_id, entry.alerts, entry.cleared):
        await world.alerts.send(alert)
    return intent_id


def new_intent(cycle: Cycle, market: Market, thought: Deliberation, call: Call, rehearsal: Simulated) -> NewIntent:
    assert thought.plan is not None
    return NewIntent(
        plan_id=cycle.id,
        signer=market.fund.signer,
        chain_id=market.chain_id,
        call=call,
        gas_limit=min(fees.gas_limit(rehearsal.gas, len(thought.plan.swaps)), market.policy.max_gas),
        swaps=thought.plan.swaps,
    )


def simulation_record(cycle: Cycle, market: Market, digest: Hash32, rehearsal: Simulated | SimulatedRevert) -> Record:
    """What the node said of the very bytes that would be signed: a record after the decision, never part of it."""
    said = (
        {"gas": rehearsal.gas}
        if isinstance(rehearsal, Simulated)
        else {"guard": rehearsal.guard, "detail": rehearsal.detail}
    )
    body = simulation_body(cycle.id, digest, market.block.hash, **said)
    return Record(RecordKind.OUTCOME, cycle.fund.id, body)
