"""A node that serves the logs of a few blocks at a time, as public ones do, or none at all."""

import contextlib
import json
from collections.abc import Iterator

from tests.e2e.gateway import Canned, Gateway, gateway_to


@contextlib.contextmanager
def stingy_node(url: str, blocks: int) -> Iterator[Gateway]:
    """In front of `url`; `blocks` 0 serves no logs."""
    with gateway_to(url) as gateway:
        honest = gateway.answer

        def answer(body: bytes) -> Canned:
            question = json.loads(body)
            if isinstance(question, dict) and question["method"] == "eth_getLogs":
                asked = question["params"][0]
                if int(asked["toBlock"], 16) - int(asked["fromBlock"], 16) + 1 > blocks:
                    error = {"code": -32005, "message": f"at most {blocks} blocks at a time"}
                    reply = {"jsonrpc": "2.0", "id": question["id"], "error": error}
                    return Canned(json.dumps(reply).encode())
            return honest(body)

        gateway.answer = answer  # type: ignore[method-assign]
        yield gateway
