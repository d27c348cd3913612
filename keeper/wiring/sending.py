"""What the set-up commands share: the chain that a configuration is for, who sends, and a record that was lost."""

from collections.abc import Awaitable, Callable

from keeper.adapters.clock import SystemClock
from keeper.adapters.deployments import DeploymentRecord
from keeper.adapters.ethereum.setup_node import SetupNode
from keeper.app.setup.sender import Pace, Sender
from keeper.core.mistakes import ConfigurationError
from keeper.core.setup.calls import Sent
from keeper.core.setup.config import FundConfig
from keeper.core.units import Address, Hash32, Wei
from keeper.ports import Signer
from keeper.settings import Settings

DEFAULT_MAX_FEE = Wei(100 * 10**9)
"""Wei per gas, as MAX_FEE_GWEI."""

Mine = Callable[[], Awaitable[None]]
"""Awaited whenever transactions have left: where blocks are mined on demand, it mines one."""


async def mined_by_others() -> None:
    """Of a chain that makes its blocks by itself."""


def require_chain(config: FundConfig, settings: Settings) -> None:
    """Raises ConfigurationError when the file is for another chain than the process."""
    if config.chain_id != settings.chain_id:
        raise ConfigurationError([f"chain_id: is {config.chain_id}, but CHAIN_ID is {settings.chain_id}"])


def sender_for(
    record: DeploymentRecord,
    node: SetupNode,
    signer: Signer,
    chain_id: int,
    *,
    max_fee: Wei,
    pace: Pace | None,
    tell: Callable[[Sent], None],
    after_broadcast: Mine,
) -> Sender:
    """`pace` None: the chain's own."""
    return Sender(
        node, signer, record, chain_id, SystemClock(), max_fee, pace or Pace.of(chain_id), tell, after_broadcast
    )


def restore_head(
    record: DeploymentRecord, config: FundConfig, genesis: Hash32 | None, deployer: Address, treasury: Address
) -> None:
    """Says in a record that was lost, or is on another machine, which fund it is of. A record that knows is left."""
    if record.address("treasury") is None:
        record.set_facts(
            name=config.name,
            symbol=config.symbol,
            chain_id=config.chain_id,
            genesis=genesis,
            deployer=deployer,
            treasury=treasury,
        )
