"""The rules of real nodes that Anvil lacks, with signed transactions, family by family."""

from collections.abc import Iterator

import pytest
from eth_typing import HexStr

from keeper.core.replies import ReplyKind, classify
from scripts.localchain import accounts
from scripts.localchain.node import Node
from tests.faults.clients import GWEI, Signed, Told, ask, ask_batch, signed
from tests.faults.kit.families import FAMILIES, GETH, NETHERMIND, Family
from tests.faults.kit.node_rules import EIGHTH, TENTH, NodeRules, node_rules
from tests.faults.kit.proxy import proxy_to
from tests.faults.kit.rules import LoseReply, Rule
from tests.faults.kit.transactions import read_transaction

pytestmark = pytest.mark.adapter

K = accounts.KEEPER
FEE, TIP = 10 * GWEI, GWEI


@pytest.fixture
def rules(node: Node) -> Iterator[NodeRules]:
    base_fee(node, 2 * GWEI)
    node.mine()
    with node_rules(node.url) as made:
        yield made


def base_fee(node: Node, wei: int) -> None:
    """Of the next block."""
    node.rpc.call("anvil_setNextBlockBaseFeePerGas", hex(wei))


def send(rules: NodeRules, tx: Signed) -> Told:
    return ask(rules.url, "eth_sendRawTransaction", tx.raw)


def taken(rules: NodeRules, tx: Signed) -> bool:
    told: object = send(rules, tx).json.get("result")
    return told == tx.hash


def said(rules: NodeRules, tx: Signed) -> str:
    return str(send(rules, tx).json["error"]["message"])


def nonce(rules: NodeRules, block: str) -> int:
    return int(ask(rules.url, "eth_getTransactionCount", K, block).json["result"], 16)


def shown(rules: NodeRules, tx: Signed) -> bool:
    """As waiting or mined."""
    found = ask(rules.url, "eth_getTransactionByHash", tx.hash).json["result"]
    return found is not None and (found["hash"], found["from"].lower()) == (tx.hash, K.lower())


def mined(node: Node, tx: Signed) -> bool:
    return node.rpc.call("eth_getTransactionReceipt", tx.hash) is not None


def test_what_is_signed_is_what_is_read() -> None:
    tx = signed(3, FEE, TIP, value=7)
    read = read_transaction(tx.raw)
    assert (read.hash, read.sender, read.nonce, read.fee, read.tip) == (tx.hash, K, 3, FEE, TIP)
    assert (read.gas, read.value, str(read.to).lower(), read.data) == (21_000, 7, accounts.OWNER.lower(), b"")
    assert read.cost == 21_000 * FEE + 7
    assert read.shown()["type"] == "0x2"
    old = accounts.keeper_key().sign_transaction(
        {"nonce": 4, "gasPrice": FEE, "gas": 21_000, "to": HexStr(K), "value": 5, "data": b"\x01", "chainId": 31337}
    )
    read = read_transaction(old.raw_transaction.to_0x_hex())
    assert (read.hash, read.sender, read.nonce, read.fee, read.tip) == (old.hash.to_0x_hex(), K, 4, FEE, FEE)
    assert (read.data, read.shown()["type"]) == (b"\x01", "0x0")


def test_what_is_good_goes_through(rules: NodeRules, node: Node) -> None:
    tx = signed(0)
    assert taken(rules, tx)
    assert (nonce(rules, "pending"), nonce(rules, "latest")) == (1, 0)
    node.mine()
    assert mined(node, tx)
    assert rules.waiting() == []
    assert nonce(rules, "latest") == 1


# ---------------------------------------------------------------------------------------------------- replacements


@pytest.mark.parametrize(
    ("bump_bps", "fee", "tip", "replaces"),
    [
        (TENTH, FEE * 11 // 10, TIP * 11 // 10, True),
        (TENTH, FEE * 11 // 10 - 1, TIP * 11 // 10, False),
        (TENTH, FEE * 11 // 10, TIP * 11 // 10 - 1, False),
        (TENTH, FEE * 2, TIP, False),
        (EIGHTH, FEE * 11 // 10, TIP * 11 // 10, False),
        (EIGHTH, FEE * 9 // 8, TIP * 9 // 8, True),
        (EIGHTH, FEE * 9 // 8 - 1, TIP * 9 // 8, False),
    ],
)
def test_a_replacement_must_offer_more_of_both(
    rules: NodeRules, node: Node, bump_bps: int, fee: int, tip: int, replaces: bool
) -> None:
    rules.bump_bps = bump_bps
    old, new = signed(0), signed(0, fee, tip, value=2)
    assert taken(rules, old)
    assert taken(rules, new) == replaces
    assert (shown(rules, old), shown(rules, new)) == (not replaces, replaces)
    node.mine()
    assert (mined(node, old), mined(node, new)) == (not replaces, replaces)


def test_a_tip_of_nothing_is_not_replaced_by_nothing(rules: NodeRules) -> None:
    assert taken(rules, signed(0, FEE, 0))
    assert not taken(rules, signed(0, FEE * 2, 0))
    assert taken(rules, signed(0, FEE * 2, 1))


def test_what_waits_at_anvil_alone_must_be_outbid_too(rules: NodeRules, node: Node) -> None:
    foreign = signed(0, value=9)
    node.rpc.call("eth_sendRawTransaction", foreign.raw)
    assert said(rules, foreign) == "already known"
    assert said(rules, signed(0, FEE + 1, TIP + 1)) == "replacement transaction underpriced"
    assert taken(rules, signed(0, FEE * 2, TIP * 2))
    node.mine()
    assert not mined(node, foreign)


# -------------------------------------------------------------------------------------------------------- base fee


def test_below_the_base_fee_it_is_kept_until_it_can_get_in(rules: NodeRules, node: Node) -> None:
    low, next_ = signed(0, GWEI, 1), signed(1)
    base_fee(node, 2 * GWEI)
    assert taken(rules, low)
    assert node.rpc.call("eth_getTransactionByHash", low.hash) is None  # Anvil would not have it
    assert shown(rules, low)
    assert taken(rules, next_)
    assert nonce(rules, "pending") == 2
    base_fee(node, 2 * GWEI)
    node.mine()
    assert (mined(node, low), mined(node, next_)) == (False, False)
    base_fee(node, GWEI)
    assert [each.hash for each in rules.waiting()] == [low.hash, next_.hash]
    node.mine()
    assert (mined(node, low), mined(node, next_)) == (True, True)
    assert rules.waiting() == []


def test_a_spike_forgets_nothing(rules: NodeRules, node: Node) -> None:
    tx = signed(0, FEE)
    assert taken(rules, tx)
    base_fee(node, 50 * GWEI)
    node.mine()
    assert node.rpc.call("eth_getTransactionByHash", tx.hash) is None  # Anvil forgot it
    assert shown(rules, tx)
    assert nonce(rules, "pending") == 1
    assert said(rules, signed(0, FEE + 1, TIP + 1)) == "replacement transaction underpriced"
    base_fee(node, 2 * GWEI)
    rules.pump()
    node.mine()
    assert mined(node, tx)


def test_a_replacement_below_the_base_fee_takes_the_place_of_one_that_could_get_in(
    rules: NodeRules, node: Node
) -> None:
    old, new = signed(0, FEE, TIP), signed(0, 2 * FEE, 2 * TIP)
    assert taken(rules, old)
    base_fee(node, 50 * GWEI)
    assert taken(rules, new)
    assert not shown(rules, old)
    base_fee(node, 2 * GWEI)
    rules.pump()
    node.mine()
    assert (mined(node, old), mined(node, new)) == (False, True)


# -------------------------------------------------------------------------------------------------- families' words


@pytest.mark.parametrize("family", FAMILIES, ids=lambda family: family.name)
def test_every_refusal_in_the_family_s_words(rules: NodeRules, node: Node, family: Family) -> None:
    """And the product understands each of them."""
    rules.family, rules.least_tip = family, 100
    assert taken(rules, signed(0))
    node.mine()
    assert taken(rules, signed(1))
    refused = {
        ReplyKind.KNOWN: signed(1),
        ReplyKind.NONCE_LOW: signed(0, value=2),
        ReplyKind.GAP: signed(5),
        ReplyKind.REPLACEMENT: signed(1, FEE + 1, TIP + 1),
        ReplyKind.LOW_FEE: signed(2, FEE, 99),
        ReplyKind.FUNDS: signed(2, value=10**30),
    }
    for kind, tx in refused.items():
        error = send(rules, tx).json["error"]
        assert classify(error["message"], error["code"]) is kind, error
        assert "{" not in error["message"]
    assert [tx_hash for tx_hash, _ in rules.refused] == [tx.hash for tx in refused.values()]
    assert nonce(rules, "pending") == 2


def test_numbers_in_the_words(rules: NodeRules) -> None:
    assert said(rules, signed(5)) == "nonce too high: tx nonce 5, gapped nonce 0"
    rules.family = NETHERMIND
    assert said(rules, signed(5)) == "NonceGap, Future nonce. Expected nonce: 0"
    rules.family = GETH
    assert said(rules, signed(0, value=10**30)).startswith("insufficient funds for gas * price + value: balance ")


# ------------------------------------------------------------------------------------------------- a test's own hand


def test_evict_one_and_all(rules: NodeRules, node: Node) -> None:
    base_fee(node, 2 * GWEI)
    first, low, third = signed(0), signed(1, GWEI, 1), signed(2)
    assert all(taken(rules, tx) for tx in (first, low, third))
    rules.evict(third.hash)
    assert nonce(rules, "pending") == 2
    assert rules.evict_all() == 2
    assert not any(shown(rules, tx) for tx in (first, low, third))
    node.mine()
    assert nonce(rules, "latest") == 0
    with pytest.raises(AssertionError, match="not in the pool"):
        rules.evict(first.hash)


def test_censored_it_waits_whatever_it_offers(rules: NodeRules, node: Node) -> None:
    before, after = signed(0), signed(0, 2 * FEE, 2 * TIP)
    assert taken(rules, before)
    rules.censor(K)
    node.mine()
    assert taken(rules, after)
    node.mine()
    assert shown(rules, after)
    assert (mined(node, before), mined(node, after)) == (False, False)
    rules.admit(K)
    node.mine()
    assert (mined(node, before), mined(node, after)) == (False, True)


def test_who_cannot_pay_any_more_is_forgotten(rules: NodeRules, node: Node) -> None:
    base_fee(node, 2 * GWEI)
    low = signed(0, GWEI, 1)
    assert taken(rules, low)
    node.rpc.call("anvil_setBalance", K, "0x0")
    assert rules.waiting() == []
    assert said(rules, low).startswith("insufficient funds")


def test_batches_and_what_is_no_transaction(rules: NodeRules) -> None:
    tx = signed(0)
    counts = ("eth_getTransactionCount", K, "pending"), ("eth_getTransactionCount", K, "latest")
    told = ask_batch(rules.url, ("eth_sendRawTransaction", tx.raw), *counts, ("eth_chainId",)).json
    assert [(reply["id"], reply["result"]) for reply in told] == [(1, tx.hash), (2, "0x1"), (3, "0x0"), (4, "0x7a69")]
    assert ask(rules.url, "eth_sendRawTransaction", "0x1234").json["error"]
    assert ask(rules.url, "eth_chainId").json["result"] == "0x7a69"


def test_stacked_behind_the_proxy(rules: NodeRules) -> None:
    tx = signed(0)
    with proxy_to(rules.url) as proxy, proxy.fault(Rule("eth_sendRawTransaction", LoseReply())):
        assert ask(proxy.url, "eth_sendRawTransaction", tx.raw).status == 0
        assert ask(proxy.url, "eth_sendRawTransaction", tx.raw).json["error"]["message"] == "already known"
    assert [each.hash for each in rules.waiting()] == [tx.hash]
