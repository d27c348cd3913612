"""What the chain says of the deployer's shares at one block: supply, seed, payments, allowances, batches that exist."""

from collections.abc import Sequence
from typing import Final

from eth_utils.crypto import keccak

from keeper.adapters.ethereum import wire
from keeper.adapters.ethereum.events import TRANSFER, decoded, event
from keeper.adapters.ethereum.history import PlacedLog, logs_of
from keeper.adapters.ethereum.rpc import Request
from keeper.adapters.ethereum.setup_node import SetupNode
from keeper.adapters.ethereum.views import view
from keeper.core.model import Block
from keeper.core.setup.airdrop import Drop, Payment, Seeding, ShareBook
from keeper.core.units import Address, BaseUnits

APPROVAL: Final = keccak(text="Approval(address,address,uint256)")


async def read_share_book(
    node: SetupNode, treasury: Address, deployer: Address, drops: Sequence[Drop], block: Block, since: int
) -> ShareBook:
    """`since` is a block before the treasury's first event. Raises LogsRefused, ChainUnavailable."""
    try:
        return await _read(node, treasury, deployer, drops, block, since)
    except wire.Malformed as fault:
        raise node.rpc.unavailable(f"eth_getLogs: answered {fault}") from None


async def _read(
    node: SetupNode, treasury: Address, deployer: Address, drops: Sequence[Drop], block: Block, since: int
) -> ShareBook:
    rpc = node.rpc
    me = bytes.fromhex(deployer[2:]).rjust(32, b"\0")
    given = await logs_of(rpc, [treasury], [[TRANSFER, APPROVAL], me], since, block.number)
    taken = await logs_of(rpc, [treasury], [TRANSFER, None, me], since, block.number)
    issues = [event(name)[1] for name in ("Seeded", "Minted", "Redeemed")]
    issued = [placed.log for placed in await logs_of(rpc, [treasury], [issues], since, block.number)]

    at = wire.at_hash(block.hash)
    spenders = sorted({_address(placed, 2) for placed in given if placed.log.topics[0] == APPROVAL})
    places = sorted({*spenders, *(drop.address for drop in drops)})
    answers = await node.ask_all(
        [
            view(treasury, "totalSupply()", "(uint256)", at=at),
            view(treasury, "balanceOf(address)", "(uint256)", deployer, at=at),
            *(view(treasury, "allowance(address,address)", "(uint256)", deployer, one, at=at) for one in places),
            *(Request("eth_getCode", [drop.address, at], wire.data) for drop in drops),
        ]
    )
    supply, balance, *rest = [rpc.require(answer) for answer in answers]
    if None in (supply, balance, *rest):
        raise rpc.unavailable(f"eth_call: {treasury} does not answer as a token")
    allowed, codes = rest[: len(places)], rest[len(places) :]
    seeded = decoded("Seeded", issued)
    seeding = Seeding(tuple(map(BaseUnits, seeded[0]["amounts"])), BaseUnits(seeded[0]["shares"])) if seeded else None
    received = sum(_amount(placed) for placed in taken) - (seeding.shares if seeding else 0)
    return ShareBook(
        supply=BaseUnits(supply),
        balance=BaseUnits(balance),
        seeding=seeding,
        paid=tuple(_payments(given)),
        received=BaseUnits(received),
        allowances={place: BaseUnits(amount) for place, amount in zip(places, allowed, strict=True) if amount},
        created=frozenset(drop.address for drop, code in zip(drops, codes, strict=True) if code),
        minted=BaseUnits(sum(found["shares"] for found in decoded("Minted", issued))),
        redeemed=BaseUnits(sum(found["shares"] for found in decoded("Redeemed", issued))),
    )


def _payments(given: Sequence[PlacedLog]) -> list[Payment]:
    """Transfers of nothing left out: an ERC-20 lets anybody make them in anybody's name."""
    return [
        Payment(_address(placed, 2), BaseUnits(amount), placed.tx_hash)
        for placed in given
        if placed.log.topics[0] == TRANSFER and (amount := _amount(placed))
    ]


def _address(placed: PlacedLog, topic: int) -> Address:
    if len(placed.log.topics) != 3:
        raise wire.Malformed("an ERC-20 event without its two addresses")
    return wire.checksummed(int.from_bytes(placed.log.topics[topic][12:]))


def _amount(placed: PlacedLog) -> int:
    return int.from_bytes(placed.log.data)
