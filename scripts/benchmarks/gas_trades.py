"""Rebalances of an eight-asset fund through the real Uniswap, and the same swaps as plain Router02 transactions."""

from collections.abc import Mapping
from decimal import Decimal

from scripts.benchmarks.metering import Meter, call, signature
from scripts.localchain import accounts, tokens
from scripts.localchain.chain import LocalChain
from scripts.localchain.config import DAY, VenueKind
from scripts.localchain.node import Tx

Shifts = Mapping[str, int]
"""By how many bps of NAV the weight of an asset changes; the hub takes the other side."""

SEVEN: Shifts = {"WETH": 20, "WBTC": -20, "USDT": 20, "DAI": -20, "LINK": 20, "UNI": -20, "MATIC": 20}
THREE: Shifts = {symbol: SEVEN[symbol] for symbol in ("WETH", "WBTC", "USDT")}
ONE: Shifts = {"WETH": 20}  # the one pair of assets that is listed as every kind of venue
_DECISION = b"\x5a" * 32  # the hash of a decision has no zero bytes to speak of


def back(shifts: Shifts) -> Shifts:
    return {symbol: -bps for symbol, bps in shifts.items()}


class Trades:
    """Every rebalance is set off by new targets and ends at them, so that all budgets and guards stay on."""

    def __init__(self, chain: LocalChain, meter: Meter) -> None:
        self._chain, self._meter = chain, meter
        self._fund = chain.deployment.treasuries[0]
        self._targets = dict(self._fund.spec.targets)
        self._index = {token.symbol: number for number, token in enumerate(self._fund.tokens)}
        self._venues = chain.node.rpc.view(self._fund.address, signature("Treasury", "snapshot"))[-1]
        self._id = 0

    def measure(self) -> None:
        """A pair's first swap writes its price accumulators for the first time: only the first rebalance pays that."""
        pair, pool = VenueKind.V2_PAIR, VenueKind.V3_POOL
        self._rebalance("7 V2 pairs, the first ever", SEVEN, pair)
        self._rebalance("7 V2 pairs", back(SEVEN), pair)
        self._rebalance("7 V2 pairs, the other way", SEVEN, pair)
        self._rebalance("3 V2 pairs", back(THREE), pair)
        self._rebalance("3 V3 pools, the first ever", THREE, pool)
        self._rebalance("3 V3 pools", back(THREE), pool)
        for kind, name in zip(VenueKind, ("V2 pair", "V3 pool", "V2 router", "V3 router"), strict=True):
            self._rebalance(f"1 {name}", ONE, kind)
            self._rebalance(f"1 {name}, the other way", back(ONE), kind)
        self._swap_plainly("7 plain Router02 swaps", back(SEVEN))
        self._swap_plainly("7 plain Router02 swaps, the other way", SEVEN)
        self._swap_plainly("3 plain Router02 swaps", back(THREE))

    def _rebalance(self, name: str, shifts: Shifts, kind: VenueKind) -> None:
        for symbol, bps in shifts.items():
            self._targets[symbol] += bps
            self._targets[self._hub] -= bps
        self._meter.wait(DAY)
        self._meter.send(*self._fresh_answers(), self._renewed_keeper(), self._new_targets())
        self._id += 1
        # What is sold comes first: its proceeds pay for what is bought.
        swaps = [self._order(kind, *shift) for shift in sorted(shifts.items(), key=lambda each: each[1])]
        deadline = self._meter.now + DAY
        arguments = (swaps, self._id, deadline, _DECISION)
        trade = call(name, accounts.KEEPER, self._fund.address, "Treasury", "rebalance", *arguments)
        self._meter.measure(f"rebalance, {name}", trade)

    def _swap_plainly(self, name: str, shifts: Shifts) -> None:
        """Sent by one who holds all tokens and whose allowances are endless: no guard, no allowance to set."""
        self._meter.wait(DAY)
        deadline = self._meter.now + DAY
        router, trader = self._chain.deployment.uniswap.v2_router, accounts.ARBITRAGEUR
        swap = "swapExactTokensForTokens(uint256,uint256,address[],address,uint256)"
        txs = []
        for symbol, bps in shifts.items():
            sold, bought, amount = self._sides(symbol, bps)
            path = [self._chain.deployment.token(each).address for each in (sold, bought)]
            txs.append(Tx.call(name, trader, router, swap, amount, 1, path, trader, deadline))
        self._meter.measure(name, *txs)

    @property
    def _hub(self) -> str:
        return self._chain.deployment.config.hub

    def _sides(self, symbol: str, bps: int) -> tuple[str, str, int]:
        """What is sold, what is bought, how many base units are sold."""
        sold, bought = (self._hub, symbol) if bps > 0 else (symbol, self._hub)
        usd = self._fund.spec.size_usd * Decimal(abs(bps)) / 10_000
        return sold, bought, self._chain.deployment.token(sold).units(usd)

    def _order(self, kind: VenueKind, symbol: str, bps: int) -> tuple[int, bool, int, int]:
        """`ITreasury.Swap`, with a minimum of half of what the prices say."""
        sold, bought, amount = self._sides(symbol, bps)
        wanted = {self._index[sold], self._index[bought]}
        for number, (_target, listed, i0, i1, _fee, _enabled) in enumerate(self._venues):
            if listed == kind and {i0, i1} == wanted:
                usd = self._fund.spec.size_usd * Decimal(abs(bps)) / 20_000
                minimum = self._chain.deployment.token(bought).units(usd)
                return number, i0 == self._index[sold], amount, minimum
        raise ValueError(f"the fund lists no {kind.name} of {sold} and {bought}")

    def _fresh_answers(self) -> list[Tx]:
        return [tokens.set_answer(token, token.spec.price) for token in self._fund.tokens]

    def _renewed_keeper(self) -> Tx:
        until = self._meter.now + 2 * DAY
        return call("keeper", accounts.OWNER, self._fund.address, "Treasury", "setKeeper", accounts.KEEPER, until)

    def _new_targets(self) -> Tx:
        targets = [self._targets[token.symbol] for token in self._fund.tokens]
        return call("targets", accounts.OWNER, self._fund.address, "Treasury", "setTargets", targets)
