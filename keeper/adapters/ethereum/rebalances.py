"""Every rebalance that a treasury has logged, whoever made it."""

from dataclasses import dataclass

from keeper.adapters.ethereum import wire
from keeper.adapters.ethereum.events import decoded, event, rebalance_event
from keeper.adapters.ethereum.history import logs_of
from keeper.adapters.ethereum.rpc import JsonRpc
from keeper.core.ledger import RebalanceEvent
from keeper.core.units import Address, Hash32


@dataclass(frozen=True, slots=True)
class LoggedRebalance:
    """An event and where it stands."""

    event: RebalanceEvent
    tx_hash: Hash32
    block: int


async def rebalances_of(rpc: JsonRpc, treasury: Address, first: int, last: int) -> list[LoggedRebalance]:
    """In the blocks `first` to `last`, oldest first. Raises LogsRefused, ChainUnavailable."""
    placed = await logs_of(rpc, [treasury], [event("Rebalanced")[1]], first, last)
    try:
        return [
            LoggedRebalance(rebalance_event(found), each.tx_hash, each.block)
            for each in placed
            for found in decoded("Rebalanced", [each.log])
        ]
    except wire.Malformed as fault:
        raise rpc.unavailable(f"eth_getLogs: answered {fault}") from None
