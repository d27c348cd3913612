"""A receipt as it goes into the books: what was executed, what it cost, and what the fund holds after it."""

from dataclasses import dataclass
from decimal import Decimal
from typing import Final

import structlog

from keeper.app.alarms import gas_alert
from keeper.app.journal import asset_lines
from keeper.app.observe import look
from keeper.app.quoting import ask_quotes
from keeper.app.remembered import remembered
from keeper.app.world import World
from keeper.core import fees
from keeper.core.drift import drift
from keeper.core.ledger import (
    Alert,
    AlertKind,
    AssetLine,
    Intent,
    IntentState,
    Receipt,
    Record,
    RecordKind,
    Settlement,
)
from keeper.core.model import Block, Market
from keeper.core.outcomes import receipt_body
from keeper.core.prices import PriceBook, agree
from keeper.core.units import UsdE18, in_bps
from keeper.core.valuation import readable, value
from keeper.ports import ChainUnavailable

log = structlog.get_logger()


STATE_KEPT_BLOCKS: Final = 128
"""How long a full node that is no archive remembers the state after a block."""


@dataclass(frozen=True, slots=True)
class Aftermath:
    """What the fund looked like right after its transaction, as far as it can be known."""

    assets: tuple[AssetLine, ...] = ()
    nav: UsdE18 | None = None
    tracking_error_bps: Decimal | None = None
    gas_cost: UsdE18 | None = None
    alerts: tuple[Alert, ...] = ()


async def settle(intent: Intent, receipt: Receipt, state: IntentState, head: Block, world: World) -> None:
    """Observe the fund at the receipt's own block and write both down together.

    Raises ChainUnavailable, except when the node has forgotten that block's state: then the receipt stands alone, or
    the intent would stay open for ever.
    """
    mined_at = head.timestamp
    try:
        market = await _market_at(intent, receipt, world)
        mined_at, after = market.block.timestamp, _value(intent, receipt, market)
    except ChainUnavailable as outage:
        if head.number - receipt.block_number <= STATE_KEPT_BLOCKS:
            raise
        log.warning("holdings after a transaction not had", intent=intent.id, reason=str(outage))
        after = Aftermath()
    alerts = after.alerts
    if not receipt.succeeded:
        why = f"transaction {receipt.tx_hash} reverted: {receipt.revert_reason or 'no reason given'}"
        alerts += (Alert(intent.fund_id, AlertKind.REBALANCE_FAILED, why),)
    await world.books.settle(
        Settlement(
            intent_id=intent.id,
            receipt=receipt,
            state=state,
            gas_cost=after.gas_cost,
            assets_after=after.assets,
            nav_after=after.nav,
            tracking_error_bps_after=after.tracking_error_bps,
            mined_at=mined_at,
            outcome=Record(RecordKind.OUTCOME, intent.fund_id, receipt_body(intent, receipt, state, after.gas_cost)),
            alerts=alerts,
        )
    )
    log.info(
        "transaction mined",
        intent=intent.id,
        hash=receipt.tx_hash,
        block=receipt.block_number,
        state=state.value,
        gas=receipt.gas_used,
    )
    for alert in alerts:
        await world.alerts.send(alert)


def _value(intent: Intent, receipt: Receipt, market: Market) -> Aftermath:
    prices = agree(market)
    native = prices.native_usd_px if isinstance(prices, PriceBook) else None
    gas = fees.gas_usd(fees.gas_cost(receipt.gas_used, receipt.effective_gas_price, receipt.l1_fee), native)
    valuation = value(market, prices) if isinstance(prices, PriceBook) and readable(market) else None
    report = drift(valuation, market) if valuation else None
    return Aftermath(
        assets=asset_lines(market.treasury, prices, valuation, report),
        nav=valuation.nav if valuation else None,
        tracking_error_bps=in_bps(report.te) if report else None,
        gas_cost=gas,
        alerts=gas_alert(intent.fund_id, gas, market.policy.high_gas_cost),
    )


async def _market_at(intent: Intent, receipt: Receipt, world: World) -> Market:
    fund = next(fund for fund in await world.books.funds() if fund.id == intent.fund_id)
    block = await world.chain.block(receipt.block_number)
    if block is None or block.hash != receipt.block_hash:
        raise ChainUnavailable(f"block {receipt.block_number} of the receipt is gone")
    pinned, known = await world.books.policy(fund.id), await remembered(world.books, block.timestamp)
    quotes = await ask_quotes([pinned.policy], block.timestamp, world)
    return await look(fund, pinned, block, block.timestamp, world.chain, known, intent.id, quotes)
