"""The real Uniswap V2 and V3 on the local chain: deployment, pools, liquidity.

Bytecode is what Uniswap published in its npm packages, WETH9 included. Prices of a pool are exact fractions of
token1's base units for one base unit of token0.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction

from scripts.localchain import published
from scripts.localchain.contracts import Deployable
from scripts.localchain.node import Node, Tx
from scripts.localchain.published import Published

NEVER = 2**63  # a deadline
NO_ADDRESS = "0x" + "00" * 20
Q96 = 2**96
TICK_SPACING = {500: 10, 3000: 60, 10_000: 200}
MAX_TICK = 887_272
BAND_TICKS = 2_232  # 1.0001^2232 = 1.25: a quarter of the money works within 25 % of the first price
V2_FEE_PIPS = 3000


@dataclass(frozen=True, slots=True)
class Uniswap:
    """Addresses."""

    weth: str
    v2_factory: str
    v2_router: str
    v3_factory: str
    v3_router: str
    quoter: str
    positions: str


def contracts(standing: Published) -> tuple[Uniswap, list[Deployable], list[str]]:
    """Where everything is or will be; what it is made of; labels of what stands at its published address."""
    made_of: list[Deployable] = []
    reused: list[str] = []

    def needed(label: str, contract: str, types: str = "()", *args: str) -> str:
        made_of.append(Deployable.of(label, contract, types, *args))
        return made_of[-1].address

    weth = standing.weth or needed("WETH9", "WETH9")
    if standing.v2_factory:
        v2 = (standing.v2_factory, published.V2_ROUTER)
        reused.append("Uniswap V2 at its published address")
    else:
        factory = needed("Uniswap V2 factory", "UniswapV2Factory", "(address)", NO_ADDRESS)
        v2 = (factory, needed("Uniswap V2 Router02", "UniswapV2Router02", "(address,address)", factory, weth))
    if standing.v3_factory:
        v3 = (standing.v3_factory, published.V3_ROUTER, published.QUOTER, published.POSITIONS)
        reused.append("Uniswap V3 at its published address")
    else:
        factory = needed("Uniswap V3 factory", "UniswapV3Factory")
        two, three = "(address,address)", "(address,address,address)"
        v3 = (
            factory,
            needed("Uniswap V3 SwapRouter", "SwapRouter", two, factory, weth),
            needed("Uniswap V3 QuoterV2", "QuoterV2", two, factory, weth),
            # Its last argument draws the picture of a position: nobody looks.
            needed("Uniswap V3 positions", "NonfungiblePositionManager", three, factory, weth, NO_ADDRESS),
        )
    return Uniswap(weth, *v2, *v3), made_of, reused


@dataclass(frozen=True, slots=True)
class Pool:
    """A V2 pair or V3 pool. `symbol0` and `symbol1` name its tokens in the pool's own order."""

    version: int
    address: str
    fee_pips: int
    token0: str
    token1: str
    symbol0: str
    symbol1: str

    @property
    def label(self) -> str:
        return f"V{self.version} {self.symbol0}/{self.symbol1} {Decimal(self.fee_pips) / 10_000} %"


def find_pools(node: Node, uniswap: Uniswap, wanted: Sequence[tuple[int, str, str, int]]) -> list[str]:
    """Addresses of pools given as (version, token, token, fee); the zero address where there is none."""
    calls = [
        (uniswap.v2_factory, "getPair(address,address)(address)", (a, b))
        if version == 2
        else (uniswap.v3_factory, "getPool(address,address,uint24)(address)", (a, b, fee))
        for version, a, b, fee in wanted
    ]
    return [str(address) for address in node.rpc.views(calls)]


def add_v2_liquidity(uniswap: Uniswap, provider: str, tokens: tuple[str, str], amounts: tuple[int, int]) -> list[Tx]:
    """Creates the pair when there is none. `amounts` are base units and set the first price."""
    signature = "addLiquidity(address,address,uint256,uint256,uint256,uint256,address,uint256)"
    args = (*tokens, *amounts, 0, 0, provider, NEVER)
    return [Tx.call("V2 liquidity", provider, uniswap.v2_router, signature, *args)]


def add_v3_liquidity(
    uniswap: Uniswap, provider: str, tokens: tuple[str, str], fee_pips: int, amounts: tuple[int, int]
) -> list[Tx]:
    """Creates the pool when there is none; three quarters over the full range, one quarter within 25 % of the price.

    `tokens` are in the pool's order. What a position does not take of `amounts` stays with the provider.
    """
    sqrt_price = sqrt_price_x96(Fraction(amounts[1], amounts[0]))
    create = "createAndInitializePoolIfNecessary(address,address,uint24,uint160)"
    txs = [Tx.call("V3 pool", provider, uniswap.positions, create, *tokens, fee_pips, sqrt_price)]
    spacing = TICK_SPACING[fee_pips]
    tick = round(2 * math.log(sqrt_price / Q96) / math.log(1.0001))
    middle, reach = tick // spacing * spacing, BAND_TICKS // spacing * spacing
    edge = MAX_TICK // spacing * spacing
    for low, high, quarters in ((-edge, edge, 3), (middle - reach, middle + reach, 1)):
        desired = (amounts[0] * quarters // 4, amounts[1] * quarters // 4)
        mint = "mint((address,address,uint24,int24,int24,uint256,uint256,uint256,uint256,address,uint256))"
        args = (*tokens, fee_pips, low, high, *desired, 0, 0, provider, NEVER)
        txs.append(Tx.call("V3 liquidity", provider, uniswap.positions, mint, args))
    return txs


def sqrt_price_x96(price: Fraction) -> int:
    """`sqrt(price) * 2^96`, rounded down."""
    return math.isqrt((price.numerator << 192) // price.denominator)


def spot_prices(node: Node, pools: Sequence[Pool], block: str = "latest") -> list[Fraction]:
    """Base units of token1 for one of token0, fee left out: reserves' ratio in V2, the square-root price in V3."""
    calls = [
        (pool.address, "getReserves()(uint112,uint112,uint32)", ())
        if pool.version == 2
        else (pool.address, "slot0()(uint160,int24,uint16,uint16,uint16,uint8,bool)", ())
        for pool in pools
    ]
    states = node.rpc.views(calls, block)
    return [
        Fraction(state[1], state[0]) if pool.version == 2 else Fraction(state[0] ** 2, Q96**2)
        for pool, state in zip(pools, states, strict=True)
    ]
