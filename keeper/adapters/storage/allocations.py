"""What a fund holds, asset by asset, as of the newest block that was looked at."""

from collections.abc import Callable, Iterable, Sequence
from datetime import datetime

from sqlalchemy import Connection, Insert

from keeper.adapters.storage.statements import Insertion, per_dialect
from keeper.adapters.storage.tables import asset, fund_asset_allocation
from keeper.adapters.storage.types import fitting_uint
from keeper.core.ledger import AssetLine
from keeper.core.units import E18


def meet(db: Connection, at: datetime, lines: Iterable[AssetLine]) -> None:
    """Makes sure that every token has a row to refer to. Its code hash comes with `remember_tokens`."""
    rows = [{"token": x.token, "symbol": x.symbol, "decimals": x.decimals, "created_at": at} for x in lines]
    rows.sort(key=lambda row: str(row["token"]))  # one order for all who insert tokens, or they could block each other
    if rows:
        db.execute(_meet(db), rows)


@per_dialect
def _meet(insert: Callable[..., Insertion]) -> Insert:
    return insert(asset).on_conflict_do_nothing()


def allocate(
    db: Connection, at: datetime, fund_id: int, block: int, share_supply: int | None, lines: Sequence[AssetLine]
) -> None:
    """Updates the fund's allocations, unless they were already read from a later block."""
    rows = [
        {
            "fund_id": fund_id,
            "token": x.token,
            "position": x.asset,
            "target_bps": x.target,
            "weight_bps": x.weight_bps,
            "units": _units(x.amount, share_supply),
            "amount": x.amount,
            "px": x.px,
            "value": fitting_uint(x.value),
            "block_number": block,
            "updated_at": at,
        }
        for x in lines
    ]
    if rows:
        db.execute(_allocate(db), rows)


def _units(amount: int | None, share_supply: int | None) -> int | None:
    """Base units in 10^18 shares, rounded down."""
    if amount is None or not share_supply:
        return None
    return fitting_uint(amount * E18 // share_supply)


@per_dialect
def _allocate(insert: Callable[..., Insertion]) -> Insert:
    new = insert(fund_asset_allocation)
    return new.on_conflict_do_update(
        index_elements=["fund_id", "token"],
        set_={column.name: new.excluded[column.name] for column in fund_asset_allocation.c if not column.primary_key},
        where=fund_asset_allocation.c.block_number <= new.excluded.block_number,
    )
