"""Uniswap where its authors put it: on a fork of a public chain it is used as it stands there.

Addresses as docs.uniswap.org lists them for Ethereum. V3 has the same on Arbitrum, Optimism and Polygon; on a chain
that has other ones, nothing is found and a new Uniswap is deployed.
"""

from dataclasses import dataclass
from typing import Final

from eth_utils.address import to_checksum_address

from scripts.localchain.node import Node
from scripts.localchain.rpc import RpcError

V2_ROUTER: Final = "0x7a250d5630B4cF539739dF2C5dAcb4c659F2488D"
V3_ROUTER: Final = "0xE592427A0AEce92De3Edee1F18E0157C05861564"
QUOTER: Final = "0x61fFE014bA17989E743c5F6cB21bF9697530B21e"
POSITIONS: Final = "0xC36442b4a4522E871399CD717aBDD847Ab11FE88"


@dataclass(frozen=True, slots=True)
class Published:
    """What stands. A version's factory is None when that version does not stand completely."""

    weth: str | None
    v2_factory: str | None
    v3_factory: str | None


def look(node: Node) -> Published:
    """Each contract is asked for its factory and wrapped native coin: what they say is used, and must agree."""
    v2 = _agreed(node, [V2_ROUTER], "WETH()(address)")
    v3 = _agreed(node, [V3_ROUTER, QUOTER, POSITIONS], "WETH9()(address)")
    if v2 and v3 and v2[1] != v3[1]:
        v3 = None
    weth = v2[1] if v2 else v3[1] if v3 else None
    return Published(weth, v2[0] if v2 else None, v3[0] if v3 else None)


def _agreed(node: Node, contracts: list[str], wrapped: str) -> tuple[str, str] | None:
    """Factory and wrapped native coin, when all of `contracts` are there and name the same ones."""
    if not all(node.code_at(contracts)):
        return None
    calls = [(contract, signature, ()) for signature in ("factory()(address)", wrapped) for contract in contracts]
    try:
        answers = node.rpc.views(calls)
    except RpcError:  # something else lives there
        return None
    factories, coins = set(answers[: len(contracts)]), set(answers[len(contracts) :])
    if len(factories) != 1 or len(coins) != 1:
        return None
    return to_checksum_address(factories.pop()), to_checksum_address(coins.pop())
