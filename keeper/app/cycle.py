"""One cycle of one fund: deliberate, rehearse, commit, execute, tell. It reads like the specification."""

import uuid
from functools import partial

import structlog

from keeper.app.execution import Order, carry_out, commit, write
from keeper.app.journal import draft, draft_failure
from keeper.app.memory import Outbox
from keeper.app.observe import Unobserved
from keeper.app.outcome import Cycle, Result
from keeper.app.world import World
from keeper.core.deliberation import deliberate
from keeper.core.journal import content_hash, rfc3339
from keeper.core.ledger import Action, IntentKind
from keeper.core.model import Fund, Market
from keeper.core.records import decision_body, failure_body
from keeper.core.units import Timestamp

log = structlog.get_logger()


def new_cycle(fund: Fund, world: World, *, of_index: bool = False) -> Cycle:
    return Cycle(uuid.uuid4().hex, fund, world.clock.now(), of_index=of_index)


async def run_cycle(cycle: Cycle, seen: Market | Unobserved, world: World, outbox: Outbox) -> Result:
    """Every end is recorded and told: held, blocked, reverted and failed exactly like submitted."""
    if isinstance(seen, Unobserved):
        return await cut_off(cycle, seen, seen.reason, world)

    chain_head = await world.books.chain_head()
    thought = deliberate(seen)
    body = decision_body(seen, thought, chain_head, world.code_version)
    entry = partial(draft, cycle, seen, thought, body)
    if thought.action is not Action.PLANNED or thought.plan is None:
        return await commit(cycle, entry(thought.action, thought.reason), world)

    digest, swaps = content_hash(body), thought.plan.swaps
    deadline = Timestamp(seen.block.timestamp + seen.policy.deadline_seconds)
    call = world.codec.rebalance(seen.treasury.address, swaps, seen.treasury.last_id + 1, deadline, digest)
    order = Order(call, IntentKind.REBALANCE, swaps, digest, thought.reason)
    return await carry_out(cycle, seen, order, entry, world, outbox)


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
        await write(cycle, draft_failure(cycle, seen, reason, body), world)
    log.warning("cycle failed", reason=reason, recorded="before" if cycle.committed else "now")
    return Result(cycle, Action.FAILED, reason)
