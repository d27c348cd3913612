"""SAFE_HOLD: when a signer's nonce on the chain is not the one that the books expect. Pure."""

from dataclasses import dataclass
from typing import Final

from keeper.core.ledger import SignerState
from keeper.core.units import Address, Hash32

DOUBTED_HEADS: Final = 3
"""Heads in a row that must show less than was final before it is believed: a node that lags shows less for a moment."""


@dataclass(frozen=True, slots=True)
class FinalPlace:
    """Where on the chain an intent ended: its transaction, and the block that has to stay."""

    intent_id: int
    fund_id: int
    signer: Address
    tx_hash: Hash32
    block_number: int
    block_hash: Hash32


def nonce_fault(state: SignerState, nonce: int) -> str | None:
    """Why nothing may be signed, or None. `nonce` is the signer's count of mined transactions; none of ours is open.

    The books of a keeper that is alone with its key know every nonce. Where they do not, the database is new, old or
    lost, or somebody else signs with the key: in each case what they say of the fund is not to be traded on.
    """
    known = state.next_nonce or 0
    there = f"the chain has {nonce} transactions of {state.signer}"
    if state.next_nonce is None and nonce > 0:
        return f"{there}, these books have none: a new or a lost database?"
    if nonce > known:
        return f"{there}, these books {known}: an old database, or a second user of the key?"
    if nonce < known:
        return f"{there}, these books {known} that are final: it was rolled back, or the node is of another chain"
    return None


def is_behind(state: SignerState, nonce: int) -> bool:
    """The chain shows less than the books know to be final: it went back, or the node only lags."""
    return nonce < (state.next_nonce or 0)
