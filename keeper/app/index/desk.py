"""Which funds' indexes are due, and the surveys under way for them. A survey may wait minutes for a provider's limits:
it runs beside the cycles, and what it brought is judged at a block of its own."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

import structlog

from keeper.app.index.patience import Patience
from keeper.app.index.survey import Survey, survey
from keeper.app.observe import Unobserved, observe
from keeper.app.world import World
from keeper.core.hub import hub_of
from keeper.core.index.reweighting import listed_assets
from keeper.core.index.states import RETRY_SECONDS, IndexState
from keeper.core.model import Block, Fund
from keeper.core.units import Timestamp
from keeper.market_ports import MarketDataUnavailable
from keeper.ports import BooksUnavailable, ChainUnavailable

log = structlog.get_logger()

PATIENCE_SECONDS: Final = 300.0
"""What a survey may wait for a provider that had too many questions."""
SURVEY_SECONDS: Final = 600.0
FRESH_SECONDS: Final = 3_600
"""Chain time after which what was found is asked anew: a fund could not be looked at until then."""


@dataclass(frozen=True, slots=True)
class Asked:
    """A survey, under way or done: the time of the block that it began at, and for whose rules and members."""

    since: Timestamp
    state: IndexState
    task: asyncio.Task[Survey | str]

    def serves(self, state: IndexState) -> bool:
        """Other rules ask other questions: what was not asked would be missing, and what is missing is sold."""
        return (self.state.methodology, self.state.members) == (state.methodology, state.members)


@dataclass(slots=True)
class IndexDesk:
    """`not_before` is when a fund whose look broke is looked at again, by the monotonic clock."""

    world: World
    states: Mapping[int, IndexState] = field(default_factory=dict)
    asked: dict[int, Asked] = field(default_factory=dict)
    not_before: dict[int, float] = field(default_factory=dict)

    async def open(self) -> bool:
        """Whether any fund follows an index. Raises BooksUnavailable."""
        self.states = await self.world.books.index_states()
        return bool(self.states)

    def begin(self, funds: Sequence[Fund], head: Block) -> None:
        """Start a survey for every fund whose index is due, by the states as they were when the desk was opened."""
        for fund in funds:
            if self._is_due(fund, head.timestamp):
                state, name = self.states[fund.id], f"survey for {fund.name}"
                if fund.id in self.asked:
                    self.asked[fund.id].task.cancel()
                task = asyncio.create_task(self._survey(fund, state, head), name=name)
                self.asked[fund.id] = Asked(head.timestamp, state, task)

    def answered(self) -> set[int]:
        """The funds of which everything is known that a look needs."""
        return {
            fund_id
            for fund_id, asked in self.asked.items()
            if asked.task.done() and fund_id in self.states and asked.serves(self.states[fund_id])
        }

    def take(self, fund_id: int) -> Survey | str:
        """What was found, once."""
        return self.asked.pop(fund_id).task.result()

    def postpone(self, fund_id: int) -> None:
        """The look broke before it could be recorded with a time for the next one."""
        self.not_before[fund_id] = self.world.clock.monotonic() + RETRY_SECONDS

    async def all_answered(self) -> None:
        if self.asked:
            await asyncio.wait([asked.task for asked in self.asked.values()])

    async def close(self) -> None:
        tasks = [asked.task for asked in self.asked.values()]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        self.asked.clear()

    def _is_due(self, fund: Fund, now: Timestamp) -> bool:
        state = self.states.get(fund.id)
        if state is None or fund.paused or (state.due is not None and now < state.due):
            return False
        if self.world.clock.monotonic() < self.not_before.get(fund.id, 0.0):
            return False
        asked = self.asked.get(fund.id)
        if asked is None or not asked.serves(state):
            return True
        return asked.task.done() and now - asked.since > FRESH_SECONDS

    async def _survey(self, fund: Fund, state: IndexState, head: Block) -> Survey | str:
        """What was found, or why nothing was, in one line. Never raises."""
        universe, rules = self.world.universe, state.methodology.rules
        if rules.fixed_bps:
            return Survey()
        if isinstance(universe, str):
            return universe
        try:
            async with asyncio.timeout(SURVEY_SECONDS):
                seen = (await observe([fund], head, self.world))[fund.id]
                if isinstance(seen, Unobserved):
                    return seen.reason
                return await survey(
                    rules,
                    state.members,
                    listed_assets(seen, hub_of(seen)),
                    market=universe.market,
                    facts=universe.facts,
                    chain=self.world.chain,
                    place=universe.place,
                    block=head,
                    asking=Patience(self.world.clock, PATIENCE_SECONDS),
                )
        except (MarketDataUnavailable, ChainUnavailable, BooksUnavailable) as outage:
            return str(outage)
        except TimeoutError:
            return f"the survey of the market took longer than {SURVEY_SECONDS:g} s"
        except Exception as error:
            log.exception("survey failed", fund=fund.name)
            return f"the survey of the market broke: {type(error).__name__}: {error}"
