"""A local chain with as many funds as wanted, and the real keeper opened on it.

Every fund is a treasury of its own, set up by the same functions as the local chain's first: those of `keeper deploy`,
`launch` and `handover`. They share the eight tokens, the feeds and the pools.
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Iterator, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from pathlib import Path

from keeper.app.outcome import Result
from keeper.app.scheduler import Scheduler
from keeper.app.world import World
from keeper.core.ledger import Action, Record, RecordKind
from keeper.core.units import Address
from keeper.settings import Settings, address_or_none
from keeper.wiring.daemon import open_world
from keeper.wiring.funds import renew_policies
from keeper.wiring.places import Library
from scripts.localchain import accounts, fund
from scripts.localchain.chain import LocalChain, local_chain
from scripts.localchain.config import DAY, default_config
from scripts.localchain.fund import Treasury
from scripts.localchain.lockstep import lockstep_environment

STEP_SECONDS = DAY // 2
"""Chain time between two moves of the market."""


@contextlib.contextmanager
def chain_of_funds(folder: Path, count: int) -> Iterator[tuple[LocalChain, list[Treasury]]]:
    """A chain that mines on demand, with `count` treasuries of eight assets each, all at their targets."""
    with local_chain(folder, default_config()) as chain:
        first = chain.deployment.treasuries[0]
        specs = [replace(first.spec, name=f"Fund {n}", symbol=f"F{n}") for n in range(2, count + 1)]
        yield chain, [first, *fund.set_up(chain.node, chain.deployment.ground, specs, folder)]


@dataclass(frozen=True, slots=True)
class Keeper:
    """The daemon's parts, opened. A round of its scheduler is `cycle_of_all`."""

    settings: Settings
    world: World
    library: Library
    scheduler: Scheduler

    async def cycle_of_all(self) -> list[Result]:
        """One round of the real scheduler: the head, open transactions, one observation, a cycle of every fund."""
        self.scheduler.results.clear()
        return await self.scheduler.run_once()

    async def run_until_all_ran(self) -> list[Result]:
        """The daemon's own loop, from its start until the cycle of every fund has ended. All must be due."""
        funds = await self.library.books.funds()
        return await Scheduler(self.world, asyncio.Event(), max_cycles=len(funds)).run()

    async def round_of(self, wanted: Action) -> None:
        """A round in which every fund must end like that: what is measured must be what it is said to be."""
        results = await self.cycle_of_all()
        if len(results) != len(await self.library.books.funds()):
            raise AssertionError(f"{len(results)} cycles in a round of all funds")
        for result in results:
            if result.action is not wanted:
                raise AssertionError(f"{result.cycle.fund.name}: {result.action}, not {wanted}: {result.reason}")

    async def register(self, treasuries: Sequence[Treasury]) -> None:
        """Further funds into the books, as `keeper funds add` puts them there; they share the environment's key."""
        books = self.library.books
        known = {each.treasury for each in await books.funds()}
        for treasury in treasuries:
            if treasury.address not in known:
                hub = self.settings.hub_token
                await books.add_fund(
                    treasury.spec.name, Address(treasury.address), Address(accounts.KEEPER), address_or_none(hub)
                )
        await renew_policies(self.settings, books)


@contextlib.asynccontextmanager
async def keeper_on(
    chain: LocalChain, folder: Path, threshold: Decimal, *, rpc_url: str | None = None, poll_seconds: float = 0.02
) -> AsyncIterator[Keeper]:
    """What `keeper run` opens, by the same composition root, on the SQLite file in `folder` (WAL, synchronous=FULL).

    `threshold` is the relative drift at which it trades, of 1; `rpc_url` a way to the node other than the direct one.
    """
    folder.mkdir(exist_ok=True)  # noqa: ASYNC240 - nothing else runs yet
    variables = lockstep_environment(chain, folder, STEP_SECONDS, threshold)
    variables |= {"HEAD_POLL_SECONDS": str(poll_seconds), "RPC_URL": rpc_url or chain.url}
    settings = Settings.load(_env_file=None, **{name.lower(): value for name, value in variables.items()})
    async with open_world(settings, dry_run=False) as (world, library):
        await _accept(world)
        yield Keeper(settings, world, library, Scheduler(world, asyncio.Event()))


async def _accept(world: World) -> None:
    """What `keeper reconcile --accept` does: a new database on a chain that has traded already signs nothing."""
    (account,) = await world.chain.accounts([Address(accounts.KEEPER)])
    if account.nonce:
        why = Record(RecordKind.OPERATOR, None, {"event": "chain_accepted", "why": "an earlier part of the benchmark"})
        await world.books.release(Address(accounts.KEEPER), account.nonce, why)
