"""`keeper treasury show` against the treasury's own views, and against funds in odd states."""

from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from scripts.localchain import accounts
from scripts.localchain.chain import LocalChain
from scripts.localchain.contracts import DEPLOYER, Deployable
from scripts.localchain.node import Tx
from tests.e2e.keepers import Done, Keeper
from tests.e2e.nursery import Nursery
from tests.e2e.setups import Operator, holders
from tests.e2e.stingy import stingy_node

pytestmark = pytest.mark.e2e


@pytest.fixture
def treasury(chain: LocalChain) -> str:
    return chain.deployment.treasuries[0].address


@pytest.fixture
def onlooker(chain: LocalChain, tmp_path: Path, nursery: Nursery) -> Keeper:
    """Somebody with a node's address and nothing else."""
    folder = tmp_path / "onlooker"
    folder.mkdir()
    return Keeper(folder, {"RPC_URL": chain.url}, nursery)


def seen(onlooker: Keeper, treasury: str) -> dict[str, Any]:
    done = onlooker("treasury", "show", "--treasury", treasury, "--json")
    assert done.code == 0, done.stderr
    assert not list(onlooker.folder.glob("*.db"))
    found: dict[str, Any] = done.json
    return found


def shown(onlooker: Keeper, treasury: str) -> Done:
    done = onlooker("treasury", "show", "--treasury", treasury)
    assert done.code == 0, done.stderr
    return done


def owner(chain: LocalChain, treasury: str, signature: str, *arguments: object) -> None:
    chain.node.execute([Tx.call(signature, accounts.OWNER, treasury, signature, *arguments)])
    chain.node.automine()


def feed(chain: LocalChain, symbol: str, answer: int) -> None:
    to = chain.deployment.token(symbol).feed
    chain.node.execute([Tx.call("feed", DEPLOYER, to, "setAnswer(int256)", answer)])
    chain.node.automine()


def test_it_says_what_the_treasury_says(chain: LocalChain, treasury: str, onlooker: Keeper) -> None:
    chain.market.step({"WETH": Decimal("3210.98765432")}, at=chain.node.head()[1] + 60)
    state = seen(onlooker, treasury)
    views = ("nav()(uint256)", "sharePrice()(uint256)", "trackingError()(uint256)", "totalSupply()(uint256)")
    nav, price, error, supply = chain.node.rpc.views([(treasury, signature, ()) for signature in views])
    assert state["nav_usd_e18"] == state["priced_usd_e18"] == str(nav)
    assert state["share_price_usd_e18"] == str(price)
    assert state["tracking_error_usd_e18"] == str(error)
    assert state["supply"] == str(supply)
    units = chain.node.rpc.view(treasury, "componentUnits()(uint256[])")
    assert [asset["component_units"] for asset in state["assets"]] == [str(amount) for amount in units]
    assert abs(sum(Decimal(asset["weight_bps"]) for asset in state["assets"]) - 10_000) < 1
    assert abs(sum(Decimal(asset["drift_bps"]) for asset in state["assets"])) < 1
    assert sum(asset["target_bps"] for asset in state["assets"]) == 10_000
    assert state["block"]["number"] == chain.node.head()[0]
    assert (state["roles"]["owner"], state["roles"]["guardian"]) == (accounts.OWNER, accounts.GUARDIAN)
    assert (state["roles"]["weigher"], state["roles"]["pending_owner"]) == (accounts.WEIGHER, "0x" + "00" * 20)
    until = chain.node.rpc.view(treasury, "keeperUntil(address)(uint64)", accounts.KEEPER)
    (keeper,) = state["roles"]["keepers"]
    assert (keeper["address"], keeper["until"]) == (accounts.KEEPER, until)
    assert keeper["seconds_left"] == until - chain.node.head()[1]
    assert len(state["venues"]) == len(chain.node.rpc.view(treasury, SNAPSHOT)[-1])
    assert state["last_rebalance"] is None
    assert state["missing"] == []


SNAPSHOT = (
    "snapshot()((address,address,address,bool,uint64,uint64,uint256,"
    "(uint16,uint16,uint16,uint16,uint16,uint16,uint16,uint16,uint32,uint32),(uint256,uint256,uint256),"
    "(address,address,uint8,uint8,uint32,uint16,bool,bool,uint128,uint128)[],"
    "(address,uint8,uint8,uint8,uint24,bool)[]))"
)


def test_after_a_rebalance(chain: LocalChain, keeper: Keeper, treasury: str, onlooker: Keeper) -> None:
    assert keeper("run", "--once").code == 0
    chain.market.step({"WETH": Decimal(4000)}, at=chain.node.head()[1] + 3600)
    with keeper.running() as child:
        keeper.lockstep(chain, child)
        keeper.until(lambda: seen(onlooker, treasury)["last_rebalance"], "a rebalance", chain.node.mine)
    state = seen(onlooker, treasury)
    last, event = state["last_rebalance"], state["last_rebalance"]["event"]
    assert last["id"] == 1
    assert event["keeper"] == accounts.KEEPER
    assert int(event["te_after_usd_e18"]) < int(event["te_before_usd_e18"])
    assert int(event["turnover_usd_e18"]) > 0
    receipt = chain.node.rpc.call("eth_getTransactionReceipt", event["tx_hash"])
    assert int(receipt["blockNumber"], 16) == event["block"]
    budget = state["budgets"]["turnover"]
    left = chain.node.rpc.view(treasury, "budgets()((uint256,uint256,uint256))")[1]
    assert Decimal(budget["left_bps"]) < budget["cap_bps"]
    assert Decimal(budget["left_bps"]) == Decimal(left) / 10**14
    assert 0 < budget["full_in_seconds"] <= 86_400
    words = shown(onlooker, treasury).stdout
    assert "last rebalance: id 1" in words
    assert event["tx_hash"] in words
    assert keeper("treasury", "show", "--json").json["treasury"] == treasury  # by the database's only fund


def test_nodes_that_serve_few_logs_or_none(chain: LocalChain, treasury: str, onlooker: Keeper) -> None:
    """Roles and the last rebalance are found in the blocks of their time; without logs the rest is shown."""
    owner(chain, treasury, "setKeeper(address,uint64)", accounts.ARBITRAGEUR, chain.node.head()[1] + 1_000)
    chain.node.mine()
    plain = seen(onlooker, treasury)
    assert len(plain["roles"]["keepers"]) == 2
    with stingy_node(chain.url, 2) as gateway:
        onlooker.environment["RPC_URL"] = gateway.url
        assert seen(onlooker, treasury) == plain
    with stingy_node(chain.url, 0) as gateway:
        onlooker.environment["RPC_URL"] = gateway.url
        state = seen(onlooker, treasury)
        assert state["roles"]["keepers"] == []
        (missing,) = state["missing"]
        assert missing.startswith("keepers that are not configured here: the node does not serve the logs of block")
        assert {**state, "missing": [], "roles": plain["roles"]} == plain
        onlooker.environment["KEEPER_ADDRESS"] = accounts.KEEPER
        assert [role["address"] for role in seen(onlooker, treasury)["roles"]["keepers"]] == [accounts.KEEPER]


@pytest.mark.parametrize("answer", [0, -1, 2**100])
def test_a_feed_out_of_bounds(chain: LocalChain, treasury: str, onlooker: Keeper, answer: int) -> None:
    before = seen(onlooker, treasury)
    feed(chain, "WBTC", answer)
    state = seen(onlooker, treasury)
    assert (state["nav_usd_e18"], state["share_price_usd_e18"], state["tracking_error_bps"]) == (None, None, None)
    by_symbol = {asset["symbol"]: asset for asset in state["assets"]}
    assert by_symbol["WBTC"]["value_usd_e18"] is None
    assert by_symbol["WBTC"]["fault"]
    assert by_symbol["WETH"]["value_usd_e18"] == before["assets"][0]["value_usd_e18"]
    assert [asset["component_units"] for asset in state["assets"]] == [a["component_units"] for a in before["assets"]]
    assert int(state["priced_usd_e18"]) == int(before["nav_usd_e18"]) - int(before["assets"][1]["value_usd_e18"])
    assert [line.split(":")[0] for line in state["missing"]] == ["value of WBTC", "NAV, weights and tracking error"]
    words = shown(onlooker, treasury).stdout
    assert "missing: value of WBTC" in words
    assert "what has a price: 1,500,000.00 USD" in words


def test_every_feed_stale(chain: LocalChain, treasury: str, onlooker: Keeper) -> None:
    chain.node.rpc.call("evm_increaseTime", 200_000)
    chain.node.mine()
    state = seen(onlooker, treasury)
    assert state["nav_usd_e18"] is None
    assert all("s old, at most" in asset["fault"] for asset in state["assets"])
    assert all(int(asset["balance"]) > 0 for asset in state["assets"])


def test_a_feed_without_code(chain: LocalChain, treasury: str, onlooker: Keeper) -> None:
    chain.node.rpc.call("anvil_setCode", chain.deployment.token("UNI").feed, "0x")
    state = seen(onlooker, treasury)
    assert state["assets"][6]["fault"] == "the feed did not answer"


def test_a_token_that_is_dead(chain: LocalChain, treasury: str, onlooker: Keeper) -> None:
    chain.node.rpc.call("anvil_setCode", chain.deployment.token("UNI").address, "0xfe")
    state = seen(onlooker, treasury)
    uni = state["assets"][6]
    assert (uni["balance"], uni["component_units"], uni["value_usd_e18"]) == (None, None, None)
    assert uni["fault"] == "the token does not say what is held"
    assert "missing: value of 0x" in shown(onlooker, treasury).stdout  # it does not say its name either


def test_a_retired_asset(chain: LocalChain, treasury: str, onlooker: Keeper) -> None:
    targets = [asset["target_bps"] for asset in seen(onlooker, treasury)["assets"]]
    targets[0], targets[7] = targets[0] + targets[7], 0
    owner(chain, treasury, "setTargets(uint16[])", targets)
    owner(chain, treasury, "retireAsset(uint8)", 7)
    chain.node.rpc.call("anvil_setCode", chain.deployment.token("MATIC").feed, "0x")
    state = seen(onlooker, treasury)
    nav = chain.node.rpc.view(treasury, "nav()(uint256)")
    assert state["nav_usd_e18"] == str(nav)
    matic = state["assets"][7]
    assert (matic["retired"], matic["buyable"], matic["value_usd_e18"], matic["fault"]) == (True, False, None, None)
    assert int(matic["component_units"]) > 0
    assert state["missing"] == []
    (line,) = [line for line in shown(onlooker, treasury).stdout.splitlines() if line.strip().startswith("MATIC ")]
    assert "retired" in line


def test_paused_and_changing_hands(chain: LocalChain, treasury: str, onlooker: Keeper) -> None:
    owner(chain, treasury, "pause()")
    owner(chain, treasury, "transferOwnership(address)", accounts.ARBITRAGEUR)
    owner(chain, treasury, "disableVenue(uint16)", 3)
    owner(chain, treasury, "stopBuying(uint8)", 2)
    owner(chain, treasury, "revokeKeeper(address)", accounts.KEEPER)
    owner(chain, treasury, "setGuardian(address)", "0x" + "00" * 20)
    state = seen(onlooker, treasury)
    assert state["paused"] is True
    assert state["roles"]["pending_owner"] == accounts.ARBITRAGEUR
    assert state["roles"]["keepers"] == []
    assert state["venues"][3]["enabled"] is False
    assert state["assets"][2]["buyable"] is False
    assert state["nav_usd_e18"] is not None
    words = shown(onlooker, treasury).stdout
    for text in (": paused", "must accept", "disabled", "not bought any more", "guardian       nobody"):
        assert text in words


def test_before_the_seed(chain: LocalChain, tmp_path: Path, nursery: Nursery, onlooker: Keeper) -> None:
    operator = Operator.of(chain, tmp_path / "operator", nursery)
    treasury = operator.deploy()
    state = seen(onlooker, treasury)
    assert (state["supply"], state["nav_usd_e18"], state["share_price_usd_e18"]) == ("0", "0", None)
    assert all(asset["component_units"] is None for asset in state["assets"])
    assert state["missing"] == ["share price and component units: the fund is not seeded"]
    assert "not seeded" in shown(onlooker, treasury).stdout
    operator.fill_purse()
    operator.invite({holders(1)[0]: "8000"})
    assert operator.launch().code == 0
    assert (
        Decimal(seen(onlooker, treasury)["share_price_usd_e18"]) == 10**20 - 12_500
    )  # a million base units are burned


def test_what_is_no_treasury(chain: LocalChain, onlooker: Keeper) -> None:
    token = chain.deployment.token("WETH").address
    for address, problem in (
        (token, f"{token} does not answer as a treasury on chain 31337"),
        (holders(1)[0], f"{holders(1)[0]} does not answer as a treasury on chain 31337"),
        ("0x12", "--treasury: '0x12' is not an address"),
    ):
        done = onlooker("treasury", "show", "--treasury", address)
        assert done.code == 2
        assert problem in done.errors[0]
    done = onlooker("treasury", "show", "main", "--treasury", token)
    assert done.errors == ["name either a fund or a --treasury, not both"]
    done = onlooker("treasury", "show")
    assert done.code == 2
    assert "TREASURY_ADDRESS is not set" in done.errors[0]
    done = onlooker("treasury", "show", "--treasury", token, CHAIN_ID="5")
    assert done.errors == ["CHAIN_ID is 5, but the node at RPC_URL is of chain 31337"]


def test_a_sequencer_that_is_down(chain: LocalChain, treasury: str, onlooker: Keeper) -> None:
    """On a rollup: no price counts, everything else is shown."""
    token = chain.deployment.token("WETH")
    uptime = Deployable.of("uptime", "DevFeed", "(string,uint8)", "L2 sequencer uptime", 0)
    arguments = ("Rollup", "RUP", accounts.OWNER, "0x" + "00" * 20, "0x" + "00" * 20, uptime.address)
    rollup = Deployable.of("treasury", "Treasury", "(string,string,address,address,address,address)", *arguments)
    set_up = Tx.call("uptime", DEPLOYER, uptime.address, "setAnswer(int256)", 1)
    asset = (token.address, token.feed, 18, 8, 90_000, 0, True, False, 1, 10**20)
    signature = "addAsset((address,address,uint8,uint8,uint32,uint16,bool,bool,uint128,uint128))"
    for tx in (uptime.deployment(), rollup.deployment(), set_up):
        chain.node.execute([tx])
    chain.node.automine()
    owner(chain, rollup.address, signature, asset)
    state = seen(onlooker, rollup.address)
    assert state["nav_usd_e18"] is None
    assert any("the sequencer is down since" in line for line in state["missing"])
    chain.node.execute([Tx.call("uptime", DEPLOYER, uptime.address, "setAnswer(int256)", 0)])
    chain.node.automine()
    assert any("prices count after 1h" in line for line in seen(onlooker, rollup.address)["missing"])
    chain.node.rpc.call("evm_increaseTime", 3_700)
    chain.node.mine()
    assert seen(onlooker, rollup.address)["nav_usd_e18"] == "0"
