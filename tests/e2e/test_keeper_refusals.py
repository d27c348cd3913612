"""Bad input: one clear line for each mistake, the right exit code, nothing sent and nothing lost."""

import re
from collections.abc import Callable, Iterator
from decimal import Decimal
from typing import Any

import pytest

from scripts.localchain import accounts, tokens
from scripts.localchain.chain import LocalChain
from scripts.localchain.config import DAY
from scripts.localchain.contracts import DEPLOYER
from scripts.localchain.node import Tx
from tests.e2e.keepers import RPC_KEY, Keeper, nonce, with_key

pytestmark = pytest.mark.e2e

NOBODY = "0x1212121212121212121212121212121212121212"
REVERTS = "0x60006000fd"
HISTORY = ("journal", "decision", "price_update", "policy_version", "index_fund", "database_stamp", "asset")
"""Tables whose rows are never changed or taken away."""

Variables = dict[str, str]


@pytest.fixture
def eager(chain: LocalChain, keeper: Keeper) -> Iterator[Keeper]:
    """A keeper with a first cycle in its books, and a market in which it would trade now. It never does here."""
    assert keeper("run", "--once").code == 0
    chain.market.step({"WETH": Decimal(4000)}, at=chain.node.head()[1] + 3600)
    before = nonce(chain)
    yield keeper
    assert nonce(chain) == before


def test_with_nothing_wrong_it_trades(chain: LocalChain, keeper: Keeper) -> None:
    """Or no refusal here would prove anything."""
    assert keeper("run", "--once").code == 0
    chain.market.step({"WETH": Decimal(4000)}, at=chain.node.head()[1] + 3600)
    assert keeper("run", "--once").code == 0
    assert nonce(chain) == 1


# ---------------------------------------------------------------------------------------- wrong configuration

CONFIGURATION: dict[str, tuple[Variables, list[str]]] = {
    "several": (
        {
            "CHAIN_ID": "mainnet",
            "RPC_URL": f"ftp://user:{RPC_KEY}@host",
            "DRIFT_THRESHOLD": "15",
            "SLIPPAGE_TOLERANCE": "a lot",
            "TREASURY_ADDRESS": "0x12",
            "MIN_TRADE_SIZE_USD": "300000",
        },
        [
            "DRIFT_THRESHOLD: .*less than 1 .*'15'.",
            "SLIPPAGE_TOLERANCE: .*decimal .*'a lot'.",
            "MIN_TRADE_SIZE_USD: is above MAX_TRADE_SIZE_USD .200000. .*",
            "CHAIN_ID: .*integer.*'mainnet'.",
            "RPC_URL: must start with http:// or https://",
            "TREASURY_ADDRESS: is not an address .*'0x12'.",
        ],
    ),
    "a key that is none": (
        {"KEYSTORE_FILE": "", "KEYSTORE_PASSWORD_FILE": "", "PRIVATE_KEY": accounts.keeper_key().key.hex()[:-1]},
        [r"PRIVATE_KEY: is not a private key \(32 bytes in hex\)"],
    ),
    "two keys": (
        {"PRIVATE_KEY": accounts.keeper_key().key.hex()},
        ["PRIVATE_KEY: set either PRIVATE_KEY or KEYSTORE_FILE, not both"],
    ),
    "no key": ({"KEYSTORE_FILE": "", "KEYSTORE_PASSWORD_FILE": ""}, ["SEND_TRANSACTIONS: sending needs a key: .*"]),
    "another's key": ({"KEEPER_ADDRESS": accounts.OWNER}, [f"KEEPER_ADDRESS is {accounts.OWNER}, but the key is .*"]),
    "no password file": (
        {"KEYSTORE_PASSWORD_FILE": "nowhere"},
        ["KEYSTORE_PASSWORD_FILE: .*no such file .*'nowhere'.*"],
    ),
    "database url": ({"DATABASE_URL": "mysql://u:p@h/x"}, ["DATABASE_URL: 'mysql' is not supported: .*"]),
    "no contract": ({"TREASURY_ADDRESS": NOBODY}, [f"TREASURY_ADDRESS: there is no contract at {NOBODY} .*"]),
    "another chain than the node's": (
        {"CHAIN_ID": "1", "MAX_HEAD_AGE_SECONDS": "36"},
        ["CHAIN_ID is 1, but the node at RPC_URL is of chain 31337"],
    ),
    "raw key on a real chain": (
        {
            "CHAIN_ID": "1",
            "MAX_HEAD_AGE_SECONDS": "36",
            "KEYSTORE_FILE": "",
            "KEYSTORE_PASSWORD_FILE": "",
            "PRIVATE_KEY": accounts.keeper_key().key.hex(),
        },
        ["PRIVATE_KEY: a raw key is accepted on chain 31337 only.*"],
    ),
}


@pytest.mark.parametrize("name", CONFIGURATION)
def test_wrong_configuration_is_refused_before_anything_happens(eager: Keeper, name: str) -> None:
    variables, expected = CONFIGURATION[name]
    written = eager.everything()
    done = eager("run", "--once", **variables)
    assert done.code == 2
    assert_lines(done.stderr, expected)
    assert done.stdout == ""
    assert eager.everything() == written


def test_nothing_is_set_at_all(eager: Keeper) -> None:
    written = eager.everything()
    nothing = dict.fromkeys(eager.environment, "")
    for command in (["run", "--once"], ["plan"], ["doctor"], ["status"], ["db", "upgrade"], ["config", "show"]):
        done = eager(*command, **nothing)
        assert (done.code, done.stdout) == (2, "")
        assert_lines(done.stderr, ["CHAIN_ID: is not set", "RPC_URL: is not set"])
    assert eager.everything() == written
    assert not list(eager.folder.glob("keeper-*"))


def test_the_command_itself_says_no_more_than_that(eager: Keeper) -> None:
    """As a process: nothing comes from the interpreter, from libraries or from an event loop that was left open."""
    done = eager.command("run", CHAIN_ID="1", MAX_HEAD_AGE_SECONDS="36", DATABASE_URL="sqlite:///new.db")
    assert (done.code, done.stdout) == (2, "")
    assert done.stderr == "error: CHAIN_ID is 1, but the node at RPC_URL is of chain 31337\n"
    assert not (eager.folder / "new.db").exists()
    done = eager.command("run", RPC_URL=with_key("http://127.0.0.1:9"))
    assert (done.code, done.stdout) == (3, "")
    assert done.stderr == "error: RPC http://127.0.0.1:9: eth_chainId: no connection (Connection refused)\n"
    done = eager.command("run", "--often")
    assert done.code == 2
    assert "No such option: --often" in done.stderr


def test_a_token_is_no_treasury(chain: LocalChain, keeper: Keeper) -> None:
    usdc = chain.deployment.token("USDC").address
    done = keeper("run", "--once", TREASURY_ADDRESS=usdc)
    assert done.code == 2
    assert_lines(done.stderr, [f"TREASURY_ADDRESS: the contract at {usdc} does not answer as a treasury"])
    assert keeper.rows("SELECT * FROM index_fund") == []


def test_wrong_password(eager: Keeper) -> None:
    wrong = eager.folder / "secrets" / "wrong"
    wrong.touch(mode=0o400)
    for text, mode, expected in (
        ("not it", 0o400, "wrong password for keystore .*"),
        ("", 0o400, "password file .* is empty"),
        ("not it", 0o644, "password file .* has mode 0644: others may read it; chmod 0400 it"),
    ):
        wrong.chmod(0o600)
        wrong.write_text(text)
        wrong.chmod(mode)
        done = eager("run", "--once", KEYSTORE_PASSWORD_FILE=str(wrong))
        assert done.code == 2
        assert_lines(done.stderr, [expected])


def test_keystore_that_is_none(eager: Keeper) -> None:
    for name, text in (("text", "hello"), ("json", "[1]"), ("empty", "{}")):
        keystore = eager.folder / "secrets" / name
        keystore.write_text(text)
        done = eager("run", "--once", KEYSTORE_FILE=str(keystore))
        assert done.code == 2
        assert_lines(done.stderr, [f".*{name} is not a Web3 Secret Storage file.*"])


def test_a_dry_run_does_not_write_into_a_live_database(eager: Keeper) -> None:
    written = eager.everything()
    done = eager("run", "--once", "--dry-run")
    assert done.code == 2
    assert_lines(done.stderr, ["database .*keeper.db is of a live keeper: use another for a dry run"])
    assert eager.everything() == written


def test_a_live_keeper_does_not_write_into_the_database_of_a_dry_run(eager: Keeper) -> None:
    other = f"sqlite:///{eager.folder / 'dry.db'}"
    done = eager("run", "--once", "--dry-run", DATABASE_URL=other)
    assert done.code == 0, done.stderr
    done = eager("run", "--once", DATABASE_URL=other)
    assert done.code == 2
    assert_lines(done.stderr, ["database .*dry.db is of a dry run: use another for a live keeper"])


def test_a_database_of_another_chain(chain: LocalChain, eager: Keeper) -> None:
    """The node agrees that it is chain 1, as after a restart against another network."""
    written = eager.everything()
    chain.node.rpc.call("anvil_setChainId", 1)
    try:
        done = eager("run", "--once", CHAIN_ID="1", MAX_HEAD_AGE_SECONDS="9999999")
    finally:
        chain.node.rpc.call("anvil_setChainId", 31337)
    assert done.code == 2
    assert_lines(done.stderr, ["database .*keeper.db belongs to chain 31337, not 1"])
    assert eager.everything() == written


def test_a_file_that_is_no_database(eager: Keeper) -> None:
    file = eager.folder / "notes.txt"
    file.write_text("buy milk\n" * 1000)
    done = eager("run", "--once", DATABASE_URL=f"sqlite:///{file}")
    assert done.code == 3
    assert_lines(done.stderr, ["database .*notes.txt is not a SQLite database"])
    assert file.read_text() == "buy milk\n" * 1000


# ---------------------------------------------------------------------------------- a world that does not allow it


def owner(chain: LocalChain, signature: str, *args: Any) -> None:
    by(chain, accounts.OWNER, signature, *args)


def by(chain: LocalChain, who: str, signature: str, *args: Any) -> None:
    chain.node.execute([Tx.call(signature, who, chain.deployment.treasuries[0].address, signature, *args)])


def revoked(chain: LocalChain) -> None:
    by(chain, accounts.GUARDIAN, "revokeKeeper(address)", accounts.KEEPER)


def expired(chain: LocalChain) -> None:
    now = chain.node.head()[1]
    owner(chain, "setKeeper(address,uint64)", accounts.KEEPER, now + 60)
    chain.node.mine(timestamp=now + 120)


def paused(chain: LocalChain) -> None:
    by(chain, accounts.GUARDIAN, "pause()")


def penniless(chain: LocalChain) -> None:
    chain.node.rpc.call("anvil_setBalance", accounts.KEEPER, "0x0")


def nearly_penniless(chain: LocalChain) -> None:
    chain.node.rpc.call("anvil_setBalance", accounts.KEEPER, hex(10**13))


def stale(chain: LocalChain) -> None:
    """Every feed but one speaks again, two days later, at the price at which the pools are."""
    chain.node.mine(timestamp=chain.node.head()[1] + 2 * DAY)
    now = tokens.prices(chain.node, chain.deployment.tokens)
    chain.node.execute([tokens.set_answer(t, now[t.symbol]) for t in chain.deployment.tokens if t.symbol != "LINK"])


def answers_zero(chain: LocalChain) -> None:
    link = chain.deployment.token("LINK")
    chain.node.execute([Tx.call("zero", DEPLOYER, link.feed, "setAnswer(int256)", 0)])


def dead_feed(chain: LocalChain) -> None:
    chain.node.rpc.call("anvil_setCode", chain.deployment.token("LINK").feed, REVERTS)


def feed_without_code(chain: LocalChain) -> None:
    chain.node.rpc.call("anvil_setCode", chain.deployment.token("LINK").feed, "0x")


REFUSED: dict[str, tuple[Callable[[LocalChain], None], str, str]] = {
    "role revoked": (revoked, "keeper_role", f"{accounts.KEEPER} is no keeper"),
    "role expired": (expired, "keeper_role", f"{accounts.KEEPER} expired as keeper at 20.*Z"),
    "paused by the guardian": (paused, "paused", "paused by the guardian"),
    "no gas": (penniless, "gas_balance", f"{accounts.KEEPER} has nothing to pay gas with"),
    "little gas": (nearly_penniless, "gas_balance", "0.00001.* the transaction may cost 0.00.*"),
    "stale price": (stale, "price_age", "LINK: the answer is 1728.. s old, at most 90000 s.*"),
    "price of zero": (answers_zero, "price_bounds", "LINK: the feed answered 0.*"),
    "dead feed": (dead_feed, "price_bounds", "LINK: the feed did not answer.*"),
    "no feed": (feed_without_code, "price_bounds", "LINK: the feed did not answer.*"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_a_world_that_forbids_it_is_recorded_and_said(chain: LocalChain, eager: Keeper, name: str) -> None:
    forbid, guard, detail = REFUSED[name]
    forbid(chain)
    written = eager.everything()
    done = eager("run", "--once")
    assert done.code == 3
    assert len(done.errors) == 1
    assert re.fullmatch(f"lci: blocked: {guard}: {detail}", done.errors[0]), done.errors[0]
    assert_nothing_lost(written, eager.everything())
    newest = eager.rows("SELECT action, reason FROM decision ORDER BY seq DESC LIMIT 1")[0]
    assert done.errors == [f"lci: {newest['action']}: {newest['reason']}"]
    assert eager.rows("SELECT * FROM transaction_intent") == []
    planned = eager("plan", "--json")
    if name != "little gas":  # which only the rehearsal of a real transaction finds
        assert (planned.code, planned.json["action"], planned.json["reason"]) == (3, "BLOCKED", newest["reason"])


def test_paused_by_the_operator(eager: Keeper) -> None:
    assert eager("pause").stdout == "lci: paused\n"
    done = eager("run", "--once")
    assert done.code == 3
    assert done.errors == ["lci: blocked: paused: paused by the operator"]
    assert eager.rows("SELECT * FROM transaction_intent") == []


def assert_lines(stderr: str, expected: list[str]) -> None:
    """Exactly one line for each mistake, in any order, and nothing else."""
    lines = stderr.splitlines()
    assert len(lines) == len(expected), stderr
    for pattern in expected:
        assert any(re.fullmatch(f"error: {pattern}", line) for line in lines), f"{pattern}\nnot in\n{stderr}"


def assert_nothing_lost(before: dict[str, list[dict[str, Any]]], after: dict[str, list[dict[str, Any]]]) -> None:
    for table in HISTORY:
        assert after[table][: len(before[table])] == before[table], table
