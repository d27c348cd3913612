"""`keeper deploy` against Anvil and the real Uniswap: all of it, again, changed, dry."""

import asyncio
import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from eth_account import Account

from keeper.adapters.config_file import read_fund_config
from keeper.adapters.ethereum.chain import EthereumChain
from keeper.adapters.ethereum.setup_facts import ERC1820
from keeper.adapters.ethereum.signer import LocalSigner
from keeper.wiring.setup import Deployed, deploy_fund
from scripts.localchain import accounts
from scripts.localchain.chain import LocalChain
from tests.e2e.deploying import DEPLOYER, DEPLOYER_KEY, STEPS, TARGETS, Operator, document
from tests.e2e.nursery import Nursery

pytestmark = pytest.mark.e2e


@pytest.fixture
def operator(chain: LocalChain, tmp_path: Path, nursery: Nursery) -> Iterator[Operator]:
    """Whatever happens, the deployer's key is in no file."""
    it = Operator.of(chain, tmp_path / "operator", nursery)
    yield it
    for path in it.keeper.folder.rglob("*"):
        assert not path.is_file() or DEPLOYER_KEY[2:].encode() not in path.read_bytes().lower(), path


def test_a_treasury_as_configured(operator: Operator, chain: LocalChain) -> None:
    wanted = document(chain)
    before = operator.nonce()
    answer = operator.deployed(wanted)
    assert operator.nonce() - before == len(answer["transactions"]) == STEPS
    config = read_fund_config(operator.write(wanted))
    state = operator.treasury(config, answer["treasury"])
    assert (state.name, state.symbol, state.owner) == ("Test Index", "TI", DEPLOYER)
    assert [asset.token for asset in state.assets] == [asset.token for asset in config.assets]
    assert [asset.target_bps for asset in state.assets] == [5000, 3000, 2000]
    assert [(asset.min_answer, asset.max_answer) for asset in state.assets] == [(5 * 10**7, 10**14)] * 3
    assert len(state.venues) == 5
    assert all(venue.enabled for venue in state.venues)
    assert (state.guardian, state.weigher) == (accounts.GUARDIAN, accounts.WEIGHER)
    assert state.limits == config.opening_limits
    now = chain.node.head()[1]
    assert 29 * 86_400 < state.keepers[config.roles.keepers[0].address] - now <= 30 * 86_400

    record = operator.record()
    assert record["treasury"] == answer["treasury"]
    assert record["deployer"] == DEPLOYER
    assert record["code_hash"] == state.code_hash
    assert [sent["status"] for sent in record["transactions"]] == ["mined"] * STEPS
    assert [sent["nonce"] for sent in record["transactions"]] == list(range(before, before + STEPS))
    assert not any("raw" in sent for sent in record["transactions"])
    for sent in record["transactions"]:
        receipt = chain.node.rpc.call("eth_getTransactionReceipt", sent["hash"])
        assert (int(receipt["blockNumber"], 16), int(receipt["gasUsed"], 16)) == (sent["block"], sent["gas_used"])


def test_again_there_is_nothing_to_do(operator: Operator, chain: LocalChain) -> None:
    first = operator.deployed(document(chain))
    before, record = operator.nonce(), operator.record()
    done = operator.deploy(document(chain))
    assert (done.code, operator.nonce()) == (0, before)
    assert "nothing to do" in done.stdout
    assert first["treasury"] in done.stdout
    assert operator.record() == record


def test_without_its_record_the_treasury_is_found_again(operator: Operator, chain: LocalChain) -> None:
    first = operator.deployed(document(chain))
    before = operator.nonce()
    (operator.keeper.folder / "deployments/31337/test-index.json").unlink()
    again = operator.deployed(document(chain))
    assert again["treasury"] == first["treasury"]
    assert operator.nonce() == before


def test_a_dry_run_shows_every_call_and_sends_nothing(operator: Operator, chain: LocalChain) -> None:
    """Without any key, and without a file."""
    before, block = operator.nonce(), chain.node.head()
    answer = operator.deployed(document(chain), "--dry-run", DEPLOYER_PRIVATE_KEY="", DEPLOYER_ADDRESS=DEPLOYER)
    assert (operator.nonce(), chain.node.head()) == (before, block)
    assert not (operator.keeper.folder / "deployments").exists()
    assert len(answer["calls"]) == STEPS
    assert [call["function"] for call in answer["calls"]] == (
        ["constructor"] + ["addAsset"] * 3 + ["addVenue"] * 5
        + ["setLimits", "setTargets", "setGuardian", "setWeigher", "setKeeper"]
    )  # fmt: skip
    assert answer["calls"][10]["arguments"] == [[5000, 3000, 2000]]
    done = operator.deployed(document(chain))
    assert done["treasury"] == answer["treasury"]
    assert [sent["step"] for sent in done["transactions"]] == [call["step"] for call in answer["calls"]]
    estimated = {call["step"]: call["gas"] for call in answer["calls"]}
    for sent in done["transactions"]:
        assert sent["gas_used"] <= estimated[sent["step"]]


def test_a_dry_run_without_anybody(operator: Operator, chain: LocalChain) -> None:
    done = operator.deploy(document(chain), "--dry-run", DEPLOYER_PRIVATE_KEY="")
    assert done.code == 0, done.stderr
    assert "nothing was sent" in done.stdout


def test_dangerous_tokens_are_warned_of(operator: Operator, chain: LocalChain) -> None:
    """A registry that knows every token as ERC-777, and a token that answers whatever it is asked, shares included."""
    node, link = chain.node.rpc, chain.deployment.token("WBTC").address
    assert operator.deployed(document(chain), "--dry-run")["warnings"] == []
    node.call("anvil_setCode", ERC1820, "0x60015f5260205ff3")  # returns 1
    node.call("anvil_setCode", link, "0x60085f5260205ff3")  # returns 8
    warnings = operator.deployed(document(chain), "--dry-run")["warnings"]
    assert [line for line in warnings if "ERC-777" in line] == [
        f"assets[{index}].token: {symbol} is an ERC-777 token: its hooks run in the middle of transfers"
        for index, symbol in enumerate(TARGETS)
    ]
    assert [line for line in warnings if "rebasing" in line] == [
        "assets[1].token: WBTC looks like a rebasing token, which must never be listed"
    ]


def test_a_changed_configuration_is_applied(operator: Operator, chain: LocalChain) -> None:
    """One more asset with a venue, other weights, limits, bounds and roles: only the difference is sent."""
    operator.deployed(document(chain))
    wanted = document(chain)
    link = chain.deployment.token("LINK")
    wanted["assets"][0]["max_price"] = "500000"
    wanted["assets"][0]["target_bps"] = 4000
    wanted["assets"].append(
        wanted["assets"][0] | {"symbol": "LINK", "token": link.address, "feed": link.feed, "target_bps": 1000}
    )
    wanted["venues"].append({"kind": "v2_pair", "assets": ["LINK", "USDC"]})
    wanted["opening_limits"] = {"loss_cap_bps": 90}
    wanted["roles"]["keepers"] = [{"address": accounts.ARBITRAGEUR, "days": 10}]
    del wanted["roles"]["weigher"]
    done = operator.deploy(wanted, "--json")
    assert done.code == 0, done.stderr
    for line in (
        "assets[WETH].max_price: 1000000 -> 500000",
        "assets[LINK]: added",
        "venues[v2_pair LINK/USDC 3000]: added",
        "opening_limits.loss_cap_bps: 100 -> 90",
        f"roles.keepers[{accounts.KEEPER}]: removed",
    ):
        assert f"changed since the last run: {line}" in done.stdout
    answer = json.loads(done.stdout.splitlines()[-1])
    assert [call["function"] for call in answer["calls"]] == [
        "setAsset", "addAsset", "addVenue", "setLimits", "setTargets", "setWeigher", "setKeeper", "setKeeper",
    ]  # fmt: skip
    config = read_fund_config(operator.write(wanted))
    state = operator.treasury(config, answer["treasury"])
    assert [asset.target_bps for asset in state.assets] == [4000, 3000, 2000, 1000]
    assert state.assets[0].max_answer == 500_000 * 10**8
    assert int(state.weigher, 16) == 0
    assert state.limits.loss_cap_bps == 90
    until = {who: chain.node.rpc.view(answer["treasury"], "keeperUntil(address)(uint64)", who) for who in accounts.ALL}
    assert [who for who, end in until.items() if end] == [accounts.ARBITRAGEUR]
    assert operator.deployed(wanted)["transactions"] == []


def test_opening_limits_are_closed_once_and_for_all(operator: Operator, chain: LocalChain) -> None:
    wanted = document(chain)
    treasury = operator.deployed(wanted)["treasury"]
    config = read_fund_config(operator.write(wanted))
    assert operator.treasury(config, treasury).limits.loss_cap_bps == 100
    assert [sent["step"] for sent in operator.deployed(wanted, "--close-limits")["transactions"]] == ["limits"]
    assert operator.treasury(config, treasury).limits == config.limits
    assert operator.deployed(wanted)["transactions"] == []


def test_without_the_deployment_proxy_it_is_created_plainly(operator: Operator, chain: LocalChain) -> None:
    code = chain.node.rpc.call("eth_getCode", "0x4e59b44847b379578588920cA78FbF26c0B4956C", "latest")
    chain.node.rpc.call("anvil_setCode", "0x4e59b44847b379578588920cA78FbF26c0B4956C", "0x")
    try:
        before = operator.nonce()
        dry = operator.deployed(document(chain), "--dry-run")
        answer = operator.deployed(document(chain))
        assert operator.nonce() - before == STEPS
        assert (dry["treasury"], {call["to"] for call in dry["calls"]}) == (None, {None, answer["treasury"]})
        assert operator.record()["created_by"] == "create"
        created = chain.node.rpc.call("eth_getTransactionReceipt", answer["transactions"][0]["hash"])
        assert created["contractAddress"].lower() == answer["treasury"].lower()
        assert operator.deployed(document(chain))["transactions"] == []
    finally:
        chain.node.rpc.call("anvil_setCode", "0x4e59b44847b379578588920cA78FbF26c0B4956C", code)


def test_with_a_keystore(operator: Operator, chain: LocalChain) -> None:
    secrets = operator.keeper.folder / "secrets"
    keystore, password = secrets / "keystore.json", secrets / "password"
    keystore.write_text(json.dumps(Account.encrypt(DEPLOYER_KEY, "pass word", kdf="scrypt", iterations=4096)))
    password.write_text("pass word")
    password.chmod(0o400)
    variables = {"DEPLOYER_PRIVATE_KEY": "", "DEPLOYER_KEYSTORE_FILE": str(keystore)}
    dry = operator.deployed(document(chain), "--dry-run", **variables)  # without the password
    assert dry["deployer"] == DEPLOYER
    assert operator.deploy(document(chain), **variables).errors == [
        "DEPLOYER_KEYSTORE_FILE needs DEPLOYER_KEYSTORE_PASSWORD_FILE"
    ]
    answer = operator.deployed(document(chain), **variables, DEPLOYER_KEYSTORE_PASSWORD_FILE=str(password))
    assert answer["treasury"] == dry["treasury"]


def test_ten_funds_in_process_within_a_second_each(operator: Operator, chain: LocalChain) -> None:
    """As the local chain of tests sets its funds up: over one connection, a block each."""
    folder = operator.keeper.folder / "deployments"
    configs = [
        read_fund_config(operator.write(document(chain, f"Fund {number}", symbol=f"F{number}"))) for number in range(10)
    ]
    chain.node.mine_every(0)

    async def mine() -> None:
        chain.node.mine()

    async def deploy_all() -> list[Deployed]:
        signer = LocalSigner.from_raw_key(DEPLOYER_KEY, 31337)
        async with EthereumChain(chain.url, 31337) as connection:
            return [
                await deploy_fund(config, connection, signer, folder=folder, after_broadcast=mine) for config in configs
            ]

    began = time.monotonic()
    done = asyncio.run(deploy_all())
    assert time.monotonic() - began < 10
    assert len({one.treasury for one in done}) == 10
    assert [len({sent.block for sent in one.sent}) for one in done] == [1] * 10


def test_toml_says_the_same_as_yaml(operator: Operator, chain: LocalChain) -> None:
    wanted = document(chain)
    operator.deployed(wanted)
    path = operator.keeper.folder / "fund.toml"
    path.write_text(_toml(wanted))
    done = operator.keeper("deploy", "--config", str(path))
    assert done.code == 0, done.stderr
    assert "nothing to do" in done.stdout
    assert "changed" not in done.stdout


def _toml(wanted: dict[str, Any]) -> str:
    """As much of TOML as the configuration needs."""

    def value(one: Any) -> str:
        if isinstance(one, dict):
            return "{ " + ", ".join(f"{key} = {value(item)}" for key, item in one.items()) + " }"
        return "[" + ", ".join(map(value, one)) + "]" if isinstance(one, list) else json.dumps(one)

    return "".join(f"{key} = {value(one)}\n" for key, one in wanted.items())
