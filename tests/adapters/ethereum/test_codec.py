"""The treasury's call: the same bytes as web3's own encoder makes, and refusal of what does not fit."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from web3 import Web3

from keeper.adapters.ethereum.abi import artifact
from keeper.adapters.ethereum.codec import AbiCodec
from keeper.core.model import PlannedSwap
from keeper.core.units import Address, BaseUnits, Hash32, Timestamp, UsdE18

pytestmark = pytest.mark.unit

TREASURY = Address("0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed")
REFERENCE = Web3().eth.contract(abi=artifact("Treasury").abi)


def swap(venue: int, zero_for_one: bool, amount_in: int, min_out: int) -> PlannedSwap:
    return PlannedSwap(
        venue=venue,
        zero_for_one=zero_for_one,
        asset_in=0,
        asset_out=1,
        amount_in=BaseUnits(amount_in),
        expected_out=BaseUnits(min_out + 1),
        min_out=BaseUnits(min_out),
        value_in=UsdE18(0),
        value_out=UsdE18(0),
        fee_pips=3000,
        impact=Decimal(0),
    )


AMOUNTS = st.integers(0, 2**112 - 1)
SWAPS = st.builds(swap, st.integers(0, 2**16 - 1), st.booleans(), AMOUNTS, AMOUNTS)


@given(
    st.lists(SWAPS, max_size=5),
    st.integers(0, 2**64 - 1),
    st.integers(0, 2**64 - 1),
    st.binary(min_size=32, max_size=32),
)
def test_the_bytes_are_those_of_web3(swaps: list[PlannedSwap], identity: int, deadline: int, decision: bytes) -> None:
    call = AbiCodec().rebalance(TREASURY, swaps, identity, Timestamp(deadline), Hash32("0x" + decision.hex()))
    orders = [(s.venue, s.zero_for_one, s.amount_in, s.min_out) for s in swaps]
    assert "0x" + call.data.hex() == REFERENCE.encode_abi("rebalance", args=[orders, identity, deadline, decision])
    assert (call.to, call.treasury_id, call.deadline) == (TREASURY, identity, deadline)


@pytest.mark.parametrize(
    "swap_", [swap(0, True, 2**112, 0), swap(0, True, 1, 2**112), swap(2**16, True, 1, 1), swap(0, True, -1, 1)]
)
def test_what_does_not_fit_the_contracts_types_is_refused(swap_: PlannedSwap) -> None:
    with pytest.raises(ValueError, match=r"(?i)cannot be encoded"):
        AbiCodec().rebalance(TREASURY, [swap_], 1, Timestamp(1), Hash32("0x" + "00" * 32))
