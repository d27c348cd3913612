"""The environment: every mistake at once, nothing secret in what is said, and `.env.example` that is true."""

import re
from decimal import Decimal
from pathlib import Path

import pytest

from keeper.core.ledger import Mode
from keeper.core.redact import redact
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
            PRICE_SOURCE="GUESS",
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


def test_endpoints_are_secrets_each_by_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    settings = load(
        monkeypatch,
        RPC_FALLBACK_URLS="https://a/v3/s3cretkey1, https://b/v3/s3cretkey2",
        PRIVATE_RPC_URL="https://relay/s3cretkey3",
        PRIVATE_STATUS_URL="https://relay/s3cretkey4/{hash}",
    )
    assert settings.fallback_urls == ["https://a/v3/s3cretkey1", "https://b/v3/s3cretkey2"]
    hidden = redact("s3cretkey1 s3cretkey2 s3cretkey3 s3cretkey4 or so", settings.secrets())
    assert hidden == "*** *** *** *** or so"
    assert "s3cret" not in repr(settings) + str(settings.model_dump())
    assert load(monkeypatch).fallback_urls == []


@pytest.mark.parametrize(
    ("variables", "problem"),
    [
        (
            {"RPC_FALLBACK_URLS": "https://a/s3cret,ws://b/s3cret"},
            "RPC_FALLBACK_URLS: number 2 must start with http:// or https://",
        ),
        (
            {"RPC_FALLBACK_URLS": "https://a/s3cret,"},
            "RPC_FALLBACK_URLS: number 2 must start with http:// or https://",
        ),
        ({"RPC_FALLBACK_URLS": "https://a/s3cret, https://a/s3cret"}, "RPC_FALLBACK_URLS: one of them is there twice"),
        ({"RPC_FALLBACK_URLS": "http://127.0.0.1:8545"}, "RPC_FALLBACK_URLS: one of them is RPC_URL"),
        ({"PRIVATE_RPC_URL": "relay/s3cret"}, "PRIVATE_RPC_URL: must start with http:// or https://"),
        (
            {"PRIVATE_RPC_URL": "https://relay", "PRIVATE_STATUS_URL": "https://relay/s3cret"},
            "PRIVATE_STATUS_URL: must have {hash} where the transaction's hash belongs",
        ),
        (
            {"PRIVATE_RPC_URL": "https://relay", "PRIVATE_STATUS_URL": "relay/s3cret/{hash}"},
            "PRIVATE_STATUS_URL: must start with http:// or https://",
        ),
        ({"PRIVATE_STATUS_URL": "https://relay/s3cret/{hash}"}, "PRIVATE_STATUS_URL: needs PRIVATE_RPC_URL"),
    ],
)
def test_a_wrong_endpoint_is_told_without_it(
    monkeypatch: pytest.MonkeyPatch, variables: dict[str, str], problem: str
) -> None:
    with pytest.raises(ConfigurationError) as caught:
        load(monkeypatch, **variables)
    assert caught.value.problems == [problem]


def test_coingecko_is_asked_by_the_plan_that_the_key_is_of(monkeypatch: pytest.MonkeyPatch) -> None:
    assert load(monkeypatch).plan_in_force == "none"
    assert load(monkeypatch, COINGECKO_API_KEY="CG-s3cret").plan_in_force == "demo"
    assert load(monkeypatch, COINGECKO_API_KEY="CG-s3cret", COINGECKO_PLAN="pro").plan_in_force == "pro"
    assert load(monkeypatch, COINGECKO_API_KEY="CG-s3cret", COINGECKO_PLAN="none").plan_in_force == "none"
    settings = load(monkeypatch, COINGECKO_API_KEY="CG-s3cret", COINGECKO_URL="https://proxy/s3cretpath")
    assert redact("CG-s3cret s3cretpath", settings.secrets()) == "*** ***"
    assert "s3cret" not in repr(settings) + str(settings.model_dump())


@pytest.mark.parametrize(
    ("variables", "problem"),
    [
        ({"COINGECKO_PLAN": "pro"}, "COINGECKO_PLAN: needs COINGECKO_API_KEY (it is 'pro')"),
        ({"COINGECKO_PLAN": "demo"}, "COINGECKO_PLAN: needs COINGECKO_API_KEY (it is 'demo')"),
        ({"COINGECKO_PLAN": "gold"}, "COINGECKO_PLAN: must be 'demo', 'pro' or 'none' (it is 'gold')"),
        (
            {"COINGECKO_API_KEY": "CG s3cret", "COINGECKO_PLAN": "pro"},
            "COINGECKO_API_KEY: must be 8 to 200 letters, digits and . _ ~ + = -",
        ),
        (
            {"COINGECKO_API_KEY": "short"},
            "COINGECKO_API_KEY: must be 8 to 200 letters, digits and . _ ~ + = -",
        ),
        ({"COINGECKO_URL": "ftp://s3cret"}, "COINGECKO_URL: must start with http:// or https:// and name a host"),
        ({"COINGECKO_URL": "https://"}, "COINGECKO_URL: must start with http:// or https:// and name a host"),
        (
            {"COINGECKO_URL": "https://s3cret:99999"},
            "COINGECKO_URL: must start with http:// or https:// and name a host",
        ),
        ({"COINGECKO_URL": "https://[s3cret"}, "COINGECKO_URL: must start with http:// or https:// and name a host"),
        (
            {"COINGECKO_URL": "https://s3cret:pw@proxy"},
            "COINGECKO_URL: must be a host and a path: no user, no query",
        ),
        ({"COINGECKO_URL": "https://proxy/?k=s3cret"}, "COINGECKO_URL: must be a host and a path: no user, no query"),
        (
            {"COINGECKO_URL": "http://proxy/v3", "COINGECKO_API_KEY": "CG-s3cret"},
            "COINGECKO_URL: must be https:// where COINGECKO_API_KEY goes with it, but for this machine itself",
        ),
        (
            {"COINGECKO_MAX_AGE_SECONDS": "29"},
            "COINGECKO_CACHE_SECONDS: is above COINGECKO_MAX_AGE_SECONDS (29): what is kept would be refused"
            " (it is '30')",
        ),
        (
            {"COINGECKO_MAX_AGE_SECONDS": "20", "COINGECKO_CACHE_SECONDS": "21"},
            "COINGECKO_CACHE_SECONDS: is above COINGECKO_MAX_AGE_SECONDS (20): what is kept would be refused"
            " (it is '21')",
        ),
    ],
)
def test_what_is_wrong_about_coingecko_is_told(
    monkeypatch: pytest.MonkeyPatch, variables: dict[str, str], problem: str
) -> None:
    with pytest.raises(ConfigurationError) as caught:
        load(monkeypatch, **variables)
    assert caught.value.problems == [problem]


@pytest.mark.parametrize("url", ["http://127.0.0.1:8080/v3", "http://localhost", "http://[::1]:1", "https://proxy/v3/"])
def test_a_key_goes_to_this_machine_or_encrypted(monkeypatch: pytest.MonkeyPatch, url: str) -> None:
    load(monkeypatch, COINGECKO_URL=url, COINGECKO_API_KEY="CG-s3cret")


def test_finality_is_the_nodes_word_or_a_depth(monkeypatch: pytest.MonkeyPatch) -> None:
    assert load(monkeypatch).finality_blocks is None
    assert load(monkeypatch, FINALITY="finalized").finality_blocks is None
    assert load(monkeypatch, FINALITY="1").finality_blocks == 1
    assert load(monkeypatch, FINALITY="10000").finality_blocks == 10_000
    for wrong in ("0", "10001", "-1", "safe", "1.5", "9" * 5000, "²"):
        with pytest.raises(ConfigurationError, match=r'^FINALITY: must be "finalized" or a number of blocks from 1 to'):
            load(monkeypatch, FINALITY=wrong)


def test_the_bounds_of_gas_and_of_the_breaker(monkeypatch: pytest.MonkeyPatch) -> None:
    policy = load(monkeypatch).to_policy()
    assert (policy.max_gas, policy.gas_budget, policy.breaker_reverts) == (16_777_216, 10**18, 3)
    assert policy.breaker_loss == Decimal("0.005")
    tuned = load(
        monkeypatch,
        MAX_GAS_PER_TRANSACTION="21000",
        GAS_BUDGET_PER_DAY="0.000000000000000001",
        BREAKER_REVERTS="1",
        BREAKER_LOSS="0.02",
    ).to_policy()
    assert (tuned.max_gas, tuned.gas_budget, tuned.breaker_reverts) == (21_000, 1, 1)
    assert tuned.breaker_loss == Decimal("0.02")
    exact = load(monkeypatch, GAS_BUDGET_PER_DAY="999999.123456789012345678").to_policy()
    assert exact.gas_budget == 999_999_123_456_789_012_345_678


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("MAX_GAS_PER_TRANSACTION", "20999"),
        ("MAX_GAS_PER_TRANSACTION", "16777217"),
        ("GAS_BUDGET_PER_DAY", "0"),
        ("GAS_BUDGET_PER_DAY", "0.0000000000000000001"),
        ("BREAKER_REVERTS", "0"),
        ("BREAKER_LOSS", "0"),
        ("BREAKER_LOSS", "1"),
        ("MAX_PRICE_JUMP", "1"),
        ("MAX_PRICE_JUMP", "-0.1"),
        ("MAJOR_PRICE_DEVIATION", "0"),
    ],
)
def test_a_bound_that_would_bind_nothing_or_everything(monkeypatch: pytest.MonkeyPatch, name: str, value: str) -> None:
    with pytest.raises(ConfigurationError, match=f"^{name}: "):
        load(monkeypatch, **{name: value})


def test_an_older_policy_version_gets_the_defaults_of_what_it_does_not_name() -> None:
    new = (
        "MAX_GAS_PER_TRANSACTION",
        "GAS_BUDGET_PER_DAY",
        "BREAKER_REVERTS",
        "BREAKER_LOSS",
        "MAJOR_PRICE_DEVIATION",
        "MAX_PRICE_JUMP",
    )
    stored = {name: value for name, value in PolicyFields().as_variables().items() if name not in new}
    assert parse_policy(stored) == PolicyFields().to_policy()


def test_market_data_from_a_file_needs_one(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    assert load(monkeypatch).market_data == "off"
    with pytest.raises(ConfigurationError, match="MARKET_DATA: file needs MARKET_DATA_FILE"):
        load(monkeypatch, MARKET_DATA="file")
    with pytest.raises(ConfigurationError, match="MARKET_DATA_FILE: there is no such file"):
        load(monkeypatch, MARKET_DATA="file", MARKET_DATA_FILE=str(tmp_path / "none.csv"))
    path = tmp_path / "prices.csv"
    path.write_text("coin,price_usd\nweth,2000\n")
    assert load(monkeypatch, MARKET_DATA="file", MARKET_DATA_FILE=str(path)).market_data_file == path


def test_oracle_needs_somebody_to_ask(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ConfigurationError, match="MARKET_DATA: is off, and PRICE_SOURCE is ORACLE"):
        load(monkeypatch, PRICE_SOURCE="ORACLE")
    assert load(monkeypatch, PRICE_SOURCE="ORACLE", MARKET_DATA="coingecko").price_source == "ORACLE"
