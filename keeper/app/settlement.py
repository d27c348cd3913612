"""A receipt as it goes into the books: what was executed, what it cost, and what the fund holds after it."""

import structlog

from keeper.app.alarms import gas_alert
from keeper.app.journal import asset_lines
from keeper.app.world import World
from keeper.core import fees
from keeper.core.drift import drift
from keeper.core.ledger import Alert, AlertKind, Intent, IntentState, Receipt, Record, RecordKind, Settlement
from keeper.core.model import Market
from keeper.core.outcomes import receipt_body
from keeper.core.prices import PriceBook, agree
from keeper.core.units import in_bps
from keeper.core.valuation import readable, value
from keeper.ports import ChainUnavailable

log = structlog.get_logger()


async def settle(intent: Intent, receipt: Receipt, state: IntentState, world: World) -> None:
    """Observe the fund at the receipt's own block and write both down together. Raises ChainUnavailable."""
    market = await _market_at(intent, receipt, world)
    prices = agree(market)
    native = prices.native_usd_px if isinstance(prices, PriceBook) else None
    gas = fees.gas_usd(fees.gas_cost(receipt.gas_used, receipt.effective_gas_price, receipt.l1_fee), native)
    valuation = value(market, prices) if isinstance(prices, PriceBook) and readable(market) else None
    report = drift(valuation, market) if valuation else None
    alerts = gas_alert(intent.fund_id, gas, market.policy.high_gas_cost)
    if not receipt.succeeded:
        why = f"transaction {receipt.tx_hash} reverted: {receipt.revert_reason or 'no reason given'}"
        alerts += (Alert(intent.fund_id, AlertKind.REBALANCE_FAILED, why),)
    await world.books.settle(
        Settlement(
            intent_id=intent.id,
            receipt=receipt,
            state=state,
            gas_cost=gas,
            assets_after=asset_lines(market.treasury, prices, valuation, report),
            nav_after=valuation.nav if valuation else None,
            tracking_error_bps_after=in_bps(report.te) if report else None,
            outcome=Record(RecordKind.OUTCOME, intent.fund_id, receipt_body(intent, receipt, state, gas)),
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


async def _market_at(intent: Intent, receipt: Receipt, world: World) -> Market:
    fund = next(fund for fund in await world.books.funds() if fund.id == intent.fund_id)
    block = await world.chain.block(receipt.block_number)
    if block is None or block.hash != receipt.block_hash:
        raise ChainUnavailable(f"block {receipt.block_number} of the receipt is gone")
    seen = await world.chain.observe(block, [fund])
    treasury = seen.treasuries[0]
    if treasury is None:
        raise ChainUnavailable(f"no treasury answers at {fund.treasury} in block {block.number}")
    return Market(
        fund=fund,
        pinned=await world.books.policy(fund.id),
        chain_id=seen.chain_id,
        block=block,
        head_age_seconds=0,
        treasury=treasury,
        native=seen.native,
        wrapped_native=seen.wrapped_native,
        known_code=await world.books.known_code(),
        open_intent=intent.id,
    )
