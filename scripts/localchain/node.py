"""What a test node can do that a real one cannot: unlocked senders, blocks on demand, time, snapshots."""

import contextlib
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from scripts.localchain.rpc import Rpc, RpcError, encode

GAS_CEILING = 16_000_000  # below the 2^24 that EIP-7825 allows a transaction


_ALONE = 3
"""Own blocks in a row after which the node is taken to mine nothing by itself."""
_MOST_IN_FLIGHT = 60


class TransactionFailed(Exception):
    """A transaction of the set-up or the market did not succeed; the message says which and why."""


@dataclass(frozen=True, slots=True)
class Tx:
    """A transaction from an account that the node speaks for. `label` is for people, in errors."""

    label: str
    sender: str
    to: str
    data: str
    value: int = 0

    @classmethod
    def call(cls, label: str, sender: str, to: str, signature: str, *args: Any, value: int = 0) -> "Tx":
        return cls(label, sender, to, encode(signature, *args), value)

    def request(self) -> dict[str, str]:
        # An explicit gas limit: an estimate would run before the transactions that this one builds on.
        return {
            "from": self.sender,
            "to": self.to,
            "data": self.data,
            "value": hex(self.value),
            "gas": hex(GAS_CEILING),
        }


@dataclass(frozen=True, slots=True)
class Snapshot:
    """Anvil's number for it, and the hash of the newest block then."""

    id: str
    head: str


class Node:
    """Control of an Anvil node. Blocks come by the mode that `mine_every` or `automine` set; at first on demand.

    `pid` is its process's where that is ours.
    """

    def __init__(self, url: str, pid: int | None = None) -> None:
        self.url = url
        self.pid = pid
        self.rpc = Rpc(url)
        self._mode: tuple[str, Any] = ("evm_setIntervalMining", 0)

    def automine(self) -> None:
        """A block per transaction."""
        self._set_mode(("evm_setAutomine", True))

    def mine_every(self, seconds: int) -> None:
        """A block every `seconds`; 0 means on demand only."""
        self._set_mode(("evm_setIntervalMining", seconds))

    def _set_mode(self, mode: tuple[str, Any]) -> None:
        self._mode = mode
        self.rpc.batch([("evm_setIntervalMining", [0]), (mode[0], [mode[1]])])

    @contextlib.contextmanager
    def on_demand(self) -> Iterator[None]:
        """Until the context ends, blocks come by `mine` alone."""
        mode = self._mode
        self._set_mode(("evm_setIntervalMining", 0))
        try:
            yield
        finally:
            self._set_mode(mode)

    def execute(self, txs: Sequence[Tx], *, timestamp: int | None = None) -> list[dict[str, Any]]:
        """Mine `txs` in one block, in order per sender, and return their receipts.

        `timestamp` is the block's, seconds; it must exceed that of the newest block. One block, so that nobody
        sees a market half moved. Raises TransactionFailed naming the first that did not succeed.
        """
        with self.on_demand():
            hashes = self.rpc.try_batch([("eth_sendTransaction", [tx.request()]) for tx in txs])
            for tx, reply in zip(txs, hashes, strict=True):
                if isinstance(reply, RpcError):
                    raise TransactionFailed(f"{tx.label}: {reply}")
            self.mine(timestamp=timestamp)
            receipts = self.rpc.batch([("eth_getTransactionReceipt", [tx_hash]) for tx_hash in hashes])
            for tx, receipt in zip(txs, receipts, strict=True):
                if receipt is None:
                    raise TransactionFailed(f"{tx.label}: not mined")
                if int(receipt["status"], 16) != 1:
                    raise TransactionFailed(f"{tx.label}: {self._reason(tx, receipt)}")
        return receipts

    def _reason(self, tx: Tx, receipt: dict[str, Any]) -> str:
        """Why it reverted: run again on top of the block before it, which is right for most."""
        before = hex(int(receipt["blockNumber"], 16) - 1)
        reply = self.rpc.try_batch([("eth_call", [tx.request(), before])])[0]
        return str(reply) if isinstance(reply, RpcError) else "reverted"

    def mine(self, *, timestamp: int | None = None) -> None:
        """One block. Without `timestamp` its time is the clock's, with the shifts made so far."""
        if timestamp is not None:
            self.rpc.call("evm_setNextBlockTimestamp", timestamp)
        self.rpc.call("evm_mine")

    def head(self) -> tuple[int, int]:
        """Number and timestamp of the newest block."""
        block = self.rpc.call("eth_getBlockByNumber", "latest", False)
        return int(block["number"], 16), int(block["timestamp"], 16)

    def code_at(self, addresses: Sequence[str]) -> list[bool]:
        """Whether there is code, address by address."""
        return [len(code) > 2 for code in self.rpc.batch([("eth_getCode", [a, "latest"]) for a in addresses])]

    def speak_for(self, address: str, wei: int) -> None:
        """Let `eth_sendTransaction` send from `address`, with `wei` to spend."""
        self.rpc.batch([("anvil_impersonateAccount", [address]), ("anvil_setBalance", [address, hex(wei)])])

    def snapshot(self) -> Snapshot:
        """Of a chain that is mined on demand or holds still: not while a transaction is on its way."""
        return Snapshot(str(self.rpc.call("evm_snapshot")), self._head_hash())

    def revert(self, snapshot: Snapshot) -> None:
        """Back to a snapshot, which is used up by it. The mempool is emptied too: Anvil would keep it.

        Nothing is mined meanwhile. A block that Anvil makes while it reverts, of a transaction that came just before,
        is put on top of the chain at the height it was begun for, with nothing below it: later questions for the
        blocks of that hole are answered with null, for as long as the node lives.
        """
        with self.on_demand():
            self.rpc.call("anvil_dropAllTransactions")
            self._let_mining_end()
            if not self.rpc.call("evm_revert", snapshot.id):
                raise RpcError(f"evm_revert: no snapshot {snapshot.id}")
            self.rpc.call("anvil_dropAllTransactions")
            if (head := self._head_hash()) != snapshot.head:
                raise RpcError(f"evm_revert: the newest block is {head}, not {snapshot.head}")

    def _let_mining_end(self) -> None:
        """Until no block comes but those asked for here: one that was begun for the pool is finished first."""
        alone = 0
        for _ in range(_MOST_IN_FLIGHT):
            before = self.head()[0]
            self.mine()
            alone = alone + 1 if self.head()[0] == before + 1 else 0
            if alone == _ALONE:
                return
        raise RpcError("the node goes on mining by itself")

    def _head_hash(self) -> str:
        return str(self.rpc.call("eth_getBlockByNumber", "latest", False)["hash"])

    def wait_until_ready(self, timeout: float) -> None:
        """Until the node answers; raises RpcError when it does not within `timeout` seconds."""
        deadline = time.monotonic() + timeout
        while True:
            try:
                self.rpc.call("eth_chainId")
            except RpcError:
                if time.monotonic() > deadline:
                    raise
                time.sleep(0.02)
            else:
                return
