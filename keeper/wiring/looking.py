"""For commands that only look: a fund as it is now, and everything the doctor examines."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from keeper.adapters.clock import SystemClock
from keeper.adapters.ethereum.chain import EthereumChain
from keeper.adapters.ethereum.codec import AbiCodec
from keeper.app.doctor import Check, Health, examine, examine_index
from keeper.app.index.reweigh import played_by_weigher
from keeper.app.observe import look
from keeper.app.quoting import quotes_of
from keeper.core.ledger import Mode
from keeper.core.model import Fund, Market, PinnedPolicy
from keeper.core.units import ZERO_ADDRESS
from keeper.market_ports import MarketData
from keeper.ports import BooksUnavailable, ChainUnavailable, NoBooks, SignerUnavailable
from keeper.settings import ConfigurationError, Settings, address_or_none
from keeper.wiring.keys import Keys
from keeper.wiring.known import Known, known_funds, past_of
from keeper.wiring.market_data import open_market_data, universe_or_why_not
from keeper.wiring.places import check_chain, open_chain, open_library

_FORBIDDING = {"hold": "safe_hold", "breaker": "breaker"}


@dataclass(frozen=True, slots=True)
class Sight:
    """A fund as it is now, for commands that only look. `provider` is whom its prices were asked of: whoever asks for
    more asks the same, whose limits are counted there."""

    market: Market
    chain: EthereumChain
    codec: AbiCodec
    provider: MarketData | None


@asynccontextmanager
async def open_sight(settings: Settings, name: str | None) -> AsyncIterator[Sight]:
    """Look at a fund of the database, or at the environment's treasury when there is no database yet."""
    known = await known_funds(settings)
    fund, pinned = known.one(name)
    async with open_chain(settings) as chain, open_market_data(settings) as provider:
        await check_chain(settings, chain)
        yield Sight(await _look(settings, fund, pinned, known, chain, provider), chain, AbiCodec(), provider)


async def _look(
    settings: Settings,
    fund: Fund,
    pinned: PinnedPolicy,
    known: Known,
    chain: EthereumChain,
    provider: MarketData | None,
) -> Market:
    waiting, head = known.open_intents.get(fund.signer), await chain.head()
    wall = SystemClock().now().timestamp()
    quotes = await quotes_of(known.coins, head.timestamp, provider)
    past = await past_of(settings, head.timestamp)
    return await look(fund, pinned, head, wall, chain, past, waiting, quotes)


async def examine_everything(settings: Settings) -> list[Check]:
    """All of the doctor's checks; one that fails does not hide the next where that can still be asked."""
    keys = Keys(settings, settings.mode())
    checks = [_examine_key(settings, keys), await _examine_database(settings)]
    async with open_chain(settings) as chain, open_market_data(settings) as provider:
        try:
            checks = await _examine_chain(settings, chain) + checks
        except ChainUnavailable as outage:
            return [Check("rpc", Health.FAIL, str(outage)), *checks]
        if any(check.health is Health.FAIL for check in checks):
            return checks
        try:
            known = await known_funds(settings)
        except (ConfigurationError, BooksUnavailable) as error:
            return [*checks, Check("funds", Health.FAIL, str(error))]
        keys.learn(known.rows)
        for fund, pinned in known.funds.values():
            checks += await _examine_fund(settings, fund, pinned, known, chain, provider, keys)
    return checks + await _examine_permits(settings)


async def _examine_chain(settings: Settings, chain: EthereumChain) -> list[Check]:
    said = await chain.chain_ids()
    if all(isinstance(found, ChainUnavailable) for _, found in said):
        return [Check("rpc", Health.FAIL, str(outage)) for _, outage in said]
    checks = [_examine_endpoint(place, found) for place, found in said]
    others = [(place, found) for place, found in said if isinstance(found, int) and found != settings.chain_id]
    wrong = ", ".join(f"{place} is of chain {found}" for place, found in others)
    detail = f"CHAIN_ID is {settings.chain_id}, {wrong}" if wrong else f"{settings.chain_id}"
    checks.append(Check("chain_id", Health.FAIL if wrong else Health.OK, detail))
    treasury = address_or_none(settings.treasury_address)
    if treasury is not None:
        there = bool(await chain.code_at(treasury))
        detail = f"contract at {treasury}" if there else f"there is no contract at {treasury}"
        checks.append(Check("treasury", Health.OK if there else Health.FAIL, detail))
    return checks


def _examine_endpoint(place: str, found: int | ChainUnavailable) -> Check:
    """One of several that does not answer is a warning: the others do."""
    silent = isinstance(found, ChainUnavailable)
    return Check("rpc", Health.WARN if silent else Health.OK, str(found) if silent else place)


async def _examine_permits(settings: Settings) -> list[Check]:
    """What the books forbid to sign, fund by fund; nothing where there are no books yet."""
    try:
        async with open_library(settings, settings.mode(), read_only=True) as library:
            rows = await library.reader.status()
    except (ConfigurationError, BooksUnavailable):
        return []  # the check of the database says so
    words = {"hold": "`keeper reconcile --dry-run` shows more", "breaker": "`keeper breaker reset` after a look"}
    return [
        Check(_FORBIDDING[column], Health.FAIL, f"{row[column]} ({way_out})", row["name"])
        for row in rows
        for column, way_out in words.items()
        if row[column] is not None
    ]


async def _examine_fund(
    settings: Settings,
    fund: Fund,
    pinned: PinnedPolicy,
    known: Known,
    chain: EthereumChain,
    provider: MarketData | None,
    keys: Keys,
) -> list[Check]:
    checks = []
    if fund.id in keys.paths:
        try:
            keys.of(fund)
            checks.append(Check("key", Health.OK, fund.signer, fund.name))
        except SignerUnavailable as missing:
            checks.append(Check("key", Health.FAIL, str(missing), fund.name))
    try:
        market = await _look(settings, fund, pinned, known, chain, provider)
    except ChainUnavailable as outage:
        return [*checks, Check("observation", Health.FAIL, str(outage), fund.name)]
    checks += examine(market)
    if (state := known.indexes.get(fund.id)) is not None:
        universe = universe_or_why_not(settings, provider)
        lacking = universe if isinstance(universe, str) else ""
        weigher = Keys(settings, Mode.DRY_RUN).open_weigher()
        checks += examine_index(played_by_weigher(market, weigher), state.methodology.rules, lacking)
    return checks


def _examine_key(settings: Settings, keys: Keys) -> Check:
    try:
        address = keys.open_environment()
    except ConfigurationError as error:
        return Check("key", Health.FAIL, str(error))
    if address == ZERO_ADDRESS:
        return Check("key", Health.WARN, "no key and no KEEPER_ADDRESS: nothing can be sent, nobody can be played")
    sends = "sends transactions" if settings.send_transactions else "SEND_TRANSACTIONS is false: sends nothing"
    return Check("key", Health.OK, f"{address}, {sends}")


async def _examine_database(settings: Settings) -> Check:
    try:
        async with open_library(settings, settings.mode(), read_only=True) as library:
            if await library.database.is_current():
                return Check("database", Health.OK, f"{library.database.shown}, schema is current")
            return Check("database", Health.WARN, f"{library.database.shown}: old schema, run `keeper db upgrade`")
    except NoBooks as missing:
        return Check("database", Health.WARN, str(missing))
    except (ConfigurationError, BooksUnavailable) as error:
        return Check("database", Health.FAIL, str(error))
