"""What an arbitrageur trades so that pools follow the market: real swaps, sized to end at the price."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction

from scripts.localchain import accounts
from scripts.localchain.deployment import Deployment
from scripts.localchain.node import Node, Tx
from scripts.localchain.tokens import INVENTORY_USD, Token, answer_of
from scripts.localchain.uniswap import NEVER, Pool, spot_prices, sqrt_price_x96

TOLERANCE = Fraction(1, 10)  # of the pool's fee. Others trade too, so that real pools come closer than the fee


@dataclass(frozen=True, slots=True)
class Gap:
    """A pool whose spot is not the market's price. Both are base units of token1 for one of token0."""

    pool: Pool
    spot: Fraction
    fair: Fraction

    @property
    def relative(self) -> Fraction:
        return self.spot / self.fair - 1

    @property
    def matters(self) -> bool:
        return abs(self.relative) > TOLERANCE * Fraction(self.pool.fee_pips, 10**6)


def fair_price(pool: Pool, by_address: Mapping[str, Token], answers: Mapping[str, int]) -> Fraction:
    """Base units of token1 that are worth one of token0. `answers` are feed answers by symbol."""
    base, quote = by_address[pool.token0].spec, by_address[pool.token1].spec
    return Fraction(answers[base.symbol] * 10**quote.decimals, answers[quote.symbol] * 10**base.decimals)


def gaps(node: Node, deployment: Deployment, answers: Mapping[str, int]) -> list[Gap]:
    """Every pool against `answers`, at the newest block."""
    by_address = {token.address: token for token in deployment.tokens}
    spots = spot_prices(node, deployment.pools)
    return [
        Gap(pool, spot, fair_price(pool, by_address, answers))
        for pool, spot in zip(deployment.pools, spots, strict=True)
    ]


def closing_swaps(node: Node, deployment: Deployment, prices: Mapping[str, Decimal]) -> list[Tx]:
    """Swaps that bring every pool to `prices` (USD by symbol, Decimal), one for each pool that is off."""
    answers = {symbol: answer_of(price) for symbol, price in prices.items()}
    off = [gap for gap in gaps(node, deployment, answers) if gap.matters]
    reserves = _reserves(node, [gap.pool for gap in off if gap.pool.version == 2])
    return [
        _v2_swap(deployment, gap, reserves[gap.pool.address]) if gap.pool.version == 2 else _v3_swap(deployment, gap)
        for gap in off
    ]


def _reserves(node: Node, pairs: Sequence[Pool]) -> dict[str, tuple[int, int]]:
    query = "getReserves()(uint112,uint112,uint32)"
    answers = node.rpc.views([(pair.address, query, ()) for pair in pairs])
    return {pair.address: (answer[0], answer[1]) for pair, answer in zip(pairs, answers, strict=True)}


def v2_input_to_price(reserve_in: int, reserve_out: int, price: Fraction) -> int:
    """Input after which a V2 pair's reserves stand at `price`, base units of output for one of input.

    After an input of d the reserves are `x + d` and `x*y / (x + g*d)`, g = 0.997. Their ratio is the price where
    `g*d^2 + (1+g)*x*d + x^2 - x*y/p = 0`. With k = y/(x*p), which must exceed 1:
    `d = x * (sqrt((1-g)^2 + 4*g*k) - (1+g)) / (2*g)`, here times 1000 and in integers, rounded down.
    """
    k = Fraction(reserve_out, reserve_in) / price
    scaled = 10**36 * (9 + 3_988_000 * k)
    root = math.isqrt(scaled.numerator // scaled.denominator)
    return reserve_in * (root - 1997 * 10**18) // (1994 * 10**18)


def _v2_swap(deployment: Deployment, gap: Gap, reserves: tuple[int, int]) -> Tx:
    pool = gap.pool
    if gap.spot > gap.fair:  # token0 is dear in the pool: sell it there
        path, amount = (pool.token0, pool.token1), v2_input_to_price(*reserves, gap.fair)
    else:
        path, amount = (pool.token1, pool.token0), v2_input_to_price(reserves[1], reserves[0], 1 / gap.fair)
    signature = "swapExactTokensForTokens(uint256,uint256,address[],address,uint256)"
    args = (amount, 0, path, accounts.ARBITRAGEUR, NEVER)
    router = deployment.uniswap.v2_router
    return Tx.call(f"arbitrage {pool.label}", accounts.ARBITRAGEUR, router, signature, *args)


def _v3_swap(deployment: Deployment, gap: Gap) -> Tx:
    """The pool stops at the price limit by itself and takes no more than it needs up to there."""
    pool = gap.pool
    ends = (pool.token0, pool.token1) if gap.spot > gap.fair else (pool.token1, pool.token0)
    plenty = next(token for token in deployment.tokens if token.address == ends[0]).units(INVENTORY_USD) // 2
    signature = "exactInputSingle((address,address,uint24,address,uint256,uint256,uint256,uint160))"
    args = (*ends, pool.fee_pips, accounts.ARBITRAGEUR, NEVER, plenty, 0, sqrt_price_x96(gap.fair))
    router = deployment.uniswap.v3_router
    return Tx.call(f"arbitrage {pool.label}", accounts.ARBITRAGEUR, router, signature, args)
