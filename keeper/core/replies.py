"""What a node's answer to a transaction means, whichever family it is of. Every error that is not known is "unknown".

Messages are compared without case, by how they begin or by how a part after a colon begins: "unknown transaction" is
not "known transaction", and Erigon says "ALREADY_EXISTS: already known". Sources: go-ethereum `core/txpool/errors.go`,
`core/txpool/validation.go` and `core/error.go`; Nethermind `AcceptTxResult`, `TxErrorMessages` and, since it speaks as
geth does, `TxPoolErrorMessages`; Besu `RpcErrorType`; Erigon `txpoolcfg.DiscardReason`; Reth `EthApiError`; Anvil
`InvalidTransactionError`.
"""

import re
from collections.abc import Iterable
from enum import StrEnum
from typing import Final


class ReplyKind(StrEnum):
    """What follows from a sending. Whatever it is, the bytes count as sent: only FATAL says that nobody took them."""

    ACCEPTED = "accepted"
    KNOWN = "known"
    NONCE_LOW = "nonce_low"
    REPLACEMENT = "replacement"
    LOW_FEE = "low_fee"
    FUNDS = "funds"
    FEE_CAP = "fee_cap"
    GAP = "gap"
    FATAL = "fatal"
    UNKNOWN = "unknown"


TAKEN: Final = frozenset({ReplyKind.ACCEPTED, ReplyKind.KNOWN})

_BEGINNINGS: Final = (
    (
        ReplyKind.KNOWN,
        (
            "already known",
            "known transaction",
            "transaction already imported",
            "existing tx with same hash",
            "alreadyknown",
        ),
    ),
    (ReplyKind.NONCE_LOW, ("nonce too low", "oldnonce")),
    (
        ReplyKind.REPLACEMENT,
        (
            "replacement transaction underpriced",
            "could not replace existing tx",
            "replacementnotallowed",
        ),
    ),
    (
        ReplyKind.LOW_FEE,
        (
            "transaction underpriced",
            "transaction gas price below minimum",
            "max fee per gas less than block base fee",
            "gas price below current base fee",
            "gas price below configured minimum gas price",
            "underpriced",
            "fee too low",
            # with "FeeTooLowToCompete": the pool is full of better ones, nobody sits at the nonce
            "feetoolow",
        ),
    ),
    (
        ReplyKind.FUNDS,
        ("insufficient funds", "upfront cost exceeds account balance", "insufficientfunds"),
    ),
    (ReplyKind.FEE_CAP, ("tx fee (", "transaction fee cap exceeded")),
    (
        ReplyKind.GAP,
        (
            "nonce too high",
            "nonce too far in future",
            "noncegap",
            "noncetoofarinfuture",
            "transaction nonce is too distant",
            "an invalid transaction with a lower nonce exists",
            "future transaction tries to replace pending",
        ),
    ),
    (
        ReplyKind.FATAL,
        (
            "intrinsic gas",
            "intrinsicgas",
            "insufficient gas for floor data gas cost",
            "gas limit reached",
            "gas uint64 overflow",
            "gasuintoverflow",
            "exceeds block gas limit",
            "transaction gas limit",
            "gaslimitexceeded",
            "txgaslimitcapexceeded",
            "invalid chain id",
            "invalidtxchainid",
            "wrong chainid",
            "chainid not supported",
            "invalid sender",
            "invalid signature",
            "invalid transaction v, r, s values",
            "invalid transaction signature",
            "invalidtxsignature",
            "failed to recover sender",
            "failedtoresolvesender",
            "sender not an eoa",
            "senderiscontract",
            "rlp:",
            "rlptoolong",
            "failed to decode signed transaction",
            "failed to decode transaction",
            "invalid transaction type",
            "transaction type not supported",
            "max priority fee per gas higher than max fee per gas",
            "max priority fee per gas exceeds max fee per gas",
            "oversized data",
            "negative value",
        ),
    ),
)

_BY_CODE: Final = {-32009: ReplyKind.LOW_FEE}
"""Besu's GAS_PRICE_TOO_LOW, when the words say nothing. No other code: -32003 is "rejected" for whatever reason at one
client and "intrinsic gas" at another, -32005 a rate limit."""

_PARTS: Final = re.compile(r"^|(?<=[:,] )")
"""Where a message may begin once its wrapping is off: "INTERNAL_ERROR: nonce too low", "Invalid, InvalidTxChainId"."""


def classify(message: str, code: int | None = None) -> ReplyKind:
    """Of a node's refusal; `message` as the node put it. Of several parts that say something the first counts."""
    words = " ".join(message.split()).casefold()
    for part in _PARTS.finditer(words):
        for kind, beginnings in _BEGINNINGS:
            if words.startswith(beginnings, part.start()):
                return kind
    return _BY_CODE.get(code or 0, ReplyKind.UNKNOWN)


_WORST_FIRST: Final = (
    ReplyKind.UNKNOWN,
    ReplyKind.FEE_CAP,
    ReplyKind.NONCE_LOW,
    ReplyKind.REPLACEMENT,
    ReplyKind.LOW_FEE,
    ReplyKind.FUNDS,
    ReplyKind.GAP,
    ReplyKind.FATAL,
)


def together(kinds: Iterable[ReplyKind]) -> ReplyKind:
    """What several endpoints' answers to the same bytes mean. Taken by one is taken; fatal only if all say so."""
    said = set(kinds)
    if said & TAKEN:
        return ReplyKind.ACCEPTED if ReplyKind.ACCEPTED in said else ReplyKind.KNOWN
    return next((kind for kind in _WORST_FIRST if kind in said), ReplyKind.UNKNOWN)
