"""Signed bytes to a node and its words about them. Whatever is said, and when nothing is, the bytes may be out."""

from collections.abc import Sequence
from typing import Final

from eth_utils.crypto import keccak

from keeper.adapters.ethereum import wire
from keeper.adapters.ethereum.provider import RpcError
from keeper.adapters.ethereum.rpc import Request, Rpc
from keeper.core.replies import ReplyKind, classify, together
from keeper.ports import ChainUnavailable, Reply

METHOD: Final = "eth_sendRawTransaction"


async def hand_over(rpc: Rpc, raw: bytes) -> Reply:
    """To one endpoint, once. Raises ChainUnavailable when nothing came back that can be read."""
    said = await rpc.try_ask(Request(METHOD, [wire.hexed(raw)], wire.hash32))
    if isinstance(said, RpcError):
        return Reply(f"error: {wire.printable(said.message)}", classify(said.message, said.code))
    if said != wire.hexed(keccak(raw)):
        return Reply(f"error: the node answered with another hash, {said}", ReplyKind.UNKNOWN)
    return Reply("accepted", ReplyKind.ACCEPTED)


def lost(outage: ChainUnavailable) -> Reply:
    """A lost reply is not a lost transaction."""
    return Reply(f"no reply: {outage}", ReplyKind.UNKNOWN)


def combined(said: Sequence[tuple[str, Reply]]) -> Reply:
    """The words of several endpoints as one reply, each by its origin; those of a single one as they are."""
    if len(said) == 1:
        return said[0][1]
    texts = [f"{origin}: {reply.text.replace(f'RPC {origin}: ', '')}" for origin, reply in said]
    return Reply("; ".join(texts), together(reply.kind for _, reply in said))
