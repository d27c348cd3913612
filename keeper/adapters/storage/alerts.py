"""Alerts as rows: one that is open for a fund is counted when raised again, not doubled."""

from collections.abc import Callable, Collection, Iterable
from datetime import datetime

from sqlalchemy import Connection, Insert, bindparam, text, update

from keeper.adapters.storage.statements import Insertion, per_dialect
from keeper.adapters.storage.tables import alert
from keeper.core.ledger import Alert, AlertKind

_CLEAR = (  # built once: that takes longer than running it
    update(alert)
    .where(
        alert.c.fund_id == bindparam("fund"),
        alert.c.kind.in_(bindparam("kinds", expanding=True)),
        alert.c.cleared_at.is_(None),
    )
    .values(cleared_at=bindparam("at"))
)


def raise_alerts(db: Connection, at: datetime, alerts: Iterable[Alert]) -> None:
    """Opens each alert, or counts it and takes its newest message."""
    rows = [
        {
            "fund_id": each.fund_id,
            "kind": each.kind.value,
            "message": each.message,
            "count": 1,
            "raised_at": at,
            "last_seen_at": at,
        }
        for each in alerts
    ]
    if not rows:
        return
    db.execute(_raise(db), rows)


@per_dialect
def _raise(insert: Callable[..., Insertion]) -> Insert:
    new = insert(alert)
    return new.on_conflict_do_update(
        index_elements=["fund_id", "kind"],
        index_where=text("cleared_at IS NULL"),
        set_={
            "count": alert.c.count + 1,
            "message": new.excluded.message,
            "last_seen_at": new.excluded.last_seen_at,
        },
    )


def clear_alert(db: Connection, at: datetime, fund_id: int, kind: AlertKind) -> bool:
    """Closes the open alert of that kind. False when there was none."""
    return bool(clear_alerts(db, at, fund_id, (kind,)))


def clear_alerts(db: Connection, at: datetime, fund_id: int, kinds: Collection[AlertKind]) -> int:
    """Closes the open alerts of those kinds; returns how many there were."""
    if not kinds:
        return 0
    return db.execute(_CLEAR, {"at": at, "fund": fund_id, "kinds": [kind.value for kind in kinds]}).rowcount
