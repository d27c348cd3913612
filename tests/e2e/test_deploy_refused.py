"""Wrong configurations and worlds that refuse: every mistake in one go, by its place, and nothing is sent."""

import fcntl
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from scripts.localchain import accounts
from scripts.localchain.chain import LocalChain
from tests.e2e.deploying import DEPLOYER, DEPLOYER_KEY, Operator, document
from tests.e2e.nursery import Nursery

pytestmark = pytest.mark.e2e

NOBODY = "0x" + "7" * 40
Change = Callable[[dict[str, Any], LocalChain], object]


@pytest.fixture
def operator(chain: LocalChain, tmp_path: Path, nursery: Nursery) -> Operator:
    return Operator.of(chain, tmp_path / "operator", nursery)


def refused(operator: Operator, wanted: dict[str, Any], *options: str, code: int = 2, **variables: str) -> list[str]:
    """The complaints; and nothing was sent, nor written down."""
    before, block = operator.nonce(), operator.chain.node.head()
    records = sorted(operator.keeper.folder.rglob("*.json"))
    done = operator.deploy(wanted, *options, **variables)
    assert done.code == code, done.stdout + done.stderr
    assert (operator.nonce(), operator.chain.node.head()) == (before, block)
    assert sorted(operator.keeper.folder.rglob("*.json")) == records
    return done.errors


WRONG: dict[str, tuple[Change, str]] = {
    "token without code": (
        lambda c, _: c["assets"][1].update(token=NOBODY),
        f"assets[1].token: there is no contract at {NOBODY}",
    ),
    "a feed for a token": (
        lambda c, _: c["assets"][0].update(token=c["assets"][0]["token"], feed=c["uniswap"]["v2_router"]),
        "does not answer as a price feed",
    ),
    "feed without code": (
        lambda c, _: c["assets"][2].update(feed=NOBODY),
        f"assets[2].feed: there is no contract at {NOBODY}",
    ),
    "price out of bounds": (
        lambda c, _: c["assets"][0].update(min_price="5000"),
        "assets[0].feed: answers 3000 USD, outside min_price 5000 and max_price 1000000",
    ),
    "bound below the feed's digits": (
        lambda c, _: c["assets"][0].update(min_price="0.000000001"),
        "assets[0].min_price: 0.000000001 is 0 in the 8 decimals of the feed",
    ),
    "no such pool": (
        lambda c, _: c["venues"][1].update(fee_pips=100),
        "knows no pool of USDC/WETH with fee_pips 100",
    ),
    "another pool": (
        lambda c, chain: c["venues"][0].update(target=chain.deployment.pools[1].address),
        "is not the factory's pool of WETH/USDC",
    ),
    "another version's router": (
        lambda c, chain: c["venues"][3].update(target=chain.deployment.uniswap.v3_router),
        "venues[3].target: ",
    ),
    "targets": (lambda c, _: c["assets"][0].update(target_bps=1), "assets: target_bps sum to 5001, not to 10000"),
    "a token twice": (
        lambda c, _: c["assets"][1].update(token=c["assets"][0]["token"]),
        "assets[1].token: is that of assets[0] too",
    ),
    "weight above the limit": (
        lambda c, _: c["limits"].update(max_weight_bps=4999),
        "assets[0].target_bps: 5000 is above limits.max_weight_bps, 4999",
    ),
    "limit above the ceiling": (
        lambda c, _: c["opening_limits"].update(loss_cap_bps=201),
        "opening_limits.loss_cap_bps: 201 is above the treasury's ceiling, 200",
    ),
    "window too short": (
        lambda c, _: c["limits"].update(window_seconds=60),
        "limits.window_seconds: 60 is below the treasury's minimum, 3600",
    ),
    "keeper for too long": (
        lambda c, _: c["roles"]["keepers"][0].update(days=31),
        "roles.keepers[0].days: 31 is more than the 30",
    ),
    "unreachable": (
        lambda c, _: c.update(venues=c["venues"][:2]),
        "assets[1]: no venue connects WBTC",
    ),
    "not a factory": (
        lambda c, _: c["uniswap"].update(v2_factory=NOBODY),
        f"uniswap.v2_factory: there is no contract at {NOBODY}",
    ),
    "sequencer": (
        lambda c, _: c.update(sequencer_feed=c["uniswap"]["v2_router"]),
        "sequencer_feed: ",
    ),
    "unknown key": (lambda c, _: c.update(onwer=NOBODY), "onwer: is not known here"),
    "unknown asset of a venue": (
        lambda c, _: c["venues"][0].update(assets=["WETH", "WHAT"]),
        "venues[0].assets: there is no asset WHAT",
    ),
    "mistyped address": (
        lambda c, _: c["assets"][0].update(token=c["assets"][0]["token"].swapcase().replace("0X", "0x")),
        "assets[0].token: is mistyped",
    ),
    "no number": (lambda c, _: c["assets"][0].update(min_price="1e3"), "assets[0].min_price: must be a decimal number"),
    "another chain": (lambda c, _: c.update(chain_id=1), "chain_id: is 1, but CHAIN_ID is 31337"),
}


@pytest.mark.parametrize("mistake", WRONG)
def test_a_wrong_configuration(operator: Operator, chain: LocalChain, mistake: str) -> None:
    change, complaint = WRONG[mistake]
    wanted = document(chain)
    change(wanted, chain)
    errors = refused(operator, wanted)
    assert any(complaint in error for error in errors), errors
    dry = refused(operator, wanted, "--dry-run")
    assert dry == errors


def test_every_mistake_at_once(operator: Operator, chain: LocalChain) -> None:
    """Of the file alone, and of the chain: one look tells all of them."""
    wanted = document(chain)
    wanted["assets"][0]["target_bps"] = 4000
    wanted["assets"][1]["feed"] = NOBODY
    wanted["assets"][2]["max_price"] = "0.9"
    wanted["venues"][1]["fee_pips"] = 100
    wanted["roles"]["keepers"][0]["days"] = 60
    assert [error.split(": ")[0] for error in refused(operator, wanted)] == [
        "assets", "roles.keepers[0].days", "assets[1].feed", "assets[2].feed", "venues[1]",
    ]  # fmt: skip


def test_a_stale_feed_is_the_worlds_fault(operator: Operator, chain: LocalChain) -> None:
    wanted = document(chain)
    chain.node.mine(timestamp=chain.node.head()[1] + 100_000)
    (error,) = refused(operator, wanted, code=3)
    assert "assets[0].feed: its answer is " in error
    assert "max_age_seconds is 90000" in error


def test_a_deployer_without_money(operator: Operator, chain: LocalChain) -> None:
    chain.node.rpc.call("anvil_setBalance", DEPLOYER, hex(10**12))
    (error,) = refused(operator, document(chain), code=3)
    assert error.startswith(f"deployer: {DEPLOYER} has 0.000001 of the native coin, the set-up may cost ")


@pytest.mark.parametrize("options", [[], ["--dry-run"]])
def test_gas_above_the_limit(operator: Operator, chain: LocalChain, options: list[str]) -> None:
    """A dry run ends as the real one would."""
    (error,) = refused(operator, document(chain), *options, code=3, MAX_FEE_GWEI="0.000000001")
    assert error.startswith("gas: costs ")
    assert error.endswith(" gwei now, more than MAX_FEE_GWEI, 0.000000001")


def test_foreign_transactions_of_the_same_account(operator: Operator, chain: LocalChain) -> None:
    chain.node.mine_every(0)
    chain.node.speak_for(DEPLOYER, 10**21)
    chain.node.rpc.call("eth_sendTransaction", {"from": DEPLOYER, "to": DEPLOYER, "gas": "0x5208"})
    done = operator.deploy(document(chain))
    assert done.code == 3
    assert done.errors == [
        f"{DEPLOYER} has 1 pending transactions that are not of this record: wait until they are mined, and let "
        "nothing else use the account meanwhile"
    ]


def test_without_a_key(operator: Operator, chain: LocalChain) -> None:
    (error,) = refused(operator, document(chain), DEPLOYER_PRIVATE_KEY="")
    assert error == "sending needs a key: set DEPLOYER_KEYSTORE_FILE and DEPLOYER_KEYSTORE_PASSWORD_FILE"


def test_a_key_of_somebody_else(operator: Operator, chain: LocalChain) -> None:
    (error,) = refused(operator, document(chain), DEPLOYER_ADDRESS=accounts.KEEPER)
    assert error == f"DEPLOYER_ADDRESS is {accounts.KEEPER}, but the key is that of {DEPLOYER}"
    other = "0x" + "11" * 32
    operator.deployed(document(chain))
    (error,) = refused(operator, document(chain), DEPLOYER_PRIVATE_KEY=other)
    assert f"was made by {DEPLOYER}" in error
    assert DEPLOYER_KEY[2:] not in error


CHANGED: dict[str, tuple[Change, str]] = {
    "name": (lambda c, _: c.update(name="test  index"), "name: cannot be changed any more"),
    "another name": (lambda c, _: c.update(name="Other Index"), "name: cannot be changed any more"),
    "symbol": (lambda c, _: c.update(symbol="OTHER"), "symbol: cannot be changed any more: the treasury "),
    "asset removed": (
        lambda c, _: (c.update(assets=c["assets"][:1] + c["assets"][2:], venues=c["venues"][:2] + c["venues"][3:]),
                      c["assets"][0].update(target_bps=8000), c["limits"].update(max_weight_bps=9000)),
        "is listed by the treasury and cannot be left out: its owner retires it first",
    ),
    "venue removed": (
        lambda c, _: c["venues"].pop(3),
        "is listed by the treasury and cannot be left out: its owner disables it first",
    ),
    "sequencer feed": (
        lambda c, _: c.update(sequencer_feed=c["assets"][0]["feed"]),
        "sequencer_feed: cannot be changed any more",
    ),
}  # fmt: skip


@pytest.mark.parametrize("what", CHANGED)
def test_what_cannot_be_changed(operator: Operator, chain: LocalChain, what: str) -> None:
    operator.deployed(document(chain))
    change, complaint = CHANGED[what]
    wanted = document(chain)
    change(wanted, chain)
    errors = refused(operator, wanted)
    assert any(complaint in error for error in errors), errors


def test_after_the_handover_only_the_owner_changes_it(operator: Operator, chain: LocalChain) -> None:
    treasury = operator.deployed(document(chain))["treasury"]
    chain.node.speak_for(DEPLOYER, 10**21)
    node = chain.node.rpc
    for sender, call in ((DEPLOYER, "f2fde38b" + accounts.OWNER[2:].rjust(64, "0")), (accounts.OWNER, "79ba5097")):
        chain.node.speak_for(sender, 10**21)
        node.call("eth_sendTransaction", {"from": sender, "to": treasury, "data": "0x" + call})
    assert operator.deployed(document(chain))["transactions"] == []
    (error,) = refused(operator, document(chain, opening_limits={"loss_cap_bps": 77}))
    assert error.startswith(f"treasury: only {accounts.OWNER}, its owner, could now open the limits")


def test_two_at_a_time(operator: Operator, chain: LocalChain) -> None:
    folder = operator.keeper.folder / "deployments/31337"
    folder.mkdir(parents=True)
    with (folder / ".test-index.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        (error,) = refused(operator, document(chain))
    assert error == "deployments/31337/test-index.json: another process is setting this fund up"


def test_a_record_of_a_chain_that_is_gone(operator: Operator, chain: LocalChain) -> None:
    operator.deployed(document(chain))
    path = operator.keeper.folder / "deployments/31337/test-index.json"
    path.write_text(path.read_text().replace(operator.record()["genesis"], "0x" + "ab" * 32))
    (error,) = refused(operator, document(chain))
    assert "is of another chain with the id 31337" in error


@pytest.mark.parametrize("text", ["", "{", "[]", '{"schema": 99}', '{"schema": 1, "transactions": [{}]}'])
def test_a_damaged_record(operator: Operator, chain: LocalChain, text: str) -> None:
    path = operator.keeper.folder / "deployments/31337/test-index.json"
    path.parent.mkdir(parents=True)
    path.write_text(text)
    (error,) = refused(operator, document(chain))
    assert error.startswith("deployments/31337/test-index.json: is ")
    assert path.read_text() == text


@pytest.mark.parametrize(
    ("file", "text", "complaint"),
    [
        ("fund.toml", "name = ", "is not TOML"),
        ("fund.yaml", "name: [", "is not YAML"),
        ("fund.yaml", "name: a\nname: b\n", "'name' is there twice"),
        ("fund.yaml", "- a", "holds no names and values"),
        ("fund.toml", "", "name: is missing"),
    ],
)
def test_files_that_cannot_be_read(operator: Operator, file: str, text: str, complaint: str) -> None:
    path = operator.keeper.folder / file
    path.write_text(text)
    done = operator.keeper("deploy", "--config", str(path))
    assert done.code == 2
    assert any(complaint in error for error in done.errors), done.errors
    assert operator.keeper("deploy", "--config", "nowhere.toml").errors == [
        "nowhere.toml: cannot be read (No such file or directory)"
    ]
