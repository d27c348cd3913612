"""The measure of comparison: the same reads and the same trade by web3.py as its documentation shows it.

Contract objects are made once and kept, which is kinder than most code; then every value is a call of its own. No
database, no decision, no check of any reply.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any, cast

from eth_account.signers.local import LocalAccount
from eth_typing import ChecksumAddress
from eth_utils.address import to_checksum_address
from eth_utils.crypto import keccak
from hexbytes import HexBytes
from web3 import AsyncHTTPProvider, AsyncWeb3
from web3.contract import AsyncContract
from web3.types import TxParams

from keeper.core.model import PlannedSwap
from scripts.localchain.anvil import ROOT
from scripts.localchain.config import VenueKind

_UNISWAP = ROOT / "contracts/node_modules/@uniswap"
_V2, _V3 = "v2-core/build/{}.json", "v3-core/artifacts/contracts/interfaces/{0}.sol/{0}.json"
_FILES = {
    "Pair": _UNISWAP / _V2.format("IUniswapV2Pair"),
    "PairFactory": _UNISWAP / _V2.format("IUniswapV2Factory"),
    "Pool": _UNISWAP / _V3.format("IUniswapV3Pool"),
    "PoolFactory": _UNISWAP / _V3.format("IUniswapV3Factory"),
    "Router": _UNISWAP / "v2-periphery/build/IUniswapV2Router02.json",
}


@dataclass(frozen=True, slots=True)
class Readings:
    """What was read of one fund: balance, feed answer and code hash by asset, pool state by venue."""

    last_id: int
    balances: tuple[int, ...]
    answers: tuple[int, ...]
    states: tuple[tuple[int, ...], ...]
    code_hashes: tuple[str, ...]


@dataclass(slots=True)
class Plain:
    """web3.py with its own provider and session."""

    w3: AsyncWeb3[AsyncHTTPProvider]
    native_feed: str
    contracts: dict[tuple[str, str], AsyncContract] = field(default_factory=dict)

    @classmethod
    def at(cls, url: str, native_feed: str) -> "Plain":
        return cls(AsyncWeb3(AsyncHTTPProvider(url)), native_feed)

    async def close(self) -> None:
        await self.w3.provider.disconnect()

    def contract(self, kind: str, address: str) -> AsyncContract:
        known = self.contracts.get((kind, address))
        if known is None:
            known = self.w3.eth.contract(address=to_checksum_address(address), abi=_abi(kind))
            self.contracts[kind, address] = known
        return known

    async def read_all(self, treasuries: Sequence[str], keeper: str, block: int) -> list[Readings]:
        """Everything that one observation brings, fund by fund, value by value."""
        feed = self.contract("DevFeed", self.native_feed).functions
        await feed.decimals().call(block_identifier=block)
        await feed.latestRoundData().call(block_identifier=block)
        return [await self.read(treasury, keeper, block) for treasury in treasuries]

    async def read(self, treasury: str, keeper: str, block: int) -> Readings:
        views = self.contract("Treasury", treasury).functions
        snapshot = dict(zip(_names_in_snapshot(), await views.snapshot().call(block_identifier=block), strict=True))
        await views.keeperUntil(to_checksum_address(keeper)).call(block_identifier=block)
        await self.w3.eth.get_balance(to_checksum_address(keeper), block)
        last_id, assets, venues = snapshot["lastId"], snapshot["assets"], snapshot["venues"]
        balances, answers, hashes = [], [], []
        for token, feed, *_ in assets:
            erc20, aggregator = self.contract("DevToken", token).functions, self.contract("DevFeed", feed).functions
            balances.append(await erc20.balanceOf(to_checksum_address(treasury)).call(block_identifier=block))
            answers.append((await aggregator.latestRoundData().call(block_identifier=block))[1])
            hashes.append("0x" + keccak(await self.w3.eth.get_code(token, block)).hex())
        states = [await self._state(venue, assets, block) for venue in venues]
        return Readings(last_id, tuple(balances), tuple(answers), tuple(states), tuple(hashes))

    async def _state(self, venue: Sequence[Any], assets: Sequence[Any], block: int) -> tuple[int, ...]:
        pool, kind = await self._pool(venue, assets, block), VenueKind(venue[1])
        if kind in (VenueKind.V2_PAIR, VenueKind.V2_ROUTER):
            reserves = await self.contract("Pair", pool).functions.getReserves().call(block_identifier=block)
            return (reserves[0], reserves[1])
        views = self.contract("Pool", pool).functions
        slot = await views.slot0().call(block_identifier=block)
        return (slot[0], slot[1], await views.liquidity().call(block_identifier=block))

    async def _pool(self, venue: Sequence[Any], assets: Sequence[Any], block: int) -> ChecksumAddress:
        target, kind = venue[0], VenueKind(venue[1])
        if kind in (VenueKind.V2_PAIR, VenueKind.V3_POOL):
            return to_checksum_address(target)
        sides = (assets[venue[2]][0], assets[venue[3]][0])
        factory = await self.contract("Router", target).functions.factory().call(block_identifier=block)
        if kind is VenueKind.V2_ROUTER:
            views = self.contract("PairFactory", factory).functions
            return to_checksum_address(await views.getPair(*sides).call(block_identifier=block))
        views = self.contract("PoolFactory", factory).functions
        return to_checksum_address(await views.getPool(*sides, venue[4]).call(block_identifier=block))

    async def sign_rebalance(
        self, treasury: str, account: LocalAccount, swaps: Sequence[PlannedSwap], deadline: int, last_id: int
    ) -> HexBytes:
        """The signed bytes of a batch: `build_transaction` asks for fees and chain id by itself."""
        orders = [(swap.venue, swap.zero_for_one, swap.amount_in, swap.min_out) for swap in swaps]
        call = self.contract("Treasury", treasury).functions.rebalance(orders, last_id + 1, deadline, bytes(32))
        sender: TxParams = {"from": account.address}
        sender["nonce"] = await self.w3.eth.get_transaction_count(account.address)
        sender["gas"] = await call.estimate_gas(sender) * 12 // 10  # without room it ends out of gas a second later
        transaction = await call.build_transaction(sender)
        return account.sign_transaction(cast(dict[str, Any], transaction)).raw_transaction


@cache
def _abi(kind: str) -> Any:
    path: Path = _FILES.get(kind, ROOT / "abis" / f"{kind}.json")
    return json.loads(path.read_text())["abi"]


@cache
def _names_in_snapshot() -> list[str]:
    (snapshot,) = (entry for entry in _abi("Treasury") if entry.get("name") == "snapshot")
    return [part["name"] for part in snapshot["outputs"][0]["components"]]
