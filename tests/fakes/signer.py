"""A key without cryptography: the bytes say who signed what, the hash is theirs."""

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Any

from keeper.core.ledger import Call
from keeper.core.units import Address, Hash32, Timestamp, Wei
from keeper.ports import SignedTransaction


@dataclass(frozen=True, slots=True)
class Transaction:
    """What the bytes say. A `call` of None is a plain transfer."""

    sender: Address
    nonce: int
    gas_limit: int
    max_fee: Wei
    max_tip: Wei
    chain_id: int
    call: Call | None

    @property
    def raw(self) -> bytes:
        return json.dumps(self._fields()).encode()

    @property
    def hash(self) -> Hash32:
        return Hash32("0x" + sha256(self.raw).hexdigest())

    def _fields(self) -> dict[str, Any]:
        call = self.call and [self.call.to, self.call.data.hex(), self.call.treasury_id, self.call.deadline]
        return {
            "sender": self.sender,
            "nonce": self.nonce,
            "gas_limit": self.gas_limit,
            "max_fee": self.max_fee,
            "max_tip": self.max_tip,
            "chain_id": self.chain_id,
            "call": call,
        }

    @classmethod
    def of(cls, raw: bytes) -> "Transaction":
        fields = json.loads(raw)
        if (call := fields.pop("call")) is not None:
            to, data, treasury_id, deadline = call
            call = Call(Address(to), bytes.fromhex(data), treasury_id, Timestamp(deadline))
        return cls(**fields, call=call)


@dataclass
class FakeSigner:
    """Keeps what it signed. `witness` is asked first: it sees the world as it is when a signature is asked for."""

    address: Address
    signed: list[Transaction] = field(default_factory=list)
    witness: Callable[[Call, int], None] | None = None

    def sign(
        self, call: Call, *, nonce: int, gas_limit: int, max_fee: Wei, max_tip: Wei, chain_id: int
    ) -> SignedTransaction:
        if self.witness is not None:
            self.witness(call, nonce)
        transaction = Transaction(self.address, nonce, gas_limit, max_fee, max_tip, chain_id, call)
        self.signed.append(transaction)
        return SignedTransaction(transaction.raw, transaction.hash)
