"""The nouns: what a fund is, what was seen of it at one block. Frozen; no behaviour beyond look-ups."""

from dataclasses import dataclass, field
from decimal import Decimal
from enum import IntEnum, StrEnum
from typing import Final

from keeper.core.past import PoolPast, PriceHour
from keeper.core.quotes import Fault, Quote
from keeper.core.units import Address, BaseUnits, Bps, Hash32, Px, Timestamp, UsdE18, Wei

LOCAL_CHAIN_ID: Final = 31337
"""Anvil and Hardhat: money there is play money, and a key may lie in the open."""


class VenueKind(IntEnum):
    """Numbers as in `ITreasury.Kind`."""

    V2_PAIR = 0
    V3_POOL = 1
    V2_ROUTER = 2
    V3_ROUTER = 3


class PriceSource(StrEnum):
    """Who says what an asset is worth. ORACLE is an off-chain provider, FEED the treasury's own feeds, ROUTER pool
    spot, TWAP a pool's mean. All but TWAP, and MEDIAN besides, can be told to value a fund."""

    ROUTER = "ROUTER"
    ORACLE = "ORACLE"
    FEED = "FEED"
    MEDIAN = "MEDIAN"
    TWAP = "TWAP"


class DriftMode(StrEnum):
    """`relative` is (v - t) / t, `absolute` is (v - t) / NAV."""

    RELATIVE = "relative"
    ABSOLUTE = "absolute"


@dataclass(frozen=True, slots=True)
class Fund:
    """What the keeper was told of a fund. `interval_seconds` is measured in chain time."""

    id: int
    name: str
    treasury: Address
    signer: Address
    hub: Address | None
    paused: bool


@dataclass(frozen=True, slots=True)
class Policy:
    """What an operator tunes. Fractions are of 1, amounts of USD have 18 decimals, times are seconds.

    `max_gas` is in units of gas, for one transaction; `gas_budget` in wei, for all of a day. The breaker opens after
    `breaker_reverts` reverts in a day, or when `breaker_loss` of NAV was lost to execution in one. `max_price_jump` of
    0 switches its guard off.
    """

    price_source: PriceSource
    drift_mode: DriftMode
    drift_threshold: Decimal
    total_drift_threshold: Decimal
    max_rebalance_interval_seconds: int
    cooldown_seconds: int
    slippage_tolerance: Decimal
    price_impact_threshold: Decimal
    max_trade: UsdE18
    min_trade: UsdE18
    max_fee: Wei
    high_gas_cost: UsdE18
    max_price_deviation: Decimal
    stable_price_deviation: Decimal
    major_price_deviation: Decimal
    max_price_jump: Decimal
    max_head_age_seconds: int
    deadline_seconds: int
    interval_seconds: int
    max_gas: int
    gas_budget: Wei
    breaker_reverts: int
    breaker_loss: Decimal


@dataclass(frozen=True, slots=True)
class PinnedPolicy:
    """One version of a fund's policy: the one that a cycle decides by."""

    version: int
    policy: Policy
    digest: Hash32


@dataclass(frozen=True, slots=True)
class Block:
    number: int
    hash: Hash32
    parent_hash: Hash32
    timestamp: Timestamp
    base_fee: Wei


@dataclass(frozen=True, slots=True)
class FeedAnswer:
    """What a Chainlink-compatible feed said. `answer` may be zero or negative: judging it is not done here."""

    answer: int
    decimals: int
    updated_at: Timestamp


@dataclass(frozen=True, slots=True)
class Asset:
    """One token of the treasury at one block. `balance` or `answer` is None when the contract did not answer.

    A retired asset is no part of the fund's value: it is neither priced nor traded, only minted and redeemed in kind.
    """

    index: int
    token: Address
    symbol: str
    decimals: int
    feed: Address
    max_age_seconds: int
    target: Bps
    buyable: bool
    retired: bool
    min_answer: int
    max_answer: int
    balance: BaseUnits | None
    answer: FeedAnswer | None
    code_hash: Hash32


@dataclass(frozen=True, slots=True)
class V2State:
    reserve0: BaseUnits
    reserve1: BaseUnits


@dataclass(frozen=True, slots=True)
class V3State:
    sqrt_price_x96: int
    tick: int
    liquidity: int


@dataclass(frozen=True, slots=True)
class V2Sums:
    """A pair's prices summed over time, UQ112x112 times seconds mod 2^256, as of its last change at `at`, seconds mod
    2^32. `price0` is token1 per token0."""

    price0: int
    price1: int
    at: int


@dataclass(frozen=True, slots=True)
class V3Sums:
    """A pool's ticks summed over time, mod 2^56: half an hour before the block and at it."""

    then: int
    now: int


@dataclass(frozen=True, slots=True)
class Venue:
    """A listed pool or router. `asset0`, `asset1` index `Treasury.assets`; `state` is None when it did not answer,
    `sums` when it has no mean price to tell."""

    index: int
    kind: VenueKind
    target: Address
    pool: Address
    asset0: int
    asset1: int
    fee_pips: int
    enabled: bool
    state: V2State | V3State | None
    sums: V2Sums | V3Sums | None = None


@dataclass(frozen=True, slots=True)
class Limits:
    """The treasury's own bounds (`ITreasury.Limits`), all of NAV unless said otherwise.

    `max_slip` is of a swap's input value, `max_cost` a batch's loss as a part of the tracking error that it removes,
    `max_weight` and `shift_cap` bind the weigher. `loss_cap`, `turnover_cap` and `shift_cap` are the sizes of buckets
    that an empty one takes `window_seconds` to fill again.
    """

    max_slip: Bps
    loss_cap: Bps
    turnover_cap: Bps
    per_trade: Bps
    max_cost: Bps
    min_drift: Bps
    max_weight: Bps
    shift_cap: Bps
    cooldown_seconds: int
    window_seconds: int


@dataclass(frozen=True, slots=True)
class Budgets:
    """What is left in the treasury's buckets at the block, 10^18 is the whole NAV (`shift`: the whole weight)."""

    loss: int
    turnover: int
    shift: int


@dataclass(frozen=True, slots=True)
class SequencerAnswer:
    """What a rollup's uptime feed says: 0 is up, since `since`. None where it did not answer."""

    feed: Address
    answer: int | None
    since: Timestamp | None


@dataclass(frozen=True, slots=True)
class Treasury:
    """A treasury at one block. `keeper_until` and `keeper_balance` are those of the fund's signer. `sequencer` is that
    of the rollup which it looks at, None where it looks at none."""

    address: Address
    owner: Address
    guardian: Address
    weigher: Address
    keeper_until: Timestamp
    keeper_balance: Wei
    paused: bool
    last_id: int
    last_rebalance: Timestamp
    total_supply: int
    limits: Limits
    budgets: Budgets
    assets: tuple[Asset, ...]
    venues: tuple[Venue, ...]
    sequencer: SequencerAnswer | None = None


@dataclass(frozen=True, slots=True)
class Market:
    """All that one cycle of one fund decides from: one block, one policy version.

    `native` is the chain's coin in USD (for gas), None when unknown. `known_code` maps a token to the code hash
    it had when the keeper first met it. `open_intent` is the id of a transaction of this signer that is not
    settled yet. `head_age_seconds` is wall clock minus block time. `quotes` are an off-chain provider's, by asset
    index; without those of which nobody said which coin they are. `pool_past` is what the books remember of V2 pairs.
    `hour` is what this fund's cycles of the last hour saw, by asset index; without those of which they saw nothing.
    """

    fund: Fund
    pinned: PinnedPolicy
    chain_id: int
    block: Block
    head_age_seconds: int
    treasury: Treasury
    native: FeedAnswer | None
    wrapped_native: Address | None
    known_code: dict[Address, Hash32]
    open_intent: int | None
    quotes: dict[int, Quote | Fault] = field(default_factory=dict)
    pool_past: dict[Address, PoolPast] = field(default_factory=dict)
    hour: dict[int, PriceHour] = field(default_factory=dict)

    @property
    def policy(self) -> Policy:
        return self.pinned.policy


@dataclass(frozen=True, slots=True)
class PriceVote:
    """What one source says one asset is worth, and whether it was believed. `px` is None when it said nothing."""

    asset: int
    source: PriceSource
    px: Px | None
    updated_at: Timestamp | None
    used: bool
    reason: str


class Verdict(StrEnum):
    PASS = "pass"  # noqa: S105 - a verdict, not a password
    REFUSE = "refuse"
    SKIP = "skip"


@dataclass(frozen=True, slots=True)
class GuardResult:
    """What a guard measured, what it allows and what it says. Texts are what a person reads and a record keeps."""

    name: str
    measured: str
    limit: str
    unit: str
    verdict: Verdict
    detail: str = ""


@dataclass(frozen=True, slots=True)
class PlannedSwap:
    """A swap as the treasury takes it, with what is expected of it.

    `value_in` and `value_out` are `amount_in` and `expected_out` at the price book. `impact` is the execution
    price against the pool's price before the swap, fee left out, as a fraction.
    """

    venue: int
    zero_for_one: bool
    asset_in: int
    asset_out: int
    amount_in: BaseUnits
    expected_out: BaseUnits
    min_out: BaseUnits
    value_in: UsdE18
    value_out: UsdE18
    fee_pips: int
    impact: Decimal


@dataclass(frozen=True, slots=True)
class Plan:
    """Swaps in the order they run, what the holdings will be, and what was left out or cut down, in words."""

    swaps: tuple[PlannedSwap, ...]
    holdings_after: tuple[BaseUnits, ...]
    notes: tuple[str, ...]
