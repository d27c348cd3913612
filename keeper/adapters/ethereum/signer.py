"""The key: read from a keystore, kept here, used for one address on one chain. Only wiring may import this."""

import json
import os
import stat
from pathlib import Path
from typing import Final, NoReturn, Self

from eth_account import Account
from eth_account.signers.local import LocalAccount
from eth_typing import HexStr
from eth_utils.crypto import keccak

from keeper.core.model import LOCAL_CHAIN_ID
from keeper.core.units import Address, Hash32, Wei
from keeper.ports import Signable, SignedTransaction, SignerUnavailable

_PASSWORD_MODES: Final = (0o400, 0o600)
_DYNAMIC_FEE: Final = 2
_LONGEST_KEYSTORE: Final = 8_192
"""Characters; a keystore has 500. Deeply nested JSON would overflow the C stack: py_ecc lifts the recursion limit."""
_MAX_GAS: Final = 16_777_216
"""EIP-7825: a transaction with more is not valid any more."""


class KeystoreError(SignerUnavailable):
    """The key could not be had. One line for an operator; names files, never what is in them."""


class SigningRefused(ValueError):
    """What was to be signed contradicts itself or this signer. Nothing was signed."""


class LocalSigner:
    """`Signer` with the key in memory. Shows its address and nothing else, and cannot be copied or pickled."""

    __slots__ = ("_account", "_chain_id")

    def __init__(self, account: LocalAccount, chain_id: int) -> None:
        self._account = account
        self._chain_id = chain_id

    @classmethod
    def from_keystore(cls, keystore: Path, password_file: Path, chain_id: int) -> Self:
        """Decrypt a Web3 Secret Storage file. Raises KeystoreError. Takes about a second: scrypt is meant to."""
        password = _password(password_file)
        document = _keystore(keystore)
        try:
            key = Account.decrypt(document, password)
        except ValueError as error:
            if "mismatch" in str(error).lower():
                raise KeystoreError(f"wrong password for keystore {keystore} (from {password_file})") from None
            raise KeystoreError(f"{keystore} is not a Web3 Secret Storage file") from None
        except (KeyError, TypeError, AttributeError, NotImplementedError):
            raise KeystoreError(f"{keystore} is not a Web3 Secret Storage file") from None
        account: LocalAccount = Account.from_key(key)
        named = str(document.get("address", "")).lower().removeprefix("0x")
        if named and named != account.address[2:].lower():
            raise KeystoreError(f"keystore {keystore} names address 0x{named}, its key is that of {account.address}")
        return cls(account, chain_id)

    @classmethod
    def from_raw_key(cls, key: str, chain_id: int) -> Self:
        """A key as hex, for the local chain alone: a raw key in an environment is not safe with real money."""
        if chain_id != LOCAL_CHAIN_ID:
            raise KeystoreError(f"a raw private key is accepted on chain {LOCAL_CHAIN_ID} only, not on {chain_id}")
        try:
            return cls(Account.from_key(key), chain_id)
        except Exception:  # noqa: BLE001 - eth-keys raises its own ValidationError, which quotes the key
            raise KeystoreError("the private key is not valid (32 bytes in hex, below the curve's order)") from None

    @property
    def address(self) -> Address:
        return Address(self._account.address)

    def sign(
        self, call: Signable, *, nonce: int, gas_limit: int, max_fee: Wei, max_tip: Wei, chain_id: int
    ) -> SignedTransaction:
        """An EIP-1559 transaction without value; without `to` a creation. Raises SigningRefused."""
        self._check(nonce=nonce, gas_limit=gas_limit, max_fee=max_fee, max_tip=max_tip, chain_id=chain_id)
        signed = self._account.sign_transaction(
            {
                "type": _DYNAMIC_FEE,
                "chainId": chain_id,
                "nonce": nonce,
                "to": HexStr(call.to or ""),
                "value": 0,
                "data": call.data,
                "gas": gas_limit,
                "maxFeePerGas": max_fee,
                "maxPriorityFeePerGas": max_tip,
            }
        )
        raw = bytes(signed.raw_transaction)
        # Of the bytes themselves: what is stored and sent is these, not the object they came from.
        if raw[0] != _DYNAMIC_FEE or Account.recover_transaction(raw) != self.address:
            raise SigningRefused(f"the signed bytes are not a transaction of {self.address}")
        return SignedTransaction(raw=raw, hash=Hash32("0x" + keccak(raw).hex()))

    def _check(self, *, nonce: int, gas_limit: int, max_fee: int, max_tip: int, chain_id: int) -> None:
        """eth-account signs without a chain id and with a tip above the fee; a node refuses both too late."""
        if chain_id != self._chain_id:
            raise SigningRefused(f"chain {chain_id} was asked for, this signer is for chain {self._chain_id}")
        if nonce < 0:
            raise SigningRefused(f"nonce {nonce} is negative")
        if not 21_000 <= gas_limit <= _MAX_GAS:
            raise SigningRefused(f"gas limit {gas_limit} is not between 21000 and {_MAX_GAS}")
        if max_fee <= 0 or max_tip < 0:
            raise SigningRefused(f"fee {max_fee} and tip {max_tip} must not be negative, the fee not zero")
        if max_tip > max_fee:
            raise SigningRefused(f"tip {max_tip} is above the highest fee {max_fee} (wei per gas)")

    def __repr__(self) -> str:
        return f"LocalSigner({self.address}, chain {self._chain_id})"

    def __reduce__(self) -> NoReturn:
        raise TypeError("a signer cannot be pickled or copied: it holds a key")

    def __getstate__(self) -> NoReturn:
        self.__reduce__()


def _password(path: Path) -> str:
    """First line of the file. Permissions are those of the opened file, so nobody can swap it in between."""
    try:
        with path.open(encoding="utf-8") as file:
            mode = stat.S_IMODE(os.fstat(file.fileno()).st_mode)
            if mode not in _PASSWORD_MODES:
                raise KeystoreError(f"password file {path} has mode {mode:04o}: others may read it; chmod 0400 it")
            password = file.readline().rstrip("\r\n")
    except OSError as error:
        raise KeystoreError(f"password file {path} cannot be read ({error.strerror})") from None
    except UnicodeDecodeError:
        raise KeystoreError(f"password file {path} is not UTF-8 text") from None
    if not password:
        raise KeystoreError(f"password file {path} is empty")
    return password


def _keystore(path: Path) -> dict[str, object]:
    try:
        with path.open(encoding="utf-8") as file:
            text = file.read(_LONGEST_KEYSTORE + 1)
        if len(text) > _LONGEST_KEYSTORE:
            raise KeystoreError(f"{path} is not a Web3 Secret Storage file (too long)")
        document = json.loads(text)
    except OSError as error:
        raise KeystoreError(f"keystore {path} cannot be read ({error.strerror})") from None
    except ValueError:
        raise KeystoreError(f"{path} is not a Web3 Secret Storage file (no JSON)") from None
    if not isinstance(document, dict):
        raise KeystoreError(f"{path} is not a Web3 Secret Storage file")
    return document
