"""Rebalances through the real Uniswap against the naive reference: outcome, balances and budgets, equal to the unit.

What a V2 pair pays the reference works out from its reserves. What a V3 pool pays is taken from the receipt: that
arithmetic is Uniswap's.
"""

import random
from collections.abc import Iterator
from dataclasses import astuple, replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from eth_utils.crypto import keccak

from scripts.benchmarks.metering import call, signature
from scripts.localchain import accounts, tokens
from scripts.localchain.chain import LocalChain, local_chain
from scripts.localchain.config import DAY, default_config
from tests.differential.reference import Fund
from tests.differential.terms import BPS, Asset, Bucket, Limits, Swap, Venue

pytestmark = pytest.mark.differential

GENESIS = 1_700_000_000
ROUNDS = 25
DEAREST_FEE = 3_000  # pips; beyond it a swap would lose more than the default limit


@pytest.fixture
def chain(tmp_path: Path) -> Iterator[LocalChain]:
    config = default_config()
    pools = tuple(pool for pool in config.pools if pool.fee_pips <= DEAREST_FEE)
    with local_chain(tmp_path, replace(config, pools=pools), genesis_timestamp=GENESIS) as opened:
        yield opened


def test_rebalances_through_uniswap(chain: LocalChain) -> None:
    chance = random.Random("uniswap")
    at, kinds, spent = GENESIS + 10 * DAY, set(), (Bucket(), Bucket())
    for number in range(1, ROUNDS + 1):
        at += chance.randint(1_000, 2 * DAY)
        _move(chain, chance, at)
        fund = _fund(chain)
        fund.last_id, (fund.loss, fund.turnover) = number - 1, spent
        swaps = _swaps(chance, fund, hub=_hub(chain))
        at += 2  # `_move` took two blocks
        receipt = _rebalance(chain, swaps, number, at)
        paid = [data[3] for data in _events(receipt, "SwapExecuted", 6)]
        for swap, amount_out in zip(swaps, paid, strict=True):
            venue = fund.venues[swap.venue]
            if venue.kind == 2:  # the router is one more way to the pair
                assert replace(venue, kind=0).pays(swap.zero_for_one, swap.amount_in) == amount_out
            fund.venues[swap.venue] = replace(venue, amount_out=amount_out)
        (outcome,) = _events(receipt, "Rebalanced", 6)
        assert astuple(fund.rebalance(swaps, number, at)) == outcome, f"round {number}: {swaps}"
        after = _fund(chain)
        assert after.assets == fund.assets, f"round {number}: {swaps}"
        assert _view(chain, "budgets")[:2] == fund.budgets(at)[:2]
        assert (_view(chain, "nav"), _view(chain, "trackingError")) == (fund.nav(at), fund.tracking_error(at))
        kinds |= {fund.venues[swap.venue].kind for swap in swaps}
        spent = (fund.loss, fund.turnover)
    assert kinds == {0, 1, 2, 3}


def _move(chain: LocalChain, chance: random.Random, at: int) -> None:
    """Prices move by up to 0.1 % with the pools, then weights by up to 20 bps: two blocks, from `at` on."""
    fund = chain.deployment.treasuries[0]
    prices = {t.symbol: t.spec.price * Decimal(chance.randint(9_990, 10_010)) / BPS for t in fund.tokens}
    chain.market.step(prices, at=at)
    targets = dict(fund.spec.targets)
    for symbol in targets:
        shift = chance.randint(-20, 20)
        targets[symbol] += shift
        targets[chain.deployment.config.hub] -= shift
    weights = call("weights", accounts.OWNER, fund.address, "Treasury", "setTargets", list(targets.values()))
    chain.node.execute([weights], timestamp=at + 1)


def _fund(chain: LocalChain) -> Fund:
    """The reference's picture of what is on the chain now."""
    node, treasury = chain.node, chain.deployment.treasuries[0]
    *_, limits, _budgets, assets, venues = _view(chain, "snapshot")
    latest = signature("DevFeed", "latestRoundData")
    rounds = node.rpc.views([(token.feed, latest, ()) for token in treasury.tokens])
    balances = tokens.balances_of(node, treasury.tokens, treasury.address)
    held = [
        Asset(int(token, 16), td, fd, answer, updated, age, low, high, target, buyable, retired, balance)
        for (token, _, td, fd, age, target, buyable, retired, low, high), (_, answer, _, updated, _), balance in zip(
            assets, rounds, balances, strict=True
        )
    ]
    pairs = _reserves(chain)
    listed = []
    for target, kind, i0, i1, _fee, _enabled in venues:
        reserves = pairs.get((assets[i0][0], assets[i1][0]), (0, 0))
        listed.append(Venue(int(target, 16), kind, i0, i1, *reserves, 0))
    return Fund(int(accounts.OWNER, 16), held, listed, Limits(*limits), 0, 0)


def _reserves(chain: LocalChain) -> dict[tuple[str, str], tuple[int, int]]:
    """Of V2 pairs by their tokens' addresses, written as the node writes them."""
    pairs = [pool for pool in chain.deployment.pools if pool.version == 2]
    states = chain.node.rpc.views([(p.address, "getReserves()(uint112,uint112,uint32)", ()) for p in pairs])
    return {(p.token0.lower(), p.token1.lower()): (s[0], s[1]) for p, s in zip(pairs, states, strict=True)}


def _hub(chain: LocalChain) -> int:
    symbols = [token.symbol for token in chain.deployment.treasuries[0].tokens]
    return symbols.index(chain.deployment.config.hub)


def _swaps(chance: random.Random, fund: Fund, hub: int) -> list[Swap]:
    """Most of what each asset has too much or too little, against the hub, through any venue that fits."""
    nav = sum(asset.value(asset.balance) for asset in fund.assets)
    sales: list[Swap] = []
    purchases: list[Swap] = []
    for number, asset in enumerate(fund.assets):
        excess = asset.value(asset.balance) - nav * asset.target_bps // BPS
        if number == hub or abs(excess) * BPS < nav:  # less than a basis point of the fund
            continue
        fitting = [i for i, venue in enumerate(fund.venues) if {venue.i0, venue.i1} == {number, hub}]
        venue = chance.choice(fitting)
        sold = number if excess > 0 else hub
        part = abs(excess) * chance.randint(50, 100) // 100
        amount = part * fund.assets[sold].balance // fund.assets[sold].value(fund.assets[sold].balance)
        swap = Swap(venue, fund.venues[venue].i0 == sold, amount, 0)
        (sales if excess > 0 else purchases).append(swap)
    return sales + purchases


def _rebalance(chain: LocalChain, swaps: list[Swap], number: int, at: int) -> dict[str, Any]:
    treasury = chain.deployment.treasuries[0].address
    arguments = ([astuple(swap) for swap in swaps], number, at, b"\x5a" * 32)
    trade = call("rebalance", accounts.KEEPER, treasury, "Treasury", "rebalance", *arguments)
    (receipt,) = chain.node.execute([trade], timestamp=at)
    return receipt


def _events(receipt: dict[str, Any], name: str, count: int) -> list[tuple[int, ...]]:
    """The treasury's events of that name: `count` words each."""
    types = {"SwapExecuted": "uint64,uint16,address,address" + ",uint256" * 4}
    types["Rebalanced"] = "uint64,address,bytes32" + ",uint256" * 6
    topic = "0x" + keccak(text=f"{name}({types[name]})").hex()
    found = [bytes.fromhex(log["data"][2:]) for log in receipt["logs"] if log["topics"][0] == topic]
    return [tuple(int.from_bytes(data[32 * i : 32 * i + 32], "big") for i in range(count)) for data in found]


def _view(chain: LocalChain, function: str) -> Any:
    return chain.node.rpc.view(chain.deployment.treasuries[0].address, signature("Treasury", function))
