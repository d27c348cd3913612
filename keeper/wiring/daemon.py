"""All that the daemon needs, put together."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from keeper import __version__
from keeper.adapters.alerts.log import LogAlerts
from keeper.adapters.clock import SystemClock
from keeper.adapters.ethereum.chain import EthereumChain
from keeper.adapters.ethereum.codec import AbiCodec
from keeper.app.world import World
from keeper.core.ledger import Mode
from keeper.settings import Settings
from keeper.wiring.funds import register_first_fund, renew_policies
from keeper.wiring.keys import Keys
from keeper.wiring.places import Library, check_chain, configuration_errors, open_chain, open_library


@asynccontextmanager
async def open_world(settings: Settings, *, dry_run: bool) -> AsyncIterator[tuple[World, Library]]:
    """All that the daemon needs, checked in the order of what costs least: key, database, node, first fund."""
    mode = settings.mode(dry_run)
    keys = Keys(settings, mode)
    signer = keys.open_environment()
    async with open_library(settings, mode) as library:
        with configuration_errors():
            await library.database.lock()
        async with open_chain(settings) as chain:
            await check_chain(settings, chain)
            await register_first_fund(settings, library.books, signer)
            await renew_policies(settings, library.books)
            for row in await library.books.fund_rows():
                if row["keystore_file"]:
                    keys.paths[row["id"]] = (row["keystore_file"], row["password_file"])
            yield new_world(settings, mode, chain, library, keys), library


def new_world(settings: Settings, mode: Mode, chain: EthereumChain, library: Library, keys: Keys) -> World:
    return World(
        chain=chain,
        codec=AbiCodec(),
        books=library.books,
        alerts=LogAlerts(),
        clock=SystemClock(),
        signer_of=keys.of,
        mode=mode,
        code_version=__version__,
        poll_seconds=settings.head_poll_seconds,
        cycle_timeout_seconds=settings.cycle_timeout_seconds,
        heartbeat_seconds=settings.heartbeat_seconds,
    )
