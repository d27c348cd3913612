"""What V2 pairs summed up to at earlier blocks, for their mean prices. Kept for about a day."""

from collections.abc import Callable, Sequence
from typing import Any, Final

from sqlalchemy import Connection, Insert, Row, and_, bindparam, case, delete, func, select

from keeper.adapters.storage.statements import Insertion, per_dialect
from keeper.adapters.storage.tables import pool_sample
from keeper.core.past import PoolPast, PoolSample
from keeper.core.twap import LONGEST_WINDOW, SAMPLE_SECONDS, TWAP_WINDOW
from keeper.core.units import Address, Timestamp

KEPT_SECONDS: Final = 86_400


_row = pool_sample.c
_old_enough = _row.block_timestamp <= bindparam("old_enough")
_TIMES = (
    select(
        _row.pool,
        func.max(case((_old_enough, _row.block_timestamp))).label("usable"),
        func.min(case((~_old_enough, _row.block_timestamp))).label("waiting"),
        func.max(_row.block_timestamp).label("newest"),
    )
    .where(_row.block_timestamp.between(bindparam("oldest"), bindparam("now")))
    .group_by(_row.pool)
    .subquery()
)
_SAME = and_(_row.pool == _TIMES.c.pool, _row.block_timestamp == _TIMES.c.usable)
_PAST = select(_TIMES, _row.block_number, _row.price0_cumulative, _row.price1_cumulative).select_from(
    _TIMES.outerjoin(pool_sample, _SAME)
)
_RECENT = select(_row.pool).where(
    _row.block_timestamp > bindparam("too_young"),
    _row.block_timestamp < bindparam("now"),  # of the same second it is the same look, or one at a block that is gone
    _row.pool.in_(bindparam("pools", expanding=True)),
)
_FORGET = delete(pool_sample).where(_row.block_timestamp < bindparam("too_old"))


def pool_past(db: Connection, at: Timestamp) -> dict[Address, PoolPast]:
    """Of every pair that was sampled in the last LONGEST_WINDOW: the newest sample that is TWAP_WINDOW old, and the
    times of those that are younger. In one query."""
    times = {"now": at, "old_enough": at - TWAP_WINDOW, "oldest": at - LONGEST_WINDOW}
    return {found.pool: _past(found) for found in db.execute(_PAST, times)}


def _past(row: Row[Any]) -> PoolPast:
    sample = None
    if row.usable is not None:
        summed = row.price0_cumulative, row.price1_cumulative
        sample = PoolSample(row.pool, row.block_number, Timestamp(row.usable), *summed)
    return PoolPast(sample, row.waiting, row.newest)


def keep_samples(db: Connection, samples: Sequence[PoolSample]) -> None:
    """One per pair in SAMPLE_SECONDS: funds share pairs. What is older than KEPT_SECONDS goes."""
    if not samples:
        return
    at = samples[0].timestamp
    pools = [each.pool for each in samples]
    known = set(db.scalars(_RECENT, {"too_young": at - SAMPLE_SECONDS, "now": at, "pools": pools}))
    rows = [
        {
            "block_timestamp": each.timestamp,
            "pool": each.pool,
            "block_number": each.block,
            "price0_cumulative": each.price0,
            "price1_cumulative": each.price1,
        }
        for each in sorted(samples, key=lambda each: each.pool)  # one order for all who insert them
        if each.pool not in known
    ]
    if not rows:
        return
    db.execute(_keep(db), rows)
    db.execute(_FORGET, {"too_old": at - KEPT_SECONDS})


@per_dialect
def _keep(insert: Callable[..., Insertion]) -> Insert:
    new = insert(pool_sample)
    values = {name: new.excluded[name] for name in ("block_number", "price0_cumulative", "price1_cumulative")}
    return new.on_conflict_do_update(index_elements=["block_timestamp", "pool"], set_=values)
