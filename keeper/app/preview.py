"""Look at a fund now, without a daemon and without writing anything: for `plan`, `status` and `doctor`."""

from collections.abc import Mapping

from keeper.core.deliberation import Deliberation
from keeper.core.journal import content_hash
from keeper.core.ledger import Action
from keeper.core.model import Block, Fund, Market, PinnedPolicy
from keeper.core.units import Address, Hash32, Timestamp
from keeper.ports import Account, Chain, ChainUnavailable, Clock, Simulated, SimulatedRevert, TreasuryCodec


async def look(
    fund: Fund,
    pinned: PinnedPolicy,
    chain: Chain,
    clock: Clock,
    known_code: Mapping[Address, Hash32] | None = None,
    open_intent: int | None = None,
) -> Market:
    """The fund's market at the newest block. Raises ChainUnavailable, also when no treasury answers."""
    block: Block = await chain.head()
    seen = await chain.observe(block, [fund])
    treasury = seen.treasuries[0]
    if treasury is None:
        raise ChainUnavailable(f"no treasury answers at {fund.treasury} in block {block.number}")
    return Market(
        fund=fund,
        pinned=pinned,
        chain_id=seen.chain_id,
        block=block,
        head_age_seconds=int(clock.now().timestamp() - block.timestamp),
        treasury=treasury,
        native=seen.native,
        wrapped_native=seen.wrapped_native,
        known_code=dict(known_code or {}),
        open_intent=open_intent,
    )


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
