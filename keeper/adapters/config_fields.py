"""The validated models of a fund's configuration file, and how they become the core's nouns."""

import re
from decimal import Decimal
from typing import Annotated, Any, Final, Literal

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, ValidationInfo

from keeper.adapters.fields import checked_address
from keeper.core.model import VenueKind
from keeper.core.setup.config import (
    V2_FEE_PIPS,
    AssetConfig,
    FundConfig,
    KeeperConfig,
    LimitsConfig,
    RolesConfig,
    SeedConfig,
    UniswapConfig,
    VenueConfig,
)
from keeper.core.setup.known import KnownAddresses
from keeper.core.units import ZERO_ADDRESS, Address, Bps

KNOWN: Final = "known:"
_DECIMAL: Final = re.compile(r"[0-9]{1,40}(\.[0-9]{1,40})?")
UINT16, UINT32 = 2**16 - 1, 2**32 - 1


def _some_address(value: object) -> str:
    address = checked_address(value)
    if address == ZERO_ADDRESS:
        raise ValueError("is the zero address: leave it out when there is none")
    return address


def _token(value: object, info: ValidationInfo) -> str:
    return _named(value, {name: token.address for name, token in _known(info).tokens.items()}, "token")


def _feed(value: object, info: ValidationInfo) -> str:
    return _named(value, {name: feed.address for name, feed in _known(info).feeds.items()}, "feed")


def _named(value: object, known: dict[str, Address], what: str) -> str:
    """An address, or the one that `known:NAME` stands for on this chain."""
    if not isinstance(value, str) or not value.startswith(KNOWN):
        return _some_address(value)
    name = value.removeprefix(KNOWN)
    if name not in known:
        raise ValueError(f"no {what} {name!r} is known on this chain: write its address")
    return known[name]


def _known(info: ValidationInfo) -> KnownAddresses:
    return info.context if isinstance(info.context, KnownAddresses) else KnownAddresses()


def _decimal_text(value: object) -> Decimal:
    """Floats have already lost digits when they are read; exponents are refused, `1e999999` would fill the memory."""
    if isinstance(value, int) and not isinstance(value, bool):
        return Decimal(value)
    if not isinstance(value, str) or not _DECIMAL.fullmatch(value):
        raise ValueError('must be a decimal number in quotes, such as "0.95"')
    return Decimal(value)


def _printable(value: str) -> str:
    if not value.strip() or not value.isprintable():
        raise ValueError("must be printable text")
    return value


AddressField = Annotated[str, BeforeValidator(_some_address)]
TokenField = Annotated[str, BeforeValidator(_token)]
FeedField = Annotated[str, BeforeValidator(_feed)]
Amount = Annotated[Decimal, BeforeValidator(_decimal_text), Field(gt=0, le=10**30, decimal_places=30)]
Name = Annotated[str, Field(min_length=1, max_length=64), AfterValidator(_printable)]
Symbol = Annotated[str, Field(min_length=1, max_length=16), AfterValidator(_printable)]
Weight = Annotated[int, Field(ge=0, le=10_000)]
Kind = Literal["v2_pair", "v3_pool", "v2_router", "v3_router"]


class _Fields(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)


class LimitsFields(_Fields):
    """What is left out is the contract's default; of `opening_limits`, what `limits` says."""

    max_slip_bps: Annotated[int, Field(ge=0, le=UINT16)] | None = None
    loss_cap_bps: Annotated[int, Field(ge=0, le=UINT16)] | None = None
    turnover_cap_bps: Annotated[int, Field(ge=0, le=UINT16)] | None = None
    per_trade_bps: Annotated[int, Field(ge=0, le=UINT16)] | None = None
    max_cost_bps: Annotated[int, Field(ge=0, le=UINT16)] | None = None
    min_drift_bps: Annotated[int, Field(ge=0, le=UINT16)] | None = None
    max_weight_bps: Annotated[int, Field(ge=0, le=UINT16)] | None = None
    shift_cap_bps: Annotated[int, Field(ge=0, le=UINT16)] | None = None
    cooldown_seconds: Annotated[int, Field(ge=0, le=UINT32)] | None = None
    window_seconds: Annotated[int, Field(ge=0, le=UINT32)] | None = None

    def to_config(self, rest: LimitsConfig) -> LimitsConfig:
        said: dict[str, Any] = self.model_dump(exclude_none=True)
        return LimitsConfig(**{name: said.get(name, getattr(rest, name)) for name in type(self).model_fields})


class UniswapFields(_Fields):
    v2_factory: AddressField | None = None
    v2_router: AddressField | None = None
    v3_factory: AddressField | None = None
    v3_router: AddressField | None = None

    def to_config(self, known: UniswapConfig) -> UniswapConfig:
        said = self.model_dump(exclude_none=True)
        return UniswapConfig(**{name: said.get(name, getattr(known, name)) for name in type(self).model_fields})


class KeeperFields(_Fields):
    address: AddressField
    days: Annotated[int, Field(ge=1, le=10_000)]


class RolesFields(_Fields):
    guardian: AddressField | None = None
    weigher: AddressField | None = None
    keepers: list[KeeperFields] = []

    def to_config(self) -> RolesConfig:
        keepers = tuple(KeeperConfig(Address(keeper.address), keeper.days) for keeper in self.keepers)
        return RolesConfig(_address_or_none(self.guardian), _address_or_none(self.weigher), keepers)


class AssetFields(_Fields):
    symbol: Symbol
    token: TokenField
    feed: FeedField
    max_age_seconds: Annotated[int, Field(ge=1, le=UINT32)]
    min_price: Amount
    max_price: Amount
    target_bps: Weight
    buyable: bool = True

    def to_config(self) -> AssetConfig:
        return AssetConfig(
            symbol=self.symbol,
            token=Address(self.token),
            feed=Address(self.feed),
            max_age_seconds=self.max_age_seconds,
            min_price=self.min_price,
            max_price=self.max_price,
            target=Bps(self.target_bps),
            buyable=self.buyable,
        )


class VenueFields(_Fields):
    kind: Kind
    assets: Annotated[list[Symbol], Field(min_length=2, max_length=2)]
    fee_pips: Annotated[int, Field(ge=1, lt=1_000_000)] = V2_FEE_PIPS
    target: AddressField | None = None

    def to_config(self) -> VenueConfig:
        first, second = self.assets
        return VenueConfig(VenueKind[self.kind.upper()], (first, second), self.fee_pips, _address_or_none(self.target))


class SeedFields(_Fields):
    amounts: dict[Symbol, Amount]


class FundFields(_Fields):
    """The whole file."""

    name: Name
    symbol: Symbol
    chain_id: Annotated[int, Field(gt=0, lt=2**63)]
    owner: AddressField
    sequencer_feed: AddressField | None = None
    uniswap: UniswapFields = UniswapFields()
    roles: RolesFields = RolesFields()
    limits: LimitsFields = LimitsFields()
    opening_limits: LimitsFields | None = None
    assets: Annotated[list[AssetFields], Field(min_length=1, max_length=64)]
    venues: Annotated[list[VenueFields], Field(max_length=256)] = []
    seed: SeedFields | None = None

    def to_config(self, known: KnownAddresses) -> FundConfig:
        limits = self.limits.to_config(LimitsConfig())
        return FundConfig(
            name=self.name,
            symbol=self.symbol,
            chain_id=self.chain_id,
            owner=Address(self.owner),
            assets=tuple(asset.to_config() for asset in self.assets),
            venues=tuple(venue.to_config() for venue in self.venues),
            uniswap=self.uniswap.to_config(known.uniswap),
            roles=self.roles.to_config(),
            limits=limits,
            opening_limits=None if self.opening_limits is None else self.opening_limits.to_config(limits),
            sequencer_feed=_address_or_none(self.sequencer_feed),
            seed=SeedConfig({} if self.seed is None else dict(self.seed.amounts)),
        )


def _address_or_none(value: str | None) -> Address | None:
    return None if value is None else Address(value)
