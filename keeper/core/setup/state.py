"""What the chain says before and between the steps of a set-up. Frozen; None is what did not answer."""

from collections.abc import Mapping
from dataclasses import dataclass

from keeper.core.model import VenueKind
from keeper.core.setup.config import LimitsConfig
from keeper.core.units import Address, BaseUnits, Hash32, Timestamp, Wei


@dataclass(frozen=True, slots=True)
class ListedAsset:
    """`ITreasury.Asset`, in its order. Bounds are answers of the feed."""

    token: Address
    feed: Address
    token_decimals: int
    feed_decimals: int
    max_age_seconds: int
    target_bps: int
    buyable: bool
    retired: bool
    min_answer: int
    max_answer: int


@dataclass(frozen=True, slots=True)
class ListedVenue:
    """`ITreasury.Venue`, in its order. `i0` and `i1` index the treasury's list of assets, in the pool's order."""

    target: Address
    kind: VenueKind
    i0: int
    i1: int
    fee_pips: int
    enabled: bool


@dataclass(frozen=True, slots=True)
class TreasuryState:
    """A treasury at one block. `keepers` has the end of the role of those that were asked for, seconds; 0 for none."""

    address: Address
    code_hash: Hash32
    name: str
    symbol: str
    owner: Address
    pending_owner: Address
    v2_factory: Address
    v3_factory: Address
    sequencer_feed: Address
    guardian: Address
    weigher: Address
    paused: bool
    total_supply: BaseUnits
    limits: LimitsConfig
    assets: tuple[ListedAsset, ...]
    venues: tuple[ListedVenue, ...]
    keepers: Mapping[Address, Timestamp]


@dataclass(frozen=True, slots=True)
class TokenFacts:
    """`erc777`: the registry of ERC-1820 knows it as one. `rebasing`: it answers what only rebasing tokens do."""

    decimals: int | None
    symbol: str | None
    erc777: bool
    rebasing: bool


@dataclass(frozen=True, slots=True)
class FeedFacts:
    decimals: int | None
    description: str | None
    answer: int | None
    updated_at: Timestamp | None


@dataclass(frozen=True, slots=True)
class VenueFacts:
    """Of one configured venue. `pool` is what the factory says, the others what that pool and the router say."""

    pool: Address | None
    token0: Address | None
    token1: Address | None
    fee_pips: int | None
    router_factory: Address | None


@dataclass(frozen=True, slots=True)
class Facts:
    """Everything that a set-up looks at. `expected_code` is the hash of the code that the treasury's constructor gives
    with this configuration; `proxy` says whether the deterministic deployment proxy stands on the chain."""

    chain_id: int
    genesis: Hash32 | None
    block: int
    now: Timestamp
    base_fee: Wei
    tip: Wei
    balance: Wei
    nonce: int
    with_code: frozenset[Address]
    tokens: Mapping[Address, TokenFacts]
    feeds: Mapping[Address, FeedFacts]
    venues: tuple[VenueFacts, ...]
    expected_code: Hash32 | None
    proxy: bool
    treasury: TreasuryState | None
