"""Nodes that lack a method, forget a field or answer for something else: substituted where it is safe, else refused."""

import re
from collections.abc import Callable
from typing import Any

import pytest
from eth_utils.crypto import keccak

from keeper.adapters.ethereum.chain import EthereumChain
from keeper.adapters.ethereum.rehearsal import needed_gas
from keeper.core.ledger import Call
from keeper.core.model import Block
from keeper.core.replies import ReplyKind
from keeper.core.units import Address, Hash32, Timestamp, Wei
from keeper.ports import Account, ChainUnavailable, Reply, Simulated
from scripts.localchain import accounts
from tests.adapters.ethereum.fake_node import Refusal, answering, fake_node

pytestmark = pytest.mark.adapter

HEADER = {
    "number": "0x5",
    "hash": "0x" + "AB" * 32,
    "parentHash": "0x" + "01" * 32,
    "timestamp": "0x10",
    "baseFeePerGas": "0x7",
}
HASH = Hash32("0x" + "ab" * 32)
TREASURY = Address("0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed")
BLOCK = Block(5, HASH, Hash32("0x" + "01" * 32), Timestamp(16), Wei(7))
CALL = Call(TREASURY, b"\x01", 1, Timestamp(9))
RECEIPT = {
    "transactionHash": HASH,
    "status": "0x1",
    "blockNumber": "0x5",
    "blockHash": HASH,
    "transactionIndex": "0x0",
    "gasUsed": "0x5208",
    "effectiveGasPrice": "0x8",
    "logs": [],
}
SIGNER_FACTS = {
    "eth_call": "0x" + "00" * 31 + "09",
    "eth_getTransactionCount": lambda _, at: "0x3" if at == "latest" else "0x4",
    "eth_getBalance": "0x64",
    "eth_maxPriorityFeePerGas": "0x2",
}

Ask = Callable[[EthereumChain], Any]


async def ask(answers: dict[str, Any], question: Ask) -> Any:
    async with fake_node(answering(answers)) as node, EthereumChain(node.url(), 1) as chain:
        return await question(chain)


async def only_receipt(chain: EthereumChain) -> Any:
    (receipt,) = await chain.receipts([HASH], TREASURY)
    return receipt


async def test_a_header_is_read() -> None:
    assert await ask({"eth_getBlockByNumber": HEADER}, lambda chain: chain.head()) == BLOCK


@pytest.mark.parametrize(
    ("header", "said"),
    [
        (None, "null where an object belongs"),
        ("0x5", "'0x5' where an object belongs"),
        (HEADER | {"number": None}, "null where a number belongs"),
        (HEADER | {"hash": None}, "null where a hash belongs"),
        (HEADER | {"hash": "0xabab"}, "where a hash belongs"),
        (HEADER | {"timestamp": 16}, "16 where a number belongs"),
        (HEADER | {"timestamp": "16"}, "'16' where a number belongs"),
        ({k: v for k, v in HEADER.items() if k != "baseFeePerGas"}, "EIP-1559 is needed"),
        ({k: v for k, v in HEADER.items() if k != "parentHash"}, "no parentHash"),
        (Refusal(-32000, "node is syncing"), "node is syncing"),
    ],
)
async def test_a_header_that_is_not_whole_is_refused(header: Any, said: str) -> None:
    for question in (lambda chain: chain.head(), lambda chain: chain.finalized()):
        with pytest.raises(ChainUnavailable, match=f"eth_getBlockByNumber: .*{said}"):
            await ask({"eth_getBlockByNumber": header}, question)


async def test_another_block_than_asked_for_is_refused() -> None:
    with pytest.raises(ChainUnavailable, match="answered block 5, not 6"):
        await ask({"eth_getBlockByNumber": HEADER}, lambda chain: chain.block(6))
    with pytest.raises(ChainUnavailable, match="answered block 5, not 6"):
        await ask({"eth_getBlockByNumber": HEADER}, lambda chain: chain.blocks_at([5, 6]))


@pytest.mark.parametrize(
    ("receipt", "said"),
    [
        ({}, "no transactionHash"),
        (RECEIPT | {"transactionHash": "0x" + "cd" * 32}, "the receipt of another transaction"),
        ({k: v for k, v in RECEIPT.items() if k != "status"}, "no status"),
        (RECEIPT | {"status": "0x2"}, "a receipt with status 2"),
        (RECEIPT | {"status": None}, "null where a number belongs"),
        (RECEIPT | {"logs": None}, "a receipt without logs"),
        (RECEIPT | {"logs": [{"address": TREASURY, "topics": [], "data": "0x0"}]}, "where bytes belong"),
        (RECEIPT | {"blockHash": None}, "null where a hash belongs"),
        (RECEIPT | {"logs": [{"address": TREASURY, "topics": ["0x" + keccak(
            text="Rebalanced(uint64,address,bytes32,uint256,uint256,uint256,uint256,uint256,uint256)"
        ).hex()], "data": "0x"}]}, "a log Rebalanced that does not decode"),
    ],
)  # fmt: skip
async def test_a_receipt_that_is_not_whole_is_refused(receipt: Any, said: str) -> None:
    with pytest.raises(ChainUnavailable, match=f"eth_getTransactionReceipt: answered {said}|{said}"):
        await ask({"eth_getTransactionReceipt": receipt}, only_receipt)


async def test_a_rollups_fee_and_foreign_logs() -> None:
    transfer = "0x" + keccak(text="Transfer(address,address,uint256)").hex()
    holder, other = ("0x" + address[2:].lower().rjust(64, "0") for address in (TREASURY, accounts.OWNER))
    logs = [
        {"address": accounts.OWNER, "topics": [transfer, holder, other], "data": "0x" + "00" * 31 + "05"},
        {"address": accounts.OWNER, "topics": [transfer, other, other], "data": "0x" + "00" * 31 + "06"},
        {"address": accounts.OWNER, "topics": [transfer, other, holder, other], "data": "0x"},
        {"address": accounts.OWNER, "topics": [], "data": "0x"},
    ]
    receipt = await ask(
        {"eth_getTransactionReceipt": RECEIPT | {"l1Fee": "0x9", "logs": logs}},
        only_receipt,
    )
    assert receipt.l1_fee == 9
    assert [(log.sender, log.recipient, log.amount) for log in receipt.transfers] == [(TREASURY, accounts.OWNER, 5)]


async def test_a_reverted_receipt_counts_even_when_nobody_knows_why() -> None:
    receipt = await ask({"eth_getTransactionReceipt": RECEIPT | {"status": "0x0"}}, only_receipt)
    assert (receipt.succeeded, receipt.revert_reason) == (False, None)


async def test_a_node_without_tips_gives_its_price_above_the_base_fee() -> None:
    answers = SIGNER_FACTS | {"eth_gasPrice": "0x9", "eth_getBlockByNumber": HEADER}
    for refusal in (Refusal(-32601, "x"), Refusal(-32000, "Method eth_maxPriorityFeePerGas not supported")):
        account = await ask(answers | {"eth_maxPriorityFeePerGas": refusal}, lambda chain: chain.account(TREASURY))
        assert account == Account(nonce=3, pending_nonce=4, balance=Wei(100), tip=Wei(2))
    cheap = answers | {"eth_maxPriorityFeePerGas": Refusal(-32601, "x"), "eth_gasPrice": "0x5"}
    assert (await ask(cheap, lambda chain: chain.account(TREASURY))).tip == 0


@pytest.mark.parametrize("method", [*SIGNER_FACTS])
async def test_any_fact_that_a_node_does_not_give_is_an_outage(method: str) -> None:
    for trouble, said in ((Refusal(-32005, "limit exceeded"), "limit exceeded"), (None, "null where")):
        with pytest.raises(ChainUnavailable, match=f"{method}: .*{said}"):
            await ask(SIGNER_FACTS | {method: trouble}, lambda chain: chain.rehearse(CALL, TREASURY, BLOCK))


async def test_a_rehearsal_counts_what_a_transaction_pays_beside_its_execution() -> None:
    simulated, _ = await ask(
        SIGNER_FACTS | {"eth_call": "0x" + f"{100_000:064x}"}, lambda chain: chain.rehearse(CALL, TREASURY, BLOCK)
    )
    assert simulated == Simulated(gas=21_000 + 16 + 100_000)
    assert needed_gas(b"\0\1", 9) == 21_000 + 10 + 40
    assert needed_gas(b"\0\1", 1_000) == 21_000 + 4 + 16 + 1_000


async def test_a_rehearsal_without_state_overrides_is_an_outage() -> None:
    with pytest.raises(ChainUnavailable, match="eth_call: answered 0 bytes where a gas amount belongs"):
        await ask(SIGNER_FACTS | {"eth_call": "0x"}, lambda chain: chain.rehearse(CALL, TREASURY, BLOCK))


async def test_the_answer_to_sending_is_checked_against_the_bytes() -> None:
    raw = b"\x02\x01"
    right = {"eth_sendRawTransaction": "0x" + keccak(raw).hex()}
    assert await ask(right, lambda chain: chain.send(raw)) == Reply("accepted", ReplyKind.ACCEPTED)
    reply = await ask({"eth_sendRawTransaction": HASH}, lambda chain: chain.send(raw))
    assert reply == Reply(f"error: the node answered with another hash, {HASH}", ReplyKind.UNKNOWN)
    reply = await ask({"eth_sendRawTransaction": None}, lambda chain: chain.send(raw))
    assert reply.kind is ReplyKind.UNKNOWN
    assert re.fullmatch(
        r"no reply: RPC http://127.0.0.1:\d+: eth_sendRawTransaction: answered null where a hash belongs", reply.text
    )


@pytest.mark.parametrize(
    ("refusal", "kind"),
    [
        (Refusal(-32000, "already known"), ReplyKind.KNOWN),
        (Refusal(-32009, "The price is wrong"), ReplyKind.LOW_FEE),
        (Refusal(-32003, "Intrinsic gas exceeds gas limit"), ReplyKind.FATAL),
        (Refusal(-32000, "the pool is full"), ReplyKind.UNKNOWN),
    ],
)
async def test_a_refusal_of_a_sending_is_told_and_classified(refusal: Refusal, kind: ReplyKind) -> None:
    reply = await ask({"eth_sendRawTransaction": refusal}, lambda chain: chain.send(b"\x02"))
    assert reply == Reply(f"error: {refusal.message}", kind)


async def test_receipts_come_in_one_request_each_at_its_place() -> None:
    other = Hash32("0x" + "cd" * 32)
    answers = {"eth_getTransactionReceipt": lambda tx_hash: RECEIPT if tx_hash == HASH else None}
    async with fake_node(answering(answers)) as node, EthereumChain(node.url(), 1) as chain:
        missing, mined = await chain.receipts([other, HASH], TREASURY)
        assert missing is None
        assert mined is not None
        assert mined.tx_hash == HASH
        assert await chain.receipts([], TREASURY) == []
        assert len(node.bodies) == 1
