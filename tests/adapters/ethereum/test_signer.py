"""The signer: what it signs, what it refuses, and that its key stays where it is."""

import copy
import json
import logging
import pickle
import traceback
from pathlib import Path
from typing import Any

import pytest
from eth_account import Account
from eth_account.typed_transactions import TypedTransaction
from eth_keys.backends import CoinCurveECCBackend, get_backend
from eth_utils.crypto import keccak
from hexbytes import HexBytes

from keeper.adapters.ethereum.signer import KeystoreError, LocalSigner, SigningRefused
from keeper.core.ledger import Call
from keeper.core.units import Address, Timestamp, Wei

pytestmark = pytest.mark.adapter

KEY = "0x4c0883a69102937d6231471b5dbb6204fe5129617082792ae468d01a3f362318"
ADDRESS = "0x2c7536E3605D9C16a7a3D7b1898e529396a65c23"
PASSWORD = "correct horse battery"
CALL = Call(
    to=Address("0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed"), data=b"\xab" * 68, treasury_id=1, deadline=Timestamp(9)
)
FEES: dict[str, Any] = {
    "nonce": 7, "gas_limit": 500_000, "max_fee": Wei(30 * 10**9), "max_tip": Wei(10**9), "chain_id": 31337,
}  # fmt: skip


@pytest.fixture(scope="module")
def encrypted() -> dict[str, Any]:
    document: dict[str, Any] = Account.encrypt(KEY, PASSWORD, kdf="scrypt", iterations=2)
    return document


@pytest.fixture
def files(tmp_path: Path, encrypted: dict[str, Any]) -> tuple[Path, Path]:
    keystore, password = tmp_path / "keystore.json", tmp_path / "password"
    keystore.write_text(json.dumps(encrypted))
    password.write_text(PASSWORD + "\n")
    password.chmod(0o400)
    return keystore, password


def signer(chain_id: int = 31337) -> LocalSigner:
    return LocalSigner.from_raw_key(KEY, 31337) if chain_id == 31337 else LocalSigner(Account.from_key(KEY), chain_id)


def rewrite(path: Path, text: str | bytes, mode: int = 0o400) -> None:
    path.chmod(0o600)
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    path.chmod(mode)


def refusal(files: tuple[Path, Path], chain_id: int = 1) -> str:
    """The one line that opening says. It never shows password or key, and neither does the traceback."""
    with pytest.raises(KeystoreError) as error:
        LocalSigner.from_keystore(*files, chain_id)
    line = str(error.value)
    assert "\n" not in line
    told = "".join(traceback.format_exception(error.value))
    for secret in (PASSWORD, KEY, KEY[2:]):
        assert secret not in told
    return line


def test_libsecp256k1_does_the_arithmetic() -> None:
    """eth-keys falls back to pure Python without a word, 50 times slower."""
    assert isinstance(get_backend(), CoinCurveECCBackend)


def test_a_keystore_opens_on_any_chain(files: tuple[Path, Path]) -> None:
    opened = LocalSigner.from_keystore(*files, 1)
    assert opened.address == ADDRESS
    assert opened.sign(CALL, **FEES | {"chain_id": 1}).raw[0] == 2


@pytest.mark.parametrize("mode", [0o444, 0o440, 0o604, 0o660, 0o700, 0o755])
def test_a_password_file_that_others_can_read_is_refused(files: tuple[Path, Path], mode: int) -> None:
    files[1].chmod(mode)
    line = refusal(files)
    assert str(files[1]) in line
    assert f"{mode:04o}" in line


@pytest.mark.parametrize("mode", [0o400, 0o600])
def test_a_private_password_file_is_taken(files: tuple[Path, Path], mode: int) -> None:
    files[1].chmod(mode)
    assert LocalSigner.from_keystore(*files, 1).address == ADDRESS


def test_a_wrong_password_names_the_files_and_not_the_password(files: tuple[Path, Path]) -> None:
    rewrite(files[1], "tr0ub4dor")
    line = refusal(files)
    assert line.startswith("wrong password")
    assert str(files[0]) in line
    assert str(files[1]) in line
    assert "tr0ub4dor" not in line


def test_an_empty_password_file_is_refused(files: tuple[Path, Path]) -> None:
    rewrite(files[1], "\n")
    assert refusal(files).endswith("is empty")


def test_a_password_file_that_is_no_text_is_refused(files: tuple[Path, Path]) -> None:
    rewrite(files[1], b"\xff\xfe\x00")
    assert refusal(files).endswith("is not UTF-8 text")


def test_missing_files_are_named(files: tuple[Path, Path]) -> None:
    keystore, password = files
    assert "no-keystore cannot be read" in refusal((keystore.with_name("no-keystore"), password))
    assert "no-password cannot be read" in refusal((keystore, password.with_name("no-password")))
    assert "cannot be read" in refusal((keystore.parent, password))


@pytest.mark.parametrize(
    "text",
    [
        "",
        "not json",
        "[" * 100_000,
        "[]",
        "3",
        "{}",
        '{"version": 3}',
        '{"version": 9, "crypto": {}}',
        '{"version": 3, "crypto": {"kdf": "scrypt"}}',
        '{"version": 3, "crypto": {"kdf": "rot13", "cipher": "aes-128-ctr"}}',
    ],
)
def test_a_file_that_is_no_keystore_is_refused(files: tuple[Path, Path], text: str) -> None:
    files[0].write_text(text)
    assert "is not a Web3 Secret Storage file" in refusal(files)


def test_a_keystore_under_another_address_is_refused(files: tuple[Path, Path], encrypted: dict[str, Any]) -> None:
    files[0].write_text(json.dumps(encrypted | {"address": "00" * 20}))
    assert ADDRESS in refusal(files)


def test_a_raw_key_is_for_the_local_chain_alone() -> None:
    assert LocalSigner.from_raw_key(KEY, 31337).address == ADDRESS
    for chain_id in (1, 10, 0, 31338):
        with pytest.raises(KeystoreError, match=f"chain 31337 only, not on {chain_id}"):
            LocalSigner.from_raw_key(KEY, chain_id)


@pytest.mark.parametrize("key", ["", "0x", "hello", "0x" + "00" * 32, "0x" + "ff" * 32, KEY + "00", "0x" + "zz" * 32])
def test_a_key_that_is_none_is_refused_without_being_shown(key: str) -> None:
    with pytest.raises(KeystoreError) as error:
        LocalSigner.from_raw_key(key, 31337)
    assert not key or key not in "".join(traceback.format_exception(error.value))


def test_the_bytes_say_what_was_asked_and_carry_the_address() -> None:
    signed = signer().sign(CALL, **FEES)
    assert Account.recover_transaction(signed.raw) == ADDRESS
    assert signed.hash == "0x" + keccak(signed.raw).hex()
    fields = TypedTransaction.from_bytes(HexBytes(signed.raw)).as_dict()
    assert signed.raw[0] == 2
    assert (fields["nonce"], fields["gas"], fields["chainId"], fields["value"]) == (7, 500_000, 31337, 0)
    assert (fields["maxFeePerGas"], fields["maxPriorityFeePerGas"]) == (30 * 10**9, 10**9)
    assert "0x" + bytes(fields["to"]).hex() == CALL.to.lower()
    assert bytes(fields["data"]) == CALL.data


def test_the_same_request_gives_the_same_bytes() -> None:
    """RFC 6979. What is saved before sending would do without it; a crash in between does not."""
    assert signer().sign(CALL, **FEES) == signer().sign(CALL, **FEES)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"chain_id": 1}, "chain 1 was asked for, this signer is for chain 31337"),
        ({"chain_id": 0}, "chain 0"),
        ({"max_tip": Wei(31 * 10**9)}, "tip 31000000000 is above the highest fee 30000000000"),
        ({"max_fee": Wei(0), "max_tip": Wei(0)}, "fee 0"),
        ({"max_tip": Wei(-1)}, "tip -1"),
        ({"nonce": -1}, "nonce -1"),
        ({"gas_limit": 20_999}, "gas limit 20999"),
        ({"gas_limit": 16_777_217}, "gas limit 16777217"),
    ],
)
def test_what_contradicts_itself_is_not_signed(change: dict[str, Any], said: str) -> None:
    with pytest.raises(SigningRefused, match=said):
        signer().sign(CALL, **FEES | change)


def test_tip_and_fee_may_be_equal() -> None:
    assert signer().sign(CALL, **FEES | {"max_tip": FEES["max_fee"]}).raw


def test_the_key_cannot_leave(caplog: pytest.LogCaptureFixture) -> None:
    held = signer()
    caplog.set_level(logging.DEBUG)
    logging.getLogger("test").debug("%s %r %s", held, held, [held])
    shown = f"{held} {held!r} {[held]}" + caplog.text
    assert ADDRESS in shown
    assert KEY[2:] not in shown
    for take in (pickle.dumps, copy.copy, copy.deepcopy, lambda it: it.__reduce__(), lambda it: it.__getstate__()):
        with pytest.raises(TypeError, match="holds a key"):
            take(held)
    with pytest.raises(TypeError):
        vars(held)
