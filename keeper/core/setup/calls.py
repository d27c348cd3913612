"""A transaction of the set-up before it is signed, and what the record keeps of it after."""

from dataclasses import dataclass
from enum import StrEnum
from hashlib import sha256
from typing import Any

from keeper.core.units import Address, Hash32, Wei


@dataclass(frozen=True, slots=True)
class Call:
    """One call, by name and arguments for people and as the bytes that are signed.

    `to` is None when a contract is created. `step` names it in the record and in messages (`asset WETH`). Gas: a call
    is estimated on top of the newest block when nothing of the same run is unmined before it; else `gas_limit` is
    taken when it is given. `waits` is for what can only be estimated when the calls before it are mined.
    """

    to: Address | None
    function: str
    arguments: tuple[Any, ...]
    data: bytes
    label: str
    step: str
    gas_limit: int | None = None
    waits: bool = False

    @property
    def data_hash(self) -> Hash32:
        """SHA-256 of the calldata."""
        return Hash32("0x" + sha256(self.data).hexdigest())


class Status(StrEnum):
    """SIGNED may be out or not; REPLACED: its nonce was used by another transaction, it can never be mined."""

    SIGNED = "signed"
    MINED = "mined"
    REVERTED = "reverted"
    REPLACED = "replaced"


@dataclass(frozen=True, slots=True)
class Sent:
    """A transaction of the record. `raw` is kept while it is not mined; `block` and `gas_used` come with the receipt.

    `reason` is why it reverted, where that could be found out. `created` is the address of a created contract.
    """

    step: str
    label: str
    signer: Address
    to: Address | None
    data_hash: Hash32
    nonce: int
    hash: Hash32
    status: Status = Status.SIGNED
    raw: bytes | None = None
    block: int | None = None
    gas_used: int | None = None
    cost_wei: int | None = None
    reason: str | None = None
    created: Address | None = None


@dataclass(frozen=True, slots=True)
class Mined:
    """What a receipt says. `created` is the address of a contract that the transaction created."""

    block: int
    succeeded: bool
    gas_used: int
    cost: Wei
    created: Address | None
