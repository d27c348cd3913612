"""An asset is retired whose feed and token are dead: the fund goes on trading, and its books keep what is known."""

import pytest

from scripts.localchain import accounts
from scripts.localchain.chain import LocalChain
from scripts.localchain.node import Tx
from tests.e2e.keepers import Keeper
from tests.e2e.onchain import Witness
from tests.e2e.reckoning import assert_every_plan_happened_once, finish

pytestmark = pytest.mark.e2e

MATIC = 7


def leave(chain: LocalChain) -> None:
    """The owner wants no MATIC any more: its weight goes to USDC."""
    treasury = chain.deployment.treasuries[0]
    targets = {**treasury.spec.targets, "MATIC": 0}
    targets["USDC"] += treasury.spec.targets["MATIC"]
    weights = [targets[token.symbol] for token in treasury.tokens]
    assert treasury.tokens[MATIC].symbol == "MATIC"
    call = Tx.call("targets", accounts.OWNER, treasury.address, "setTargets(uint16[])", weights)
    chain.node.execute([call])


def retire(chain: LocalChain) -> None:
    treasury = chain.deployment.treasuries[0]
    chain.node.execute([Tx.call("retire", accounts.OWNER, treasury.address, "retireAsset(uint8)", MATIC)])


def kill(chain: LocalChain, address: str) -> None:
    """No code answers there any more."""
    chain.node.rpc.call("anvil_setCode", address, "0x")
    chain.node.mine()


def test_a_dead_feed_stops_the_fund_until_its_asset_is_retired(chain: LocalChain, keeper: Keeper) -> None:
    matic = chain.deployment.token("MATIC")
    leave(chain)
    kill(chain, matic.feed)
    blocked = keeper("plan", "--json")
    assert (blocked.code, blocked.json["action"]) == (3, "BLOCKED")
    assert "MATIC: the feed did not answer (its target is 0: retireAsset goes on without it)" in blocked.json["reason"]

    retire(chain)
    planned = keeper("plan", "--json").json
    assert planned["action"] == "REBALANCE"
    assert "MATIC" not in {line["symbol"] for line in planned["drift"]}
    (left,) = planned["retired"]
    assert (left["symbol"], left["balance"]) == ("MATIC", str(held(chain)))
    assert "retired, not counted: 200,000" in keeper("plan").stdout
    with keeper.running():
        keeper.query_until("SELECT * FROM transaction_intent")
        finish(chain, keeper)
    assert assert_every_plan_happened_once(chain, keeper) >= 1
    row = allocation(keeper, matic.address)
    assert (int(row["amount"]), row["value"], row["weight_bps"], row["target_bps"]) == (held(chain), None, None, 0)
    assert held(chain) == int(left["balance"]), "not traded"
    assert all(check["health"] != "fail" for check in keeper("doctor", "--json").json)


def test_a_retired_token_may_not_even_tell_its_balance(chain: LocalChain, keeper: Keeper) -> None:
    matic = chain.deployment.token("MATIC")
    leave(chain)
    retire(chain)
    kill(chain, matic.address)
    kill(chain, matic.feed)
    (left,) = keeper("plan", "--json").json["retired"]
    assert left == {"symbol": left["symbol"], "balance": None}
    with keeper.running():
        keeper.query_until("SELECT * FROM transaction_intent")
        finish(chain, keeper)
    assert assert_every_plan_happened_once(chain, keeper) >= 1
    assert allocation(keeper, matic.address)["amount"] is None


def held(chain: LocalChain) -> int:
    at = chain.deployment.treasuries[0].address
    balance: int = chain.node.rpc.view(chain.deployment.token("MATIC").address, "balanceOf(address)(uint256)", at)
    return balance


def allocation(keeper: Keeper, token: str) -> dict[str, object]:
    (row,) = keeper.rows("SELECT * FROM fund_asset_allocation WHERE token = ?", token)
    return row


def test_a_fund_is_worth_what_the_treasury_says_the_retired_left_out(chain: LocalChain, keeper: Keeper) -> None:
    leave(chain)
    retire(chain)
    assert keeper("run", "--once", "--dry-run", PRICE_SOURCE="FEED").code == 0
    nav = Witness(chain).treasury.functions.nav().call(block_identifier=block_of(keeper))
    assert int(keeper.rows("SELECT nav FROM decision")[0]["nav"]) == nav


def block_of(keeper: Keeper) -> int:
    return int(keeper.rows("SELECT block_number FROM decision")[0]["block_number"])
