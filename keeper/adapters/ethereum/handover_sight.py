"""`Sight` of a handover: owner, roles, limits, code, and what every function says to the deployer."""

import asyncio
from typing import Final

from keeper.adapters.ethereum import wire
from keeper.adapters.ethereum.history import LogsRefused
from keeper.adapters.ethereum.probes import probe
from keeper.adapters.ethereum.rpc import Request
from keeper.adapters.ethereum.setup_facts import FactsReader
from keeper.adapters.ethereum.setup_node import SetupNode
from keeper.adapters.ethereum.surroundings import TreasuryReader
from keeper.adapters.ethereum.views import view
from keeper.core.mistakes import SetupStopped
from keeper.core.overview import KeeperRole
from keeper.core.setup.config import FundConfig
from keeper.core.setup.handover import HandoverFacts
from keeper.core.units import Address, BaseUnits, Hash32

CATCH_UP: Final = 60.0
"""Seconds in which a node must show the block that another one behind the same address has shown."""


class HandoverSight:
    """`since` is a block before the treasury's first event, `code_hash` what the record knows of its code."""

    def __init__(
        self,
        node: SetupNode,
        config: FundConfig,
        deployer: Address,
        treasury: Address,
        since: int,
        code_hash: Hash32 | None,
    ) -> None:
        self._node = node
        self._config = config
        self._deployer = deployer
        self._treasury = treasury
        self._since = since
        self._code_hash = code_hash

    async def look(self, since: int = 0) -> HandoverFacts:
        node, deployer = self._node, self._deployer
        deadline = asyncio.get_running_loop().time() + CATCH_UP
        while (block := await node.head()).number < since:
            if asyncio.get_running_loop().time() > deadline:
                raise SetupStopped(f"the node is at block {block.number}, another one has shown {since}: start again")
            await asyncio.sleep(0.2)
        facts = await FactsReader(node, self._config.bare, deployer).read(self._treasury, [deployer])
        if facts.treasury is None:
            raise SetupStopped(f"there is no contract at {self._treasury}: `keeper deploy` first")
        block = await node.head()  # not older than the facts: what the deployer may do only ever becomes less
        keepers: tuple[KeeperRole, ...] | None = None
        refused = ""
        try:
            keepers = await TreasuryReader(node.rpc).keepers(self._treasury, block, [deployer], self._since)
        except LogsRefused as refusal:
            refused = str(refusal)
        at = wire.at_hash(block.hash)
        code, shares = await node.ask_all(
            [
                Request("eth_getCode", [self._config.owner, at], wire.data),
                view(self._treasury, "balanceOf(address)", "(uint256)", deployer, at=at),
            ]
        )
        return HandoverFacts(
            now=block.timestamp,
            treasury=facts.treasury,
            same_code=facts.treasury.code_hash in {facts.expected_code, self._code_hash},
            probes=await probe(node, self._treasury, deployer, block),
            owner_is_contract=bool(node.rpc.require(code)),
            shares=BaseUnits(node.rpc.require(shares) or 0),
            keepers=keepers,
            no_keepers=refused,
        )
