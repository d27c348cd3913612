"""A batch of payments as creation code, and the address that follows from it."""

from collections.abc import Sequence

from eth_abi.abi import encode

from keeper.adapters.ethereum.abi import artifact, input_types
from keeper.adapters.ethereum.setup_codec import PROXY, create2_address, encode_call
from keeper.core.setup.airdrop import Batch, Drop
from keeper.core.setup.calls import Call
from keeper.core.setup.investors import InvestorList
from keeper.core.units import Address, BaseUnits


class AirdropCodec:
    """Of one list, paid out of `payer`'s shares of one treasury. The list's digest is the salt: one line changed, and
    every batch is elsewhere."""

    def __init__(self, treasury: Address, payer: Address, listed: InvestorList) -> None:
        self._treasury = treasury
        self._payer = payer
        self._salt = bytes.fromhex(listed.digest[2:])

    def drops(self, batches: Sequence[Batch]) -> tuple[Drop, ...]:
        return tuple(Drop(batch, create2_address(self._salt, self._code(batch))) for batch in batches)

    def create(self, drop: Drop, label: str, step: str) -> Call:
        """The proxy creates what follows the salt, and fails when that does."""
        data = self._salt + self._code(drop.batch)
        return Call(PROXY, "create2", (drop.address,), data, label, step, waits=True)

    def _code(self, batch: Batch) -> bytes:
        built = artifact("Airdrop")
        (constructor,) = built.entries("constructor")
        receivers = [investor.address for investor in batch.investors]
        amounts = [investor.shares for investor in batch.investors]
        return built.bytecode + encode(input_types(constructor), (self._treasury, self._payer, receivers, amounts))


def approve(token: Address, spender: Address, amount: BaseUnits, label: str, step: str, *, waits: bool = False) -> Call:
    """ERC-20's, which the treasury's share token has as any other."""
    data = encode_call("approve", (spender, amount))
    return Call(token, "approve", (spender, amount), data, label, step, waits=waits)
