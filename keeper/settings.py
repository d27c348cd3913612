"""The environment, read once. Every tunable is a variable with its unit; all mistakes are reported together."""

from collections.abc import Mapping
from decimal import Decimal
from pathlib import Path
from typing import Annotated, Any, Final, Literal, Self, cast

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    Field,
    SecretStr,
    ValidationError,
    ValidationInfo,
    field_validator,
)
from pydantic_settings import BaseSettings, SettingsConfigDict

from keeper.adapters.coingecko.fields import CoinGeckoFields
from keeper.adapters.endpoint_fields import EndpointUrl, EndpointUrls, Finality, StatusUrl, listed
from keeper.adapters.fields import AddressField
from keeper.core.fees import LARGEST_GAS_LIMIT, TRANSFER_GAS
from keeper.core.ledger import Mode
from keeper.core.mistakes import ConfigurationError as ConfigurationError
from keeper.core.model import LOCAL_CHAIN_ID, DriftMode, Policy, PriceSource
from keeper.core.units import E18, Address, Wei, usd_e18

GWEI: Final = 10**9
SHOWN: Final = 80
"""Characters of a wrong value that its error repeats."""


def name_of_fund(value: str) -> str:
    """A name that can be typed, printed and stored. Raises ValueError."""
    if not value.strip() or not value.isprintable() or len(value) > 64:
        raise ValueError("must be 1 to 64 printable characters")
    return value


def source_that_values(value: object) -> object:
    """A pool's mean price is a voice beside others: no fund is valued by it. Raises ValueError."""
    if str(value) not in ("ROUTER", "ORACLE", "FEED", "MEDIAN"):
        raise ValueError("must be 'ROUTER', 'ORACLE', 'FEED' or 'MEDIAN'")
    return value


ValuingSource = Annotated[PriceSource, BeforeValidator(source_that_values)]
Fraction = Annotated[Decimal, Field(gt=0, lt=1, decimal_places=18)]
# A number without an end is a mistake that would stop the keeper later: 1e999999999 as an integer fills the memory.
Hours = Annotated[Decimal, Field(ge=0, le=87_600, decimal_places=18)]
Minutes = Annotated[Decimal, Field(ge=0, le=525_600, decimal_places=18)]
UsdAmount = Annotated[Decimal, Field(ge=0, le=10**15, decimal_places=18)]


class PolicyFields(BaseModel):
    """What an operator tunes while the keeper runs. The environment gives the defaults, the database the versions.

    Field names in upper case are the variables' names; `keeper config set` takes the same names and passes the same
    validation.
    """

    price_source: ValuingSource = PriceSource.MEDIAN
    drift_mode: DriftMode = DriftMode.RELATIVE
    drift_threshold: Fraction = Decimal("0.15")
    total_drift_threshold: Fraction = Decimal("0.10")
    max_rebalance_interval_hours: Hours = Decimal(720)
    cooldown_minutes: Minutes = Decimal(15)
    slippage_tolerance: Annotated[Decimal, Field(gt=0, le=Decimal("0.1"), decimal_places=18)] = Decimal("0.01")
    price_impact_threshold: Fraction = Decimal("0.05")
    max_trade_size_usd: Annotated[UsdAmount, Field(gt=0)] = Decimal(10_000)
    min_trade_size_usd: UsdAmount = Decimal(50)
    max_fee_gwei: Annotated[Decimal, Field(gt=0, le=10**6, decimal_places=9)] = Decimal(100)
    high_gas_cost_usd: Annotated[UsdAmount, Field(gt=0)] = Decimal(50)
    max_price_deviation: Fraction = Decimal("0.02")
    stable_price_deviation: Fraction = Decimal("0.003")
    major_price_deviation: Fraction = Decimal("0.01")
    max_price_jump: Annotated[Decimal, Field(ge=0, lt=1, decimal_places=18)] = Decimal("0.1")
    max_head_age_seconds: Annotated[int, Field(ge=0, le=10**9)] = 36
    deadline_seconds: Annotated[int, Field(ge=30, le=86_400)] = 600
    interval_minutes: Annotated[Minutes, Field(gt=0)] = Decimal(5)
    max_gas_per_transaction: Annotated[int, Field(ge=TRANSFER_GAS, le=LARGEST_GAS_LIMIT)] = LARGEST_GAS_LIMIT
    gas_budget_per_day: Annotated[Decimal, Field(gt=0, le=10**6, decimal_places=18)] = Decimal(1)
    breaker_reverts: Annotated[int, Field(ge=1, le=1_000)] = 3
    breaker_loss: Fraction = Decimal("0.005")

    @field_validator("min_trade_size_usd")
    @classmethod
    def _sizes_are_ordered(cls, value: Decimal, info: ValidationInfo) -> Decimal:
        largest = info.data.get("max_trade_size_usd")
        if largest is not None and value > largest:
            raise ValueError(f"is above MAX_TRADE_SIZE_USD ({largest})")
        return value

    def to_policy(self) -> Policy:
        """The policy as the core wants it: integers of base units, seconds, fractions."""
        return Policy(
            price_source=self.price_source,
            drift_mode=self.drift_mode,
            drift_threshold=self.drift_threshold,
            total_drift_threshold=self.total_drift_threshold,
            max_rebalance_interval_seconds=int(self.max_rebalance_interval_hours * 3600),
            cooldown_seconds=int(self.cooldown_minutes * 60),
            slippage_tolerance=self.slippage_tolerance,
            price_impact_threshold=self.price_impact_threshold,
            max_trade=usd_e18(self.max_trade_size_usd),
            min_trade=usd_e18(self.min_trade_size_usd),
            max_fee=Wei(int(self.max_fee_gwei * GWEI)),
            high_gas_cost=usd_e18(self.high_gas_cost_usd),
            max_price_deviation=self.max_price_deviation,
            stable_price_deviation=self.stable_price_deviation,
            major_price_deviation=self.major_price_deviation,
            max_price_jump=self.max_price_jump,
            max_head_age_seconds=self.max_head_age_seconds,
            deadline_seconds=self.deadline_seconds,
            interval_seconds=int(self.interval_minutes * 60),
            max_gas=self.max_gas_per_transaction,
            gas_budget=Wei(int(self.gas_budget_per_day * E18)),
            breaker_reverts=self.breaker_reverts,
            breaker_loss=self.breaker_loss,
        )

    def as_variables(self) -> dict[str, str]:
        """The policy by the names of its variables, as text: what a policy version stores."""
        return {name.upper(): str(getattr(self, name)) for name in PolicyFields.model_fields}


class Settings(PolicyFields, CoinGeckoFields, BaseSettings):
    """Endpoints, secrets and defaults. Made by `load`; nothing else reads the environment."""

    model_config = SettingsConfigDict(env_file=".env", env_ignore_empty=True, extra="ignore", frozen=True)

    chain_id: Annotated[int, Field(gt=0, lt=2**63)]
    rpc_url: EndpointUrl
    rpc_fallback_urls: EndpointUrls | None = None
    private_rpc_url: EndpointUrl | None = None
    private_status_url: StatusUrl | None = None
    finality: Finality = "finalized"
    treasury_address: AddressField | None = None
    fund_name: Annotated[str, AfterValidator(name_of_fund)] = "main"
    hub_token: AddressField | None = None
    uniswap_v2_router: AddressField | None = None
    native_usd_feed: AddressField | None = None
    keeper_address: AddressField | None = None
    keystore_file: Path | None = None
    keystore_password_file: Path | None = None
    private_key: SecretStr | None = None
    deployer_keystore_file: Path | None = None
    deployer_keystore_password_file: Path | None = None
    deployer_private_key: SecretStr | None = None
    deployer_address: AddressField | None = None
    owner_keystore_file: Path | None = None
    owner_keystore_password_file: Path | None = None
    owner_private_key: SecretStr | None = None
    weigher_keystore_file: Path | None = None
    weigher_keystore_password_file: Path | None = None
    weigher_private_key: SecretStr | None = None
    send_transactions: bool = False
    database_url: SecretStr = SecretStr("sqlite:///keeper-{chain_id}-{mode}.db")
    market_data_file: Path | None = None
    market_data: Literal["off", "coingecko", "file"] = "off"
    rpc_timeout_seconds: Annotated[float, Field(gt=0, le=60)] = 8.0
    cycle_timeout_seconds: Annotated[float, Field(gt=0, le=86_400)] = 180.0
    head_poll_seconds: Annotated[float, Field(ge=0.01, le=3_600)] = 4.0
    heartbeat_seconds: Annotated[float, Field(gt=0, le=86_400)] = 60.0
    log_format: Literal["console", "json"] = "console"
    log_level: Literal["debug", "info", "warning", "error"] = "info"

    @field_validator("chain_id")
    @classmethod
    def _real_chains_have_a_clock(cls, value: int, info: ValidationInfo) -> int:
        if info.data.get("max_head_age_seconds") == 0 and value != LOCAL_CHAIN_ID:
            raise ValueError(f"MAX_HEAD_AGE_SECONDS=0 (off) is accepted on chain {LOCAL_CHAIN_ID} only")
        return value

    @field_validator("rpc_fallback_urls")
    @classmethod
    def _fallbacks_are_others(cls, value: SecretStr | None, info: ValidationInfo) -> SecretStr | None:
        if (main := info.data.get("rpc_url")) is not None and main.get_secret_value() in listed(value):
            raise ValueError("one of them is RPC_URL")
        return value

    @field_validator("private_status_url")
    @classmethod
    def _status_is_of_a_relay(cls, value: SecretStr | None, info: ValidationInfo) -> SecretStr | None:
        if value is not None and info.data.get("private_rpc_url", value) is None:
            raise ValueError("needs PRIVATE_RPC_URL")
        return value

    @field_validator(
        "keystore_file",
        "keystore_password_file",
        "deployer_keystore_file",
        "deployer_keystore_password_file",
        "owner_keystore_file",
        "owner_keystore_password_file",
        "weigher_keystore_file",
        "weigher_keystore_password_file",
        "market_data_file",
    )
    @classmethod
    def _file_is_there(cls, value: Path | None) -> Path | None:
        try:
            there = value is None or value.is_file()
        except OSError as error:  # a folder that may not be entered
            raise ValueError(f"cannot be looked at ({error.strerror})") from None
        if not there:
            raise ValueError("there is no such file")
        return value

    @field_validator("private_key", "deployer_private_key", "owner_private_key", "weigher_private_key")
    @classmethod
    def _raw_key_is_local(cls, value: SecretStr | None, info: ValidationInfo) -> SecretStr | None:
        if value is None:
            return None
        name = info.field_name or "private_key"
        keystore = name.replace("private_key", "keystore_file")
        text = value.get_secret_value().removeprefix("0x")
        if len(text) != 64 or any(c not in "0123456789abcdefABCDEF" for c in text):
            raise ValueError("is not a private key (32 bytes in hex)")
        if info.data.get("chain_id", LOCAL_CHAIN_ID) != LOCAL_CHAIN_ID:
            raise ValueError(f"a raw key is accepted on chain {LOCAL_CHAIN_ID} only: use {keystore.upper()}")
        if info.data.get(keystore) is not None:
            raise ValueError(f"set either {name.upper()} or {keystore.upper()}, not both")
        return value

    @field_validator("send_transactions")
    @classmethod
    def _sending_needs_a_key(cls, value: bool, info: ValidationInfo) -> bool:
        if not value:
            return value
        keystore, password = info.data.get("keystore_file"), info.data.get("keystore_password_file")
        both_are_right = "private_key" in info.data and "keystore_file" in info.data  # else that is the mistake
        if both_are_right and info.data["private_key"] is None and keystore is None:
            raise ValueError("sending needs a key: set KEYSTORE_FILE and KEYSTORE_PASSWORD_FILE")
        if keystore is not None and "keystore_password_file" in info.data and password is None:
            raise ValueError("KEYSTORE_FILE needs KEYSTORE_PASSWORD_FILE")
        return value

    @field_validator("market_data")
    @classmethod
    def _market_data_can_be_had(cls, value: str, info: ValidationInfo) -> str:
        if value == "file" and info.data.get("market_data_file", value) is None:
            raise ValueError("file needs MARKET_DATA_FILE")
        if value == "off" and info.data.get("price_source") is PriceSource.ORACLE:
            raise ValueError("is off, and PRICE_SOURCE is ORACLE: set it to coingecko or file")
        return value

    def mode(self, dry_run: bool = False) -> Mode:
        """Of this run, and of the database it may write to."""
        return Mode.LIVE if self.send_transactions and not dry_run else Mode.DRY_RUN

    def database(self, mode: Mode) -> str:
        """DATABASE_URL with its places filled in."""
        return self.database_url.get_secret_value().replace("{chain_id}", str(self.chain_id)).replace("{mode}", mode)

    @property
    def fallback_urls(self) -> list[str]:
        """Those of RPC_FALLBACK_URLS, in their order."""
        return listed(self.rpc_fallback_urls)

    @property
    def finality_blocks(self) -> int | None:
        """How deep a final block is; None leaves it to the node's word."""
        return None if self.finality == "finalized" else self.finality

    def secrets(self) -> list[str]:
        """Every text that no log line may show."""
        keys = (self.private_key, self.deployer_private_key, self.owner_private_key, self.weigher_private_key)
        urls = (self.rpc_url, self.private_rpc_url, self.private_status_url, self.database_url, self.coingecko_url)
        held = [secret.get_secret_value() for secret in (*keys, self.coingecko_api_key, *urls) if secret is not None]
        return held + self.fallback_urls

    @classmethod
    def load(cls, **overrides: Any) -> Self:
        """The settings of this process. Raises ConfigurationError with every mistake."""
        try:
            return cls(**overrides)
        except ValidationError as error:
            raise ConfigurationError(explain(error)) from None
        except (UnicodeDecodeError, OSError) as error:
            why = "is not UTF-8 text" if isinstance(error, UnicodeDecodeError) else f"cannot be read ({error.strerror})"
            raise ConfigurationError([f"the file .env {why}"]) from None


def explain(error: ValidationError) -> list[str]:
    """A line per mistake: the variable, what was wrong, what it was unless it is secret."""
    lines = []
    for mistake in error.errors():
        name = str(mistake["loc"][0]) if mistake["loc"] else "settings"
        if mistake["type"] == "missing":
            lines.append(f"{name.upper()}: is not set")
            continue
        text = mistake["msg"].removeprefix("Value error, ").replace("Input should be", "must be")
        field = Settings.model_fields.get(name)
        secret = field is None or "SecretStr" in str(field.annotation)
        given = str(mistake["input"])
        shown = "" if secret else f" (it is {given[:SHOWN]!r}{'...' if len(given) > SHOWN else ''})"
        lines.append(f"{name.upper()}: {text}{shown}")
    return lines


def parse_policy(variables: Mapping[str, str]) -> Policy:
    """A stored policy version. Raises ConfigurationError when it would not pass today's validation."""
    return policy_fields(variables).to_policy()


def policy_fields(variables: Mapping[str, str]) -> PolicyFields:
    """Validate variables by name. Unknown names are mistakes too."""
    names = {name.upper() for name in PolicyFields.model_fields}
    unknown = [f"{name}: is not a policy variable" for name in variables if name not in names]
    try:
        fields = PolicyFields.model_validate(cast(dict[str, Any], {k.lower(): v for k, v in variables.items()}))
    except ValidationError as error:
        raise ConfigurationError([*unknown, *explain(error)]) from None
    if unknown:
        raise ConfigurationError(unknown)
    return fields


def address_or_none(value: str | None) -> Address | None:
    return None if value is None else Address(value)
