"""What a keeper needs of the local chain, as files: its keystore and password, and its environment."""

import contextlib
import fcntl
import json
import os
import secrets
from collections.abc import Iterator, Mapping
from pathlib import Path

from eth_account import Account

from scripts.localchain import accounts
from scripts.localchain.anvil import CHAIN_ID
from scripts.localchain.deployment import Deployment
from scripts.localchain.node import Node

SCRYPT_N = 4096  # geth's light parameters: a key that is public anyway need not take a second to open


class StateInUse(Exception):
    """Another local chain keeps its files in the same folder."""


@contextlib.contextmanager
def locked(folder: Path) -> Iterator[None]:
    """The folder, made if needed, is ours alone until the context ends or the process dies."""
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise StateInUse(f"another local chain uses {folder}: stop it or give --state-dir") from error
        yield


def write_keystore(folder: Path) -> tuple[Path, Path]:
    """The keeper's key as Web3 Secret Storage, and a fresh password for it; returns both paths.

    Both are for the owner's eyes only, the password read-only, as the keeper demands of a real one.
    """
    keystore, password = folder / "keeper-keystore.json", folder / "keeper-password"
    secret = secrets.token_urlsafe(24)
    sealed = Account.encrypt(accounts.keeper_key().key, secret, kdf="scrypt", iterations=SCRYPT_N)
    _write_private(keystore, json.dumps(sealed), 0o600)
    _write_private(password, secret, 0o400)
    return keystore, password


def _write_private(path: Path, text: str, mode: int) -> None:
    path.unlink(missing_ok=True)
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode), "w") as file:
        file.write(text)


def keeper_environment(deployment: Deployment, node: Node, folder: Path) -> dict[str, str]:
    """Variables with which `keeper run` trades for the first treasury; writes the keystore that they name.

    The database is named after the chain's genesis: what a keeper knew of a chain that is gone is never taken for
    this one's.
    """
    keystore, password = write_keystore(folder)
    treasury = deployment.treasuries[0]
    genesis = node.rpc.call("eth_getBlockByNumber", "0x0", False)["hash"]
    return {
        "RPC_URL": node.url,
        "CHAIN_ID": str(CHAIN_ID),
        "TREASURY_ADDRESS": treasury.address,
        "FUND_NAME": treasury.spec.symbol.lower(),
        "KEEPER_ADDRESS": accounts.KEEPER,
        "KEYSTORE_FILE": str(keystore),
        "KEYSTORE_PASSWORD_FILE": str(password),
        "DATABASE_URL": f"sqlite:///{folder / f'keeper-{genesis[2:10]}.db'}",
        "SEND_TRANSACTIONS": "true",
        "PRICE_SOURCE": "MEDIAN",
        "HUB_TOKEN": deployment.token(deployment.config.hub).address,
        "UNISWAP_V2_ROUTER": deployment.uniswap.v2_router,
        "NATIVE_USD_FEED": deployment.native_feed,
        "DRIFT_THRESHOLD": "0.05",
        "MAX_TRADE_SIZE_USD": str(treasury.spec.size_usd / 10),  # as the treasury's own limit
        "INTERVAL_MINUTES": "1",
    }


def environment_lines(variables: Mapping[str, str]) -> str:
    """`KEY=VALUE` lines that a shell reads back as they are."""
    return "".join(f"{name}={_quoted(value)}\n" for name, value in variables.items())


def _quoted(value: str) -> str:
    return value if value.replace("_", "").replace("-", "").isalnum() else "'" + value.replace("'", "'\\''") + "'"
