"""Handing a fund over: configuration, node, key and record put together for `keeper handover`."""

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from keeper.adapters.deployments import FOLDER, DeploymentRecord, open_record
from keeper.adapters.ethereum.chain import EthereumChain
from keeper.adapters.ethereum.handover_sight import HandoverSight
from keeper.adapters.ethereum.setup_codec import encode_call
from keeper.adapters.ethereum.setup_node import SetupNode
from keeper.app.setup.handover import HandedOver, Handover
from keeper.app.setup.sender import Pace
from keeper.core.mistakes import ConfigurationError, SetupStopped
from keeper.core.setup.calls import Sent
from keeper.core.setup.config import FundConfig
from keeper.core.units import Address, Hash32, Wei
from keeper.ports import Signer
from keeper.settings import Settings
from keeper.wiring.keys import deployer_address, open_deployer, open_owner
from keeper.wiring.launch import fund_config, locate
from keeper.wiring.places import open_chain
from keeper.wiring.sending import DEFAULT_MAX_FEE, Mine, mined_by_others, restore_head, sender_for
from keeper.wiring.setup import require_same


class Part(StrEnum):
    """LOOK sends nothing; OFFER is the deployer's, ACCEPT the new owner's."""

    LOOK = "look"
    OFFER = "offer"
    ACCEPT = "accept"


@dataclass(frozen=True, slots=True)
class HandoverRun:
    config: FundConfig
    deployer: Address
    treasury: Address
    done: HandedOver
    record: Path


async def handover_from_file(
    settings: Settings,
    path: Path,
    part: Part,
    *,
    folder: Path = FOLDER,
    treasury: Address | None = None,
    tell: Callable[[Sent], None] = lambda _sent: None,
) -> HandoverRun:
    """What `keeper handover` does. Raises ConfigurationError, SetupStopped, ChainUnavailable."""
    config = fund_config(settings, path)
    signer = None
    if part is not Part.LOOK:
        signer = open_deployer(settings) if part is Part.OFFER else open_owner(settings)
    async with open_chain(settings) as chain:
        return await hand_over(
            config,
            chain,
            part,
            signer,
            deployer=deployer_address(settings),
            folder=folder,
            treasury=treasury,
            max_fee=settings.to_policy().max_fee,
            tell=tell,
        )


async def hand_over(
    config: FundConfig,
    chain: EthereumChain,
    part: Part,
    signer: Signer | None = None,
    *,
    deployer: Address | None = None,
    folder: Path = FOLDER,
    treasury: Address | None = None,
    max_fee: Wei = DEFAULT_MAX_FEE,
    pace: Pace | None = None,
    after_broadcast: Mine = mined_by_others,
    tell: Callable[[Sent], None] = lambda _sent: None,
) -> HandoverRun:
    """One part of a handover over an open connection. `deployer` is needed where neither key nor record say it.

    Raises ConfigurationError, SetupStopped, ChainUnavailable.
    """
    node = SetupNode(chain)
    with _record(config, folder, part) as record:
        who = (signer.address if signer and part is Part.OFFER else deployer) or record.address("deployer")
        if who is None:
            raise ConfigurationError(["whose fund? set DEPLOYER_ADDRESS: neither key nor record say who deployed it"])
        await require_same(config, record, node, who)
        found = treasury or await locate(config, node, who, record)
        if found is None:
            raise SetupStopped("the fund has no treasury yet: `keeper deploy` first")
        known: str | None = record.fact("code_hash")
        since = int(record.fact("deployed_block", 0))
        sight = HandoverSight(node, config, who, found, since, Hash32(known) if known else None)
        handover = Handover(config, who, found, sight, encode_call)
        if signer is None:
            return HandoverRun(config, who, found, await handover.examine(), record.path)
        sender = sender_for(
            record,
            node,
            signer,
            config.chain_id,
            max_fee=max_fee,
            pace=pace,
            tell=tell,
            after_broadcast=after_broadcast,
        )
        restore_head(record, config, await node.genesis(), who, found)
        done = await (handover.offer if part is Part.OFFER else handover.accept)(sender, record)
        return HandoverRun(config, who, found, done, record.path)


def _record(config: FundConfig, folder: Path, part: Part) -> AbstractContextManager[DeploymentRecord]:
    if part is Part.LOOK:
        return nullcontext(DeploymentRecord.look(folder, config.chain_id, config.name))
    return open_record(folder, config.chain_id, config.name)
