"""What nodes really say to a transaction, family by family, and what is made of it."""

import pytest

from keeper.core.replies import TAKEN, ReplyKind, classify, together

pytestmark = pytest.mark.unit

K = ReplyKind

SAID: dict[str, dict[str, ReplyKind]] = {
    "geth": {
        "already known": K.KNOWN,
        "nonce too low: next nonce 12, tx nonce 11": K.NONCE_LOW,
        "nonce too low: address 0x71562b71999873DB5b286dF957af199Ec94617F7, tx: 1 state: 2": K.NONCE_LOW,
        "nonce too high: tx nonce 9, gapped nonce 7": K.GAP,
        "future transaction tries to replace pending": K.GAP,
        "replacement transaction underpriced": K.REPLACEMENT,
        "replacement transaction underpriced: new tx gas fee cap 10 < 11 queued": K.REPLACEMENT,
        "transaction underpriced": K.LOW_FEE,
        "transaction underpriced: tip needed 1000000, tip permitted 1": K.LOW_FEE,
        "transaction gas price below minimum: gas tip cap 1, minimum needed 1000000": K.LOW_FEE,
        "max fee per gas less than block base fee: address 0x71, maxFeePerGas: 1, baseFee: 875000000": K.LOW_FEE,
        "insufficient funds for gas * price + value: balance 1, tx cost 3, overshot 2": K.FUNDS,
        "insufficient funds for transfer": K.FUNDS,
        "tx fee (2.10 ether) exceeds the configured cap (1.00 ether)": K.FEE_CAP,
        "intrinsic gas too low: gas 20000, minimum needed 21000": K.FATAL,
        "insufficient gas for floor data gas cost: gas 21000, minimum needed 24000": K.FATAL,
        "exceeds block gas limit": K.FATAL,
        "transaction gas limit too high (cap: 16777216, tx: 20000000)": K.FATAL,
        "invalid sender: invalid chain id for signer: have 5 want 1": K.FATAL,
        "invalid chain id for signer: have 5 want 1": K.FATAL,
        "invalid transaction v, r, s values": K.FATAL,
        "transaction type not supported": K.FATAL,
        "max priority fee per gas higher than max fee per gas": K.FATAL,
        "oversized data: transaction size 200000, limit 131072": K.FATAL,
        "rlp: value size exceeds available input length": K.FATAL,
        "txpool is full": K.UNKNOWN,
        "account limit exceeded: pooled 16 txs": K.UNKNOWN,
        "in-flight transaction limit reached for delegated accounts": K.UNKNOWN,
    },
    "nethermind": {
        "AlreadyKnown": K.KNOWN,
        "OldNonce, Current nonce: 5, nonce of rejected tx: 4": K.NONCE_LOW,
        "NonceGap, Future nonce. Expected nonce: 5": K.GAP,
        "NonceTooFarInFuture": K.GAP,
        "nonce too far in future": K.GAP,
        "ReplacementNotAllowed": K.REPLACEMENT,
        "FeeTooLow, MaxFeePerGas too low. MaxFeePerGas: 1, BaseFee: 7": K.LOW_FEE,
        "FeeTooLowToCompete": K.LOW_FEE,
        "InsufficientFunds, Account balance: 0, cumulative cost: 21000": K.FUNDS,
        "GasLimitExceeded, Gas limit: 30000000, gas limit of rejected tx: 40000000": K.FATAL,
        "FailedToResolveSender": K.FATAL,
        "failed to recover sender": K.FATAL,
        "SenderIsContract": K.FATAL,
        "Invalid, InvalidTxChainId: Expected 1, got 5.": K.FATAL,
        "Invalid, TxGasLimitCapExceeded: Gas limit 20000000 exceeded cap of 16777216.": K.FATAL,
        "Invalid, intrinsic gas too low": K.FATAL,
        "gas limit reached": K.FATAL,
        "Syncing": K.UNKNOWN,
    },
    "besu": {
        "Known transaction": K.KNOWN,
        "Nonce too low": K.NONCE_LOW,
        "Nonce too high": K.GAP,
        "Transaction nonce is too distant from current sender nonce": K.GAP,
        "An invalid transaction with a lower nonce exists": K.GAP,
        "Replacement transaction underpriced": K.REPLACEMENT,
        "Gas price below configured minimum gas price": K.LOW_FEE,
        "Gas price below current base fee": K.LOW_FEE,
        "Upfront cost exceeds account balance": K.FUNDS,
        "Transaction fee cap exceeded": K.FEE_CAP,
        "Intrinsic gas exceeds gas limit": K.FATAL,
        "Transaction gas limit exceeds block gas limit": K.FATAL,
        "Wrong chainId": K.FATAL,
        "ChainId not supported": K.FATAL,
        "Invalid signature": K.FATAL,
        "Invalid transaction type": K.FATAL,
        "Max priority fee per gas exceeds max fee per gas": K.FATAL,
        "Initial sync is still in progress": K.UNKNOWN,
        "Sender account not authorized to send transactions": K.UNKNOWN,
    },
    "erigon": {
        "ALREADY_EXISTS: already known": K.KNOWN,
        "INTERNAL_ERROR: existing tx with same hash": K.KNOWN,
        "INTERNAL_ERROR: nonce too low": K.NONCE_LOW,
        "INTERNAL_ERROR: could not replace existing tx": K.REPLACEMENT,
        "FEE_TOO_LOW: replacement transaction underpriced": K.REPLACEMENT,
        "FEE_TOO_LOW: underpriced": K.LOW_FEE,
        "FEE_TOO_LOW: fee too low": K.LOW_FEE,
        "INTERNAL_ERROR: insufficient funds": K.FUNDS,
        "INTERNAL_ERROR: IntrinsicGas": K.FATAL,
        "INVALID: invalid sender": K.FATAL,
        "INVALID: negative value": K.FATAL,
        "INTERNAL_ERROR: RLPTooLong": K.FATAL,
        "invalid chain id, expected: 1 got: 5": K.FATAL,
        "INTERNAL_ERROR: queued sub-pool is full": K.UNKNOWN,
    },
    "anvil": {
        "transaction already imported": K.KNOWN,
        "nonce too low": K.NONCE_LOW,
        "Nonce too high": K.GAP,
        "replacement transaction underpriced": K.REPLACEMENT,
        "max fee per gas less than block base fee": K.LOW_FEE,
        "Insufficient funds for gas * price + value": K.FUNDS,
        "intrinsic gas too low": K.FATAL,
        "intrinsic gas too high -- tx.gas_limit > env.block.gas_limit": K.FATAL,
        "Transaction gas limit is greater than the block gas limit, gas_limit: 40000000, cap: 30000000": K.FATAL,
        "invalid chain id for signer": K.FATAL,
        "Failed to decode signed transaction": K.FATAL,
        "Failed to decode transaction": K.FATAL,
    },
    "gateways": {
        "err: max fee per gas less than block base fee": K.LOW_FEE,
        "failed to forward the transaction: nonce too low": K.NONCE_LOW,
        "  Already\n known ": K.KNOWN,
        "unknown transaction": K.UNKNOWN,
        "the transaction is unknown: unknown transaction": K.UNKNOWN,
        "rate limit exceeded": K.UNKNOWN,
        "execution reverted: the nonce too low for this": K.UNKNOWN,
        "": K.UNKNOWN,
    },
}


@pytest.mark.parametrize(
    ("message", "kind"),
    [
        pytest.param(words, kind, id=f"{family}: {words}")
        for family, said in SAID.items()
        for words, kind in said.items()
    ],
)
def test_what_a_node_says(message: str, kind: ReplyKind) -> None:
    assert classify(message) is kind


def test_a_code_counts_only_where_the_words_say_nothing() -> None:
    assert classify("Gas price is what it is", -32009) is K.LOW_FEE
    assert classify("Known transaction", -32009) is K.KNOWN
    for ambiguous in (-32000, -32003, -32005, -32010, None):
        assert classify("no", ambiguous) is K.UNKNOWN


@pytest.mark.parametrize(
    ("said", "meaning"),
    [
        ([K.ACCEPTED], K.ACCEPTED),
        ([K.FATAL, K.ACCEPTED], K.ACCEPTED),
        ([K.KNOWN, K.ACCEPTED], K.ACCEPTED),
        ([K.UNKNOWN, K.KNOWN], K.KNOWN),
        ([K.FATAL], K.FATAL),
        ([K.FATAL, K.FATAL], K.FATAL),
        ([K.FATAL, K.UNKNOWN], K.UNKNOWN),
        ([K.FATAL, K.NONCE_LOW], K.NONCE_LOW),
        ([K.FATAL, K.GAP], K.GAP),
        ([K.UNKNOWN, K.REPLACEMENT], K.UNKNOWN),
        ([], K.UNKNOWN),
    ],
)
def test_what_several_say_together(said: list[ReplyKind], meaning: ReplyKind) -> None:
    assert together(said) is meaning
    assert together(reversed(said)) is meaning


def test_taken_by_one_is_taken_and_only_all_together_refuse() -> None:
    for kind in K:
        assert together([kind, K.KNOWN]) in TAKEN
        assert together([kind, kind]) is kind
        assert (together([kind, K.FATAL]) is K.FATAL) == (kind is K.FATAL)
