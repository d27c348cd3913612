"""All that the daemon needs, put together."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager

import structlog

from keeper import __version__
from keeper.adapters.alerts.log import LogAlerts
from keeper.adapters.clock import SystemClock
from keeper.adapters.ethereum.chain import EthereumChain
from keeper.adapters.ethereum.codec import AbiCodec
from keeper.adapters.storage.books import SqlBooks
from keeper.app.world import Alone, World
from keeper.core.ledger import Mode
from keeper.core.model import Fund
from keeper.core.units import Address
from keeper.market_ports import MarketData
from keeper.ports import Lease, SignerUnavailable
from keeper.settings import Settings, parse_policy
from keeper.wiring.funds import register_first_fund, renew_policies
from keeper.wiring.keys import Keys
from keeper.wiring.leading import leading
from keeper.wiring.market_data import open_market_data, universe_or_why_not
from keeper.wiring.places import Library, check_chain, open_chain, open_library

log = structlog.get_logger()


class KeyedBooks(SqlBooks):
    """The books, which tell the keys of every fund they name: one added while the keeper runs can trade at once."""

    def __init__(self, library: Library, keys: Keys) -> None:
        super().__init__(library.database, parse_policy=parse_policy)
        self._keys = keys
        self._told: set[int] = set()

    async def funds(self) -> list[Fund]:
        funds = await super().funds()
        if not self._told.issuperset(fund.id for fund in funds):
            rows = await self.fund_rows()
            self._told.update(row["id"] for row in rows)
            self._keys.learn(rows)
        return funds


@asynccontextmanager
async def open_world(
    settings: Settings, *, dry_run: bool, stop: asyncio.Event | None = None, wait: bool = False
) -> AsyncIterator[tuple[World, Library]]:
    """All that the daemon needs: its key, the right node, then its database. What is wrong is found before anything
    is written: a database is not stamped for a chain that the node is not of.

    `stop` is set when another keeper has taken over. `wait`: be a standby while another one has the lease. Raises
    ConfigurationError, StandbyEnded, ChainUnavailable, BooksUnavailable.
    """
    mode = settings.mode(dry_run)
    keys = Keys(settings, mode)
    signer, weigher = keys.open_environment(), keys.open_weigher()
    async with open_chain(settings) as chain:
        await check_chain(settings, chain)
        async with open_library(settings, mode, alone=True) as library, AsyncExitStack() as stack:
            lease: Lease = Alone()
            if library.database.is_shared:
                lease = await stack.enter_async_context(leading(library.database, stop or asyncio.Event(), wait=wait))
            chain.learn_symbols(await library.books.symbols())
            await register_first_fund(settings, library.books, chain, signer)
            await renew_policies(settings, library.books)
            books = KeyedBooks(library, keys)
            await _open_keys(books, keys)
            market_data = await stack.enter_async_context(open_market_data(settings))
            yield new_world(settings, mode, chain, books, keys, lease, market_data, weigher), library


async def _open_keys(books: KeyedBooks, keys: Keys) -> None:
    """Every fund's key now, not amid a trade: to decrypt one takes a second. A fund without its key holds up nobody."""
    for fund in await books.funds():
        try:
            keys.of(fund)
        except SignerUnavailable as missing:
            log.warning("fund cannot trade", fund=fund.name, reason=str(missing))


def new_world(
    settings: Settings,
    mode: Mode,
    chain: EthereumChain,
    books: SqlBooks,
    keys: Keys,
    lease: Lease,
    market_data: MarketData | None,
    weigher: Address | None = None,
) -> World:
    return World(
        chain=chain,
        codec=AbiCodec(),
        books=books,
        alerts=LogAlerts(),
        clock=SystemClock(),
        signer_of=keys.of,
        mode=mode,
        code_version=__version__,
        poll_seconds=settings.head_poll_seconds,
        cycle_timeout_seconds=settings.cycle_timeout_seconds,
        heartbeat_seconds=settings.heartbeat_seconds,
        lease=lease,
        market_data=market_data,
        universe=universe_or_why_not(settings, market_data),
        weigher=weigher,
    )
