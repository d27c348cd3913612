"""For commands that look at an index: its rules, providers and chain, put together."""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

from keeper.adapters.clock import SystemClock
from keeper.adapters.ethereum.chain import EthereumChain
from keeper.adapters.foreign import loads
from keeper.adapters.text_file import read_text
from keeper.app.index.patience import Patience
from keeper.app.index.reweigh import played_by_weigher, proposal_of
from keeper.app.index.survey import Survey, survey
from keeper.core.deliberation import Deliberation, deliberate
from keeper.core.hub import hub_of
from keeper.core.index.eligibility import Screening, screen
from keeper.core.index.methodology import Methodology
from keeper.core.index.methodology_form import from_plain, to_record
from keeper.core.index.proposal import Listed, Proposal, Withheld
from keeper.core.index.reweighting import Judgement, judge, listed_assets, with_targets
from keeper.core.index.states import IndexState, PinnedMethodology
from keeper.core.journal import content_hash
from keeper.core.ledger import Call, Mode
from keeper.core.model import Block, Fund, Market, Treasury
from keeper.core.units import Bps, Timestamp
from keeper.settings import ConfigurationError, Settings
from keeper.wiring.keys import Keys
from keeper.wiring.known import fund_named, known_funds
from keeper.wiring.looking import open_sight
from keeper.wiring.market_data import open_market_data, universe_of
from keeper.wiring.places import check_chain, open_chain, open_library

LONGEST_WAIT: Final = 300.0
"""Seconds that a command waits for a provider which has had too many questions: a survey has 30 to 50, and twenty
may be asked in a minute by default."""


@dataclass(frozen=True, slots=True)
class Eligibility:
    """What may be in an index with these rules, as of that block. `provider` said what coins are worth."""

    rules: Methodology
    provider: str
    block: Block
    survey: Survey
    screening: Screening


def rules_of(file: Path) -> Methodology:
    """Those of a file, JSON with the names of `Methodology`. Raises ConfigurationError."""
    try:
        said = loads(read_text(file).encode(), names_once=True)
    except ValueError:
        raise ConfigurationError([f"{file}: is not JSON, or has a name twice"]) from None
    if not isinstance(said, dict):
        raise ConfigurationError([f"{file}: is not an object of rules and their values"])
    return from_plain(said)


async def look_for_eligible(settings: Settings, fund: str | None, rules: Methodology | None) -> Eligibility:
    """With a fund its treasury says which tokens stand for the coins of other chains, without one the provider. Without
    rules those of the fund, or the defaults.

    Raises ConfigurationError, MarketDataUnavailable, ChainUnavailable, BooksUnavailable.
    """
    async with open_chain(settings) as chain, open_market_data(settings) as market:
        universe = universe_of(settings, market)
        await check_chain(settings, chain)
        block = await chain.head()
        known = None if fund is None else await known_funds(settings)
        mine = None if known is None else known.one(fund)[0]
        if rules is None:
            state = None if known is None or mine is None else known.indexes.get(mine.id)
            rules = Methodology() if state is None else state.methodology.rules
        if rules.fixed_bps:
            raise ConfigurationError(["fixed_bps: a fund with fixed weights chooses from no market"])
        listed = [] if mine is None else await _listed(mine, chain, block)
        found = await survey(
            rules,
            (),
            listed,
            market=universe.market,
            facts=universe.facts,
            chain=chain,
            place=universe.place,
            block=block,
            asking=Patience(SystemClock(), LONGEST_WAIT),
        )
        return Eligibility(rules, universe.market.name, block, found, screen(found.candidates, rules, block.timestamp))


async def _listed(fund: Fund, chain: EthereumChain, block: Block) -> list[Listed]:
    treasury: Treasury | None = (await chain.observe(block, [fund])).treasuries[0]
    if treasury is None:
        raise ConfigurationError([f"no treasury answers at {fund.treasury}"])
    return [
        Listed(asset.token, asset.symbol, Bps(asset.target), "retired" if asset.retired else "")
        for asset in treasury.assets
    ]


# ------------------------------------------------------------------------------------------- a fund's own index


async def rules_of_fund(settings: Settings, name: str | None) -> tuple[Fund, list[dict[str, Any]]]:
    """The fund and every version of its methodology, newest first. Raises ConfigurationError, BooksUnavailable."""
    async with open_library(settings, settings.mode(), read_only=True) as library:
        fund = fund_named(await library.books.funds(), name)
        return fund, await library.books.methodology_history(fund.id)


async def set_rules(settings: Settings, name: str, rules: Methodology, by: str, why: str) -> PinnedMethodology:
    """A new version, unless it says what the newest says. Raises ConfigurationError, BooksUnavailable."""
    async with open_library(settings, settings.mode()) as library:
        fund = fund_named(await library.books.funds(), name)
        return await library.books.put_methodology(fund.id, rules, by, why)


@dataclass(frozen=True, slots=True)
class Preview:
    """What a look at the fund's index would come to now, and what the fund would trade with the targets that it wants.

    `call` sets them, for whoever may; None when the targets stay.
    """

    market: Market
    state: IndexState
    survey: Survey
    proposal: Proposal | Withheld
    judgement: Judgement
    trades: Deliberation | None
    call: Call | None


async def preview(settings: Settings, name: str | None, rules: Methodology | None) -> Preview:
    """Writes and sends nothing. With `rules` instead of the fund's own. Raises ConfigurationError, ChainUnavailable,
    MarketDataUnavailable, BooksUnavailable."""
    known = await known_funds(settings)
    state = known.indexes.get(known.one(name)[0].id)
    if rules is not None:
        pinned = PinnedMethodology(0, rules, content_hash(to_record(rules)))
        state = IndexState(pinned) if state is None else replace(state, methodology=pinned)
    if state is None:
        raise ConfigurationError([f"{known.one(name)[0].name} has no rules: `keeper index rules FUND --set FILE`"])
    weigher = Keys(settings, Mode.DRY_RUN).open_weigher()
    async with open_sight(settings, name) as sight:
        found = Survey()
        if not state.methodology.rules.fixed_bps:
            universe, hub = universe_of(settings, sight.provider), hub_of(sight.market)
            found = await survey(
                state.methodology.rules,
                state.members,
                listed_assets(sight.market, hub),
                market=universe.market,
                facts=universe.facts,
                chain=sight.chain,
                place=universe.place,
                block=sight.market.block,
                asking=Patience(SystemClock(), LONGEST_WAIT),
            )
        market = played_by_weigher(sight.market, weigher)
        proposal = proposal_of(market, found, state)
        judgement = judge(market, proposal, state)
        if isinstance(proposal, Withheld):
            return Preview(market, state, found, proposal, judgement, None, None)
        deadline = Timestamp(market.block.timestamp + market.policy.deadline_seconds)
        call = sight.codec.set_targets(market.treasury.address, judgement.step or proposal.targets, deadline)
        trades = deliberate(with_targets(sight.market, proposal.targets))
        return Preview(market, state, found, proposal, judgement, trades, call if proposal.moves else None)
