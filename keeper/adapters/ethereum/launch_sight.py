"""`Sight` and `Writer` of a launch: the facts of one block, and its tasks as transactions."""

import asyncio
from typing import Final

from keeper.adapters.ethereum import airdrop, wire
from keeper.adapters.ethereum.airdrop import AirdropCodec
from keeper.adapters.ethereum.history import LogsRefused
from keeper.adapters.ethereum.rpc import Request
from keeper.adapters.ethereum.setup_codec import PROXY, encode_call
from keeper.adapters.ethereum.setup_node import SetupNode
from keeper.adapters.ethereum.share_book import read_share_book
from keeper.adapters.ethereum.surroundings import TreasuryReader
from keeper.adapters.ethereum.views import said, view
from keeper.core.mistakes import SetupStopped
from keeper.core.model import Block, Fund
from keeper.core.setup.calls import Call
from keeper.core.setup.launch import Launch, LaunchFacts, Move, Task, described
from keeper.core.units import Address, BaseUnits

CATCH_UP: Final = 60.0
"""Seconds in which a node must show the block that another one behind the same address has shown."""


class LaunchSight:
    """`since` is a block before the treasury's first event: nodes serve few logs at once."""

    def __init__(self, node: SetupNode, launch: Launch, treasury: Address, since: int) -> None:
        self._node = node
        self._launch = launch
        self._treasury = treasury
        self._since = since

    async def look(self, since: int = 0) -> LaunchFacts:
        block = await self._head(since)
        node, deployer = self._node, self._launch.deployer
        fund = Fund(0, self._launch.config.name, self._treasury, deployer, None, paused=False)
        treasury = (await node.chain.observe(block, [fund])).treasuries[0]
        if treasury is None:
            raise SetupStopped(f"{self._treasury} does not answer as a treasury: `keeper deploy` first")
        at = wire.at_hash(block.hash)
        tokens = [asset.token for asset in treasury.assets]
        pair = (deployer, treasury.address)
        answers = await node.ask_all(
            [
                Request("eth_getCode", [PROXY, at], wire.data),
                *(view(token, "balanceOf(address)", "(uint256)", deployer, at=at) for token in tokens),
                *(view(token, "allowance(address,address)", "(uint256)", *pair, at=at) for token in tokens),
            ]
        )
        code, *amounts = [said(answer) for answer in answers]
        known = [None if amount is None else BaseUnits(amount) for amount in amounts]
        try:
            book = await read_share_book(node, treasury.address, deployer, self._launch.drops, block, self._since)
        except LogsRefused as refusal:
            raise SetupStopped(f"who was paid cannot be told: {refusal}; another node, or --from-block?") from None
        account = await node.account(deployer)
        return LaunchFacts(
            block=block,
            treasury=treasury,
            sequencer=await TreasuryReader(node.rpc).sequencer(treasury.address, block),
            held=tuple(known[: len(tokens)]),
            allowed=tuple(known[len(tokens) :]),
            book=book,
            proxy=bool(code),
            coins=account.balance,
            tip=account.tip,
        )

    async def _head(self, since: int) -> Block:
        """Behind one address may be several nodes: what one has mined another may not have seen."""
        deadline = asyncio.get_running_loop().time() + CATCH_UP
        while (block := await self._node.head()).number < since:
            if asyncio.get_running_loop().time() > deadline:
                raise SetupStopped(f"the node is at block {block.number}, another one has shown {since}: start again")
            await asyncio.sleep(0.2)
        return block


class LaunchWriter:
    def __init__(self, codec: AirdropCodec) -> None:
        self._codec = codec

    def call(self, task: Task, launch: Launch, facts: LaunchFacts) -> Call:
        treasury = facts.treasury
        label, step = described(task, launch, treasury)
        if task.move is Move.SEED:
            arguments = (list(launch.amounts(treasury)), launch.listed.issue)
            data = encode_call("seed", arguments)
            return Call(treasury.address, "seed", arguments, data, label, step, waits=True)
        if task.move is Move.PAY_BATCH and task.drop is not None:
            return self._codec.create(task.drop, label, step)
        amount = task.amount or BaseUnits(0)
        if task.drop is not None:
            return airdrop.approve(treasury.address, task.drop.address, amount, label, step)
        if task.spender is not None:
            return airdrop.approve(treasury.address, task.spender, amount, label, step)
        token = treasury.assets[task.asset or 0].token
        return airdrop.approve(token, treasury.address, amount, label, step, waits=task.waits)
