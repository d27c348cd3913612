"""The hash chain: records are linked and stored in the transaction that also writes what they tell of."""

from collections.abc import Sequence
from datetime import datetime
from hashlib import sha256
from typing import Any

from sqlalchemy import Connection, select, update

from keeper.adapters.storage.tables import journal, journal_head
from keeper.core.journal import canonical, link
from keeper.core.ledger import Record
from keeper.core.units import Hash32

_HEAD = select(journal_head.c.seq, journal_head.c.link)
_LOCKED_HEAD = _HEAD.with_for_update()  # SQLite renders nothing: its writers hold the whole file
_MOVE_HEAD = update(journal_head)
_APPEND = journal.insert()


def chain_head(db: Connection) -> Hash32:
    """The newest link; of an empty journal, the one its first record will follow."""
    return Hash32(db.execute(_HEAD).one().link)


def lock(db: Connection) -> None:
    """Takes the journal's place in the order of locks: first. Transactions that append last call it to begin with,
    or two of them could wait for each other.
    """
    db.execute(_LOCKED_HEAD)


def append(db: Connection, records: Sequence[Record], at: datetime) -> tuple[int, Hash32]:
    """Links `records`, in order, to the chain. Returns the seq of the first and the newest link.

    Locks the head until the transaction ends, so that two appenders cannot follow the same link.
    """
    head = db.execute(_LOCKED_HEAD).one()
    newest = Hash32(head.link)
    rows: list[dict[str, Any]] = []
    for seq, record in enumerate(records, start=head.seq + 1):
        body = canonical(record.body)  # once, and hashed as `content_hash` does: of a decision it takes a millisecond
        content = Hash32("0x" + sha256(body).hexdigest())
        previous, newest = newest, link(newest, content)
        rows.append(
            {
                "seq": seq,
                "kind": record.kind.value,
                "fund_id": record.fund_id,
                "body": body.decode(),
                "content": content,
                "previous": previous,
                "link": newest,
                "created_at": at,
            }
        )
    db.execute(_APPEND, rows)
    db.execute(_MOVE_HEAD, {"seq": head.seq + len(rows), "link": newest})
    return head.seq + 1, newest


def page(db: Connection, after: int, size: int) -> list[dict[str, Any]]:
    """Up to `size` records that follow seq `after`, in order."""
    rows = db.execute(select(journal).where(journal.c.seq > after).order_by(journal.c.seq).limit(size))
    return [dict(row) for row in rows.mappings()]
