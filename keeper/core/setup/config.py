"""The nouns of a fund's configuration: what an operator wants a treasury to be. Frozen; made by the file's reader."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from decimal import Decimal
from typing import Any

from keeper.core.journal import content_hash
from keeper.core.model import VenueKind
from keeper.core.units import Address, Bps, Hash32

V2_FEE_PIPS = 3000
"""The one fee of every Uniswap V2 pair, 1/1,000,000."""


@dataclass(frozen=True, slots=True)
class LimitsConfig:
    """`ITreasury.Limits`, in its order; the defaults are those of the contract's constructor. bps and seconds."""

    max_slip_bps: int = 100
    loss_cap_bps: int = 5
    turnover_cap_bps: int = 2_500
    per_trade_bps: int = 1_000
    max_cost_bps: int = 150
    min_drift_bps: int = 10
    max_weight_bps: int = 5_000
    shift_cap_bps: int = 2_500
    cooldown_seconds: int = 900
    window_seconds: int = 86_400


@dataclass(frozen=True, slots=True)
class UniswapConfig:
    """Factories and routers; None where a version is not used."""

    v2_factory: Address | None = None
    v2_router: Address | None = None
    v3_factory: Address | None = None
    v3_router: Address | None = None


@dataclass(frozen=True, slots=True)
class KeeperConfig:
    """A keeper's address and for how many days it may trade, at most 30 at a time."""

    address: Address
    days: int


@dataclass(frozen=True, slots=True)
class RolesConfig:
    guardian: Address | None = None
    weigher: Address | None = None
    keepers: tuple[KeeperConfig, ...] = ()


@dataclass(frozen=True, slots=True)
class AssetConfig:
    """`symbol` is the configuration's own name of the asset. Prices are USD for one whole token: our own bounds of the
    feed's answer."""

    symbol: str
    token: Address
    feed: Address
    max_age_seconds: int
    min_price: Decimal
    max_price: Decimal
    target: Bps
    buyable: bool = True


@dataclass(frozen=True, slots=True)
class VenueConfig:
    """A pool of two assets, by their symbols, or the router that trades them. `target` None: pools are found through
    the factory, routers in `UniswapConfig`."""

    kind: VenueKind
    assets: tuple[str, str]
    fee_pips: int = V2_FEE_PIPS
    target: Address | None = None

    @property
    def is_v2(self) -> bool:
        return self.kind in (VenueKind.V2_PAIR, VenueKind.V2_ROUTER)

    @property
    def is_router(self) -> bool:
        return self.kind in (VenueKind.V2_ROUTER, VenueKind.V3_ROUTER)


@dataclass(frozen=True, slots=True)
class SeedConfig:
    """What the fund starts with: whole tokens by symbol."""

    amounts: Mapping[str, Decimal]


@dataclass(frozen=True, slots=True)
class FundConfig:
    """A fund as it should be. `owner` owns it after the handover; until then its deployer does.

    `opening_limits` hold from deployment until they are closed; None: `limits` hold from the start.
    """

    name: str
    symbol: str
    chain_id: int
    owner: Address
    assets: tuple[AssetConfig, ...]
    venues: tuple[VenueConfig, ...]
    uniswap: UniswapConfig = UniswapConfig()
    roles: RolesConfig = RolesConfig()
    limits: LimitsConfig = LimitsConfig()
    opening_limits: LimitsConfig | None = None
    sequencer_feed: Address | None = None
    seed: SeedConfig = field(default_factory=lambda: SeedConfig({}))

    @property
    def bare(self) -> "FundConfig":
        """Without what is listed: to look at the treasury alone, a tenth of the questions."""
        return replace(self, assets=(), venues=())

    def asset(self, symbol: str) -> AssetConfig:
        """KeyError when there is none."""
        for asset in self.assets:
            if asset.symbol == symbol:
                return asset
        raise KeyError(symbol)


def plain(config: FundConfig) -> dict[str, Any]:
    """The configuration as JSON has it: the same whatever the file's format, order of keys and comments."""
    return {key: _plain(value) for key, value in asdict(config).items()}


def digest(config: FundConfig) -> Hash32:
    """SHA-256 of the canonical configuration (RFC 8785 without numbers and nulls, as the journal's records)."""
    return content_hash(_texts(plain(config)))


def _plain(value: Any) -> Any:
    if isinstance(value, VenueKind):
        return value.name.lower()
    if isinstance(value, Decimal):
        return format(value.normalize(), "f")
    if isinstance(value, Mapping):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, tuple):
        return [_plain(item) for item in value]
    return value


def _texts(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {key: _texts(item) for key, item in value.items() if item is not None}
    if isinstance(value, list):
        return [_texts(item) for item in value]
    return value if isinstance(value, bool) else str(value)
