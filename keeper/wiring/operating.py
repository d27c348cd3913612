"""What an operator does to a keeper that has stopped by itself: look, accept what the chain says, close a breaker."""

from dataclasses import dataclass

from keeper.adapters.clock import SystemClock
from keeper.adapters.ethereum.chain import EthereumChain
from keeper.adapters.ethereum.history import LogsRefused
from keeper.adapters.ethereum.rebalances import rebalances_of
from keeper.app.memory import Outbox
from keeper.app.reconcile import SignerReport, examine, reconcile
from keeper.core.journal import rfc3339
from keeper.core.ledger import AlertKind, Mode, Record, RecordKind
from keeper.core.model import Fund
from keeper.core.units import Address, Hash32
from keeper.settings import Settings
from keeper.wiring.daemon import open_world
from keeper.wiring.keys import Keys
from keeper.wiring.places import Library, check_chain, open_chain, open_library


@dataclass(frozen=True, slots=True)
class UnknownRebalance:
    """On the chain, and in no record of the books."""

    fund: str
    id: int
    block: int
    tx_hash: Hash32
    keeper: Address


@dataclass(frozen=True, slots=True)
class Reconciled:
    """A signer's report, the rebalances of its funds that the books do not know, and what could not be found out."""

    report: SignerReport
    unknown: tuple[UnknownRebalance, ...]
    missing: tuple[str, ...]


async def look(settings: Settings) -> list[Reconciled]:
    """Writes and sends nothing. Raises ConfigurationError, ChainUnavailable, BooksUnavailable."""
    async with open_chain(settings) as chain:
        await check_chain(settings, chain)
        async with open_library(settings, settings.mode(), read_only=True) as library:
            weigher = Keys(settings, Mode.DRY_RUN).open_weigher()
            return await _compare(await examine(chain, library.books, weigher), chain, library)


async def reconcile_now(settings: Settings) -> list[Reconciled]:
    """What a start does: carries open transactions on, and holds whom the books cannot explain."""
    async with open_world(settings, dry_run=False) as (world, library):
        await reconcile(world, Outbox())
        assert isinstance(world.chain, EthereumChain)
        return await _compare(await examine(world.chain, world.books, world.weigher), world.chain, library)


async def accept_chain(settings: Settings, why: str, by: str) -> list[Reconciled]:
    """Every halted signer goes on from the chain's nonce; what the books did not know goes into the journal."""
    async with open_world(settings, dry_run=False) as (world, library):
        await reconcile(world, Outbox())
        assert isinstance(world.chain, EthereumChain)
        for each in await _compare(await examine(world.chain, world.books, world.weigher), world.chain, library):
            if each.report.halted is not None:
                await library.books.release(each.report.signer, each.report.nonce, _acceptance(each, why, by))
                for fund in each.report.funds:
                    if fund.signer != each.report.signer:  # a weigher's hold stood as an alert of the funds it weighs
                        await library.books.clear_alert(fund.id, AlertKind.SAFE_HOLD)
        return await _compare(await examine(world.chain, world.books, world.weigher), world.chain, library)


async def reset_breaker(settings: Settings, library: Library, fund: Fund, why: str, by: str) -> bool:
    """Whether it was open. What happened up to the chain's newest block does not count any more."""
    async with open_chain(settings) as chain:
        await check_chain(settings, chain)
        head = await chain.head()
    body = {
        "event": "breaker_reset",
        "fund": fund.name,
        "by": by,
        "why": why,
        "at": rfc3339(SystemClock().now()),
        "block_number": str(head.number),
    }
    record = Record(RecordKind.OPERATOR, fund.id, body)
    return await library.books.reset_breaker(fund.id, head.timestamp, record)


def _acceptance(each: Reconciled, why: str, by: str) -> Record:
    body = {
        "event": "chain_accepted",
        "signer": each.report.signer,
        "hold": each.report.halted or "",
        "nonce": str(each.report.nonce),
        "by": by,
        "why": why,
        "at": rfc3339(SystemClock().now()),
        "unknown_rebalances": [
            {"fund": event.fund, "id": str(event.id), "block": str(event.block), "tx_hash": event.tx_hash}
            for event in each.unknown
        ],
    }
    return Record(RecordKind.OPERATOR, each.report.funds[0].id, body)


async def _compare(reports: list[SignerReport], chain: EthereumChain, library: Library) -> list[Reconciled]:
    known = await library.reader.hashes()
    head = await chain.head()
    compared = []
    for report in reports:
        unknown: list[UnknownRebalance] = []
        missing: list[str] = []
        for fund in report.funds:
            if fund.signer != report.signer:
                continue  # a weigher rebalances nothing
            try:
                logged = await rebalances_of(chain.rpc, fund.treasury, 0, head.number)
            except LogsRefused as refusal:
                missing.append(f"rebalances of {fund.name} that are not in the books: {refusal}")
                continue
            unknown += [
                UnknownRebalance(fund.name, each.event.id, each.block, each.tx_hash, each.event.keeper)
                for each in logged
                if each.tx_hash not in known
            ]
        compared.append(Reconciled(report, tuple(unknown), tuple(missing)))
    return compared
