"""One cycle: every end is recorded, and nothing is signed that is not in the books."""

import pytest

from keeper.core.ledger import Action, IntentState
from tests.fakes.simulation import FINAL_SECONDS, simulate

pytestmark = pytest.mark.unit


async def test_trade_runs_from_plan_to_final() -> None:
    sim = await simulate()
    before = sim.treasury
    await sim.run(FINAL_SECONDS)

    assert sim.intent.state is IntentState.FINAL_OK
    assert sim.treasury.last_id == before.last_id + 1
    assert sim.books.decisions()[0].action is Action.SUBMITTED
