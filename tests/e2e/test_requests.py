"""What a cycle asks of the node, counted on the wire: the daemon's own loop, three funds, real contracts."""

from pathlib import Path

import pytest

from scripts.benchmarks.counting import count_requests
from scripts.benchmarks.funds import STEP_SECONDS, chain_of_funds
from scripts.localchain.paths import random_walk

pytestmark = [pytest.mark.e2e, pytest.mark.xdist_group("requests")]

HEAD, CALL = "eth_getBlockByNumber", "eth_call"


async def test_an_idle_cycle_takes_two_requests_however_many_funds_and_a_trade_four(tmp_path: Path) -> None:
    with chain_of_funds(tmp_path, 3) as (chain, treasuries):
        moves = random_walk(chain.deployment.config.assets, 1, STEP_SECONDS)
        asked = await count_requests(chain, treasuries, [1, 3], tmp_path, moves)
    assert [[methods[0] for methods in requests] for requests in asked.idle.values()] == [[HEAD, CALL], [HEAD, CALL]]
    assert [methods[0] for methods in asked.restarted] == [HEAD, CALL]
    assert [methods[0] for methods in asked.trade] == [HEAD, CALL, CALL, "eth_sendRawTransaction"]
    assert set(asked.trade[2]) == {
        CALL, "eth_getTransactionCount", "eth_getBalance", "eth_maxPriorityFeePerGas"
    }  # fmt: skip
