"""Setting a fund up: configuration, node, key and record put together, for `keeper deploy` and callers in process."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from keeper.adapters.deployments import FOLDER, DeploymentRecord, open_record, siblings
from keeper.adapters.ethereum.chain import EthereumChain
from keeper.adapters.ethereum.creator import TreasuryCreator
from keeper.adapters.ethereum.setup_facts import FactsReader
from keeper.adapters.ethereum.setup_node import SetupNode
from keeper.app.setup.deploy import Deployer, Plan
from keeper.app.setup.sender import Pace
from keeper.core.mistakes import ConfigurationError
from keeper.core.setup.calls import Sent
from keeper.core.setup.config import FundConfig, plain
from keeper.core.units import Address, Wei
from keeper.ports import Signer
from keeper.settings import Settings
from keeper.wiring.keys import deployer_address, open_deployer
from keeper.wiring.places import open_chain
from keeper.wiring.sending import DEFAULT_MAX_FEE, Mine, mined_by_others, require_chain, sender_for


def _silent(_: object) -> None:
    """Nobody listens."""


@dataclass(frozen=True, slots=True)
class Deployed:
    """`sent` is what this run sent or saw mined. Of a dry run: nothing."""

    plan: Plan
    deployer: Address
    sent: tuple[Sent, ...]
    record: Path
    treasury: Address | None


@dataclass(frozen=True, slots=True)
class Listener:
    """Who hears what happens while it happens: the plan before anything is sent, then every transaction."""

    planned: Callable[[Plan], None] = _silent
    settled: Callable[[Sent], None] = _silent


async def deploy_configured(
    settings: Settings,
    config: FundConfig,
    *,
    folder: Path = FOLDER,
    dry_run: bool = False,
    close_limits: bool = False,
    listener: Listener | None = None,
) -> Deployed:
    """What `keeper deploy` does. Raises ConfigurationError, SetupStopped, ChainUnavailable."""
    require_chain(config, settings)
    if dry_run:
        played = deployer_address(settings)
        async with open_chain(settings) as chain:
            return await look_at_fund(
                config,
                chain,
                played or config.owner,
                folder=folder,
                close_limits=close_limits,
                known=bool(played),
                max_fee=settings.to_policy().max_fee,
            )
    signer = open_deployer(settings)
    async with open_chain(settings) as chain:
        return await deploy_fund(
            config,
            chain,
            signer,
            folder=folder,
            close_limits=close_limits,
            max_fee=settings.to_policy().max_fee,
            listener=listener,
        )


async def look_at_fund(
    config: FundConfig,
    chain: EthereumChain,
    deployer: Address,
    *,
    folder: Path = FOLDER,
    close_limits: bool = False,
    known: bool = True,
    max_fee: Wei = DEFAULT_MAX_FEE,
) -> Deployed:
    """What `deploy_fund` would do; nothing is sent or written. `known`: the deployer's money counts."""
    record = DeploymentRecord.look(folder, config.chain_id, config.name)
    node = SetupNode(chain)
    await require_same(config, record, node, deployer if known else None)
    _require_new_name(config, record)
    plan = await _deployer(config, node, deployer, record, close_limits, known, max_fee).plan()
    return Deployed(plan, deployer, (), record.path, plan.treasury)


async def deploy_fund(
    config: FundConfig,
    chain: EthereumChain,
    signer: Signer,
    *,
    folder: Path = FOLDER,
    close_limits: bool = False,
    max_fee: Wei = DEFAULT_MAX_FEE,
    pace: Pace | None = None,
    after_broadcast: Mine = mined_by_others,
    listener: Listener | None = None,
) -> Deployed:
    """Brings the chain to the configuration, over an open connection; goes on where an earlier run stopped.

    `after_broadcast` is awaited whenever transactions have left: where blocks are mined on demand, mine one there. One
    fund at a time per signer. Raises ConfigurationError, SetupStopped, ChainUnavailable.
    """
    heard = listener or Listener()
    node = SetupNode(chain)
    with open_record(folder, config.chain_id, config.name) as record:
        await require_same(config, record, node, signer.address)
        _require_new_name(config, record)
        sender = sender_for(
            record,
            node,
            signer,
            config.chain_id,
            max_fee=max_fee,
            pace=pace,
            tell=heard.settled,
            after_broadcast=after_broadcast,
        )
        finished = await sender.finish()
        deployer = _deployer(config, node, signer.address, record, close_limits, True, max_fee)
        plan = await deployer.plan()
        heard.planned(plan)
        sent = await deployer.execute(plan, sender)
        return Deployed(plan, signer.address, finished + sent, record.path, record.address("treasury"))


def _deployer(
    config: FundConfig,
    node: SetupNode,
    deployer: Address,
    record: DeploymentRecord,
    close_limits: bool,
    known: bool,
    max_fee: Wei,
) -> Deployer:
    looker = FactsReader(node, config, deployer)
    return Deployer(config, deployer, node, looker, TreasuryCreator(), record, close_limits, known, max_fee)


async def require_same(config: FundConfig, record: DeploymentRecord, node: SetupNode, deployer: Address | None) -> None:
    """The node is of the configured chain, and the record of this very chain, fund and deployer."""
    found = await node.chain.chain_id()
    if found != config.chain_id:
        raise ConfigurationError([f"chain_id: is {config.chain_id}, but the node at RPC_URL is of chain {found}"])
    if record.is_new:
        return
    problems = []
    if (name := record.fact("name")) not in (None, config.name):
        problems.append(f"name: cannot be changed any more: {record.path} is of {name!r}")
    genesis = await node.genesis()
    if record.fact("genesis") not in (None, genesis):
        problems.append(
            f"{record.path}: is of another chain with the id {found} (its first block differs): move it away"
        )
    if deployer and record.fact("deployer") not in (None, deployer):
        problems.append(f"{record.path}: was made by {record.fact('deployer')}; the key is that of {deployer}")
    if problems:
        raise ConfigurationError(problems)


def _require_new_name(config: FundConfig, record: DeploymentRecord) -> None:
    """A configuration that only its name tells from a deployed one is that fund renamed, which it cannot be."""
    if not record.is_new:
        return
    wanted = plain(config) | {"name": None}
    for other in siblings(record.path):
        if not other.is_new and other.fact("config", {}) | {"name": None} == wanted:
            name = other.fact("name")
            raise ConfigurationError(
                [f"name: cannot be changed any more: {other.path} is of {name!r} with this very configuration"]
            )
