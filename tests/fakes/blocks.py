"""Blocks of the simulated chain: the state after each, and what a transaction does to it."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace

from keeper.core.ledger import Call, Receipt
from keeper.core.model import Block, Treasury
from keeper.core.units import Address, Hash32, Timestamp, Wei
from tests.fakes import treasury as contract
from tests.fakes.signer import Transaction

GAS_USED = 400_000


@dataclass(frozen=True)
class State:
    """After a block."""

    treasuries: Mapping[Address, Treasury]
    nonces: Mapping[Address, int] = field(default_factory=dict)
    balances: Mapping[Address, int] = field(default_factory=dict)

    def nonce(self, sender: Address) -> int:
        return self.nonces.get(sender, 0)

    def balance(self, account: Address) -> int:
        return self.balances.get(account, 10**18)


@dataclass(frozen=True)
class Mined:
    block: Block
    state: State
    transactions: tuple[Transaction, ...] = ()
    receipts: Mapping[Hash32, Receipt] = field(default_factory=dict)


Execute = Callable[[Call, Address, State, Timestamp], contract.Rebalanced | contract.Reweighted]
"""A call on a state. Raises Reverted."""


def run(transaction: Transaction, state: State, block: Block, index: int, execute: Execute) -> tuple[State, Receipt]:
    """Gas is paid and the nonce spent, whether the call goes through or not. A call without data is a transfer."""
    sender = transaction.sender
    price = min(transaction.max_fee, block.base_fee + transaction.max_tip)
    after = replace(
        state,
        nonces={**state.nonces, sender: transaction.nonce + 1},
        balances={**state.balances, sender: state.balance(sender) - GAS_USED * price},
    )
    receipt = Receipt(
        tx_hash=transaction.hash,
        succeeded=True,
        block_number=block.number,
        block_hash=block.hash,
        tx_index=index,
        gas_used=GAS_USED,
        effective_gas_price=Wei(price),
        l1_fee=None,
        fills=(),
        event=None,
        transfers=(),
    )
    if (call := transaction.call) is None or not call.data:
        return after, receipt
    try:
        done = execute(call, sender, state, block.timestamp)
    except contract.Reverted as revert:
        return after, replace(receipt, succeeded=False, revert_reason=f"{revert.guard}: {revert.detail}")
    return (
        replace(after, treasuries={**state.treasuries, call.to: done.treasury}),
        replace(receipt, fills=done.fills, event=done.event, targets=done.targets),
    )
