"""What funds' cycles valued their assets by in the last hours."""

from collections import deque
from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection, bindparam, select

from keeper.adapters.storage.tables import decision
from keeper.core.jumps import REMEMBERED
from keeper.core.past import SeenPrices
from keeper.core.units import Px, Timestamp

_row = decision.c
_NEWER = (
    select(_row.seq, _row.fund_id, _row.block_timestamp, _row.prices)
    .where(
        _row.block_timestamp >= bindparam("since"),
        _row.seq > bindparam("after"),
        _row.prices.is_not(None),
    )
    .order_by(_row.seq)
)


def newer(db: Connection, since: Timestamp, after: int) -> Sequence[Any]:
    """Decisions that had prices, of blocks since that time and later in the journal than `after`."""
    return db.execute(_NEWER, {"since": since, "after": after}).all()


class PriceReader:
    """A decision never changes, so each is read once: an observation reads what came since the one before."""

    def __init__(self) -> None:
        self._seen: deque[tuple[int, int, SeenPrices]] = deque()
        self._since: Timestamp | None = None
        """The oldest time that was asked for: what is older was never read."""

    def after(self, since: Timestamp) -> int:
        """Of the journal, what has been read already; 0 where that does not reach back far enough."""
        if self._since is None or since < self._since:
            self._seen.clear()
            self._since = since
        return self._seen[-1][0] if self._seen else 0

    def add(self, rows: Sequence[Any], now: Timestamp) -> dict[int, list[SeenPrices]]:
        """By fund, in the journal's order: what was seen within REMEMBERED before `now`."""
        newest = self._seen[-1][0] if self._seen else 0
        for row in rows:
            if row.seq > newest:  # two that read at once bring the same
                px = {token: Px(int(text)) for token, text in row.prices.items()}
                self._seen.append((row.seq, row.fund_id, SeenPrices(Timestamp(row.block_timestamp), px)))
        found: dict[int, list[SeenPrices]] = {}
        for _, fund_id, seen in self._seen:
            if now - REMEMBERED <= seen.at < now:
                found.setdefault(fund_id, []).append(seen)
        kept_from = Timestamp(now - 2 * REMEMBERED)  # an older block may be asked about yet
        while self._seen and self._seen[0][2].at < kept_from:
            self._seen.popleft()
            self._since = kept_from
        return found
