"""The two places outside: the database and the node, opened and checked against the settings."""

from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from typing import Final

import structlog
from pydantic import SecretStr

from keeper.adapters.ethereum.chain import EthereumChain
from keeper.adapters.ethereum.signer import KeystoreError
from keeper.adapters.storage.books import SqlBooks
from keeper.adapters.storage.database import Database
from keeper.adapters.storage.errors import AlreadyRunning, Conflict, WrongDatabase
from keeper.adapters.storage.reader import SqlReader
from keeper.core.ledger import Mode
from keeper.core.model import Fund
from keeper.ports import AnotherBlock, ChainUnavailable, Observation
from keeper.settings import ConfigurationError, Settings, address_or_none, parse_policy

log = structlog.get_logger()

LOOKS: Final = 5
"""At a treasury before a start gives up because the chain moves on between two questions."""


@dataclass(frozen=True, slots=True)
class Library:
    """The books, open: to write through the application's port, to read through the read models."""

    database: Database
    books: SqlBooks
    reader: SqlReader


@asynccontextmanager
async def open_library(
    settings: Settings, mode: Mode, *, read_only: bool = False, alone: bool = False
) -> AsyncIterator[Library]:
    """The database of this chain and mode. Creates, upgrades and stamps one that is new unless `read_only`.

    `alone` keeps out every other process that asks for the same, from before the first change to the end.
    Raises ConfigurationError when it belongs to another chain or mode, or another keeper; BooksUnavailable.
    """
    with configuration_errors():
        database = await Database.open(settings.database(mode), read_only=read_only)
    try:
        with configuration_errors():
            if alone:
                await database.lock()
            if read_only or await database.schema_version() is not None:  # what is another's is not even upgraded
                await database.check_stamp(settings.chain_id, mode)
            if not read_only:
                await database.upgrade()
                await database.stamp(settings.chain_id, mode)
        yield Library(database, SqlBooks(database, parse_policy=parse_policy), SqlReader(database))
    finally:
        await database.close()


@asynccontextmanager
async def open_chain(settings: Settings) -> AsyncIterator[EthereumChain]:
    """The nodes, not asked anything yet."""
    chain = EthereumChain(
        settings.rpc_url.get_secret_value(),
        settings.chain_id,
        fallback_urls=settings.fallback_urls,
        private_url=_text(settings.private_rpc_url),
        status_url=_text(settings.private_status_url),
        finality=settings.finality_blocks,
        timeout_seconds=settings.rpc_timeout_seconds,
        v2_router=address_or_none(settings.uniswap_v2_router),
        native_feed=address_or_none(settings.native_usd_feed),
    )
    try:
        yield chain
    finally:
        await chain.close()


def _text(secret: SecretStr | None) -> str | None:
    return None if secret is None else secret.get_secret_value()


async def check_chain(settings: Settings, chain: EthereumChain) -> None:
    """Every node that answers is of the configured chain, and there is code at the treasury. One that does not answer
    is a warning while another does. Raises ConfigurationError, and ChainUnavailable when none answers."""
    said = await chain.chain_ids()
    public = 1 + len(settings.fallback_urls)
    wrong = [
        f"CHAIN_ID is {settings.chain_id}, but the node at {_place(number, public, origin)} is of chain {found}"
        for number, (origin, found) in enumerate(said)
        if isinstance(found, int) and found != settings.chain_id
    ]
    if wrong:
        raise ConfigurationError(wrong)
    outages = [found for _, found in said if isinstance(found, ChainUnavailable)]
    if len(outages) == public:
        raise ChainUnavailable("; ".join(map(str, outages)))
    for outage in outages:
        log.warning("rpc endpoint does not answer", reason=str(outage))
    treasury = address_or_none(settings.treasury_address)
    if treasury and not await chain.code_at(treasury):
        raise ConfigurationError([f"TREASURY_ADDRESS: there is no contract at {treasury} on chain {settings.chain_id}"])


def _place(number: int, public: int, origin: str) -> str:
    """Which of the nodes that were asked, the `public` ones first."""
    if public == 1 and number == 0:
        return "RPC_URL"
    variable = "RPC_URL" if number == 0 else "RPC_FALLBACK_URLS" if number < public else "PRIVATE_RPC_URL"
    return f"{origin} ({variable})"


async def check_treasury(variable: str, candidate: Fund, chain: EthereumChain) -> None:
    """A treasury answers for a fund that is not in the books yet. Raises ConfigurationError, ChainUnavailable."""
    if (await _observed(candidate, chain)).treasuries[0] is None:
        raise ConfigurationError([f"{variable}: the contract at {candidate.treasury} does not answer as a treasury"])


async def _observed(candidate: Fund, chain: EthereumChain) -> Observation:
    """A block may come between two questions: that is no reason not to start."""
    for _ in range(LOOKS - 1):
        try:
            return await chain.observe(await chain.head(), [candidate])
        except AnotherBlock as outage:
            log.info("looking again", reason=str(outage))
    return await chain.observe(await chain.head(), [candidate])


@contextmanager
def configuration_errors() -> Iterator[None]:
    """Adapters' own words for a wrong configuration, as ours."""
    try:
        yield
    except (WrongDatabase, AlreadyRunning, Conflict, KeystoreError, ValueError) as error:
        raise ConfigurationError([str(error)]) from None
