"""What the index knows of a coin before it decides, and what it says of one that stays out. Frozen."""

from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum
from fractions import Fraction

from keeper.core.units import Address, Timestamp
from keeper.core.universe import DexPool


@dataclass(frozen=True, slots=True)
class Contract:
    """The token that stands for a coin on the fund's chain. What it did not answer is None."""

    address: Address
    has_code: bool
    decimals: int | None
    symbol: str | None


@dataclass(frozen=True, slots=True)
class Candidate:
    """A coin as the providers and the chain describe it at one moment. What they do not say is None, never 0.

    `coin` is the provider's id, the identity of a coin here: symbols are not unique. `market_cap` and `price` are in
    USD. `rank` is the provider's own, of which only ties are asked. `recent` are daily prices, oldest first, the newest
    included. `pools` are None when nobody could be asked for them. `contract` of a coin that the methodology maps to a
    token is that token; of any other it is the one that the provider names on the fund's chain.
    """

    coin: str
    symbol: str
    name: str
    market_cap: Decimal | None
    price: Decimal | None
    updated_at: Timestamp | None
    rank: int | None = None
    categories: tuple[str, ...] = ()
    recent: tuple[Decimal, ...] = ()
    pools: tuple[DexPool, ...] | None = None
    contract: Contract | None = None


class Cause(StrEnum):
    """What kind of reason keeps a coin out. MISSING is no fact about the coin: somebody did not say something."""

    EXCLUDED = "excluded"
    MISSING = "missing"
    STALE = "stale"
    PEGGED = "pegged"
    TWIN = "twin"
    FUND_SHARE = "fund share"
    REBASES = "rebases"
    NO_CONTRACT = "no contract"
    FEW_EXCHANGES = "few exchanges"
    UNLISTED = "unlisted"


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why a coin is out; `reason` is for people and for the journal."""

    cause: Cause
    reason: str


@dataclass(frozen=True, slots=True)
class Refused:
    coin: str
    symbol: str
    refusal: Refusal


@dataclass(frozen=True, slots=True)
class Ranked:
    """An eligible coin and its rank among all eligible ones: 1 is the largest."""

    rank: int
    candidate: Candidate
    market_cap: Fraction

    @property
    def coin(self) -> str:
        return self.candidate.coin

    @property
    def symbol(self) -> str:
        return self.candidate.symbol
