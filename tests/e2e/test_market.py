"""The market: feeds and pools arrive together at the new prices, by real swaps, however far they are."""

from decimal import Decimal
from fractions import Fraction
from itertools import islice

import pytest

from scripts.localchain import accounts, arbitrage, tokens
from scripts.localchain.arbitrage import TOLERANCE
from scripts.localchain.chain import LocalChain
from scripts.localchain.config import DAY
from scripts.localchain.node import TransactionFailed, Tx
from scripts.localchain.paths import random_walk

pytestmark = pytest.mark.e2e


def start_prices(chain: LocalChain) -> dict[str, Decimal]:
    return {token.symbol: token.spec.price for token in chain.deployment.tokens}


def assert_at(chain: LocalChain, prices: dict[str, Decimal]) -> None:
    """Feeds exactly there, pools within a tenth of their fee."""
    assert tokens.prices(chain.node, chain.deployment.tokens) == prices
    answers = {symbol: tokens.answer_of(price) for symbol, price in prices.items()}
    for gap in arbitrage.gaps(chain.node, chain.deployment, answers):
        assert abs(gap.relative) <= TOLERANCE * Fraction(gap.pool.fee_pips, 10**6), gap.pool.label


def test_a_walk_moves_feeds_and_pools_together(chain: LocalChain) -> None:
    now = chain.node.head()[1]
    for number, prices in enumerate(islice(random_walk(chain.deployment.config.assets, 5, DAY), 3), start=1):
        moved = chain.market.step(prices, at=now + number * DAY)
        assert chain.node.head() == (moved.block, now + number * DAY)
        assert moved.swaps > 10
        assert_at(chain, prices)


@pytest.mark.parametrize("factor", [Decimal("0.2"), Decimal(5)])
def test_a_crash_or_a_rally_is_followed_beyond_the_pools_bands(chain: LocalChain, factor: Decimal) -> None:
    """Five times is far outside the 25 % in which a V3 pool has most of its liquidity: ticks are crossed."""
    prices = {s: p if s in ("USDC", "USDT", "DAI") else p * factor for s, p in start_prices(chain).items()}
    chain.market.step(prices, at=chain.node.head()[1] + DAY)
    assert_at(chain, prices)


def test_a_pool_that_a_trade_has_moved_is_brought_back(chain: LocalChain) -> None:
    weth, usdc = chain.deployment.token("WETH"), chain.deployment.token("USDC")
    swap = "swapExactTokensForTokens(uint256,uint256,address[],address,uint256)"
    big = (weth.units(Decimal(3_000_000)), 0, [weth.address, usdc.address], accounts.ARBITRAGEUR, 2**63)
    router = chain.deployment.uniswap.v2_router
    chain.node.execute([Tx.call("big trade", accounts.ARBITRAGEUR, router, swap, *big)])
    prices = start_prices(chain)
    answers = {symbol: tokens.answer_of(price) for symbol, price in prices.items()}
    off = [gap for gap in arbitrage.gaps(chain.node, chain.deployment, answers) if gap.matters]
    assert [(gap.pool.version, gap.pool.fee_pips) for gap in off] == [(2, 3000)]
    assert chain.market.step(prices, at=chain.node.head()[1] + 60).swaps == 1
    assert_at(chain, prices)


def test_unmoved_prices_need_no_swap(chain: LocalChain) -> None:
    assert chain.market.step(start_prices(chain), at=chain.node.head()[1] + 60).swaps == 0


def test_keeper_role_outlives_its_longest_term(chain: LocalChain) -> None:
    treasury = chain.deployment.treasuries[0].address
    for _ in range(5):
        chain.market.step({}, at=chain.node.head()[1] + 10 * DAY)
        until = chain.node.rpc.view(treasury, "keeperUntil(address)(uint64)", accounts.KEEPER)
        assert until >= chain.node.head()[1] + 15 * DAY


def test_a_step_that_fails_names_what_failed(chain: LocalChain) -> None:
    weth = chain.deployment.token("WETH")
    chain.node.execute(
        [Tx.call("revoke", accounts.ARBITRAGEUR, weth.address, "approve(address,uint256)", router, 0)
         for router in (chain.deployment.uniswap.v2_router, chain.deployment.uniswap.v3_router)]
    )  # fmt: skip
    with pytest.raises(TransactionFailed, match="arbitrage V2 WETH/"):
        chain.market.step(start_prices(chain) | {"WETH": Decimal(2000)}, at=chain.node.head()[1] + 60)
