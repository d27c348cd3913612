"""What the tests of the books write down: a fund of WETH, a bool-less USDT and USDC (its hub), and its cycles."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from itertools import count
from typing import Any

from sqlalchemy import Connection, select

from keeper.adapters.storage.tables import metadata
from keeper.core.fees import FeeQuote
from keeper.core.ledger import (
    Action,
    AssetLine,
    AttemptKind,
    Call,
    CycleRecord,
    Intent,
    IntentState,
    NewIntent,
    RebalanceEvent,
    Receipt,
    Record,
    RecordKind,
    Settlement,
    SwapFill,
)
from keeper.core.model import GuardResult, PlannedSwap, Policy, PriceSource, PriceVote, Verdict
from keeper.core.replies import ReplyKind
from keeper.core.units import Address, BaseUnits, Bps, Hash32, Px, Timestamp, UsdE18, Wei
from keeper.ports import Reply, SignedTransaction, Terms
from tests.factories import hash32, policy

CHAIN = 31337
TREASURY = Address("0x7000000000000000000000000000000000000007")
SIGNER = Address("0x5000000000000000000000000000000000000005")
WETH, USDT, USDC = (Address(f"0x{n:040x}") for n in (0xE, 0xD, 0xC))
STARTED = datetime(2026, 1, 2, 3, 4, 5, 678901, tzinfo=UTC)
SENT_AT = datetime(2026, 1, 2, 3, 5, tzinfo=UTC)
SIGNED_AT = Timestamp(1_700_000_101)
FEES = FeeQuote(Wei(10**11), Wei(10**9))
ACCEPTED = Reply("accepted", ReplyKind.ACCEPTED)
SILENCE = Reply("no answer within 10 s", ReplyKind.UNKNOWN)
SUPPLY = 3 * 10**21
_numbers = count(1)


class Ticking:
    """A clock that moves a second with every look."""

    def __init__(self) -> None:
        self.at = STARTED

    def __call__(self) -> datetime:
        self.at += timedelta(seconds=1)
        return self.at


def parse_policy(variables: Mapping[str, str]) -> Policy:
    threshold = Decimal(variables["DRIFT_THRESHOLD"])
    if threshold <= 0:
        raise ValueError("DRIFT_THRESHOLD: must be positive")
    return policy(drift_threshold=threshold)


def line(index: int, token: Address, symbol: str, decimals: int, amount: int, **changes: Any) -> AssetLine:
    whole = AssetLine(
        asset=index,
        token=token,
        symbol=symbol,
        decimals=decimals,
        amount=BaseUnits(amount),
        px=Px(10 ** (36 - decimals)),
        value=UsdE18(amount * 10 ** (18 - decimals)),
        target=Bps(3_333),
        weight_bps=Decimal("3401.0203"),
        drift_relative_bps=Decimal("204.0608"),
        drift_absolute_bps=Decimal("-68.0203"),
    )
    return replace(whole, **changes)


def lines(weth: int = 5 * 10**18) -> tuple[AssetLine, ...]:
    return (
        line(0, WETH, "WETH", 18, weth),
        line(1, USDT, "USDT", 6, 7_000_001),
        line(2, USDC, "USDC", 6, 2**200),  # nothing in the books is cut to 64 bits
    )


VOTES = (
    PriceVote(0, PriceSource.FEED, Px(2_000 * 10**18), Timestamp(1_700_000_000), used=True, reason=""),
    PriceVote(0, PriceSource.ROUTER, None, None, used=False, reason="pool is too shallow"),
    PriceVote(1, PriceSource.FEED, Px(-(10**30)), Timestamp(1_700_000_000), used=False, reason="negative"),
)
GUARDS = (GuardResult("cooldown", "120", "900", "s", Verdict.REFUSE, "780 s left"),)


def record(kind: RecordKind = RecordKind.DECISION, fund_id: int | None = None, **body: Any) -> Record:
    return Record(kind, fund_id, {"number": str(next(_numbers)), **body})


def cycle(fund_id: int, block: int = 100, **changes: Any) -> CycleRecord:
    """An idle cycle. Every one has its own id."""
    number = next(_numbers)
    held = CycleRecord(
        cycle_id=f"cycle-{number}",
        fund_id=fund_id,
        started_at=STARTED,
        action=Action.HELD,
        reason="drift is inside the threshold",
        decision=record(fund_id=fund_id, cycle=str(number), ünïcode="€"),
        outcomes=(),
        policy_version=1,
        block_number=block,
        block_hash=hash32(block),
        block_timestamp=Timestamp(1_700_000_000 + block),
        nav=UsdE18(10**24),
        tracking_error_bps=Decimal("12.5000"),
        max_drift_bps=Decimal("204.0608"),
        assets=lines(),
        votes=VOTES,
        guards=GUARDS,
        intent=None,
        next_due=Timestamp(1_700_000_300 + block),
        share_supply=SUPPLY,
    )
    return replace(held, **changes)


SELL = PlannedSwap(3, True, 0, 2, BaseUnits(10**18), BaseUnits(2_000_000_000), BaseUnits(1_980_000_000),
                   UsdE18(2_000 * 10**18), UsdE18(2_000 * 10**18), 3_000, Decimal("0.0012"))  # fmt: skip
BUY = PlannedSwap(4, False, 2, 1, BaseUnits(500_000_000), BaseUnits(499_000_000), BaseUnits(495_000_000),
                  UsdE18(500 * 10**18), UsdE18(499 * 10**18), 500, Decimal("0.00004"))  # fmt: skip
DATA = bytes(range(256)) * 3


def trading(fund_id: int, signer: Address = SIGNER, block: int = 100, **changes: Any) -> CycleRecord:
    """A cycle that plans to sell WETH for the hub and to buy USDT with it."""
    call = Call(TREASURY, DATA, treasury_id=7, deadline=Timestamp(1_700_000_700))
    intent = NewIntent(f"plan-{next(_numbers)}", signer, CHAIN, call, gas_limit=900_000, swaps=(SELL, BUY))
    outcome = record(RecordKind.OUTCOME, fund_id, simulation="passed")
    return cycle(fund_id, block, action=Action.SUBMITTED, outcomes=(outcome,), intent=intent, **changes)


def signed(number: int | None = None) -> SignedTransaction:
    number = next(_numbers) if number is None else number
    return SignedTransaction(b"\x02\x00\xff" + number.to_bytes(200, "big"), hash32(10**9 + number))


def terms(nonce: int = 0, **changes: Any) -> Terms:
    """Of a trade; a signer that is new to the books begins at 0."""
    return replace(Terms(nonce, FEES, AttemptKind.TRADE, SIGNED_AT), **changes)


FILLS = (
    SwapFill(
        3, WETH, USDC, BaseUnits(10**18), BaseUnits(1_999_000_000), UsdE18(2_000 * 10**18), UsdE18(1_999 * 10**18)
    ),
    SwapFill(4, USDC, USDT, BaseUnits(500_000_000), BaseUnits(499_500_000), UsdE18(500 * 10**18), UsdE18(499 * 10**18)),
)


def receipt(tx_hash: Hash32, block: int = 101, **changes: Any) -> Receipt:
    event = RebalanceEvent(7, SIGNER, hash32(1), UsdE18(10**24), UsdE18(10**24 - 5), UsdE18(2_500 * 10**18),
                           UsdE18(10**18), UsdE18(9), UsdE18(1))  # fmt: skip
    mined = Receipt(
        tx_hash=tx_hash,
        succeeded=True,
        block_number=block,
        block_hash=hash32(block),
        tx_index=2,
        gas_used=412_345,
        effective_gas_price=Wei(12_345_678_901),
        l1_fee=None,
        fills=FILLS,
        event=event,
        transfers=(),
    )
    return replace(mined, **changes)


def reverted(tx_hash: Hash32) -> Receipt:
    return receipt(tx_hash, succeeded=False, fills=(), event=None, revert_reason="SlippageExceeded")


def settlement(intent: Intent, mined: Receipt, state: IntentState = IntentState.FINAL_OK, **changes: Any) -> Settlement:
    whole = Settlement(
        intent_id=intent.id,
        receipt=mined,
        state=state,
        gas_cost=UsdE18(10**19),
        assets_after=lines(weth=4 * 10**18),
        nav_after=UsdE18(10**24 - 5),
        tracking_error_bps_after=Decimal("0.1000"),
        mined_at=Timestamp(1_700_000_000 + mined.block_number),
        outcome=record(RecordKind.OUTCOME, intent.fund_id, state=state.value),
    )
    return replace(whole, **changes)


def dump(db: Connection) -> dict[str, list[tuple[Any, ...]]]:
    return {
        table.name: [tuple(row) for row in db.execute(select(table).order_by(*table.primary_key.columns))]
        for table in metadata.sorted_tables
    }
