"""The treasury's calls as bytes."""

from collections.abc import Sequence

from eth_abi.abi import encode
from eth_abi.exceptions import EncodingError

from keeper.adapters.ethereum.abi import artifact, input_types, selector
from keeper.core.ledger import Call
from keeper.core.model import PlannedSwap
from keeper.core.units import Address, Bps, Hash32, Timestamp


class AbiCodec:
    """`TreasuryCodec` by the built ABI. Signature and types are worked out once, values are encoded once per call."""

    def __init__(self) -> None:
        entry = artifact("Treasury").entry("function", "rebalance")
        self._selector = selector(entry)
        self._types = input_types(entry)
        self._set_targets = selector(artifact("Treasury").entry("function", "setTargets"))

    def rebalance(
        self,
        treasury: Address,
        swaps: Sequence[PlannedSwap],
        treasury_id: int,
        deadline: Timestamp,
        decision: Hash32,
    ) -> Call:
        """`Treasury.rebalance(swaps, treasury_id, deadline, decision)`.

        Raises ValueError for an amount that does not fit the contract's type.
        """
        orders = [(swap.venue, swap.zero_for_one, swap.amount_in, swap.min_out) for swap in swaps]
        arguments = (orders, treasury_id, deadline, bytes.fromhex(decision.removeprefix("0x")))
        try:
            data = self._selector + encode(self._types, arguments)
        except EncodingError as error:
            raise ValueError(f"the call cannot be encoded: {error}") from None
        return Call(to=treasury, data=data, treasury_id=treasury_id, deadline=deadline)

    def set_targets(self, treasury: Address, targets: Sequence[Bps], deadline: Timestamp) -> Call:
        """`Treasury.setTargets(targets)`, in the treasury's order of assets.

        The contract knows no deadline of it: after `deadline` it is cancelled. Raises ValueError for a target that does
        not fit the contract's type.
        """
        try:
            data = self._set_targets + encode(["uint16[]"], (list(targets),))
        except EncodingError as error:
            raise ValueError(f"the call cannot be encoded: {error}") from None
        return Call(to=treasury, data=data, treasury_id=0, deadline=deadline)
