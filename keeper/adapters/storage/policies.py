"""Policy versions: every change kept, with who and why; a cycle pins one."""

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, func, select, update

from keeper.adapters.storage.funds import fund
from keeper.adapters.storage.journal import append, lock
from keeper.adapters.storage.tables import policy_version, scheduler_job
from keeper.core.journal import content_hash, rfc3339
from keeper.core.ledger import Record, RecordKind
from keeper.core.model import PinnedPolicy, Policy
from keeper.core.units import Hash32

ParsePolicy = Callable[[Mapping[str, str]], Policy]
"""A policy from the texts of its environment variables. Raises ValueError."""

_NEWEST = (
    select(policy_version.c.fund_id, func.max(policy_version.c.version).label("version"))
    .group_by(policy_version.c.fund_id)
    .subquery()
)
_CURRENT = select(policy_version).join(
    _NEWEST,
    (policy_version.c.fund_id == _NEWEST.c.fund_id) & (policy_version.c.version == _NEWEST.c.version),
)


def current(db: Connection) -> list[dict[str, Any]]:
    """The newest version of every fund that has one."""
    return [dict(row) for row in db.execute(_CURRENT).mappings()]


def history(db: Connection, fund_id: int) -> list[dict[str, Any]]:
    """Every version of a fund's policy, newest first."""
    wanted = select(policy_version).where(policy_version.c.fund_id == fund_id)
    return [dict(row) for row in db.execute(wanted.order_by(policy_version.c.version.desc())).mappings()]


def put(
    db: Connection,
    at: datetime,
    parse: ParsePolicy,
    fund_id: int,
    effective: Mapping[str, str],
    overrides: Mapping[str, str],
    by: str,
    why: str,
) -> PinnedPolicy:
    """Stores a new version and its operator record; returns the current one untouched when nothing changed.

    Raises LookupError for an unknown fund, and what `parse` raises for a policy that is none.
    """
    policy = parse(effective)
    fund(db, fund_id)
    lock(db)  # two changes at once must not count the same version
    newest = next((row for row in current(db) if row["fund_id"] == fund_id), None)
    if newest and (newest["effective"], newest["overrides"]) == (dict(effective), dict(overrides)):
        return PinnedPolicy(newest["version"], policy, newest["digest"])
    version = newest["version"] + 1 if newest else 1
    digest = content_hash(dict(effective))
    row = {
        "fund_id": fund_id,
        "version": version,
        "effective": dict(effective),
        "overrides": dict(overrides),
        "digest": digest,
        "by": by,
        "why": why,
        "created_at": at,
    }
    db.execute(policy_version.insert(), row)
    # a shorter interval does not wait for the end of the longer one
    job = scheduler_job.c
    due = update(scheduler_job).where(job.fund_id == fund_id).values(next_due=job.last_run + policy.interval_seconds)
    db.execute(due)
    body = {
        "event": "policy",
        "fund": str(fund_id),
        "version": str(version),
        "digest": digest,
        "effective": dict(effective),
        "overrides": dict(overrides),
        "by": by,
        "why": why,
        "at": rfc3339(at),
    }
    append(db, [Record(RecordKind.OPERATOR, fund_id, body)], at)
    return PinnedPolicy(version, policy, digest)


class PolicyReader:
    """Stored rows to policies. A version never changes, so each is parsed once."""

    def __init__(self, parse: ParsePolicy) -> None:
        self._parse = parse
        self._parsed: dict[int, PinnedPolicy] = {}

    def pin(self, row: Mapping[str, Any]) -> PinnedPolicy:
        known = self._parsed.get(row["fund_id"])
        if known is None or (known.version, known.digest) != (row["version"], row["digest"]):
            known = PinnedPolicy(row["version"], self._parse(row["effective"]), Hash32(row["digest"]))
            self._parsed[row["fund_id"]] = known
        return known
