"""A plain client for tests of the kit: what comes back over HTTP as it is, and transactions of a test key."""

import http.client
import json
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from eth_typing import HexStr

from scripts.localchain import accounts

GWEI = 10**9


@dataclass(frozen=True, slots=True)
class Told:
    """`status` 0: the connection was closed without an answer. `broken`: it was closed amid the body."""

    status: int
    body: bytes = b""
    kind: str = ""
    retry_after: str | None = None
    broken: bool = False

    @property
    def json(self) -> Any:
        return json.loads(self.body)


def post(url: str, body: object, timeout: float = 10.0) -> Told:
    """Raises TimeoutError."""
    where = urlsplit(url)
    node = http.client.HTTPConnection(where.hostname or "", where.port, timeout=timeout)
    try:
        node.request("POST", "/", json.dumps(body), {"Content-Type": "application/json"})
        answer = node.getresponse()
        kind, retry = answer.headers.get("Content-Type", ""), answer.headers.get("Retry-After")
        try:
            return Told(answer.status, answer.read(), kind, retry)
        except http.client.IncompleteRead as cut:
            return Told(answer.status, cut.partial, kind, retry, broken=True)
    except (http.client.RemoteDisconnected, ConnectionError):
        return Told(0)
    finally:
        node.close()


def question(method: str, *params: Any, id: int = 1) -> dict[str, Any]:  # noqa: A002 - its name in the protocol
    return {"jsonrpc": "2.0", "id": id, "method": method, "params": list(params)}


def ask(url: str, method: str, *params: Any, timeout: float = 10.0) -> Told:
    return post(url, question(method, *params), timeout)


def ask_batch(url: str, *questions: tuple[Any, ...]) -> Told:
    return post(url, [question(method, *params, id=n) for n, (method, *params) in enumerate(questions, start=1)])


@dataclass(frozen=True, slots=True)
class Signed:
    raw: str
    hash: str


def signed(nonce: int, fee: int = 10 * GWEI, tip: int = GWEI, value: int = 1) -> Signed:
    """A transfer of the keeper's key; wei."""
    made = accounts.keeper_key().sign_transaction(
        {
            "type": 2,
            "chainId": 31337,
            "nonce": nonce,
            "to": HexStr(accounts.OWNER),
            "value": value,
            "data": b"",
            "gas": 21_000,
            "maxFeePerGas": fee,
            "maxPriorityFeePerGas": tip,
        }
    )
    return Signed(made.raw_transaction.to_0x_hex(), made.hash.to_0x_hex())
