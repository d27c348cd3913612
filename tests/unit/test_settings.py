"""The environment: every mistake at once, nothing secret in what is said, and `.env.example` that is true."""

import re
from decimal import Decimal
from pathlib import Path

import pytest

from keeper.core.ledger import Mode
from keeper.core.units import usd_e18
from keeper.settings import ConfigurationError, PolicyFields, Settings, parse_policy, policy_fields

pytestmark = pytest.mark.unit

ROOT = Path(__file__).parents[2]
KEY = "0x" + "ab" * 32


def load(monkeypatch: pytest.MonkeyPatch, **variables: str) -> Settings:
    for name in Settings.model_fields:
        monkeypatch.delenv(name.upper(), raising=False)
    for name, value in ({"CHAIN_ID": "31337", "RPC_URL": "http://127.0.0.1:8545"} | variables).items():
        monkeypatch.setenv(name, value)
    return Settings.load(_env_file=None)


def test_defaults_are_those_of_the_documentation(monkeypatch: pytest.MonkeyPatch) -> None:
    settings = load(monkeypatch)
    assert settings.send_transactions is False
    policy = settings.to_policy()
    assert policy.drift_threshold == Decimal("0.15")
    assert policy.cooldown_seconds == 900
    assert policy.max_trade == usd_e18(Decimal(10_000))
    assert policy.min_trade == usd_e18(Decimal(50))
    assert policy.slippage_tolerance == Decimal("0.01")
    assert policy.price_impact_threshold == Decimal("0.05")


def test_every_mistake_is_reported_at_once_without_secrets(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ConfigurationError) as caught:
        load(
            monkeypatch,
            CHAIN_ID="1",
            RPC_URL="ftp://user:hunter2@node",
            DRIFT_THRESHOLD="1.5",
            TREASURY_ADDRESS="0x33",
            MIN_TRADE_SIZE_USD="20000",
            PRICE_SOURCE="ORACLE",
            PRIVATE_KEY=KEY,
            KEYSTORE_FILE="/nowhere/key.json",
            MAX_HEAD_AGE_SECONDS="0",
            INTERVAL_MINUTES="soon",
        )
    named = {problem.split(":")[0] for problem in caught.value.problems}
    assert named == {
        "CHAIN_ID",
        "RPC_URL",
        "DRIFT_THRESHOLD",
        "TREASURY_ADDRESS",
        "MIN_TRADE_SIZE_USD",
        "PRICE_SOURCE",
        "KEYSTORE_FILE",
        "INTERVAL_MINUTES",
    }
    assert "hunter2" not in str(caught.value)
    assert KEY[2:] not in str(caught.value)


def test_a_raw_key_is_for_local_chains(monkeypatch: pytest.MonkeyPatch) -> None:
    assert load(monkeypatch, PRIVATE_KEY=KEY, SEND_TRANSACTIONS="true").mode() is Mode.LIVE
    with pytest.raises(ConfigurationError, match="chain 31337 only") as caught:
        load(monkeypatch, PRIVATE_KEY=KEY, CHAIN_ID="1")
    assert KEY[2:] not in str(caught.value)


def test_sending_needs_a_key_and_a_keystore_its_password(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="SEND_TRANSACTIONS: sending needs a key"):
        load(monkeypatch, SEND_TRANSACTIONS="true")
    keystore = tmp_path / "key.json"
    keystore.write_text("{}")
    with pytest.raises(ConfigurationError, match="needs KEYSTORE_PASSWORD_FILE"):
        load(monkeypatch, SEND_TRANSACTIONS="true", KEYSTORE_FILE=str(keystore))


def test_a_dry_run_has_its_own_database(monkeypatch: pytest.MonkeyPatch) -> None:
    settings = load(monkeypatch, PRIVATE_KEY=KEY, SEND_TRANSACTIONS="true")
    assert settings.database(settings.mode()) == "sqlite:///keeper-31337-live.db"
    assert settings.database(settings.mode(dry_run=True)) == "sqlite:///keeper-31337-dry_run.db"


def test_secrets_do_not_show_when_printed(monkeypatch: pytest.MonkeyPatch) -> None:
    settings = load(monkeypatch, PRIVATE_KEY=KEY, RPC_URL="https://node/v3/s3cret", COINGECKO_API_KEY="CG-s3cret")
    assert "s3cret" not in repr(settings)
    assert KEY[2:] not in repr(settings)
    assert "s3cret" not in str(settings.model_dump())


def test_a_policy_survives_the_database(monkeypatch: pytest.MonkeyPatch) -> None:
    settings = load(monkeypatch, DRIFT_THRESHOLD="0.031", INTERVAL_MINUTES="0.5")
    assert parse_policy(settings.as_variables()) == settings.to_policy()


def test_an_unknown_policy_variable_is_a_mistake() -> None:
    with pytest.raises(ConfigurationError, match="DRIFT_TRESHOLD: is not a policy variable"):
        policy_fields(PolicyFields().as_variables() | {"DRIFT_TRESHOLD": "0.1"})


def test_a_file_of_variables_that_is_no_text(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / ".env").write_bytes(b"RPC_URL=\xff\xfe")
    with pytest.raises(ConfigurationError, match=r"^the file \.env is not UTF-8 text$"):
        Settings.load()


def test_env_example_names_every_variable_with_its_default() -> None:
    text = (ROOT / ".env.example").read_text()
    shown = dict(re.findall(r"^([A-Z_0-9]+)=(.*)$", text, re.MULTILINE))
    assert set(shown) == {name.upper() for name in Settings.model_fields}
    defaults = PolicyFields().as_variables()
    assert {name: shown[name] for name in defaults} == defaults


@pytest.mark.parametrize(
    "value", ["1e999999999", "1e-999999999", "1e400", "1e-400", "Infinity", "NaN", "-1", "9" * 5000]
)
@pytest.mark.parametrize("name", [n for n, f in Settings.model_fields.items() if f.annotation in (Decimal, int, float)])
def test_a_number_that_no_computer_should_hold_is_a_mistake(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str
) -> None:
    """Before it is turned into an integer: 1e999999999 would fill the memory."""
    with pytest.raises(ConfigurationError, match=f"^{name.upper()}: ") as caught:
        load(monkeypatch, **{name.upper(): value})
    assert len(str(caught.value)) < 300


def test_a_file_in_a_folder_that_may_not_be_entered(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ConfigurationError, match=r"KEYSTORE_FILE: cannot be looked at \(File name too long\)"):
        load(monkeypatch, KEYSTORE_FILE="k" * 5000)


@pytest.mark.parametrize("name", ["\x1b[2J", "a\nb", " ", "x" * 65, "\udcff"])
def test_a_fund_has_a_name_that_can_be_printed(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    with pytest.raises(ConfigurationError, match=r"^FUND_NAME: must be 1 to 64 printable characters"):
        load(monkeypatch, FUND_NAME=name)


def test_the_deployers_key_is_held_to_the_same_rules(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    assert load(monkeypatch, DEPLOYER_PRIVATE_KEY=KEY).secrets()[0] == KEY
    with pytest.raises(ConfigurationError) as caught:
        load(monkeypatch, DEPLOYER_PRIVATE_KEY=KEY, CHAIN_ID="1", DEPLOYER_KEYSTORE_FILE=str(tmp_path / "none"))
    assert caught.value.problems == [
        f"DEPLOYER_KEYSTORE_FILE: there is no such file (it is {str(tmp_path / 'none')!r})",
        "DEPLOYER_PRIVATE_KEY: a raw key is accepted on chain 31337 only: use DEPLOYER_KEYSTORE_FILE",
    ]
    keystore = tmp_path / "keystore"
    keystore.write_text("{}")
    with pytest.raises(ConfigurationError) as caught:
        load(monkeypatch, DEPLOYER_PRIVATE_KEY=KEY, DEPLOYER_KEYSTORE_FILE=str(keystore))
    assert caught.value.problems == [
        "DEPLOYER_PRIVATE_KEY: set either DEPLOYER_PRIVATE_KEY or DEPLOYER_KEYSTORE_FILE, not both"
    ]
