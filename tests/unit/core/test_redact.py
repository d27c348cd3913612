"""What a person may see: secrets are gone, and what is needed to understand a line is still there."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from keeper.core.redact import Redactor, origin, redact, url_secrets

pytestmark = pytest.mark.unit

HASH = "0x" + "cd" * 32
KEY = "4c0883a69102937d6231471b5dbb6204fe5129617082792ae468d01a3f362318"


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("https://mainnet.example.io/v3/abcdef0123456789", "https://mainnet.example.io"),
        ("https://user:pass@node.example:8545/x?key=1#y", "https://node.example:8545"),
        ("wss://node.example/ws/secret", "wss://node.example"),
        ("http://127.0.0.1:8545", "http://127.0.0.1:8545"),
        ("http://[::1]:8545/secret", "http://[::1]:8545"),
        ("http://host:99999/secret", "***"),
        ("http://[::1/secret", "***"),
        ("secret", "***"),
        ("", "***"),
    ],
)
def test_of_an_endpoint_only_the_origin_is_shown(url: str, shown: str) -> None:
    assert origin(url) == shown


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("POST https://u:p@node.example/v3/secret?x=1 failed", "POST https://node.example failed"),
        ("'http://a.example/k1' and \"ws://b.example/k2\"", "'http://a.example' and \"ws://b.example\""),
        ("HTTPS://NODE.example/SECRET", "https://node.example"),
        ("http://host:99999/secret", "http://***"),
        ("postgresql+asyncpg://keeper:hunter2@db:5432/keeper", "postgresql+asyncpg://***@db:5432/keeper"),
        ("postgresql://k:p/w@db/keeper", "postgresql://***@db/keeper"),
        ("sqlite+aiosqlite:///keeper-1.db", "sqlite+aiosqlite:///keeper-1.db"),
        (f"sent {HASH} in block 5", f"sent {HASH} in block 5"),
        (f"key {KEY}", "key ***"),
        (f"PRIVATE_KEY=0x{KEY}", "PRIVATE_KEY=***"),
        (f"{{'private_key': '0x{KEY}'}}", "{'private_key': '***'}"),
        (f"the private key is 0x{KEY}", "the private key is ***"),
        ("no secrets here", "no secrets here"),
    ],
)
def test_texts(text: str, shown: str) -> None:
    assert redact(text) == shown


@pytest.mark.parametrize("told", [KEY, "0x" + KEY])
@pytest.mark.parametrize("written", [KEY, "0x" + KEY, KEY.upper(), "0x" + KEY.upper(), f"a0x{KEY}b"])
def test_a_given_key_is_found_however_it_is_written(told: str, written: str) -> None:
    assert KEY not in redact(f"<{written}>", [told]).lower()


def test_a_given_secret_goes_and_too_short_a_one_does_not_tear_words() -> None:
    assert Redactor(["CG-abc123", "a", ""])("a key CG-abc123, cg-ABC123") == "a key ***, ***"


def test_a_secret_that_contains_another_leaves_no_rest() -> None:
    assert Redactor(["abcd", "abcdefgh"])("abcdefgh abcd") == "*** ***"


def test_parts_of_a_given_url_are_secrets_wherever_they_turn_up() -> None:
    hide = Redactor(["https://me:pw12@node.example/v3/abcdef0123456789?token=tok45678"])
    shown = hide("path /v3/abcdef0123456789, abcdef0123456789, tok45678, pw12, host node.example, v3")
    assert shown == "path /***, ***, ***, ***, host node.example, v3"


def test_of_a_database_url_the_password_is_the_secret_not_its_name() -> None:
    assert url_secrets("postgresql://keeper:hunter2@db/keeper_production") == ["hunter2"]


@given(st.text(), st.lists(st.text(min_size=4), max_size=3))
def test_any_text_passes_and_no_given_secret_remains(text: str, secrets: list[str]) -> None:
    hidden = Redactor(secrets)(text + " ".join(secrets))
    for secret in secrets:
        if "://" not in secret and "***".find(secret) < 0 and not secret.startswith("0x"):
            assert secret not in hidden.replace("***", "")
