"""How three families of nodes refuse a transaction: the same faults, each in its own words and codes.

Sources: go-ethereum `core/txpool/errors.go`, `core/txpool/validation.go`, `core/error.go`; Nethermind `AcceptTxResult`
with `ErrorCodes.TransactionRejected`; Besu `RpcErrorType`.
"""

from dataclasses import dataclass
from typing import Final

Words = tuple[int, str]
"""Code and message. Braces take what is known: nonce, expected, balance, cost, short, tip, least, base."""


@dataclass(frozen=True, slots=True)
class Family:
    name: str
    known: Words
    nonce_low: Words
    nonce_high: Words
    replacement: Words
    underpriced: Words
    funds: Words


GETH: Final = Family(
    name="geth",
    known=(-32000, "already known"),
    nonce_low=(-32000, "nonce too low: next nonce {expected}, tx nonce {nonce}"),
    nonce_high=(-32000, "nonce too high: tx nonce {nonce}, gapped nonce {expected}"),
    replacement=(-32000, "replacement transaction underpriced"),
    underpriced=(-32000, "transaction underpriced: tip needed {least}, tip permitted {tip}"),
    funds=(-32000, "insufficient funds for gas * price + value: balance {balance}, tx cost {cost}, overshot {short}"),
)
NETHERMIND: Final = Family(
    name="Nethermind",
    known=(-32010, "AlreadyKnown"),
    nonce_low=(-32010, "OldNonce, Current nonce: {expected}, nonce of rejected tx: {nonce}"),
    nonce_high=(-32010, "NonceGap, Future nonce. Expected nonce: {expected}"),
    replacement=(-32010, "ReplacementNotAllowed"),
    underpriced=(-32010, "FeeTooLow, EffectivePriorityFeePerGas too low {tip} < {least}, BaseFee: {base}"),
    funds=(-32010, "InsufficientFunds, Account balance: {balance}, cumulative cost: {cost}"),
)
BESU: Final = Family(
    name="Besu",
    known=(-32000, "Known transaction"),
    nonce_low=(-32001, "Nonce too low"),
    nonce_high=(-32006, "Nonce too high"),
    replacement=(-32000, "Replacement transaction underpriced"),
    underpriced=(-32009, "Gas price below configured minimum gas price"),
    funds=(-32004, "Upfront cost exceeds account balance"),
)
FAMILIES: Final = (GETH, NETHERMIND, BESU)
