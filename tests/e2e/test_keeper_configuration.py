"""Wrong settings, keys and databases: one line for each mistake, exit code 2, and nothing is touched."""

import re

import pytest

from scripts.localchain import accounts
from scripts.localchain.chain import LocalChain
from tests.e2e.keepers import RPC_KEY, Keeper, with_key

pytestmark = pytest.mark.e2e

NOBODY = "0x1212121212121212121212121212121212121212"

Variables = dict[str, str]

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


def assert_lines(stderr: str, expected: list[str]) -> None:
    """Exactly one line for each mistake, in any order, and nothing else."""
    lines = stderr.splitlines()
    assert len(lines) == len(expected), stderr
    for pattern in expected:
        assert any(re.fullmatch(f"error: {pattern}", line) for line in lines), f"{pattern}\nnot in\n{stderr}"
