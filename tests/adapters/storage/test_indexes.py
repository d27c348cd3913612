"""Rules that an older or a newer keeper wrote, and this one cannot read."""

import pytest
from sqlalchemy import update
from structlog.testing import capture_logs

from keeper.adapters.storage.books import SqlBooks
from keeper.adapters.storage.database import Database
from keeper.adapters.storage.tables import methodology
from keeper.core.index.methodology import Methodology
from keeper.core.model import Fund
from tests.adapters.storage import scenes
from tests.factories import address

pytestmark = pytest.mark.adapter


async def test_rules_that_are_none_to_this_version_stop_their_own_fund_alone(
    books: SqlBooks, database: Database, fund: Fund
) -> None:
    other = await books.add_fund("other", address(1), address(2))
    for each in (fund, other):
        await books.put_methodology(each.id, Methodology(), "ann", "why")
    broken = update(methodology).where(methodology.c.fund_id == other.id).values(rules={"size": 0, "newer": "rule"})
    await database.write(lambda db: db.execute(broken))
    with capture_logs() as lines:
        assert set(await SqlBooks(database, parse_policy=scenes.parse_policy).index_states()) == {fund.id}
    (line,) = lines
    assert (line["event"], line["fund_id"]) == ("index not followed", other.id)
    assert "newer: there is no such rule" in line["reason"]
