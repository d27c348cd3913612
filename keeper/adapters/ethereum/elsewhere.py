"""Errors by which a node says that it does not have, or does not give, what another node of its chain may.

A block that a lagging node has not seen, state that a pruned one has dropped, a quota that is used up. Everything else
that a node answers with an error, a revert above all, it would answer anywhere, and no other node is asked.
"""

from typing import Final

from keeper.adapters.ethereum.provider import RpcError

_CODES: Final = frozenset({-32001, -32002, -32005, 429, 4444})
"""EIP-1474's resource not found, resource unavailable and limit exceeded; gateways' own 429; history that was pruned
(EIP-4444)."""
_BY_WORDS_ALONE: Final = frozenset({"eth_getLogs", "eth_sendRawTransaction"})
"""-32005 is also how providers refuse a range of logs that is too wide, which `history` then halves; and Besu's codes
for transactions are these same numbers."""
_BEGINNINGS: Final = (
    "header not found",
    "header for hash not found",
    "hash is not currently canonical",
    "unknown block",
    "block not found",
    "missing trie node",
    "historical state",
    "world state unavailable",
    "initial sync is still in progress",
    "limit exceeded",
    "rate limit",
    "too many requests",
)


def is_elsewhere(error: RpcError) -> bool:
    """Whether another endpoint is worth the question."""
    if error.message.casefold().startswith(_BEGINNINGS):
        return True
    return error.code in _CODES and error.method not in _BY_WORDS_ALONE
