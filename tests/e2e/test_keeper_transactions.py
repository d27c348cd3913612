"""What operators see of transactions, and what they can do when the keeper has stopped by itself."""

from decimal import Decimal

import pytest

from scripts.localchain import accounts
from scripts.localchain.chain import LocalChain
from tests.e2e.keepers import Keeper, nonce
from tests.e2e.onchain import Witness
from tests.e2e.reckoning import assert_every_plan_happened_once, assert_journal_recomputes, finish

pytestmark = pytest.mark.e2e

HOUR = 3600
SENT = "SELECT * FROM transaction_intent WHERE state = 'sent'"
HELD = "SELECT hold FROM signer_account WHERE hold IS NOT NULL"


def move(chain: LocalChain, price: int) -> None:
    chain.market.step({"WETH": Decimal(price)}, at=chain.node.head()[1] + 2 * HOUR)


def foreign(chain: LocalChain, count: int = 1) -> None:
    """Another program with the keeper's key."""
    chain.node.rpc.call("anvil_impersonateAccount", accounts.KEEPER)
    for _ in range(count):
        transfer = {"from": accounts.KEEPER, "to": accounts.OWNER, "value": "0x1", "gas": "0x5208"}
        chain.node.rpc.call("eth_sendTransaction", transfer)
    chain.node.rpc.call("anvil_stopImpersonatingAccount", accounts.KEEPER)


def test_list_and_show_tell_everything_of_a_transaction(chain: LocalChain, keeper: Keeper) -> None:
    assert keeper("tx", "list").errors == [f"there is no database at {keeper.database}: run `keeper db upgrade`"]
    assert keeper("db", "upgrade").code == 0
    assert keeper("tx", "list").stdout == "no transactions yet\n"
    move(chain, 4000)
    chain.node.mine_every(0)
    with keeper.running():
        keeper.query_until(SENT)
        open_ = keeper("tx", "show", "1").stdout
        assert open_.splitlines()[0] == "transaction 1 of lci: sent, nonce 0"
        assert "; not mined" in open_
        assert "a transaction is open (sent): `keeper tx show 1`" in keeper("status").stdout
        finish(chain, keeper)
    (row,) = keeper("tx", "list", "--json").json
    (event,) = Witness(chain).rebalances()
    assert (row["id"], row["fund"], row["state"], row["nonce"], row["hash"]) == (1, "lci", "final_ok", 0, event.tx_hash)
    assert event.tx_hash in keeper("tx", "list", "lci").stdout
    found = keeper("tx", "show", "1", "--json").json
    (attempt,) = found["attempts"]
    receipt = Witness(chain).receipt(event.tx_hash)
    assert (attempt["gas_used"], attempt["block_number"]) == (receipt.gasUsed, receipt.blockNumber)
    assert [reply["reply"] for reply in attempt["replies"]] == ["accepted"]
    states = [(event["state_from"], event["state_to"]) for event in found["events"]]
    assert states == [
        (None, "planned"), ("planned", "signed"), ("signed", "sent"), ("sent", "mined_ok"), ("mined_ok", "final_ok")
    ]  # fmt: skip
    assert all(event["reason"] for event in found["events"])
    text = keeper("tx", "show", "1").stdout
    assert f"mined in block {receipt.blockNumber}, {receipt.gasUsed:,} gas" in text
    assert "raw" not in attempt
    assert keeper("tx", "show", "2").errors == ["there is no transaction 2: `keeper tx list` shows them"]
    assert keeper("tx", "cancel", "1").errors == ["transaction 1 is final_ok: there is nothing to cancel"]


def test_a_transaction_that_waits_is_cancelled_on_demand(chain: LocalChain, keeper: Keeper) -> None:
    move(chain, 4000)
    chain.node.mine_every(0)
    with keeper.running():
        keeper.query_until(SENT)
        done = keeper("tx", "cancel", "1", "--why", "the market turned")
        assert (done.code, done.stderr) == (0, "")
        assert "to be cancelled" in keeper("status").stdout
        keeper("pause")  # or it would plan the same again
        chain.node.rpc.call("anvil_dropAllTransactions")  # the next block is to be empty: it only makes a new head
        chain.node.mine()
        cancel = keeper.query_until("SELECT * FROM transaction_attempt WHERE kind = 'cancel' AND sent_at IS NOT NULL")
        finish(chain, keeper)
    (intent,) = keeper.rows("SELECT state, cancel_asked, cancel_asked_by FROM transaction_intent")
    assert (intent["state"], intent["cancel_asked"]) == ("cancelled", "the market turned")
    assert Witness(chain).rebalances() == []
    receipt = Witness(chain).receipt(cancel["hash"])
    assert (receipt["to"], receipt.status, receipt.gasUsed) == (accounts.KEEPER, 1, 21_000)
    assert nonce(chain) == 1
    assert assert_every_plan_happened_once(chain, keeper) == 0
    asked = [row["body"] for row in keeper.rows("SELECT body FROM journal WHERE kind = 'operator'")]
    assert any('"event":"cancel"' in body and "the market turned" in body for body in asked)


def test_a_foreign_transaction_is_taken_out_of_the_way_and_the_chain_accepted(
    chain: LocalChain, keeper: Keeper
) -> None:
    move(chain, 4000)
    chain.node.mine_every(0)
    foreign(chain)
    assert keeper("run", "--once").code == 3
    (blocked,) = keeper.rows("SELECT reason FROM decision")
    assert blocked["reason"].startswith("open_transaction: 1 of ")
    look = keeper("reconcile", "--dry-run")
    assert "1 transactions that are not ours wait in the node's pool" in look.stdout

    done = keeper("tx", "cancel", "--nonce", "0", "--why", "not ours")
    assert (done.code, done.stdout.split(": ")[1]) == (0, "accepted\n")
    chain.node.mine()
    receipt = Witness(chain).receipt(done.stdout.split(":")[0])
    assert receipt["to"] == accounts.KEEPER
    assert nonce(chain) == 1
    assert keeper("tx", "cancel", "--nonce", "0").errors == [f"nonce 0 is spent: {accounts.KEEPER} is at 1"]

    held = keeper("reconcile")
    assert held.code == 3
    assert "HELD: the chain has 1 transactions" in held.stdout
    assert "not signing, its signer is on hold" in keeper("status").stdout
    doctor = {check["name"]: check["health"] for check in keeper("doctor", "--json").json}
    assert doctor["safe_hold"] == "fail"
    assert keeper("reconcile", "--accept").errors == ["--why: say what was found, it is kept in the journal"]
    accepted = keeper("reconcile", "--accept", "--why", "we took it ourselves")
    assert (accepted.code, accepted.errors) == (0, [])
    chain.node.automine()
    move(chain, 4000)
    with keeper.running():
        finish_one(chain, keeper)
    assert [event.id for event in Witness(chain).rebalances()] == [1]
    assert_journal_recomputes(keeper)


def finish_one(chain: LocalChain, keeper: Keeper) -> None:
    final = "SELECT 1 FROM transaction_intent WHERE state = 'final_ok'"
    keeper.query_until(final, tick=chain.node.mine)


def test_a_lost_database_holds_until_the_chain_is_accepted(chain: LocalChain, keeper: Keeper) -> None:
    move(chain, 4000)
    with keeper.running():
        finish_one(chain, keeper)
    (event,) = Witness(chain).rebalances()
    for path in keeper.folder.glob("keeper.db*"):
        path.unlink()
    move(chain, 3000)
    assert keeper("run", "--once").code == 3
    (blocked,) = keeper.rows("SELECT action, reason FROM decision")
    assert blocked["action"] == "blocked"
    assert "these books have none: a new or a lost database?" in blocked["reason"]
    look = keeper("reconcile", "--dry-run", "--json")
    assert look.code == 3
    (signer,) = look.json
    assert [(each["id"], each["tx_hash"]) for each in signer["unknown_rebalances"]] == [(1, event.tx_hash)]
    assert f"rebalance 1 of lci in block {signer['unknown_rebalances'][0]['block']}" in keeper("reconcile").stdout
    assert keeper("reconcile", "--accept", "--why", "the disk died").code == 0
    (body,) = [r["body"] for r in keeper.rows("SELECT body FROM journal") if "chain_accepted" in r["body"]]
    assert event.tx_hash in body
    move(chain, 3000)
    with keeper.running():
        finish_one(chain, keeper)
    assert [each.id for each in Witness(chain).rebalances()] == [1, 2]
    assert [row["nonce"] for row in keeper.rows("SELECT nonce FROM transaction_intent")] == [1]


def test_the_breaker_opens_by_itself_and_closes_by_hand(chain: LocalChain, keeper: Keeper) -> None:
    move(chain, 4000)
    keeper.environment["BREAKER_LOSS"] = "0.000001"
    with keeper.running():
        finish_one(chain, keeper)
    shown = keeper("breaker", "show", "--json")
    assert shown.code == 3
    (row,) = shown.json
    assert "bps of NAV were lost to execution within 24 h, more than 0.01 bps" in row["reason"]
    assert "its breaker is open" in keeper("status").stdout
    assert {check["name"]: check["health"] for check in keeper("doctor", "--json").json}["breaker"] == "fail"
    move(chain, 3000)
    assert keeper("run", "--once").code == 3
    (last,) = keeper.rows("SELECT action, reason FROM decision ORDER BY seq DESC LIMIT 1")
    assert (last["action"], last["reason"]) == ("blocked", f"breaker: {row['reason']}")
    assert keeper("breaker", "reset").errors == ["--why: say what was found, it is kept in the journal"]
    reset = keeper("breaker", "reset", "--why", "a thin pool, looked at")
    assert (reset.code, reset.stdout) == (0, "lci: the breaker is closed\n")
    assert keeper("breaker", "reset", "--why", "again").stdout == "lci: the breaker was not open\n"
    assert keeper("breaker", "show").code == 0
    move(chain, 3000)
    with keeper.running():
        keeper.query_until("SELECT 1 FROM transaction_intent WHERE id = 2 AND state = 'final_ok'", tick=chain.node.mine)
    assert len(Witness(chain).rebalances()) == 2


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("tx", "cancel"), "which one? give the ID of a transaction, or --nonce of one that is not ours"),
        (("reconcile", "--accept", "--dry-run", "--why", "x"), "--accept writes: leave --dry-run out"),
        (("tx", "cancel", "7"), "there is no transaction 7: `keeper tx list` shows them"),
    ],
)
def test_what_cannot_be_done_is_one_clear_line(keeper: Keeper, arguments: tuple[str, ...], says: str) -> None:
    assert keeper("db", "upgrade").code == 0
    done = keeper(*arguments)
    assert (done.code, done.stdout, done.errors) == (2, "", [says])
