"""A sandwich around the observation gains nothing: pools moved before the keeper looks, and back after it has traded.

The real keeper on a real chain with Uniswap's pools. The attacker has as much of every token as he likes and pays no
gas. He swaps in the block before the observation, the keeper observes, decides and perhaps trades, and in the block
after he sells what he bought. What he has and what the fund has is counted at the feeds' prices.
"""

import itertools
import shutil
from collections.abc import Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest

from scripts.localchain import accounts, arbitrage, tokens
from scripts.localchain.arbitrage import Gap
from scripts.localchain.chain import LocalChain
from scripts.localchain.node import Tx
from scripts.localchain.uniswap import NEVER, Pool, spot_prices
from tests.e2e.keepers import Keeper
from tests.e2e.nursery import Nursery
from tests.e2e.onchain import Witness

pytestmark = pytest.mark.e2e

ATTACKER = accounts.ARBITRAGEUR
RISEN = Decimal(8000)
SOURCES = ("ROUTER", "FEED", "MEDIAN of two", "MEDIAN and a mean", "MEDIAN of three")
SIZES = [Fraction(size, 10_000) for size in (5, 10, 25, 35, 49, 60, 80, 95, 150, 250, 500, 2_000)]
"""0.05 % to 20 %: below and above 0.5 % (how much worse a pool may be), 1 % and 2 % (how far sources may be apart), and
3 % (what the treasury accepts at most)."""


@dataclass(frozen=True)
class Attack:
    """The V2 pair of `symbol` and the hub, or all pools of both, is moved by that part of its price."""

    symbol: str
    by: Fraction
    everywhere: bool = False


@dataclass(frozen=True)
class Result:
    """USD at the feeds' prices. `lost` is the fund's, `planned` what its plan said it would lose at these prices."""

    traded: bool
    gained: Fraction
    lost: Fraction
    planned: Fraction


@dataclass
class Stage:
    """A market that has risen: the fund is about to sell WETH and to buy the others."""

    chain: LocalChain
    past: Keeper
    folder: Path
    nursery: Nursery

    def play(self, source: str, attack: Attack) -> Result:
        snapshot = self.chain.node.snapshot()
        try:
            return self._play(self._keeper(source), attack)
        finally:
            self.chain.node.revert(snapshot)

    def _play(self, keeper: Keeper, attack: Attack) -> Result:
        had, treasury = self.worth(ATTACKER), self.chain.deployment.treasuries[0].address
        before = self.worth(treasury)
        back = self.push(attack)
        done = keeper("run", "--once")
        assert done.code in (0, 3), done.stderr
        traded = bool(Witness(self.chain).rebalances())
        after = self.worth(treasury)
        self.chain.node.execute(back)
        planned = self.planned_loss(keeper) if traded else Fraction(0)
        return Result(traded, self.worth(ATTACKER) - had, before - after, planned)

    # ---- the attacker

    def push(self, attack: Attack) -> list[Tx]:
        """Moves the pools in one block; returns what sells all that was bought."""
        node, deployment = self.chain.node, self.chain.deployment
        pools = [p for p in deployment.pools if {p.symbol0, p.symbol1} == {attack.symbol, "USDC"}]
        pools = pools if attack.everywhere else [p for p in pools if p.version == 2]
        gaps = [
            Gap(pool, spot, spot * (1 + attack.by) if pool.symbol0 == attack.symbol else spot / (1 + attack.by))
            for pool, spot in zip(pools, spot_prices(node, pools), strict=True)
        ]
        backs = []
        for gap in gaps:
            bought = gap.pool.token1 if gap.spot > gap.fair else gap.pool.token0
            had = self.balance(bought)
            if gap.pool.version == 2:
                answer = node.rpc.view(gap.pool.address, "getReserves()(uint112,uint112,uint32)")
                swap = arbitrage._v2_swap(deployment, gap, (answer[0], answer[1]))
            else:
                swap = arbitrage._v3_swap(deployment, gap)
            node.execute([swap])
            backs.append(self.sale(gap.pool, bought, self.balance(bought) - had))
        return backs

    def sale(self, pool: Pool, sold: str, amount: int) -> Tx:
        path = (sold, pool.token1 if sold == pool.token0 else pool.token0)
        uniswap = self.chain.deployment.uniswap
        if pool.version == 2:
            signature = "swapExactTokensForTokens(uint256,uint256,address[],address,uint256)"
            return Tx.call("back", ATTACKER, uniswap.v2_router, signature, amount, 0, path, ATTACKER, NEVER)
        signature = "exactInputSingle((address,address,uint24,address,uint256,uint256,uint256,uint160))"
        order = (*path, pool.fee_pips, ATTACKER, NEVER, amount, 0, 0)
        return Tx.call("back", ATTACKER, uniswap.v3_router, signature, order)

    # ---- what things are worth

    def balance(self, token: str) -> int:
        return int(self.chain.node.rpc.view(token, "balanceOf(address)(uint256)", ATTACKER))

    def worth(self, holder: str) -> Fraction:
        """All tokens, at the feeds' prices."""
        node, listed = self.chain.node, self.chain.deployment.tokens
        answers = tokens.prices(node, listed)
        balances = tokens.balances_of(node, listed, holder)
        held = zip(listed, balances, strict=True)
        return sum((Fraction(answers[t.symbol]) * amount / 10**t.spec.decimals for t, amount in held), Fraction(0))

    def planned_loss(self, keeper: Keeper) -> Fraction:
        """Of the swaps as they were quoted, at the feeds' prices: fees, impact, and what the pools were off."""
        listed = {token.address: token for token in self.chain.deployment.tokens}
        answers = tokens.prices(self.chain.node, self.chain.deployment.tokens)
        rows = keeper.rows("SELECT token_in, token_out, amount_in, quoted_out FROM rebalance_transaction")

        def usd(address: str, amount: Any) -> Fraction:
            token = listed[address]
            return Fraction(answers[token.symbol]) * int(amount) / 10**token.spec.decimals

        paid = sum((usd(row["token_in"], row["amount_in"]) for row in rows), Fraction(0))
        return paid - sum((usd(row["token_out"], row["quoted_out"]) for row in rows), Fraction(0))

    # ---- the keeper

    def _keeper(self, source: str) -> Keeper:
        """A fresh one, or one with a cycle two hours ago behind it."""
        folder = self.folder / f"{next(_NUMBERS)}"
        variables = {"PRICE_SOURCE": source.split()[0], "MAX_TRADE_SIZE_USD": "2000000"}
        if source in ("MEDIAN and a mean", "MEDIAN of three"):
            shutil.copytree(self.past.folder, folder)
            environment = {k: v.replace(str(self.past.folder), str(folder)) for k, v in self.past.environment.items()}
            keeper = replace(self.past, folder=folder, environment=environment)
        else:
            keeper = Keeper.of(self.chain, folder, self.nursery)
        if source == "MEDIAN of three":
            file = folder / "prices.csv"
            at, prices = self.chain.node.head()[1], tokens.prices(self.chain.node, self.chain.deployment.tokens)
            rows = [f"{symbol.lower()},{price},{at}" for symbol, price in prices.items()]
            file.write_text("coin,price_usd,updated_at\n" + "\n".join(rows) + "\n")
            variables |= {"MARKET_DATA": "file", "MARKET_DATA_FILE": str(file), "COINGECKO_MAX_AGE_SECONDS": "86400"}
        keeper.environment |= variables
        return keeper


_NUMBERS = itertools.count()


@pytest.fixture
def stage(chain: LocalChain, keeper: Keeper, tmp_path: Path, nursery: Nursery) -> Stage:
    """With limits as wide as an owner can set them: what is tested are the keeper's own."""
    assert keeper("run", "--once").code == 0
    coins = [f"{token.symbol}={token.symbol.lower()}" for token in chain.deployment.tokens]
    assert keeper("funds", "coins", "lci", *coins).code == 0
    signature = "setLimits((uint16,uint16,uint16,uint16,uint16,uint16,uint16,uint16,uint32,uint32))"
    limits = (300, 200, 65_535, 10_000, 10_000, 10, 10_000, 2_500, 0, 3_600)
    treasury = chain.deployment.treasuries[0].address
    chain.node.execute([Tx.call("open limits", accounts.OWNER, treasury, signature, limits)])
    chain.market.step({"WETH": RISEN}, at=chain.node.head()[1] + 7_200)
    return Stage(chain, keeper, tmp_path / "sandwiches", nursery)


def judge(stage: Stage, source: str, attacks: Sequence[Attack]) -> list[Result]:
    results = [stage.play(source, attack) for attack in attacks]
    for attack, result in zip(attacks, results, strict=True):
        assert result.gained <= 0, f"{source}: {attack} gains {float(result.gained):.2f} USD"
        assert result.lost <= result.planned, f"{source}: {attack} costs {float(result.lost):.2f} USD"
    return results


@pytest.mark.parametrize("source", SOURCES)
def test_fault_sandwich_gains_nothing(stage: Stage, source: str) -> None:
    """WETH is to be sold and LINK to be bought: pools that are worse for that, below, at and far above every limit."""
    near = [Attack("WETH", Fraction(-10, 10_000)), Attack("WETH", Fraction(-49, 10_000))]
    near += [Attack("WETH", Fraction(-80, 10_000), everywhere=True), Attack("LINK", Fraction(45, 10_000))]
    far = [Attack("WETH", Fraction(5, 100), everywhere=True), Attack("LINK", Fraction(-20, 100))]
    results = judge(stage, source, [*near, *far])
    assert results[0].traded, "or there was nothing to gain"
    assert results[1].traded


@pytest.mark.deep
@pytest.mark.parametrize("source", SOURCES)
@pytest.mark.parametrize("symbol", ["WETH", "LINK"])
def test_fault_sandwich_of_any_size(stage: Stage, source: str, symbol: str) -> None:
    """Both directions, one pool and all of the pair, every size."""
    moves = itertools.product(SIZES, (-1, 1), (False, True))
    judge(stage, source, [Attack(symbol, size * sign, everywhere) for size, sign, everywhere in moves])
