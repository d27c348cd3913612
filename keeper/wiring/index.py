"""For commands that look at what an index may hold: rules, providers and chain, put together."""

from dataclasses import dataclass
from pathlib import Path
from typing import Final

from keeper.adapters.clock import SystemClock
from keeper.adapters.ethereum.chain import EthereumChain
from keeper.adapters.foreign import loads
from keeper.adapters.text_file import read_text
from keeper.app.index.patience import Patience
from keeper.app.index.survey import Survey, survey
from keeper.core.index.eligibility import Screening, screen
from keeper.core.index.methodology import Methodology
from keeper.core.index.methodology_form import from_plain
from keeper.core.index.proposal import Listed
from keeper.core.model import Block, Treasury
from keeper.core.units import Bps
from keeper.settings import ConfigurationError, Settings
from keeper.wiring.known import known_funds
from keeper.wiring.market_data import facts_of, open_market_data, place_of
from keeper.wiring.places import check_chain, open_chain

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


def rules_of(file: Path | None) -> Methodology:
    """Those of a file, JSON with the names of `Methodology`; the defaults without one. Raises ConfigurationError."""
    if file is None:
        return Methodology()
    try:
        said = loads(read_text(file).encode())
    except ValueError:
        raise ConfigurationError([f"{file}: is not JSON"]) from None
    if not isinstance(said, dict):
        raise ConfigurationError([f"{file}: is not an object of rules and their values"])
    return from_plain(said)


async def look_for_eligible(settings: Settings, fund: str | None, rules: Methodology) -> Eligibility:
    """With a fund its treasury says which tokens stand for the coins of other chains, without one the provider.

    Raises ConfigurationError, MarketDataUnavailable, ChainUnavailable, BooksUnavailable.
    """
    async with open_chain(settings) as chain, open_market_data(settings) as market:
        if market is None:
            raise ConfigurationError(
                ["MARKET_DATA: is off, and an index needs a market to choose from: set it to coingecko or file"]
            )
        if rules.fixed_bps:
            raise ConfigurationError(["fixed_bps: a fund with fixed weights chooses from no market"])
        facts = facts_of(market)
        place = None if facts is None else place_of(settings)
        await check_chain(settings, chain)
        block = await chain.head()
        listed = [] if fund is None else await _listed(settings, fund, chain, block)
        found = await survey(
            rules,
            (),
            listed,
            market=market,
            facts=facts,
            chain=chain,
            place=place,
            block=block,
            asking=Patience(SystemClock(), LONGEST_WAIT),
        )
        return Eligibility(rules, market.name, block, found, screen(found.candidates, rules, block.timestamp))


async def _listed(settings: Settings, name: str, chain: EthereumChain, block: Block) -> list[Listed]:
    fund, _ = (await known_funds(settings)).one(name)
    treasury: Treasury | None = (await chain.observe(block, [fund])).treasuries[0]
    if treasury is None:
        raise ConfigurationError([f"no treasury answers at {fund.treasury}"])
    return [
        Listed(asset.token, asset.symbol, Bps(asset.target), "retired" if asset.retired else "")
        for asset in treasury.assets
    ]
