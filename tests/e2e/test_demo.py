"""The demo end to end: the real daemon, five cycles, an audit that cannot be fooled, and nothing left behind."""

import json
import os
import signal
import subprocess
import sys
from dataclasses import replace
from decimal import Decimal
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest

from scripts.localchain import audit
from scripts.localchain.books import Books
from scripts.localchain.chain import LocalChain, local_chain
from scripts.localchain.config import DAY
from scripts.localchain.lockstep import DATABASE, KeeperFailed, Lockstep, Step, lockstep_environment, running_keeper
from scripts.localchain.rpc import Rpc, RpcError
from tests.e2e.waiting import eventually

pytestmark = pytest.mark.e2e

ROOT = Path(__file__).parents[2]
COMMAND = [sys.executable, "-m", "scripts.localchain.demo"]
THRESHOLD = Decimal("0.05")
RALLY = {"WETH": Decimal(3600)}
CRASH = {"WETH": Decimal(2400), "LINK": Decimal(11)}
PRICES = """\
date,coin_id,price
2021-05-18,bitcoin,43000
2021-05-18,ethereum,3400
2021-05-18,usd-coin,1
2021-05-18,tether,1.001
2021-05-18,dai,1.0005
2021-05-18,chainlink,38
2021-05-18,uniswap,35
2021-05-18,matic-network,2.4
2021-05-20,bitcoin,37000
2021-05-20,ethereum,2460
2021-05-20,chainlink,26
2021-05-20,uniswap,23.5
2021-05-20,matic-network,1.7
"""


def processes_of(folder: str) -> list[str]:
    """Command lines of what runs with files of this folder in its environment or arguments."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            seen = (process / "environ").read_bytes() + (process / "cmdline").read_bytes()
        except OSError:
            continue
        if folder.encode() in seen:
            found.append((process / "cmdline").read_bytes().decode().replace("\0", " "))
    return found


def one_cycle(chain: LocalChain, environment: dict[str, str], folder: Path, prices: dict[str, Decimal]) -> None:
    """The market moves by a day, a keeper starts, has its cycle with all that follows, and is stopped."""
    books = Books(folder / DATABASE)
    known = [row.seq for row in books.cycles_since(0)]
    with running_keeper(environment, folder) as keeper:
        lockstep = Lockstep(chain, keeper, books, chain.node.mine, seen=max(known, default=0))
        lockstep.cycle(Step("a day later", chain.node.head()[1] + DAY, prices))


def test_a_replay_rebalances_and_its_result_is_on_the_chain(tmp_path: Path) -> None:
    """Three days, the second without prices. `--keep` leaves the chain up, so that the result can be checked there."""
    file = tmp_path / "prices.csv"
    file.write_text(PRICES)
    days = ["--from", "2021-05-18", "--to", "2021-05-20"]
    demo = subprocess.Popen(
        [*COMMAND, "--json", "--keep", "--prices", str(file), *days], stdout=subprocess.PIPE, text=True, cwd=ROOT
    )
    try:
        assert demo.stdout is not None
        result: dict[str, Any] = json.loads(demo.stdout.readline())
        rpc = Rpc(result["rpc_url"])
        assert int(rpc.call("eth_chainId"), 16) == result["chain_id"] == 31337
        assert (result["cycles"], result["rebalances"]) == (3, 1)
        assert result["drift_before_bps"] > 500 > result["drift_after_bps"]
        assert result["nav_usd"] == pytest.approx(rpc.view(result["treasury"], "nav()(uint256)") / 1e18, abs=0.02)
        for trade in result["trades"]:
            receipt = rpc.call("eth_getTransactionReceipt", trade["tx_hash"])
            assert int(receipt["status"], 16) == 1
            assert trade["status"] == "completed"
            assert trade["gas_used"] == int(receipt["gasUsed"], 16)
            paid, got = audit.transfers(receipt, result["treasury"])
            assert (trade["token_in"], int(trade["amount_in"])) in paid
            assert (trade["token_out"], int(trade["amount_out"])) in got
        folder = str(Path(result["database"]).parent)
        assert Path(result["database"]).is_file()
        rpc.close()
    finally:
        demo.send_signal(signal.SIGTERM)
        code = demo.wait(timeout=20)
    assert code == 0
    assert processes_of(folder) == []
    with pytest.raises(RpcError):
        Rpc(result["rpc_url"], timeout=2).call("eth_chainId")


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGKILL])
def test_an_interrupted_demo_leaves_nothing_running(how: signal.Signals) -> None:
    long = [*COMMAND, "--seed", "2", "--cycles", "1000"]  # it cannot end by itself before the signal
    demo = subprocess.Popen(long, stderr=subprocess.PIPE, text=True, cwd=ROOT)
    assert demo.stderr is not None
    demo.stderr.readline()  # the chain is up
    folder = next(path for path in (ROOT / ".demo").glob(f"*-{demo.pid}"))
    assert eventually(lambda: len(processes_of(str(folder))) == 1)  # the keeper
    os.kill(demo.pid, how)
    assert demo.wait(timeout=15) == (130 if how is signal.SIGINT else -how)
    assert eventually(lambda: processes_of(str(folder)) == [])


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["--prices", "nowhere.csv", "--from", "2021-05-01", "--to", "2021-05-02"], "cannot read nowhere.csv"),
        (["--prices", "nowhere.csv"], "--prices, --from and --to go together"),
        (["--from", "2021-05-32", "--to", "2021-06-01"], "invalid"),
        (["--cycles", "0"], "--cycles must be at least 1"),
    ],
)
def test_wrong_usage_is_refused_before_anything_starts(arguments: list[str], says: str) -> None:
    done = subprocess.run([*COMMAND, *arguments], capture_output=True, text=True, cwd=ROOT, timeout=30, check=False)
    assert done.returncode == 2
    assert says in done.stderr


def test_keeper_goes_on_from_its_books_on_a_fork(chain: LocalChain, tmp_path: Path) -> None:
    """Stopped on one chain, started on a fork of it with the same database: next nonce, next id, same journal."""
    books = Books(tmp_path / DATABASE)
    environment = lockstep_environment(chain, tmp_path, DAY, THRESHOLD)
    one_cycle(chain, environment, tmp_path, RALLY)
    with local_chain(tmp_path / "fork", chain.deployment.config, fork_url=chain.url) as fork:
        assert fork.deployment.deployed == ()
        fork.node.automine()
        one_cycle(fork, {**environment, "RPC_URL": fork.url}, tmp_path, CRASH)
        treasury = fork.deployment.treasuries[0]
        swaps = books.swaps()
        assert audit.faults(fork.node, treasury, swaps) == []
        done = audit.rebalances(fork.node, treasury, swaps)
        assert len(done) == 2
        assert all(rebalance.drift_before > Fraction(THRESHOLD) for rebalance in done)
        # after the crash pools are a little against the fund: it goes there in steps that no sandwich pays for
        assert all(rebalance.drift_after < rebalance.drift_before / 2 for rebalance in done)
        calls = [fork.node.rpc.call("eth_getTransactionByHash", rebalance.tx_hash) for rebalance in done]
        assert [int(call["nonce"], 16) for call in calls] == [0, 1]


def test_the_audit_finds_every_kind_of_lie(chain: LocalChain, tmp_path: Path) -> None:
    environment = lockstep_environment(chain, tmp_path, DAY, THRESHOLD)
    books = Books(tmp_path / DATABASE)
    one_cycle(chain, environment, tmp_path, CRASH)
    treasury = chain.deployment.treasuries[0]
    swaps = books.swaps()
    assert len(swaps) > 2
    assert audit.faults(chain.node, treasury, swaps) == []
    first = swaps[0]
    assert first.amount_in is not None
    assert first.gas_used is not None
    lies = {
        "paid": [replace(first, amount_in=first.amount_in + 1), *swaps[1:]],
        "got": [replace(first, token_out=first.token_in), *swaps[1:]],
        "gas": [replace(first, gas_used=first.gas_used + 1), *swaps[1:]],
        "is failed": [replace(first, status="failed"), *swaps[1:]],
        "by the Transfer logs": swaps[1:],
        "not on the chain": [replace(first, tx_hash="0x" + "ab" * 32), *swaps[1:]],
    }
    for says, lie in lies.items():
        assert any(says in fault for fault in audit.faults(chain.node, treasury, lie)), says


def test_a_keeper_that_cannot_start_is_quoted(chain: LocalChain, tmp_path: Path) -> None:
    wrong = lockstep_environment(chain, tmp_path, DAY, THRESHOLD) | {"CHAIN_ID": "1"}
    with pytest.raises(KeeperFailed, match=r"(?s)keeper ended with exit code 2.*MAX_HEAD_AGE_SECONDS"):
        one_cycle(chain, wrong, tmp_path, {})
