"""Funds, their place in the schedule, and the tokens that were met."""

from collections.abc import Callable, Iterable
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Insert, RowMapping, func, select, update
from sqlalchemy.exc import IntegrityError

from keeper.adapters.storage.errors import Conflict
from keeper.adapters.storage.journal import append
from keeper.adapters.storage.statements import Insertion, per_dialect
from keeper.adapters.storage.tables import asset, index_fund, scheduler_job
from keeper.core.journal import rfc3339
from keeper.core.ledger import Action, Job, Record, RecordKind
from keeper.core.model import Fund
from keeper.core.units import Address, Hash32, Timestamp

_FUNDS = select(index_fund).order_by(index_fund.c.id)
_JOBS = select(scheduler_job)
_TOKENS = select(asset.c.token, asset.c.symbol, asset.c.code_hash)


def funds(db: Connection) -> list[Fund]:
    return [_fund(row) for row in db.execute(_FUNDS).mappings()]


def fund_rows(db: Connection) -> list[dict[str, Any]]:
    """Everything stored of each fund, with the paths of its keystore and password file."""
    return [dict(row) for row in db.execute(_FUNDS).mappings()]


def fund(db: Connection, fund_id: int) -> Fund:
    """Raises LookupError."""
    row = db.execute(_FUNDS.where(index_fund.c.id == fund_id)).mappings().one_or_none()
    if row is None:
        raise LookupError(f"there is no fund {fund_id}")
    return _fund(row)


def _fund(row: RowMapping) -> Fund:
    return Fund(row["id"], row["name"], row["treasury"], row["signer"], row["hub"], row["paused"])


def add_fund(
    db: Connection,
    at: datetime,
    name: str,
    treasury: Address,
    signer: Address,
    hub: Address | None,
    keystore_file: str | None,
    password_file: str | None,
) -> Fund:
    """Raises Conflict when the name or the treasury is taken."""
    taken = db.execute(select(index_fund).where((index_fund.c.name == name) | (index_fund.c.treasury == treasury)))
    if other := taken.mappings().first():
        what = f"a fund named {name!r}" if other["name"] == name else f"a fund for treasury {treasury}"
        raise Conflict(f"there is already {what}")
    row = {
        "name": name,
        "treasury": treasury,
        "signer": signer,
        "hub": hub,
        "paused": False,
        "keystore_file": keystore_file,
        "password_file": password_file,
        "created_at": at,
    }
    try:
        fund_id = db.execute(index_fund.insert().returning(index_fund.c.id), row).scalar_one()
    except IntegrityError:  # another process added it in between
        raise Conflict(f"there is already a fund named {name!r} or for treasury {treasury}") from None
    return Fund(fund_id, name, treasury, signer, hub, paused=False)


def change_fund(db: Connection, at: datetime, fund_id: int, signer: Address, hub: Address | None, by: str) -> None:
    """Another key or hub from the next cycle on; the old ones stay in the operator record."""
    old = fund(db, fund_id)
    db.execute(update(index_fund).where(index_fund.c.id == fund_id).values(signer=signer, hub=hub))
    body = {
        "event": "fund",
        "fund": str(fund_id),
        "signer": {"old": old.signer, "new": signer},
        "hub": {"old": old.hub or "", "new": hub or ""},
        "by": by,
        "at": rfc3339(at),
    }
    append(db, [Record(RecordKind.OPERATOR, fund_id, body)], at)


def set_paused(db: Connection, at: datetime, fund_id: int | None, paused: bool, by: str) -> list[int]:
    """Pauses or resumes one fund, or all. Returns those that changed; each change is an operator record."""
    if fund_id is not None:
        fund(db, fund_id)
    change = update(index_fund).where(index_fund.c.paused.is_(not paused))
    if fund_id is not None:
        change = change.where(index_fund.c.id == fund_id)
    changed = sorted(db.scalars(change.values(paused=paused).returning(index_fund.c.id)))
    event = "pause" if paused else "resume"
    records = [
        Record(RecordKind.OPERATOR, each, {"event": event, "fund": str(each), "by": by, "at": rfc3339(at)})
        for each in changed
    ]
    if records:
        append(db, records, at)
    return changed


def jobs(db: Connection) -> dict[int, Job]:
    return {
        row.fund_id: Job(
            row.fund_id,
            None if row.last_run is None else Timestamp(row.last_run),
            None if row.next_due is None else Timestamp(row.next_due),
            None if row.last_action is None else Action(row.last_action),
            row.last_reason,
            row.finished_at,
        )
        for row in db.execute(_JOBS)
    }


def remember_tokens(db: Connection, at: datetime, tokens: Iterable[tuple[Address, str, int, Hash32 | None]]) -> None:
    """(address, symbol, decimals, code hash) of tokens met. What was known of a token before is kept, word for word,
    except that a code hash still missing is filled in.
    """
    rows = [
        {"token": token, "symbol": symbol, "decimals": decimals, "code_hash": code_hash, "created_at": at}
        for token, symbol, decimals, code_hash in sorted(tokens, key=lambda each: each[0])  # as `meet` does
    ]
    if not rows:
        return
    db.execute(_remember(db), rows)


@per_dialect
def _remember(insert: Callable[..., Insertion]) -> Insert:
    new = insert(asset)
    first_code = func.coalesce(asset.c.code_hash, new.excluded.code_hash)
    return new.on_conflict_do_update(index_elements=["token"], set_={"code_hash": first_code})


def known_code(db: Connection) -> dict[Address, Hash32]:
    return {row.token: row.code_hash for row in db.execute(_TOKENS) if row.code_hash}


def symbols(db: Connection) -> dict[Address, str]:
    return {row.token: row.symbol for row in db.execute(_TOKENS)}
