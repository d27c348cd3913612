"""A fund leaves its deployer's hands on a real chain, to an account and to a timelock; what a check finds if not."""

import json
from pathlib import Path
from typing import Any

import pytest
from eth_abi.abi import encode
from eth_utils.address import to_checksum_address
from eth_utils.crypto import keccak

from scripts.localchain import accounts
from scripts.localchain.anvil import ROOT
from scripts.localchain.chain import LocalChain
from scripts.localchain.contracts import Deployable
from scripts.localchain.node import Node, Tx
from scripts.localchain.rpc import encode as calldata
from tests.e2e.keepers import Done
from tests.e2e.nursery import Nursery
from tests.e2e.setups import Operator, anvil_account, holders
from tests.e2e.waiting import eventually

pytestmark = pytest.mark.e2e

HEIR = anvil_account(9)
DELAY = 86_400


@pytest.fixture
def operator(chain: LocalChain, tmp_path: Path, nursery: Nursery) -> Operator:
    """With a fund that is launched and still the deployer's."""
    return launched(Operator.of(chain, tmp_path / "operator", nursery))


def launched(operator: Operator) -> Operator:
    operator.fill_purse()
    operator.deploy()
    operator.invite({holders(1)[0]: "1000"})
    done = operator.launch()
    assert done.code == 0, done.stderr
    return operator


def told(done: Done) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found


def as_sender(node: Node, sender: str, to: str, signature: str, *arguments: object) -> None:
    node.execute([Tx.call(signature, sender, to, signature, *arguments)])
    node.automine()


def test_to_an_account(operator: Operator) -> None:
    first = operator.handover("--json")
    assert first.code == 4, first.stderr
    state = told(first)
    treasury = state["treasury"]
    assert state["standing"] == "pending"
    assert state["missing"] == [f"{HEIR.address} has not accepted the ownership yet"]
    assert [sent["step"] for sent in state["transactions"]] == ["limits", "offer ownership"]
    assert operator.record()["limits_closed"] is True
    assert operator.handover("--check").code == 4
    again = operator.handover("--json")
    assert (again.code, told(again)["transactions"]) == (4, [])

    done = operator.handover("--accept", "--json", OWNER_PRIVATE_KEY=HEIR.key.to_0x_hex())
    assert done.code == 0, done.stderr
    state = told(done)
    assert state["standing"] == "complete"
    assert (state["owner"], state["pending_owner"]) == (HEIR.address, "0x" + "00" * 20)
    assert "complete: the deployer can do nothing more to this fund" in done.stdout
    assert operator.record()["handover"] == {"owner": HEIR.address, "state": "complete"}
    abi = json.loads((ROOT / "abis" / "Treasury.json").read_text())["abi"]
    changing = [e["name"] for e in abi if e["type"] == "function" and e["stateMutability"] not in ("view", "pure")]
    assert sorted(probe["function"] for probe in state["probes"]) == sorted(changing)
    open_ones = {probe["function"] for probe in state["probes"] if not probe["refused"]}
    assert open_ones == {"mint", "redeem", "transfer", "approve", "transferFrom"}

    snapshot = operator.chain.node.rpc.view(treasury, "trackingError()(uint256)")
    assert snapshot
    assert operator.handover("--check").code == 0
    assert operator.handover().code == 0
    assert operator.handover("--accept", OWNER_PRIVATE_KEY=HEIR.key.to_0x_hex()).code == 0


def test_the_check_needs_neither_key_nor_record(operator: Operator) -> None:
    operator.handover()
    operator.handover("--accept", OWNER_PRIVATE_KEY=HEIR.key.to_0x_hex())
    operator.lose_record()
    nobody = {"DEPLOYER_PRIVATE_KEY": "", "DEPLOYER_ADDRESS": operator.deployer.address}
    assert operator.handover("--check", **nobody).code == 0
    done = operator.handover("--check", DEPLOYER_PRIVATE_KEY="")
    assert done.code == 2
    assert "set DEPLOYER_ADDRESS" in done.stderr


def test_on_the_owners_machine_there_is_no_record(operator: Operator) -> None:
    operator.handover()
    operator.lose_record()
    keys = {"DEPLOYER_PRIVATE_KEY": "", "DEPLOYER_ADDRESS": operator.deployer.address}
    done = operator.handover("--accept", OWNER_PRIVATE_KEY=HEIR.key.to_0x_hex(), **keys)
    assert done.code == 0, done.stderr


def test_a_dry_run_sends_nothing(operator: Operator) -> None:
    before = operator.chain.node.rpc.call("eth_blockNumber")
    done = operator.handover("--dry-run")
    assert done.code == 4
    assert "2 transactions, nothing was sent" in done.stdout
    assert operator.chain.node.rpc.call("eth_blockNumber") == before


def test_to_a_timelock(chain: LocalChain, tmp_path: Path, nursery: Nursery) -> None:
    """OpenZeppelin's, as published: proposed, waited for, executed."""
    build = ROOT / "contracts/node_modules/@openzeppelin/contracts/build/contracts/TimelockController.json"
    code = bytes.fromhex(json.loads(build.read_text())["bytecode"].removeprefix("0x"))
    proposer = accounts.ARBITRAGEUR
    none = "0x" + "00" * 20
    arguments = encode(["uint256", "address[]", "address[]", "address"], [DELAY, [proposer], [proposer], none])
    timelock = Deployable("timelock", code + arguments)
    chain.node.execute([timelock.deployment()])
    chain.node.automine()
    operator = launched(Operator.of(chain, tmp_path / "operator", nursery, owner=timelock.address))

    done = operator.handover("--json")
    assert done.code == 4, done.stderr
    state = told(done)
    accept = state["accept"]
    assert state["owner_is_contract"] is True
    assert accept == {"to": state["treasury"], "data": "0x79ba5097"}
    assert f"target   {accept['to']}" in done.stdout
    assert f"calldata {accept['data']}" in done.stdout

    call = (accept["to"], 0, bytes.fromhex(accept["data"][2:]), b"\0" * 32, b"\0" * 32)
    types = "(address,uint256,bytes,bytes32,bytes32"
    as_sender(chain.node, proposer, timelock.address, f"schedule{types},uint256)", *call, DELAY)
    assert operator.handover("--check").code == 4
    chain.node.rpc.call("evm_increaseTime", DELAY)
    as_sender(chain.node, proposer, timelock.address, f"execute{types})", *call)
    done = operator.handover("--check", "--json")
    assert done.code == 0, done.stderr
    assert told(done)["owner"] == timelock.address


@pytest.mark.parametrize(
    ("role", "signature"), [("guardian", "setGuardian(address)"), ("weigher", "setWeigher(address)")]
)
def test_a_role_that_the_deployer_keeps_is_named(operator: Operator, role: str, signature: str) -> None:
    """Before the ownership goes, when it can still be mended, and after."""
    deployer, treasury, node = operator.deployer.address, str(operator.record()["treasury"]), operator.chain.node
    as_sender(node, deployer, treasury, signature, deployer)
    before = node.rpc.call("eth_getTransactionCount", deployer, "pending")
    done = operator.handover()
    assert done.code == 3
    assert f"the deployer {deployer} is the {role}" in done.stderr
    assert node.rpc.call("eth_getTransactionCount", deployer, "pending") == before

    as_sender(node, deployer, treasury, "transferOwnership(address)", HEIR.address)
    as_sender(node, HEIR.address, treasury, "acceptOwnership()")
    done = operator.handover("--check", "--json")
    assert done.code == 3
    faults = told(done)["faults"]
    assert f"the deployer {deployer} is the {role}" in faults
    assert "the opening limits are still open: the owner must set [limits]" in faults
    refusing = {"guardian": "pause", "weigher": "setTargets"}[role]
    assert any(fault.startswith(f"{refusing} does not refuse the deployer") for fault in faults), faults


def test_a_keepers_term_of_the_deployer_is_named(operator: Operator) -> None:
    deployer, treasury, node = operator.deployer.address, str(operator.record()["treasury"]), operator.chain.node
    as_sender(node, deployer, treasury, "setKeeper(address,uint64)", deployer, node.head()[1] + 1_000)
    done = operator.handover("--check")
    assert done.code == 3
    assert f"the deployer {deployer} is a keeper until" in done.stderr
    node.rpc.call("evm_increaseTime", 2_000)
    node.mine()
    assert operator.handover("--check").code == 4


def test_another_who_was_made_a_keeper_is_told(operator: Operator) -> None:
    deployer, treasury, node = operator.deployer.address, str(operator.record()["treasury"]), operator.chain.node
    as_sender(node, deployer, treasury, "setKeeper(address,uint64)", accounts.ARBITRAGEUR, node.head()[1] + 1_000)
    done = operator.handover("--check", "--json")
    assert any(line.startswith(f"{accounts.ARBITRAGEUR} is a keeper until") for line in told(done)["warnings"])


def test_a_fund_that_is_not_launched_is_not_handed_over(chain: LocalChain, tmp_path: Path, nursery: Nursery) -> None:
    operator = Operator.of(chain, tmp_path / "operator", nursery)
    done = operator.handover()
    assert done.code == 3
    assert "`keeper deploy` first" in done.stderr
    operator.deploy()
    done = operator.handover()
    assert done.code == 3
    assert "`keeper launch` first" in done.stderr


def test_accepting_with_a_wrong_key_or_too_early(operator: Operator) -> None:
    key = HEIR.key.to_0x_hex()
    done = operator.handover("--accept", OWNER_PRIVATE_KEY=key)
    assert done.code == 3
    assert f"the ownership is not offered to {HEIR.address}" in done.stderr
    done = operator.handover("--accept", OWNER_PRIVATE_KEY=anvil_account(7).key.to_0x_hex())
    assert done.code == 3
    assert f"the new owner is {HEIR.address}" in done.stderr
    done = operator.handover("--accept")
    assert done.code == 2
    assert "OWNER_KEYSTORE_FILE" in done.stderr
    assert operator.handover("--accept", "--check").code == 2


def test_an_owner_that_is_somebody_else_fails(operator: Operator) -> None:
    treasury, node = str(operator.record()["treasury"]), operator.chain.node
    stranger = to_checksum_address(keccak(text="stranger")[12:])
    node.speak_for(stranger, 10**18)
    as_sender(node, operator.deployer.address, treasury, "transferOwnership(address)", stranger)
    as_sender(node, stranger, treasury, "acceptOwnership()")
    done = operator.handover("--check")
    assert done.code == 3
    assert f"the owner is {stranger}, neither the deployer nor the configured {HEIR.address}" in done.stderr


def test_the_deployer_can_really_do_nothing(operator: Operator) -> None:
    """What the check says by trying, with transactions."""
    operator.handover()
    operator.handover("--accept", OWNER_PRIVATE_KEY=HEIR.key.to_0x_hex())
    treasury, deployer = str(operator.record()["treasury"]), operator.deployer.address
    for call in (calldata("pause()"), calldata("setWeigher(address)", deployer), calldata("renounceOwnership()")):
        sent = operator.chain.node.rpc.call(
            "eth_sendTransaction", {"from": deployer, "to": treasury, "data": call, "gas": hex(500_000)}
        )
        receipts = ("eth_getTransactionReceipt", sent)
        assert eventually(lambda asked=receipts: operator.chain.node.rpc.call(*asked) is not None)  # type: ignore[misc]
        assert operator.chain.node.rpc.call(*receipts)["status"] == "0x0"
