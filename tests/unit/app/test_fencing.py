"""A keeper that has lost the database to another one: it sends nothing, writes nothing, and ends."""

from dataclasses import dataclass, replace
from typing import NoReturn

import pytest

from keeper.core.ledger import IntentState
from keeper.ports import Fenced
from tests.fakes.chain import BLOCK_SECONDS
from tests.fakes.simulation import FINAL_SECONDS, simulate

pytestmark = pytest.mark.unit

S = IntentState


@dataclass
class Overdue:
    """A lease whose renewal is late, or not."""

    late: bool = True
    lost: str | None = None

    def held(self) -> bool:
        return not self.late


async def test_nothing_is_sent_while_the_renewal_is_overdue() -> None:
    sim = await simulate()
    lease = Overdue()
    sim.world = replace(sim.world, lease=lease)
    await sim.run(3 * BLOCK_SECONDS)
    assert sim.books.states() == [S.SIGNED]
    assert not sim.chain.wire
    lease.late = False
    await sim.run(FINAL_SECONDS)
    assert sim.books.states() == [S.FINAL_OK]
    assert len(sim.signer.signed) == 1


@pytest.mark.parametrize("method", ["commit_cycle", "save_attempt", "mark_sent", "settle", "set_intent_state"])
async def test_a_write_that_is_fenced_ends_the_process(method: str) -> None:
    sim = await simulate()
    times = 0

    async def fenced(*_args: object, **_options: object) -> NoReturn:
        nonlocal times
        times += 1
        raise Fenced("another keeper has taken over (epoch 2, ours was 1)")

    real = getattr(sim.books, method)
    setattr(sim.books, method, fenced)
    process = await sim.run(FINAL_SECONDS + 2 * BLOCK_SECONDS)
    assert times >= 1
    assert process.fenced == "another keeper has taken over (epoch 2, ours was 1)"
    assert process.stop.is_set()
    setattr(sim.books, method, real)
    await sim.run(FINAL_SECONDS + 400)
    assert sim.books.states()[-1] is S.FINAL_OK, "whoever has the lease goes on"
    assert len(sim.chain.mined(sim.fund.signer)) == 1


async def test_a_start_that_is_fenced_does_nothing() -> None:
    sim = await simulate()

    async def fenced(*_: object) -> NoReturn:
        raise Fenced("another keeper has taken over")

    sim.books.open_intents = fenced  # type: ignore[method-assign, assignment]
    process = await sim.run(60)
    assert process.fenced == "another keeper has taken over"
    assert not sim.books.decisions()
