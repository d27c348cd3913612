"""V3 swaps against the real pools: QuoterV2 for thousands of inputs, and executed swaps for the state that they leave.

Pools of every fee tier with a dozen positions at random, so that swaps cross ticks, gaps without liquidity and edges of
the bitmap's words, and some are larger than the pool.
"""

import random
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from keeper.core.amm.v3_swap import MAX_SQRT_PRICE, MIN_SQRT_PRICE, NotFilled, Pool, swap
from keeper.core.amm.v3_ticks import MAX_TICK, sqrt_price_at
from scripts.localchain import accounts, tokens
from scripts.localchain.chain import LocalChain, local_chain
from scripts.localchain.config import default_config
from scripts.localchain.node import Tx
from scripts.localchain.uniswap import NEVER

pytestmark = pytest.mark.differential

SPACING = {100: 1, 500: 10, 3_000: 60, 10_000: 200}
PAIRS = (("LINK", "DAI"), ("UNI", "MATIC"))
POSITIONS = 12
QUOTE = "quoteExactInputSingle((address,address,uint256,uint24,uint160))(uint256,uint160,uint32,uint256)"
MINT = "mint((address,address,uint24,int24,int24,uint256,uint256,uint256,uint256,address,uint256))"
SWAP = "exactInputSingle((address,address,uint24,address,uint256,uint256,uint256,uint160))"
PROVIDER = accounts.LIQUIDITY_PROVIDER


@pytest.fixture(scope="module")
def chain(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalChain]:
    with local_chain(Path(tmp_path_factory.mktemp("v3")), default_config()) as opened:
        dex = opened.deployment.uniswap
        owner = str(opened.node.rpc.view(dex.v3_factory, "owner()(address)"))
        opened.node.speak_for(owner, 10**18)
        spenders = [dex.positions, dex.v3_router]
        opened.node.execute(
            [
                Tx.call("a fourth tier", owner, dex.v3_factory, "enableFeeAmount(uint24,int24)", 100, 1),
                *tokens.stock_up(opened.node, opened.deployment.tokens, PROVIDER, spenders),
            ]
        )
        yield opened


def pools(chain: LocalChain, chance: random.Random) -> list[tuple[str, str, str, list[int]]]:
    """Two of each tier: (address, token0, token1, ticks in use)."""
    found = []
    for bottomless, symbols in enumerate(PAIRS):
        for fee in SPACING:
            pair = sorted((chain.deployment.token(symbol).address for symbol in symbols), key=str.lower)
            found.append(_pool(chain, chance, pair, fee, whole=bool(bottomless)))
    return found


def _pool(
    chain: LocalChain, chance: random.Random, pair: Sequence[str], fee: int, *, whole: bool
) -> tuple[str, str, str, list[int]]:
    """`whole`: one position is over all prices, so that the pool never ends."""
    dex, spacing = chain.deployment.uniswap, SPACING[fee]
    start = chance.randint(-40_000, 40_000)
    create = "createAndInitializePoolIfNecessary(address,address,uint24,uint160)"
    price = sqrt_price_at(start) + chance.randint(1, 10**6)
    txs = [Tx.call("pool", PROVIDER, dex.positions, create, *pair, fee, price)]
    edge, used = MAX_TICK // spacing * spacing, set[int]()
    for number in range(POSITIONS):
        reach = chance.choice([1, 3, 20, 300, 2_000]) * spacing
        middle = (start + chance.randint(-6_000, 6_000)) // spacing * spacing
        low, high = (-edge, edge) if whole and number == 0 else (max(-edge, middle - reach), min(edge, middle + reach))
        size = 10 ** chance.randint(16, 20)
        args = (*pair, fee, low, high, size, size, 0, 0, PROVIDER, NEVER)
        txs.append(Tx.call("position", PROVIDER, dex.positions, MINT, args))
        used |= {low, high}
    chain.node.execute(txs)
    (address,) = chain.node.rpc.views([(dex.v3_factory, "getPool(address,address,uint24)(address)", (*pair, fee))])
    token0, token1 = pair
    return str(address), token0, token1, sorted(used)


def state(chain: LocalChain, address: str, ticks: Sequence[int]) -> Pool:
    """As the chain has it."""
    ask = chain.node.rpc.views
    slot, liquidity, fee, spacing = ask(
        [
            (address, "slot0()(uint160,int24,uint16,uint16,uint16,uint8,bool)", ()),
            (address, "liquidity()(uint128)", ()),
            (address, "fee()(uint24)", ()),
            (address, "tickSpacing()(int24)", ()),
        ]
    )
    gross = "ticks(int24)(uint128,int128,uint256,uint256,int56,uint160,uint32,bool)"
    told = ask([(address, gross, (tick,)) for tick in ticks])
    net = {tick: found[1] for tick, found in zip(ticks, told, strict=True) if found[0]}
    return Pool(slot[0], slot[1], liquidity, fee, spacing, net)


def inputs(chance: random.Random, count: int) -> list[tuple[int, bool]]:
    """(amount, zero for one): from a few units to more than any pool holds."""
    return [(int(10 ** chance.uniform(0, 22)) + 1, chance.random() < 0.5) for _ in range(count)]


def compare(chain: LocalChain, seed: int, count: int) -> dict[str, int]:
    """`count` quotes of each pool, and a few executed swaps between them."""
    chance, dex = random.Random(f"v3 {seed}"), chain.deployment.uniswap
    seen = dict.fromkeys(("quotes", "crossings", "not filled", "executed"), 0)
    snapshot = chain.node.snapshot()
    for address, token0, token1, ticks in pools(chain, chance):
        for _ in range(3):
            ours, asked = state(chain, address, ticks), inputs(chance, count // 3)
            calls = [(dex.quoter, QUOTE, (_question(token0, token1, ours, amount, down),)) for amount, down in asked]
            for (amount, down), told in zip(asked, chain.node.rpc.views(calls), strict=True):
                _same(ours, amount, down, told, seen)
            _execute(chain, (address, token0, token1, ticks), ours, chance, seen)
    chain.node.revert(snapshot)
    return seen


def _question(token0: str, token1: str, pool: Pool, amount: int, down: bool) -> tuple[Any, ...]:
    return (*((token0, token1) if down else (token1, token0)), amount, pool.fee_pips, 0)


def _same(pool: Pool, amount: int, down: bool, told: Sequence[int], seen: dict[str, int]) -> None:
    amount_out, price_after, *_ = told
    seen["quotes"] += 1
    try:
        filled = swap(pool, amount, down)
    except NotFilled:
        assert price_after == (MIN_SQRT_PRICE + 1 if down else MAX_SQRT_PRICE - 1), f"{pool}, {amount}, {down}"
        seen["not filled"] += 1
        return
    assert (filled.amount_out, filled.after.sqrt_price) == (amount_out, price_after), f"{pool}, {amount}, {down}"
    seen["crossings"] += filled.crossed


def _execute(
    chain: LocalChain, where: tuple[str, str, str, list[int]], pool: Pool, chance: random.Random, seen: dict[str, int]
) -> None:
    """A swap that moves the pool: the state that it leaves is ours, tick and liquidity too."""
    address, token0, token1, ticks = where
    amount, down = int(10 ** chance.uniform(15, 19)), chance.random() < 0.5
    try:
        filled = swap(pool, amount, down)
    except NotFilled:
        return
    pair = (token0, token1) if down else (token1, token0)
    args = (*pair, pool.fee_pips, PROVIDER, NEVER, amount, 0, 0)
    chain.node.execute([Tx.call("swap", PROVIDER, chain.deployment.uniswap.v3_router, SWAP, args)])
    after = state(chain, address, ticks)
    assert (after.sqrt_price, after.tick, after.liquidity) == (
        filled.after.sqrt_price,
        filled.after.tick,
        filled.after.liquidity,
    )
    seen["executed"] += 1


def test_quotes_are_the_quoters_to_the_unit(chain: LocalChain) -> None:
    seen = compare(chain, seed=1, count=60)
    assert seen["quotes"] == 480
    assert min(seen.values()) >= 5, seen


@pytest.mark.deep
@pytest.mark.parametrize("seed", range(10))
def test_many_quotes_are_the_quoters_to_the_unit(chain: LocalChain, seed: int) -> None:
    seen = compare(chain, seed=1_000 + seed, count=600)
    print(seen)
    assert seen["quotes"] == 4_800
    assert min(seen.values()) >= 5, seen
