"""What stands on the local chain: assets, pools, funds. Plain values, so that tests and demos vary them."""

from dataclasses import dataclass, replace
from decimal import Decimal
from enum import Enum, IntEnum

from keeper.core.setup.config import LimitsConfig
from scripts.localchain.accounts import KEEPER

FEED_DECIMALS = 8
DAY = 86_400


class TokenKind(Enum):
    """Which contract an asset is."""

    WRAPPED_NATIVE = "WETH9"
    STANDARD = "DevToken"
    NO_RETURN = "DevTokenNoReturn"  # `transfer` and `approve` return nothing, as USDT's


class VenueKind(IntEnum):
    """Numbers as in `ITreasury.Kind`."""

    V2_PAIR = 0
    V3_POOL = 1
    V2_ROUTER = 2
    V3_ROUTER = 3


@dataclass(frozen=True, slots=True)
class AssetSpec:
    """`price` is USD per whole token at the start, `coin_id` the asset's name in price files.

    `volatility` is the standard deviation of a day's logarithmic return in the random walk, `beta` the part of
    it that all assets share; a `pegged` asset returns to 1 USD instead of wandering.
    """

    symbol: str
    name: str
    coin_id: str
    decimals: int
    price: Decimal
    volatility: float
    beta: float = 0.7
    pegged: bool = False
    kind: TokenKind = TokenKind.STANDARD


@dataclass(frozen=True, slots=True)
class PoolSpec:
    """A pool of two assets. `depth` is the value of both sides together, in multiples of the first fund's size."""

    version: int
    base: str
    quote: str
    fee_pips: int
    depth: Decimal


OPEN_BUDGETS = LimitsConfig(loss_cap_bps=100, turnover_cap_bps=20_000)
"""A replay rebalances 13 to 36 % of drift in one go, which the contract's own budgets spread over days: 5 bps of
losses pay for about 15 % of turnover through pools that take 0.3 %."""


@dataclass(frozen=True, slots=True)
class FundSpec:
    """A fund to set up. `targets` are weights in bps by symbol and sum to 10,000; their order is that of its assets.

    `holdings` are the weights that it is seeded with, the targets when left out. `venues` are the kinds that
    every fitting pool is listed as. Feeds older than `max_age` seconds are stale to it. It has one share per USD.
    """

    name: str
    symbol: str
    size_usd: Decimal
    targets: dict[str, int]
    holdings: dict[str, int] | None = None
    limits: LimitsConfig = OPEN_BUDGETS
    venues: tuple[VenueKind, ...] = (VenueKind.V2_PAIR, VenueKind.V3_POOL, VenueKind.V2_ROUTER, VenueKind.V3_ROUTER)
    max_age: int = DAY + 3600
    keepers: tuple[str, ...] = (KEEPER,)


@dataclass(frozen=True, slots=True)
class DevnetConfig:
    """Everything that is deployed. The fund's hub and the market's numeraire is `hub`."""

    assets: tuple[AssetSpec, ...]
    pools: tuple[PoolSpec, ...]
    funds: tuple[FundSpec, ...]
    hub: str = "USDC"

    def __post_init__(self) -> None:
        symbols = [asset.symbol for asset in self.assets]
        if len(set(symbols)) != len(symbols):
            raise ValueError("two assets have the same symbol")
        for names in ([fund.name for fund in self.funds], [fund.symbol.lower() for fund in self.funds]):
            if len(set(names)) != len(names):  # by which treasuries and files are told apart
                raise ValueError("two funds have the same name or symbol")
        for pool in self.pools:
            if not {pool.base, pool.quote} <= set(symbols):
                raise ValueError(f"a pool of {pool.base} and {pool.quote}, but no such assets")
        for fund in self.funds:
            for weights in (fund.targets, fund.holdings or fund.targets):
                if set(weights) - set(symbols) or sum(weights.values()) != 10_000:
                    raise ValueError(f"weights of {fund.name} must be of listed assets and sum to 10,000 bps")

    def asset(self, symbol: str) -> AssetSpec:
        return next(asset for asset in self.assets if asset.symbol == symbol)

    def with_prices(self, prices: dict[str, Decimal]) -> "DevnetConfig":
        """The same chain, starting at other prices (USD per whole token, by symbol)."""
        return replace(self, assets=tuple(replace(a, price=prices.get(a.symbol, a.price)) for a in self.assets))


_ASSETS = (
    AssetSpec("WETH", "Wrapped Ether", "ethereum", 18, Decimal(3000), 0.05, kind=TokenKind.WRAPPED_NATIVE),
    AssetSpec("WBTC", "Wrapped BTC", "bitcoin", 8, Decimal(60_000), 0.04),
    AssetSpec("USDC", "USD Coin", "usd-coin", 6, Decimal(1), 0.0002, pegged=True),
    AssetSpec("USDT", "Tether USD", "tether", 6, Decimal(1), 0.0003, pegged=True, kind=TokenKind.NO_RETURN),
    AssetSpec("DAI", "Dai Stablecoin", "dai", 18, Decimal(1), 0.0003, pegged=True),
    AssetSpec("LINK", "ChainLink Token", "chainlink", 18, Decimal(15), 0.07),
    AssetSpec("UNI", "Uniswap", "uniswap", 18, Decimal(8), 0.07),
    AssetSpec("MATIC", "Matic Token", "matic-network", 18, Decimal("0.7"), 0.08, beta=0.6),
)

# The deepest holds a hundred times the shallowest. Every asset has a deep way to the hub.
_POOLS = (
    PoolSpec(2, "WETH", "USDC", 3000, Decimal(30)),
    PoolSpec(2, "WBTC", "USDC", 3000, Decimal(24)),
    PoolSpec(2, "USDT", "USDC", 3000, Decimal(16)),
    PoolSpec(2, "DAI", "USDC", 3000, Decimal(16)),
    PoolSpec(2, "LINK", "USDC", 3000, Decimal(16)),
    PoolSpec(2, "UNI", "USDC", 3000, Decimal(16)),
    PoolSpec(2, "MATIC", "USDC", 3000, Decimal(16)),
    PoolSpec(2, "WBTC", "WETH", 3000, Decimal(20)),
    PoolSpec(2, "LINK", "WETH", 3000, Decimal(4)),
    PoolSpec(2, "UNI", "WETH", 3000, Decimal(4)),
    PoolSpec(2, "MATIC", "WETH", 3000, Decimal("0.3")),
    PoolSpec(3, "WETH", "USDC", 500, Decimal(30)),
    PoolSpec(3, "WETH", "USDC", 3000, Decimal(20)),
    PoolSpec(3, "WBTC", "USDC", 3000, Decimal(10)),
    PoolSpec(3, "USDT", "USDC", 500, Decimal(10)),
    PoolSpec(3, "LINK", "WETH", 3000, Decimal(4)),
    PoolSpec(3, "UNI", "WETH", 3000, Decimal(4)),
    PoolSpec(3, "MATIC", "USDC", 10_000, Decimal("0.3")),
)

_TARGETS = {
    "WETH": 2500,
    "WBTC": 2500,
    "USDC": 1000,
    "USDT": 1000,
    "DAI": 500,
    "LINK": 1000,
    "UNI": 800,
    "MATIC": 700,
}


def default_config(size_usd: Decimal = Decimal(2_000_000), limits: LimitsConfig | None = None) -> DevnetConfig:
    """Eight assets, eighteen pools, one fund that holds all of them at its targets."""
    fund = FundSpec("Large Cap Index", "LCI", size_usd, _TARGETS, limits=limits or OPEN_BUDGETS)
    return DevnetConfig(_ASSETS, _POOLS, (fund,))
