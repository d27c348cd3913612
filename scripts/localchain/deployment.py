"""Brings a chain to the state that a config describes, doing only what is missing, and says where things are."""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from eth_utils.address import to_checksum_address

from scripts.localchain import accounts, contracts, fund, owner, published, tokens, uniswap
from scripts.localchain.config import DevnetConfig, PoolSpec
from scripts.localchain.fund import Treasury
from scripts.localchain.fund_files import Ground
from scripts.localchain.node import Node, Tx
from scripts.localchain.tokens import Token
from scripts.localchain.uniswap import NO_ADDRESS, Pool, Uniswap

BLOCK_GAS_LIMIT = 60_000_000  # Ethereum's
BASE_FEE = 2 * 10**9  # wei; Anvil's own would decay to nothing over empty blocks


@dataclass(frozen=True, slots=True)
class Deployment:
    """Where everything is. `deployed` and `reused` name, for people, what this run made and what it found."""

    config: DevnetConfig
    uniswap: Uniswap
    tokens: tuple[Token, ...]
    pools: tuple[Pool, ...]
    treasuries: tuple[Treasury, ...]
    deployed: tuple[str, ...]
    reused: tuple[str, ...]
    seconds: float

    def token(self, symbol: str) -> Token:
        return next(token for token in self.tokens if token.symbol == symbol)

    @property
    def ground(self) -> Ground:
        """On which further funds can be set up."""
        return Ground(self.uniswap, self.tokens, self.pools)

    @property
    def native_feed(self) -> str:
        """Feed of the chain's own coin in USD."""
        return self.token("WETH").feed


def deploy(node: Node, config: DevnetConfig, folder: Path) -> Deployment:
    """Contracts, first prices, liquidity, funds; the node mines on demand until the caller says otherwise.

    Of what is no fund, everything that depends only on what came before goes into one block. The funds' files go to
    `folder`. Raises TransactionFailed.
    """
    started = time.monotonic()
    tokens.fund_accounts(node)
    dex, of_uniswap, standing = uniswap.contracts(published.look(node))
    listed, of_tokens = tokens.contracts(config.assets, dex.weth)
    deployed, found = contracts.deploy_missing(node, [*of_uniswap, *of_tokens])
    reused = [*standing, *found]
    by_symbol = {token.symbol: token for token in listed}

    missing = _missing_pools(node, dex, config.pools, by_symbol)
    stock = _stock(node, dex, listed, bool(missing))
    _execute(node, [*tokens.fresh_answers(node, listed), *stock, *_pool_transactions(config, dex, missing, by_symbol)])
    pools = _locate_pools(node, dex, config.pools, by_symbol)
    new_pools = {id(spec) for spec in missing}
    for spec, pool in zip(config.pools, pools, strict=True):
        (deployed if id(spec) in new_pools else reused).append(pool.label)

    treasuries = tuple(fund.set_up(node, Ground(dex, tuple(listed), pools), config.funds, folder))
    for treasury in treasuries:
        (deployed if treasury.steps else reused).append(f"treasury {treasury.spec.name}")
    _execute(node, owner.renew_keepers(node, treasuries, node.head()[1]))
    node.rpc.batch(
        [
            ("evm_setBlockGasLimit", [hex(BLOCK_GAS_LIMIT)]),
            ("anvil_setNextBlockBaseFeePerGas", [hex(BASE_FEE)]),
        ]
    )
    node.mine()
    elapsed = time.monotonic() - started
    return Deployment(config, dex, tuple(listed), pools, treasuries, tuple(deployed), tuple(reused), elapsed)


def _execute(node: Node, txs: Sequence[Tx]) -> None:
    if txs:
        node.execute(txs)


def _stock(node: Node, dex: Uniswap, listed: Sequence[Token], for_pools: bool) -> list[Tx]:
    routers = (dex.v2_router, dex.v3_router)
    stock = tokens.stock_up(node, listed, accounts.ARBITRAGEUR, routers)
    if for_pools:
        stock += tokens.stock_up(node, listed, accounts.LIQUIDITY_PROVIDER, (dex.v2_router, dex.positions))
    return stock


def _addresses(node: Node, dex: Uniswap, specs: Sequence[PoolSpec], by_symbol: dict[str, Token]) -> list[str]:
    wanted = [(p.version, by_symbol[p.base].address, by_symbol[p.quote].address, p.fee_pips) for p in specs]
    return uniswap.find_pools(node, dex, wanted)


def _missing_pools(node: Node, dex: Uniswap, specs: Sequence[PoolSpec], by_symbol: dict[str, Token]) -> list[PoolSpec]:
    found = _addresses(node, dex, specs, by_symbol)
    return [spec for spec, address in zip(specs, found, strict=True) if address == NO_ADDRESS]


def _locate_pools(node: Node, dex: Uniswap, specs: Sequence[PoolSpec], by_symbol: dict[str, Token]) -> tuple[Pool, ...]:
    pools = []
    for spec, address in zip(specs, _addresses(node, dex, specs, by_symbol), strict=True):
        first, second = _sorted(by_symbol[spec.base], by_symbol[spec.quote])
        sides = (first.address, second.address, first.symbol, second.symbol)
        pools.append(Pool(spec.version, to_checksum_address(address), spec.fee_pips, *sides))
    return tuple(pools)


def _pool_transactions(
    config: DevnetConfig, dex: Uniswap, missing: Sequence[PoolSpec], by_symbol: dict[str, Token]
) -> list[Tx]:
    """Creation and liquidity at the config's prices, both sides of equal value."""
    txs: list[Tx] = []
    for spec in missing:
        first, second = _sorted(by_symbol[spec.base], by_symbol[spec.quote])
        side = spec.depth * config.funds[0].size_usd / 2
        sides = ((first.address, second.address), (first.units(side), second.units(side)))
        if spec.version == 2:
            txs += uniswap.add_v2_liquidity(dex, accounts.LIQUIDITY_PROVIDER, *sides)
        else:
            addresses, amounts = sides
            txs += uniswap.add_v3_liquidity(dex, accounts.LIQUIDITY_PROVIDER, addresses, spec.fee_pips, amounts)
    return txs


def _sorted(a: Token, b: Token) -> tuple[Token, Token]:
    """As Uniswap orders a pool's tokens: by address as a number."""
    return (a, b) if int(a.address, 16) < int(b.address, 16) else (b, a)
