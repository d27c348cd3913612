"""Launching a fund: configuration, list, node, key and record put together for `keeper launch`."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from keeper.adapters.config_file import read_fund_config
from keeper.adapters.deployments import FOLDER, DeploymentRecord, open_record
from keeper.adapters.ethereum.airdrop import AirdropCodec
from keeper.adapters.ethereum.chain import EthereumChain
from keeper.adapters.ethereum.creator import TreasuryCreator
from keeper.adapters.ethereum.launch_sight import LaunchSight, LaunchWriter
from keeper.adapters.ethereum.setup_facts import FactsReader
from keeper.adapters.ethereum.setup_node import SetupNode
from keeper.adapters.text_file import read_text
from keeper.app.setup.deploy import Deployer
from keeper.app.setup.launch import Launched, Launcher
from keeper.app.setup.sender import Pace
from keeper.core.mistakes import ConfigurationError, SetupStopped
from keeper.core.setup.airdrop import batches
from keeper.core.setup.calls import Sent
from keeper.core.setup.config import FundConfig
from keeper.core.setup.investors import InvestorList, read_investors
from keeper.core.setup.launch import Launch, LaunchFacts
from keeper.core.units import Address, Hash32, Wei
from keeper.ports import Signer
from keeper.settings import Settings
from keeper.wiring.keys import deployer_address, open_deployer
from keeper.wiring.places import open_chain
from keeper.wiring.sending import DEFAULT_MAX_FEE, Mine, mined_by_others, require_chain, restore_head, sender_for
from keeper.wiring.setup import require_same

SECTION = "launch"
"""Of the record: which list was begun, and whether it is done."""


@dataclass(frozen=True, slots=True)
class Told:
    """Who hears what happens while it happens: the launch before anything is sent, then every transaction."""

    begun: Callable[[Launch, LaunchFacts], None] = lambda _launch, _facts: None
    settled: Callable[[Sent], None] = lambda _sent: None


@dataclass(frozen=True, slots=True)
class LaunchRun:
    """`warnings` are lines for people."""

    treasury: Address
    launch: Launch
    launched: Launched
    record: Path
    warnings: tuple[str, ...] = ()


async def launch_from_files(
    settings: Settings,
    path: Path,
    investors: Path,
    *,
    folder: Path = FOLDER,
    treasury: Address | None = None,
    from_block: int | None = None,
    dry_run: bool = False,
    told: Told | None = None,
) -> LaunchRun:
    """What `keeper launch` does. `treasury` and `from_block` stand in for a record that is lost.

    Raises ConfigurationError, SetupStopped, ChainUnavailable.
    """
    config = fund_config(settings, path)
    text = read_text(investors)
    read_investors(text)  # its mistakes before anything else
    if not dry_run:
        signer = open_deployer(settings)
        async with open_chain(settings) as chain:
            return await launch_fund(
                config,
                text,
                chain,
                signer,
                folder=folder,
                treasury=treasury,
                from_block=from_block,
                max_fee=settings.to_policy().max_fee,
                told=told,
            )
    record = DeploymentRecord.look(folder, config.chain_id, config.name)
    deployer = deployer_address(settings) or record.address("deployer")
    if deployer is None:
        raise ConfigurationError(["whose launch? set DEPLOYER_ADDRESS, or the deployer's key"])
    async with open_chain(settings) as chain:
        node = SetupNode(chain)
        await require_same(config, record, node, deployer)
        found = treasury or await locate(config, node, deployer, record)
        launch = _launch(config, text, _required(found), deployer)
        launcher = _launcher(launch, node, _required(found), _since(record, from_block))
        return LaunchRun(_required(found), launch, await launcher.examine(), record.path, _warnings(record, launch))


async def launch_fund(
    config: FundConfig,
    text: str,
    chain: EthereumChain,
    signer: Signer,
    *,
    folder: Path = FOLDER,
    treasury: Address | None = None,
    from_block: int | None = None,
    max_fee: Wei = DEFAULT_MAX_FEE,
    pace: Pace | None = None,
    after_broadcast: Mine = mined_by_others,
    told: Told | None = None,
) -> LaunchRun:
    """Seeds the treasury and pays the investors in the CSV `text`; goes on where an earlier run stopped.

    `after_broadcast` is awaited whenever transactions have left: where blocks are mined on demand, mine one there.
    Raises ConfigurationError, SetupStopped, ChainUnavailable.
    """
    heard = told or Told()
    node = SetupNode(chain)
    with open_record(folder, config.chain_id, config.name) as record:
        await require_same(config, record, node, signer.address)
        found = _required(treasury or await locate(config, node, signer.address, record))
        launch = _launch(config, text, found, signer.address)
        genesis = await node.genesis()
        warnings = _warnings(record, launch)
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

        def begun(facts: LaunchFacts) -> None:
            _write_head(record, launch, found, genesis)
            heard.begun(launch, facts)

        launcher = _launcher(launch, node, found, _since(record, from_block))
        launcher.begun = begun
        try:
            launched = await launcher.run(sender)
        except SetupStopped as stop:
            raise SetupStopped("; ".join([str(stop), *warnings])) from None
        record.set_section(SECTION, complete=not launched.open_ends)
        return LaunchRun(found, launch, launched, record.path, warnings)


def fund_config(settings: Settings, path: Path) -> FundConfig:
    """The configuration in that file, of the chain of the settings. Raises ConfigurationError."""
    config = read_fund_config(path)
    require_chain(config, settings)
    return config


async def locate(config: FundConfig, node: SetupNode, deployer: Address, record: DeploymentRecord) -> Address | None:
    """Where `keeper deploy` put the treasury, or would, with or without a record."""
    looker = FactsReader(node, config.bare, deployer)
    return await Deployer(config.bare, deployer, node, looker, TreasuryCreator(), record).locate()


# ------------------------------------------------------------------------------------------------------ parts


def _required(treasury: Address | None) -> Address:
    if treasury is None:
        raise SetupStopped("the fund has no treasury yet: `keeper deploy` first")
    return treasury


def _launch(config: FundConfig, text: str, treasury: Address, deployer: Address) -> Launch:
    listed = read_investors(text, {treasury: "the treasury itself", deployer: "the deployer, who keeps no shares"})
    return Launch(config, listed, deployer, AirdropCodec(treasury, deployer, listed).drops(batches(listed)))


def _launcher(launch: Launch, node: SetupNode, treasury: Address, since: int) -> Launcher:
    codec = AirdropCodec(treasury, launch.deployer, launch.listed)
    return Launcher(launch, LaunchSight(node, launch, treasury, since), LaunchWriter(codec))


def _since(record: DeploymentRecord, from_block: int | None) -> int:
    return from_block if from_block is not None else int(record.fact("deployed_block", 0))


def _warnings(record: DeploymentRecord, launch: Launch) -> tuple[str, ...]:
    """What the record says of another list. The chain decides whether that one was paid."""
    begun = record.section(SECTION)
    if begun.get("digest") in (None, launch.listed.digest):
        return ()
    return (f"the record is of another list: {begun.get('investors')} investors, {begun.get('shares')} base units",)


def _write_head(record: DeploymentRecord, launch: Launch, treasury: Address, genesis: Hash32 | None) -> None:
    """What a later run needs to know, before anything is sent."""
    listed: InvestorList = launch.listed
    restore_head(record, launch.config, genesis, launch.deployer, treasury)
    record.set_section(
        SECTION,
        digest=listed.digest,
        investors=len(listed.investors),
        shares=str(listed.total),
        batches=[drop.address for drop in launch.drops],
        complete=False,
    )
