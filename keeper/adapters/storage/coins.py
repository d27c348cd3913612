"""Which coin of a provider of market data a token is, as an operator said it."""

from collections.abc import Mapping
from datetime import datetime

from sqlalchemy import Connection, select, update

from keeper.adapters.storage.journal import append
from keeper.adapters.storage.tables import asset
from keeper.core.journal import rfc3339
from keeper.core.ledger import Record, RecordKind
from keeper.core.quotes import CoinId
from keeper.core.units import Address

_COINS = select(asset.c.token, asset.c.coin).where(asset.c.coin.is_not(None))


def coins(db: Connection) -> dict[Address, CoinId]:
    return {row.token: CoinId(row.coin) for row in db.execute(_COINS)}


def set_coins(
    db: Connection, at: datetime, wanted: Mapping[Address, CoinId | None], by: str
) -> dict[Address, tuple[CoinId | None, CoinId | None]]:
    """Of tokens that were met; None takes a token's coin away. Returns what changed, before and after, each with an
    operator record. Raises LookupError for a token that was never met.
    """
    rows = {row.token: row for row in db.execute(select(asset).where(asset.c.token.in_(list(wanted))))}
    changed: dict[Address, tuple[CoinId | None, CoinId | None]] = {}
    records = []
    for token, coin in sorted(wanted.items()):
        if token not in rows:
            raise LookupError(f"token {token} was never met")
        before = rows[token].coin
        if before == coin:
            continue
        db.execute(update(asset).where(asset.c.token == token).values(coin=coin))
        changed[token] = (before, coin)
        body = {"event": "coin", "token": token, "symbol": rows[token].symbol, "by": by, "at": rfc3339(at)}
        told = {name: text for name, text in (("coin", coin), ("before", before)) if text is not None}
        records.append(Record(RecordKind.OPERATOR, None, body | told))
    if records:
        append(db, records, at)
    return changed
