"""Whether a nonce was finally spent by somebody else, as one endpoint sees it. Who asks wants it of every one."""

from collections.abc import Sequence
from typing import Any

from keeper.adapters.ethereum import wire
from keeper.adapters.ethereum.provider import RpcError
from keeper.adapters.ethereum.rpc import Request, Rpc
from keeper.core.units import Address, Hash32


async def says_spent(
    rpc: Rpc, chain_id: int, signer: Address, nonce: int, tx_hashes: Sequence[Hash32], depth: int | None
) -> bool:
    """On that chain, the signer's count is beyond `nonce` in a final block, and none of the hashes has a receipt.

    Final is what the node calls so, or with `depth` what is that many blocks below its own head. An error to any part
    is a no. Raises ChainUnavailable.
    """
    at = "finalized"
    if depth is not None:
        head = await rpc.ask(Request("eth_blockNumber", [], wire.quantity))
        at = hex(max(0, head - depth))
    asked: list[Request[Any]] = [
        Request("eth_chainId", [], wire.quantity),
        Request("eth_getTransactionCount", [signer, at], wire.quantity),
    ]
    asked += [Request("eth_getTransactionReceipt", [tx_hash], lambda value: value is None) for tx_hash in tx_hashes]
    answers = await rpc.try_batch(asked)
    if any(isinstance(answer, RpcError) for answer in answers):
        return False
    found, count, *missing = answers
    return found == chain_id and int(count) > nonce and all(missing)
