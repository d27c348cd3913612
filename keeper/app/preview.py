"""Try a plan without a daemon and without writing anything: for `keeper plan`."""

from keeper.core.deliberation import Deliberation
from keeper.core.journal import content_hash
from keeper.core.ledger import Action
from keeper.core.model import Market
from keeper.core.units import Timestamp
from keeper.ports import Account, Chain, Simulated, SimulatedRevert, TreasuryCodec


async def rehearse(
    market: Market, thought: Deliberation, chain: Chain, codec: TreasuryCodec
) -> tuple[Simulated | SimulatedRevert, Account] | None:
    """Try a plan against the chain, under a hash that stands for no decision. None when there is nothing to try."""
    if thought.action is not Action.PLANNED or thought.plan is None:
        return None
    deadline = Timestamp(market.block.timestamp + market.policy.deadline_seconds)
    call = codec.rebalance(
        market.treasury.address,
        thought.plan.swaps,
        market.treasury.last_id + 1,
        deadline,
        content_hash({"event": "preview"}),
    )
    return await chain.rehearse(call, market.fund.signer, market.block)
