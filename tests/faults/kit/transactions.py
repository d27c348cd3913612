"""A signed transaction, read from its bytes: of type 2, of the older types, whoever made it."""

from dataclasses import dataclass
from typing import Any

import rlp  # type: ignore[import-untyped]
from eth_account import Account
from eth_account.typed_transactions.typed_transaction import TypedTransaction
from eth_utils.crypto import keccak
from hexbytes import HexBytes


@dataclass(frozen=True, slots=True)
class Transaction:
    """`fee` and `tip` are wei per gas: of an older transaction both are its gas price."""

    raw: str
    hash: str
    sender: str
    nonce: int
    fee: int
    tip: int
    gas: int
    value: int
    to: str | None
    data: bytes

    @property
    def cost(self) -> int:
        """What its sender must have."""
        return self.gas * self.fee + self.value

    def shown(self) -> dict[str, Any]:
        """As `eth_getTransactionByHash` tells of one that waits."""
        return {
            "hash": self.hash,
            "from": self.sender,
            "nonce": hex(self.nonce),
            "to": self.to,
            "value": hex(self.value),
            "gas": hex(self.gas),
            "maxFeePerGas": hex(self.fee),
            "maxPriorityFeePerGas": hex(self.tip),
            "gasPrice": hex(self.fee),
            "input": "0x" + self.data.hex(),
            "type": hex(0 if bytes.fromhex(self.raw[2:4])[0] > 0x7F else int(self.raw[2:4], 16)),
            "blockHash": None,
            "blockNumber": None,
            "transactionIndex": None,
        }


def read_transaction(raw: str) -> Transaction:
    """Raises ValueError, or what the decoders raise, for bytes that are none."""
    data = bytes.fromhex(raw.removeprefix("0x"))
    fields: dict[str, Any] = (
        _legacy(data) if data[0] > 0x7F else dict(TypedTransaction.from_bytes(HexBytes(data)).as_dict())
    )
    fee: int = fields["maxFeePerGas" if "maxFeePerGas" in fields else "gasPrice"]
    to = bytes(HexBytes(fields["to"])) if fields["to"] else b""
    return Transaction(
        raw="0x" + data.hex(),
        hash="0x" + keccak(data).hex(),
        sender=Account.recover_transaction(data),
        nonce=int(fields["nonce"]),
        fee=int(fee),
        tip=int(fields.get("maxPriorityFeePerGas", fee)),
        gas=int(fields["gas"]),
        value=int(fields["value"]),
        to="0x" + to.hex() if to else None,
        data=bytes(HexBytes(fields["data"])),
    )


def _legacy(data: bytes) -> dict[str, Any]:
    nonce, price, gas, to, value, call, *_ = rlp.decode(data)
    numbers = {"nonce": nonce, "gasPrice": price, "gas": gas, "value": value}
    return {name: int.from_bytes(number) for name, number in numbers.items()} | {"to": to, "data": call}
