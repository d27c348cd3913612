"""kill -9 at every moment of a deployment: the next run goes on to one treasury, and no step happens twice."""

import os
import signal
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from keeper.adapters.config_file import read_fund_config
from keeper.core.setup.state import TreasuryState
from scripts.localchain.chain import LocalChain
from tests.e2e.deploying import DEPLOYER, STEPS, Operator, anonymous, document, lets_through
from tests.e2e.gateway import Gateway, gateway_to
from tests.e2e.keepers import nonce
from tests.e2e.nursery import Nursery

pytestmark = pytest.mark.e2e


@pytest.fixture
def operator(chain: LocalChain, tmp_path: Path, nursery: Nursery) -> Operator:
    return Operator.of(chain, tmp_path / "operator", nursery)


@pytest.fixture
def front(chain: LocalChain) -> Iterator[Gateway]:
    with gateway_to(chain.url) as front:
        yield front


def state_of(operator: Operator, name: str, treasury: str) -> TreasuryState:
    config = read_fund_config(operator.write(document(operator.chain, name)))
    return anonymous(operator.treasury(config, treasury))


def test_between_any_two_broadcasts(operator: Operator, front: Gateway, chain: LocalChain) -> None:
    """After the n-th of the 14 transactions has reached the node, for every n; 0 is between record and broadcast."""
    whole = operator.deployed(document(chain, "Uninterrupted"))
    wanted = state_of(operator, "Uninterrupted", whole["treasury"])
    for count in range(STEPS + 1):
        name = f"Killed after {count}"
        config, before = document(chain, name), operator.nonce()
        operator.killed(config, front, lambda kill, count=count: lets_through(front, count, kill))  # type: ignore[misc]
        assert nonce(chain, DEPLOYER) == before + count  # mined or about to be
        record = operator.record(f"killed-after-{count}")
        signed = [sent["hash"] for sent in record["transactions"]]
        assert len(signed) == STEPS  # every one, before any of them left
        assert all("raw" in sent for sent in record["transactions"])

        answer = operator.deployed(config)
        assert operator.nonce() == before + STEPS
        assert answer["treasury"] == record["treasury"]
        assert [sent["hash"] for sent in operator.record(f"killed-after-{count}")["transactions"]] == signed
        assert state_of(operator, name, answer["treasury"]) == wanted


MOMENTS = [
    ("before", "eth_getTransactionCount"),  # looked at, nothing written
    ("before", "eth_estimateGas"),
    ("after", "eth_estimateGas"),
    ("after", "eth_maxPriorityFeePerGas"),
    ("before", "eth_getTransactionReceipt"),  # sent, perhaps mined
    ("after", "eth_getTransactionReceipt"),  # mined, not written down
]


@pytest.mark.parametrize(("when", "method"), MOMENTS)
def test_at_other_moments(operator: Operator, front: Gateway, chain: LocalChain, when: str, method: str) -> None:
    config, before = document(chain), operator.nonce()

    def arrange(kill: Callable[[], None]) -> None:
        getattr(front, when)[method] = kill

    operator.killed(config, front, arrange)
    assert operator.deployed(config)["treasury"]
    assert operator.nonce() == before + STEPS
    assert operator.deployed(config)["transactions"] == []


def test_twice_in_a_row_with_the_mempool_lost(operator: Operator, front: Gateway, chain: LocalChain) -> None:
    """No block is made: the first run's transactions wait, then are gone; the second sends the same bytes again."""
    config, before = document(chain), operator.nonce()
    chain.node.mine_every(0)
    for _ in range(2):
        operator.killed(config, front, lambda kill: lets_through(front, 5, kill))
        signed = [sent["hash"] for sent in operator.record()["transactions"]]
        assert len(signed) == STEPS
        chain.node.rpc.call("anvil_dropAllTransactions")
        assert operator.nonce() == before
    chain.node.automine()
    operator.deployed(config)
    assert operator.nonce() == before + STEPS
    assert [sent["hash"] for sent in operator.record()["transactions"]] == signed


def test_ctrl_c_is_no_success(operator: Operator, chain: LocalChain) -> None:
    config, before = document(chain), operator.nonce()
    chain.node.mine_every(0)
    log = operator.keeper.folder / "deploy.log"
    arguments = ["deploy", "--config", str(operator.write(config))]
    keeper = operator.keeper
    child = keeper.nursery.start(arguments, log=log, env=keeper._environment({}), cwd=keeper.folder)
    keeper.until(lambda: chain.node.rpc.call("txpool_status")["pending"] == hex(STEPS), "all are in the pool")
    os.kill(child.pid, signal.SIGINT)
    assert child.wait(5) == 3
    assert "error: interrupted: start again to go on" in child.last_words(100).splitlines()
    chain.node.automine()
    operator.deployed(config)
    assert operator.nonce() == before + STEPS


def test_killed_amid_a_change(operator: Operator, front: Gateway, chain: LocalChain) -> None:
    """Resuming with a configuration that was changed once more: what was signed goes out, then the rest differs."""
    operator.deployed(document(chain))
    before = operator.nonce()
    changed = document(chain, opening_limits={"loss_cap_bps": 50})
    operator.killed(changed, front, lambda kill: lets_through(front, 0, kill))
    answer = operator.deployed(document(chain, opening_limits={"loss_cap_bps": 40}))
    assert [sent["step"] for sent in answer["transactions"]] == ["opening limits", "opening limits"]
    assert operator.nonce() == before + 2
    config = read_fund_config(operator.write(document(chain, opening_limits={"loss_cap_bps": 40})))
    assert operator.treasury(config, answer["treasury"]).limits.loss_cap_bps == 40


def test_killed_where_there_is_no_deployment_proxy(operator: Operator, front: Gateway, chain: LocalChain) -> None:
    """Between the creation and what follows: the treasury is known by the receipt of the recorded transaction."""
    chain.node.rpc.call("anvil_setCode", "0x4e59b44847b379578588920cA78FbF26c0B4956C", "0x")
    for count in (0, 1):
        config, before = document(chain, f"Plain {count}"), operator.nonce()
        operator.killed(config, front, lambda kill, count=count: lets_through(front, count, kill))  # type: ignore[misc]
        answer = operator.deployed(config)
        assert operator.nonce() == before + STEPS
        assert operator.deployed(config)["treasury"] == answer["treasury"]


def test_a_nonce_that_somebody_else_used(operator: Operator, front: Gateway, chain: LocalChain) -> None:
    """Signed, never out, and its first nonce is taken by hand: told, written down, and the rest is signed anew."""
    config, before = document(chain), operator.nonce()
    operator.killed(config, front, lambda kill: lets_through(front, 0, kill))
    chain.node.speak_for(DEPLOYER, 10**21)
    chain.node.rpc.call("eth_sendTransaction", {"from": DEPLOYER, "to": DEPLOYER, "gas": "0x5208"})
    answer = operator.deployed(config)
    statuses = [sent["status"] for sent in operator.record()["transactions"]]
    assert statuses.count("replaced") == 1
    assert operator.nonce() >= before + STEPS
    assert operator.deployed(config)["treasury"] == answer["treasury"]
