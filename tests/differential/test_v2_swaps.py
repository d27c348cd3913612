"""V2 amounts against Router02's own arithmetic, over reserves and inputs of every size, and against what pairs pay."""

import random
from pathlib import Path

import pytest

from keeper.core.amm import v2
from scripts.localchain import accounts, tokens
from scripts.localchain.chain import local_chain
from scripts.localchain.config import default_config
from scripts.localchain.node import Tx
from scripts.localchain.uniswap import NEVER

pytestmark = pytest.mark.differential

OUT = "getAmountOut(uint256,uint256,uint256)(uint256)"
IN = "getAmountIn(uint256,uint256,uint256)(uint256)"
SWAP = "swapExactTokensForTokens(uint256,uint256,address[],address,uint256)"
FEE = 3_000


def amount(chance: random.Random) -> int:
    """Of 112 bits at most, of every length."""
    return chance.getrandbits(chance.randint(4, 112)) + 1


def test_amounts_are_the_routers_and_the_pairs_to_the_unit(tmp_path: Path) -> None:
    chance = random.Random("v2")
    with local_chain(tmp_path, default_config()) as chain:
        node, router = chain.node, chain.deployment.uniswap.v2_router
        asked = [(amount(chance), amount(chance), amount(chance)) for _ in range(2_000)]
        outs = node.rpc.views([(router, OUT, each) for each in asked])
        assert [v2.amount_out(x, ri, ro, FEE) for x, ri, ro in asked] == outs
        wanted = [(chance.randrange(1, ro), ri, ro) for _, ri, ro in asked if ro > 1]
        ins = node.rpc.views([(router, IN, each) for each in wanted])
        assert [v2.amount_in(y, ri, ro, FEE) for y, ri, ro in wanted] == ins
        node.execute(tokens.stock_up(node, chain.deployment.tokens, accounts.ARBITRAGEUR, [router]))
        pairs = [pool for pool in chain.deployment.pools if pool.version == 2]
        for _ in range(40):
            pool = chance.choice(pairs)
            ways = [(pool.token0, pool.token1), (pool.token1, pool.token0)]
            down = chance.random() < 0.5
            before = node.rpc.view(pool.address, "getReserves()(uint112,uint112,uint32)")[:2]
            ri, ro = before if down else before[::-1]
            paid = chance.randrange(1, ri // 20)
            path = list(ways[0] if down else ways[1])
            swap = Tx.call("swap", accounts.ARBITRAGEUR, router, SWAP, paid, 0, path, accounts.ARBITRAGEUR, NEVER)
            node.execute([swap])
            after = node.rpc.view(pool.address, "getReserves()(uint112,uint112,uint32)")[:2]
            out = v2.amount_out(paid, ri, ro, FEE)
            assert list(after if down else after[::-1]) == [ri + paid, ro - out]
