"""A launch that is killed, overtaken or changed on its way: it goes on, and nobody is paid twice."""

import json
import os
import shutil
import signal
from pathlib import Path
from typing import Any

import pytest
from eth_account.typed_transactions.typed_transaction import TypedTransaction
from eth_utils.address import to_checksum_address
from hexbytes import HexBytes

from keeper.adapters.ethereum.setup_node import SetupNode
from scripts.localchain import accounts
from scripts.localchain.chain import LocalChain
from scripts.localchain.node import Tx
from tests.e2e.launching import ALICE, BOB, CAROL, DUE, SHARE, THREE, inviting_operator, treasury_of, view
from tests.e2e.nursery import Nursery
from tests.e2e.setups import Operator, holders, kill_when, run_and_kill

pytestmark = pytest.mark.e2e


@pytest.fixture
def operator(chain: LocalChain, tmp_path: Path, nursery: Nursery) -> Operator:
    return inviting_operator(chain, tmp_path, nursery)


@pytest.mark.parametrize("command", ["launch", "handover"])
def test_ctrl_c_is_no_success(operator: Operator, command: str) -> None:
    """`keeper launch && keeper handover` must not go on with half of the investors."""
    node, keeper = operator.chain.node, operator.keeper
    arguments = operator.launching()
    if command == "handover":
        assert operator.launch().code == 0
        arguments = ["handover", "--config", str(operator.folder / "fund.toml")]
    node.mine_every(0)
    log = operator.folder / f"{command}.log"
    child = keeper.nursery.start(arguments, log=log, env=keeper._environment({}), cwd=keeper.folder)
    keeper.until(lambda: node.rpc.call("txpool_status")["pending"] != "0x0", "something is in the pool")
    os.kill(child.pid, signal.SIGINT)
    assert child.wait(5) == 3
    assert "error: interrupted: start again to go on" in child.last_words(100).splitlines()


@pytest.mark.parametrize(
    "boundaries", [range(1, 100, 5), pytest.param(range(100), marks=pytest.mark.deep)], ids=["some", "every"]
)
def test_killed_anywhere_it_goes_on_and_nobody_is_paid_twice(
    operator: Operator, tmp_path: Path, boundaries: range
) -> None:
    """Of a launch in two batches: before and after the record is written, before and after bytes leave."""
    people = holders(203, "many")
    operator.invite({person: str(number + 1) for number, person in enumerate(people)})
    due = {person: (number + 1) * SHARE for number, person in enumerate(people)}
    node, treasury = operator.chain.node, treasury_of(operator)
    kept = tmp_path / "kept"
    shutil.copytree(operator.folder / "deployments", kept)
    ends = []
    for at in boundaries:
        snapshot = node.snapshot()
        code = run_and_kill(operator.keeper, operator.launching(), at)
        if code is None:
            done = operator.launch()
            assert done.code == 0, (at, done.stderr)
        assert operator.received(treasury) == due, at
        assert view(operator, "balanceOf(address)(uint256)", operator.deployer.address) == 0
        ends.append(code)
        node.revert(snapshot)
        node.automine()
        shutil.rmtree(operator.folder / "deployments")
        shutil.copytree(kept, operator.folder / "deployments")
        if code is not None:
            break
    assert ends[-1] == 0
    assert len(ends) > 20 // boundaries.step, "a launch has more boundaries than that"


@pytest.mark.parametrize("at", [0, 2, 6, 9, 12, 15, 18, 21])
def test_killed_and_its_record_lost(operator: Operator, at: int) -> None:
    operator.invite(THREE)
    run_and_kill(operator.keeper, operator.launching(), at)
    operator.lose_record()
    done = operator.launch("--json")
    assert done.code == 0, done.stderr
    found = json.loads(done.stdout.splitlines()[-1])["treasury"]
    assert operator.received(found) == DUE


def test_a_list_that_was_changed_after_a_payment_is_refused(operator: Operator) -> None:
    people = holders(203, "many")
    operator.invite(dict.fromkeys(people, "10"))
    node = operator.chain.node
    kill_when(operator, lambda: len(operator.received(treasury_of(operator))) == 200)
    paid = operator.received(treasury_of(operator))
    unpaid = [person for person in people if person not in paid]
    changed = {person: "10" for person in people if person != unpaid[0]} | {ALICE: "10"}
    operator.invite(changed)
    before = node.rpc.call("eth_getTransactionCount", operator.deployer.address, "pending")
    done = operator.launch()
    assert done.code == 3
    assert "the deployer paid what no batch of this list did" in done.stderr
    assert "the record is of another list: 203 investors" in done.stderr
    operator.lose_record()
    done = operator.launch()
    assert done.code == 3
    assert "the deployer paid what no batch of this list did" in done.stderr
    assert node.rpc.call("eth_getTransactionCount", operator.deployer.address, "pending") == before
    operator.invite(dict.fromkeys(reversed(people), "10.0"))  # the same list, written another way
    assert operator.launch().code == 0
    assert operator.received(treasury_of(operator)) == dict.fromkeys(people, 10 * SHARE)


def test_a_list_may_change_while_nobody_can_have_been_paid(operator: Operator) -> None:
    kill_when(operator, lambda: view(operator, "totalSupply()(uint256)") > 0)
    assert operator.received(treasury_of(operator)) == {}
    operator.invite({ALICE: "100", BOB: "250.5", holders(1, "other")[0]: "0.000000000000000001"})
    done = operator.launch()
    assert done.code == 0, done.stderr
    assert operator.received(treasury_of(operator)) == {
        ALICE: DUE[ALICE],
        BOB: DUE[BOB],
        holders(1, "other")[0]: 1,
    }


def test_a_stranger_who_pays_a_batch_first_changes_nothing(operator: Operator) -> None:
    """Allowed, signed and in the record, but not sent: anybody could do it, and pays the same people."""
    kill_when(operator, lambda: bool(unsent_batches(operator)))
    (raw,) = unsent_batches(operator)
    batch = json.loads(operator.launch("--dry-run", "--json").stdout.splitlines()[-1])["batches"][0]["contract"]
    assert view(operator, "allowance(address,address)(uint256)", operator.deployer.address, batch) == sum(DUE.values())
    signed = TypedTransaction.from_bytes(HexBytes(raw)).as_dict()
    to, data = to_checksum_address(bytes(signed["to"])), HexBytes(signed["data"]).to_0x_hex()
    operator.chain.node.execute([Tx("a stranger pays", accounts.ARBITRAGEUR, to, data)])
    operator.chain.node.automine()
    assert operator.received(treasury_of(operator)) == DUE
    done = operator.launch()
    assert done.code == 0, done.stderr
    assert operator.received(treasury_of(operator)) == DUE


def test_a_stranger_who_is_quicker_than_we_changes_nothing(operator: Operator, monkeypatch: pytest.MonkeyPatch) -> None:
    """Between our look at the chain and our transaction."""
    estimate = SetupNode.estimate
    paid: list[str] = []

    async def overtaken(self: SetupNode, calls: Any, sender: Any) -> Any:
        if calls and calls[0].step == "batch 1" and not paid:
            paid.append(calls[0].to)
            tx = Tx("a stranger pays", accounts.ARBITRAGEUR, calls[0].to, "0x" + calls[0].data.hex())
            operator.chain.node.execute([tx])
            operator.chain.node.automine()
        return await estimate(self, calls, sender)

    with monkeypatch.context() as patch:
        patch.setattr(SetupNode, "estimate", overtaken)
        done = operator.launch()
    assert paid
    assert done.code == 0, done.stderr
    assert operator.received(treasury_of(operator)) == DUE


def unsent_batches(operator: Operator) -> list[str]:
    """Raw bytes of creations that the record holds as signed."""
    entries = operator.record()["transactions"]
    return [entry["raw"] for entry in entries if entry["step"] == "batch 1" and entry["status"] == "signed"]


def test_an_allowance_of_another_list_is_taken_back(operator: Operator) -> None:
    """Signed and sent for a list that was changed before anybody was paid: its batch could still be created."""
    deployer, treasury = operator.deployer.address, treasury_of(operator)
    batch = json.loads(operator.launch("--dry-run", "--json").stdout.splitlines()[-1])["batches"][0]["contract"]
    kill_when(operator, lambda: view(operator, "allowance(address,address)(uint256)", deployer, batch) > 0)
    operator.invite({ALICE: "99", BOB: "251.5", CAROL: "0.000000000000000001"})
    operator.lose_record()
    done = operator.launch()
    assert done.code == 0, done.stderr
    assert f"take back what {batch} may take" in done.stdout
    assert view(operator, "allowance(address,address)(uint256)", deployer, batch) == 0
    assert operator.received(treasury) == {ALICE: 99 * SHARE, BOB: 251 * SHARE + SHARE // 2, CAROL: 1}


def test_a_batch_that_ran_out_of_gas_pays_nobody_and_is_sent_again(
    operator: Operator, monkeypatch: pytest.MonkeyPatch
) -> None:
    operator.invite(dict.fromkeys(holders(50, "many"), "1"))
    estimate = SetupNode.estimate

    async def too_little(self: SetupNode, calls: Any, sender: Any) -> Any:
        gas = await estimate(self, calls, sender)
        return [250_000 if call.step == "batch 1" else one for call, one in zip(calls, gas, strict=True)]

    with monkeypatch.context() as patch:
        patch.setattr(SetupNode, "estimate", too_little)
        done = operator.launch()
    assert done.code == 3
    assert "pay batch 1 of 1: 50 shares to 50 was reverted" in done.stderr
    assert operator.received(treasury_of(operator)) == {}
    done = operator.launch()
    assert done.code == 0, done.stderr
    assert operator.received(treasury_of(operator)) == dict.fromkeys(holders(50, "many"), SHARE)


def test_transfers_of_nothing_in_the_deployers_name_stop_nobody(operator: Operator) -> None:
    kill_when(operator, lambda: view(operator, "totalSupply()(uint256)") > 0)
    poison = Tx.call(
        "poison", accounts.ARBITRAGEUR, treasury_of(operator), "transferFrom(address,address,uint256)",
        operator.deployer.address, ALICE, 0,
    )  # fmt: skip
    operator.chain.node.execute([poison])
    operator.chain.node.automine()
    done = operator.launch()
    assert done.code == 0, done.stderr
    assert operator.received(treasury_of(operator)) == DUE
