"""What happens to a chain and its mempools, on an Anvil: reorganisations, spikes, evictions, others with our key.

All of it goes to Anvil itself, past any proxy. A proxy's or a shim's own pool has its own `evict`. Seconds are chain
time, fees wei per gas. Written against Anvil 1.7; each helper asserts that what it provokes has happened, as Anvil
answers with null whether it has or not.

A reorganisation must not reach below an `evm_snapshot` that is to be reverted to: Anvil forgets the snapshot.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import Enum, auto
from typing import Any, Final, Protocol

from eth_account.signers.local import LocalAccount
from eth_typing import HexStr

SLOT_SECONDS: Final = 12
TRANSFER_GAS: Final = 21_000
_FIELDS: Final = (
    "from", "to", "value", "gas", "nonce", "input", "type", "chainId", "accessList",
    "maxFeePerGas", "maxPriorityFeePerGas",
)  # fmt: skip
"""That say everything of a transaction of type 2."""


class Rpc(Protocol):
    """A way to ask the node. Raises for an error."""

    def call(self, method: str, *params: Any) -> Any: ...


# ------------------------------------------------------------------------------------------------------------ blocks


def head(rpc: Rpc) -> tuple[int, int]:
    """Number and timestamp of the newest block."""
    block = _block(rpc, "latest")
    return int(block["number"], 16), int(block["timestamp"], 16)


def mine(rpc: Rpc, *, blocks: int = 1, seconds: int = SLOT_SECONDS, base_fee: int | None = None) -> int:
    """Blocks `seconds` apart. With `base_fee` each has that one, else it falls or rises as EIP-1559 says.

    Returns the number of the newest.
    """
    for _ in range(blocks):
        number, now = head(rpc)
        if base_fee is not None:
            rpc.call("anvil_setNextBlockBaseFeePerGas", hex(base_fee))
        rpc.call("evm_setNextBlockTimestamp", now + seconds)
        rpc.call("evm_mine")
        made = _block(rpc, "latest")
        assert int(made["timestamp"], 16) == now + seconds, "another block came in between: mine on demand alone"
        assert base_fee is None or int(made["baseFeePerGas"], 16) == base_fee
    return number + 1


@dataclass
class Climate:
    """Blocks at a base fee that holds until it is changed. Anvil's own falls by an eighth with each empty block."""

    rpc: Rpc
    base_fee: int
    seconds: int = SLOT_SECONDS

    def mine(self, blocks: int = 1) -> int:
        return mine(self.rpc, blocks=blocks, seconds=self.seconds, base_fee=self.base_fee)

    def turn(self, base_fee: int) -> None:
        """From the next block on, which is asked for at once: who sends now is measured by it."""
        self.base_fee = base_fee
        self.rpc.call("anvil_setNextBlockBaseFeePerGas", hex(base_fee))


def finality(rpc: Rpc) -> int:
    """How many blocks the newest final one is behind the newest. On Anvil two epochs of `--slots-in-an-epoch`."""
    return head(rpc)[0] - int(_block(rpc, "finalized")["number"], 16)


def finalize(rpc: Rpc, number: int) -> None:
    """Blocks until that one is final."""
    while int(_block(rpc, "finalized")["number"], 16) < number:
        mine(rpc)


# --------------------------------------------------------------------------------------------------- reorganisations


class Fate(Enum):
    """Of a transaction whose block is replaced."""

    AGAIN = auto()
    """Included in the new block of that height, or `later` blocks after it."""
    POOLED = auto()
    """Back in the mempool, as real nodes do it."""
    DROPPED = auto()
    """Gone from everywhere."""


Decide = Callable[[Mapping[str, Any]], "Fate | str"]
"""By the transaction as the node shows it. A str is the raw bytes of another one that takes its place."""


@dataclass(frozen=True, slots=True)
class Reorg:
    """`old` and `new` are the hashes of the blocks above `ancestor`, lowest first."""

    ancestor: int
    old: tuple[str, ...]
    new: tuple[str, ...]


def reorg(
    rpc: Rpc, depth: int, fate: Fate | Decide = Fate.AGAIN, *, later: int = 0, seconds: int = SLOT_SECONDS
) -> Reorg:
    """The newest `depth` blocks are replaced by as many others, at once; `fate` says by which transactions.

    With `later` a transaction that is included again comes so many blocks after where it was. The new blocks are
    `seconds` apart.
    """
    decide = fate if callable(fate) else lambda _: fate
    newest = head(rpc)[0]
    ancestor = newest - depth
    old = [_block(rpc, hex(number), True) for number in range(ancestor + 1, newest + 1)]
    included: list[list[Any]] = []
    pooled: list[str] = []
    for place, block in enumerate(old):
        for each in block["transactions"]:
            match decide(each):
                case Fate.AGAIN:
                    assert place + later < depth, f"{each['hash']} cannot come {later} blocks later"
                    included.append([_as_it_was(rpc, each), place + later])
                case Fate.POOLED:
                    assert _is_signed(each), f"{each['hash']} has no signature: it cannot be sent again"
                    pooled.append(_raw(rpc, each))
                case str(raw):
                    included.append([raw, place + later])
    rpc.call("anvil_setBlockTimestampInterval", seconds)
    rpc.call("anvil_reorg", depth, included)
    rpc.call("anvil_removeBlockTimestampInterval")
    for raw in pooled:
        rpc.call("eth_sendRawTransaction", raw)
    new = [_block(rpc, hex(number)) for number in range(ancestor + 1, newest + 1)]
    done = Reorg(ancestor, tuple(block["hash"] for block in old), tuple(block["hash"] for block in new))
    assert not set(done.old) & set(done.new), "the same blocks came again"
    assert sum(len(block["transactions"]) for block in new) == len(included), "Anvil left some transactions out"
    return done


def _as_it_was(rpc: Rpc, transaction: Mapping[str, Any]) -> str | dict[str, Any]:
    """What Anvil makes the same transaction of, by its hash: of one without a signature (an account that Anvil speaks
    for) not its bytes, whose sender it could not recover."""
    return _raw(rpc, transaction) if _is_signed(transaction) else {name: transaction[name] for name in _FIELDS}


def _is_signed(transaction: Mapping[str, Any]) -> bool:
    return int(transaction["r"], 16) != 0


def _raw(rpc: Rpc, transaction: Mapping[str, Any]) -> str:
    return str(rpc.call("eth_getRawTransactionByHash", transaction["hash"]))


def rollback(rpc: Rpc, depth: int) -> int:
    """The newest `depth` blocks are gone, with their transactions, and nothing is in their place. The newest then."""
    wanted = head(rpc)[0] - depth
    rpc.call("anvil_rollback", depth)
    newest = head(rpc)[0]
    assert newest == wanted, f"the newest block is {newest}, not {wanted}"
    return newest


# ---------------------------------------------------------------------------------------------------------- mempools


def evict(rpc: Rpc, tx_hash: str) -> None:
    """One transaction out of the pool."""
    assert rpc.call("eth_getTransactionByHash", tx_hash) is not None, f"{tx_hash} is not there"
    rpc.call("anvil_dropTransaction", tx_hash)
    assert rpc.call("eth_getTransactionByHash", tx_hash) is None, f"{tx_hash} is still there"


def evict_all(rpc: Rpc) -> int:
    """The whole pool. Returns how many there were."""
    gone = pool_size(rpc)
    rpc.call("anvil_dropAllTransactions")
    assert pool_size(rpc) == 0
    return gone


def pool_size(rpc: Rpc) -> int:
    return sum(int(count, 16) for count in rpc.call("txpool_status").values())


def foreign(rpc: Rpc, key: LocalAccount, nonce: int, *, fee: int, tip: int, value: int = 1) -> str:
    """Somebody else signs with the key: a transfer to oneself, sent to the node. Returns its hash."""
    signed = key.sign_transaction(
        {
            "type": 2,
            "chainId": int(rpc.call("eth_chainId"), 16),
            "nonce": nonce,
            "to": HexStr(key.address),
            "value": value,
            "data": b"",
            "gas": TRANSFER_GAS,
            "maxFeePerGas": fee,
            "maxPriorityFeePerGas": tip,
        }
    )
    told = rpc.call("eth_sendRawTransaction", signed.raw_transaction.to_0x_hex())
    assert told == signed.hash.to_0x_hex()
    return str(told)


def set_nonce(rpc: Rpc, account: str, nonce: int) -> None:
    """The account's count of mined transactions, as of the newest block, is another one."""
    rpc.call("anvil_setNonce", account, hex(nonce))
    assert int(rpc.call("eth_getTransactionCount", account, "latest"), 16) == nonce


def set_balance(rpc: Rpc, account: str, wei: int) -> int:
    """Returns what it was."""
    before = int(rpc.call("eth_getBalance", account, "latest"), 16)
    rpc.call("anvil_setBalance", account, hex(wei))
    return before


# -------------------------------------------------------------------------------------------------------------- node


def transplant(old: Rpc, new: Rpc) -> None:
    """The chain of one Anvil into a fresh one, as of a node that was restarted: blocks and their hashes, receipts,
    accounts. What is not carried over: the mempool, and state at earlier blocks."""
    rpc_head = _block(old, "latest")
    assert new.call("anvil_loadState", old.call("anvil_dumpState"))
    new.call("evm_setBlockGasLimit", rpc_head["gasLimit"])
    new.call("evm_setTime", int(rpc_head["timestamp"], 16) + 1)
    assert _block(new, "latest")["hash"] == rpc_head["hash"]
    assert pool_size(new) == 0


def _block(rpc: Rpc, which: str, whole: bool = False) -> dict[str, Any]:
    block: dict[str, Any] = rpc.call("eth_getBlockByNumber", which, whole)
    return block
