"""The two places outside: the database and the node, opened and checked against the settings."""

from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass

from keeper.adapters.ethereum.chain import EthereumChain
from keeper.adapters.ethereum.signer import KeystoreError
from keeper.adapters.storage.books import SqlBooks
from keeper.adapters.storage.database import Database
from keeper.adapters.storage.errors import AlreadyRunning, Conflict, WrongDatabase
from keeper.adapters.storage.reader import SqlReader
from keeper.core.ledger import Mode
from keeper.core.model import Fund
from keeper.settings import ConfigurationError, Settings, address_or_none, parse_policy


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
    """The node, not asked anything yet."""
    chain = EthereumChain(
        settings.rpc_url.get_secret_value(),
        settings.chain_id,
        timeout_seconds=settings.rpc_timeout_seconds,
        v2_router=address_or_none(settings.uniswap_v2_router),
        native_feed=address_or_none(settings.native_usd_feed),
    )
    try:
        yield chain
    finally:
        await chain.close()


async def check_chain(settings: Settings, chain: EthereumChain) -> None:
    """The node is of the configured chain, and there is code at the treasury. Raises ConfigurationError."""
    if (found := await chain.chain_id()) != settings.chain_id:
        raise ConfigurationError([f"CHAIN_ID is {settings.chain_id}, but the node at RPC_URL is of chain {found}"])
    treasury = address_or_none(settings.treasury_address)
    if treasury and not await chain.code_at(treasury):
        raise ConfigurationError([f"TREASURY_ADDRESS: there is no contract at {treasury} on chain {found}"])


async def check_treasury(variable: str, candidate: Fund, chain: EthereumChain) -> None:
    """A treasury answers for a fund that is not in the books yet. Raises ConfigurationError."""
    block = await chain.head()
    if (await chain.observe(block, [candidate])).treasuries[0] is None:
        raise ConfigurationError([f"{variable}: the contract at {candidate.treasury} does not answer as a treasury"])


@contextmanager
def configuration_errors() -> Iterator[None]:
    """Adapters' own words for a wrong configuration, as ours."""
    try:
        yield
    except (WrongDatabase, AlreadyRunning, Conflict, KeystoreError, ValueError) as error:
        raise ConfigurationError([str(error)]) from None
