"""A fund on a rollup: while the sequencer is down, and for an hour after, no price counts and nothing is traded."""

from pathlib import Path

import pytest

from scripts.localchain.chain import LocalChain
from scripts.localchain.contracts import DEPLOYER, Deployable
from scripts.localchain.node import Tx
from tests.e2e.launching import ALICE
from tests.e2e.nursery import Nursery
from tests.e2e.setups import Operator

pytestmark = pytest.mark.e2e


def test_a_sequencer_that_is_just_up_again(chain: LocalChain, tmp_path: Path, nursery: Nursery) -> None:
    uptime = Deployable.of("uptime", "DevFeed", "(string,uint8)", "L2 sequencer uptime", 0)

    def say(answer: int, ago: int) -> None:
        since = chain.node.head()[1] - ago
        call = Tx.call("uptime", DEPLOYER, uptime.address, "setAnswerAt(int256,uint256)", answer, since)
        chain.node.execute([call])
        chain.node.automine()

    def seen() -> tuple[int, str, str]:
        """Exit code of the plan, verdict of the guard, and what it says."""
        done = operator.keeper("plan", "--json", TREASURY_ADDRESS=treasury, MAX_HEAD_AGE_SECONDS="0")
        guard = next(guard for guard in done.json["guards"] if guard["name"] == "sequencer")
        return done.code, guard["verdict"], guard.get("detail", "")

    chain.node.execute([uptime.deployment()])
    say(0, 7_200)
    operator = Operator.of(chain, tmp_path / "operator", nursery)
    operator.configure(sequencer_feed=uptime.address)
    operator.fill_purse()
    treasury = operator.deploy()
    operator.invite({ALICE: "100"})
    done = operator.launch()
    assert done.code == 0, done.stderr
    assert seen()[1:] == ("pass", "")
    say(1, 10)
    code, verdict, words = seen()
    assert (code, verdict) == (3, "refuse")
    assert words.startswith("the sequencer is down since")
    say(0, 60)
    code, verdict, words = seen()
    assert (code, verdict) == (3, "refuse")
    assert words.startswith("the sequencer is back for 1m")
    say(0, 3_700)
    assert seen()[1:] == ("pass", "")
