"""Several funds in one keeper: each its treasury, its signer and its schedule; what breaks one leaves the others."""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from decimal import Decimal
from pathlib import Path

import pytest
from eth_account import Account

from scripts.localchain import accounts
from scripts.localchain.anvil import MNEMONIC
from scripts.localchain.chain import LocalChain
from scripts.localchain.config import FundSpec
from scripts.localchain.deployment import deploy
from scripts.localchain.market import Market
from scripts.localchain.state import SCRYPT_N
from tests.e2e.keepers import Keeper, nonce
from tests.e2e.onchain import Witness
from tests.e2e.reckoning import finish

pytestmark = pytest.mark.e2e

HOUR = 3600
SECOND = FundSpec("Two Coin Index", "TWO", Decimal(50_000), {"UNI": 5000, "USDC": 5000})
"""Funds that are due together plan on the same pools: this one trades where the large one hardly does."""
REVERTS = "0x60006000fd"
PASSWORD = "second-fund-password-71c3"


@dataclass
class Pair:
    """A chain with two treasuries, and the key of the second's keeper."""

    chain: LocalChain
    market: Market
    signer: str
    keystore: Path
    password: Path

    @property
    def treasuries(self) -> list[str]:
        return [treasury.address for treasury in self.chain.deployment.treasuries]

    def add(self) -> list[str]:
        keys = ["--keystore", str(self.keystore), "--password-file", str(self.password)]
        hub = self.chain.deployment.token("USDC").address
        return ["funds", "add", "two", self.treasuries[1], *keys, "--hub", hub]

    def rise(self) -> None:
        """Two hours later both funds have something to do, if they have not done it."""
        self.market.step({"WETH": Decimal(4000), "UNI": Decimal(12)}, at=self.chain.node.head()[1] + 2 * HOUR)

    def traded(self) -> list[int]:
        """Rebalances of each fund, by the chain."""
        return [len(Witness(self.chain, treasury).rebalances()) for treasury in self.treasuries]


@pytest.fixture
def pair(chain: LocalChain, keeper: Keeper, tmp_path: Path) -> Iterator[Pair]:
    account = Account.from_mnemonic(MNEMONIC, account_path="m/44'/60'/0'/0/6")
    funds = (*chain.deployment.config.funds, replace(SECOND, keepers=(accounts.KEEPER, account.address)))
    deployment = deploy(chain.node, replace(chain.deployment.config, funds=funds), tmp_path / "chain")
    both = LocalChain(chain.node, deployment, Market(chain.node, deployment))
    chain.node.automine()
    keystore, password = keeper.folder / "secrets" / "two.json", keeper.folder / "secrets" / "two-password"
    keystore.write_text(json.dumps(Account.encrypt(account.key, PASSWORD, kdf="scrypt", iterations=SCRYPT_N)))
    password.write_text(PASSWORD)
    password.chmod(0o400)
    yield Pair(both, chain.market, account.address, keystore, password)
    secrets = (PASSWORD.encode(), account.key.hex().encode())
    for path in keeper.folder.rglob("*"):
        if path.is_file() and "secrets" not in path.parts:
            assert not any(secret in path.read_bytes() for secret in secrets), path


def test_a_fund_added_while_the_keeper_runs_is_traded_with_its_own_key(pair: Pair, keeper: Keeper) -> None:
    with keeper.running() as child:
        keeper.query_until("SELECT * FROM decision")
        done = keeper(*pair.add())
        assert (done.code, done.stdout) == (0, f"two: treasury {pair.treasuries[1]}, signer {pair.signer}\n")
        keeper.query_until("SELECT * FROM decision WHERE fund_id = 2")
        pair.rise()
        keeper.until(lambda: keeper.rows("SELECT count(*) AS n FROM transaction_intent")[0]["n"] == 2, "both trade")
        finish(pair.chain, keeper)
        assert child.exit_code() is None
    assert pair.traded() == [1, 1]
    rows = keeper.rows("SELECT fund_id, signer, nonce FROM transaction_intent ORDER BY fund_id")
    assert [(row["fund_id"], row["signer"], row["nonce"]) for row in rows] == [
        (1, accounts.KEEPER, 0),
        (2, pair.signer, 0),
    ]
    # one look at the chain serves both: the same block, the same price
    looks = keeper.rows("SELECT block_number FROM decision WHERE action = 'submitted'")
    assert len(looks) == 2
    assert looks[0] == looks[1]
    listed = keeper("funds", "list", "--json").json
    assert [(fund["name"], fund["treasury"]) for fund in listed] == list(
        zip(["lci", "two"], pair.treasuries, strict=True)
    )
    shown = keeper("funds", "show", "two", "--json").json
    assert shown["last_action"] == "submitted"
    assert shown["policy_version"] == 1
    assert [fund["name"] for fund in keeper("status", "--json").json] == ["lci", "two"]
    assert {row["fund"] for row in keeper("trades", "two", "--json").json} == {"two"}
    examined = keeper("doctor", "--json")
    assert examined.code == 0
    assert {check["fund"] for check in examined.json if check["name"] == "gas_balance"} == {"lci", "two"}
    asked = keeper("plan")
    assert (asked.code, asked.errors) == (2, ["which fund? there are: lci, two"])
    assert keeper("plan", "two").code == 0


def test_a_fund_that_cannot_be_is_not_added(pair: Pair, keeper: Keeper) -> None:
    assert keeper("run", "--once").code == 0
    name, treasury, *keys = pair.add()[2:]
    wrong = keeper.folder / "secrets" / "wrong"
    wrong.write_text("wrong")
    wrong.chmod(0o400)
    usdc = pair.chain.deployment.token("USDC").address
    cases = [
        ([name, "0x12", *keys], "treasury: '0x12' is not an address .*"),
        ([name, "0x" + "12" * 20, *keys], "treasury: .* does not answer as a treasury"),
        ([name, usdc, *keys], f"treasury: the contract at {usdc} does not answer as a treasury"),
        (["lci", treasury, *keys], "there is already a fund named 'lci'"),
        ([name, pair.treasuries[0], *keys], f"there is already a fund for treasury {pair.treasuries[0]}"),
        ([name, treasury, *keys, "--password-file", str(wrong)], "wrong password for keystore .*"),
        ([name, treasury, *keys, "--hub", "USDC"], "--hub: 'USDC' is not an address .*"),
    ]
    written = keeper.everything()
    for arguments, expected in cases:
        done = keeper("funds", "add", *arguments)
        assert done.code == 2, arguments
        assert len(done.errors) == 1, done.stderr
        assert re.fullmatch(expected, done.errors[0]), done.errors
    assert keeper.everything() == written


def test_a_treasury_that_is_gone_holds_up_nobody(pair: Pair, keeper: Keeper) -> None:
    assert keeper("run", "--once").code == 0
    assert keeper(*pair.add()).code == 0
    code = pair.chain.node.rpc.call("eth_getCode", pair.treasuries[1], "latest")
    pair.chain.node.rpc.call("anvil_setCode", pair.treasuries[1], "0x")
    with keeper.running() as child:
        failed = keeper.query_until("SELECT * FROM decision WHERE fund_id = 2")
        assert failed["action"] == "failed"
        assert f"no treasury answers at {pair.treasuries[1]}" in failed["reason"]
        pair.rise()
        keeper.query_until("SELECT * FROM transaction_intent WHERE fund_id = 1")
        finish(pair.chain, keeper)
        assert child.exit_code() is None
        assert keeper.rows("SELECT * FROM transaction_intent WHERE fund_id = 2") == []
        pair.chain.node.rpc.call("anvil_setCode", pair.treasuries[1], code)
        pair.rise()  # arbitrage brings back the pools that the first fund has moved
        keeper.query_until("SELECT * FROM transaction_intent WHERE fund_id = 2")  # after the pause of a failed fund
        finish(pair.chain, keeper)
    assert pair.traded() == [1, 1]
    assert "Traceback" not in keeper.said()


def test_a_dead_feed_holds_up_only_the_fund_that_needs_it(pair: Pair, keeper: Keeper) -> None:
    assert keeper("run", "--once").code == 0
    assert keeper(*pair.add()).code == 0
    pair.rise()
    pair.chain.node.rpc.call("anvil_setCode", pair.chain.deployment.token("MATIC").feed, REVERTS)
    done = keeper("run", "--once")
    assert done.code == 3
    assert len(done.errors) == 1
    assert done.errors[0].startswith("lci: blocked: price_bounds: MATIC: the feed did not answer")
    assert pair.traded() == [0, 1]


def test_a_fund_without_its_key_holds_up_nobody(pair: Pair, keeper: Keeper) -> None:
    assert keeper("run", "--once").code == 0
    assert keeper(*pair.add()).code == 0
    pair.keystore.unlink()
    pair.rise()
    done = keeper("run", "--once")
    assert done.code == 3
    assert len(done.errors) == 1
    assert re.fullmatch("two: blocked: signer: keystore .*two.json cannot be read .*", done.errors[0])
    assert pair.traded() == [1, 0]
    assert nonce(pair.chain, pair.signer) == 0
    examined = keeper("doctor", "--json")
    assert examined.code == 3
    failed = [(check["fund"], check["name"]) for check in examined.json if check["health"] == "fail"]
    assert failed == [("two", "key")]
    assert keeper.rows("SELECT * FROM transaction_intent WHERE fund_id = 2") == []


def test_funds_of_one_signer_take_turns(pair: Pair, keeper: Keeper) -> None:
    """Not recommended, and right all the same: the nonces follow each other."""
    assert keeper("run", "--once").code == 0
    first = [keeper.environment[name] for name in ("KEYSTORE_FILE", "KEYSTORE_PASSWORD_FILE")]
    added = keeper(*pair.add(), "--keystore", first[0], "--password-file", first[1])
    assert added.code == 0
    with keeper.running() as child:
        keeper.query_until("SELECT * FROM decision WHERE fund_id = 2")
        pair.rise()
        keeper.until(lambda: sum(pair.traded()) == 1, "the first")
        finish(pair.chain, keeper)
        pair.rise()  # time passes
        keeper.until(lambda: sum(pair.traded()) == 2, "the second")
        finish(pair.chain, keeper)
        assert child.exit_code() is None
    assert pair.traded() == [1, 1]
    assert [row["nonce"] for row in keeper.rows("SELECT nonce FROM transaction_intent ORDER BY id")] == [0, 1]
