"""Anvil as a child process on a free port: started, waited for, ended."""

import contextlib
import re
import time
from collections.abc import Iterator
from pathlib import Path

from scripts.localchain.node import Node
from scripts.localchain.process import Child

ROOT = Path(__file__).resolve().parents[2]
CHAIN_ID = 31337
MNEMONIC = "test test test test test test test test test test test junk"  # Anvil's own: public, worthless
ACCOUNTS = 12  # of that mnemonic, for which the node signs
SETUP_GAS_LIMIT = 1_000_000_000
LISTENING = re.compile(r"Listening on [\d.]+:(\d+)")


class AnvilError(Exception):
    """Anvil is not installed or did not start; the message is one line for an operator."""


@contextlib.contextmanager
def running_anvil(
    log: Path, *, port: int = 0, fork_url: str | None = None, genesis_timestamp: int | None = None
) -> Iterator[Node]:
    """A node that mines on demand, gone when the context ends.

    Chain id 31337 also on a fork; one slot per epoch, so that `finalized` is two blocks behind the newest.
    `port` 0 takes a free one. `genesis_timestamp`, seconds since 1970, cannot be had together with `fork_url`.
    """
    log.unlink(missing_ok=True)
    child = Child.spawn(_arguments(port, fork_url, genesis_timestamp), log=log)
    try:
        node = Node(f"http://127.0.0.1:{_bound_port(child, timeout=30)}", child.pid)
        node.wait_until_ready(timeout=10)
        yield node
        node.rpc.close()
    finally:
        child.stop()


def _arguments(port: int, fork_url: str | None, genesis_timestamp: int | None) -> list[str | Path]:
    arguments: list[str | Path] = [_binary(), "--host", "127.0.0.1", "--port", str(port), "--mnemonic", MNEMONIC]
    arguments += ["--accounts", str(ACCOUNTS), "--chain-id", str(CHAIN_ID)]
    arguments += ["--slots-in-an-epoch", "1", "--no-mining", "--order", "fifo"]
    # Room for the whole set-up in a few blocks; the devnet lowers it to that of the real chain afterwards.
    arguments += ["--gas-limit", str(SETUP_GAS_LIMIT)]
    if fork_url is not None:
        # No cache on disk: the fork of another local chain would be answered from a chain that is gone.
        arguments += ["--fork-url", fork_url, "--no-storage-caching", "--retries", "1"]
    if genesis_timestamp is not None:
        arguments += ["--timestamp", str(genesis_timestamp)]
    return arguments


def _binary() -> Path:
    found = sorted((ROOT / "contracts/node_modules/@foundry-rs").glob("anvil-*/bin/anvil"))
    if not found:
        raise AnvilError("Anvil is not installed: run `npm ci` in contracts/")
    return found[0]


def _bound_port(child: Child, timeout: float) -> int:
    """The port that Anvil says it listens on: asked of it, so that no other process can take it in between."""
    deadline = time.monotonic() + timeout
    while time.monotonic() < deadline:
        if match := LISTENING.search(child.log.read_text(errors="replace")):
            return int(match[1])
        if child.exit_code() is not None:
            break
        time.sleep(0.02)
    raise AnvilError(f"Anvil did not start: {child.last_words(lines=3) or 'no output'}".replace("\n", " "))
