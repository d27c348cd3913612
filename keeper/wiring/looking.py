"""For commands that only look: a fund as it is now, and everything the doctor examines."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from keeper.adapters.clock import SystemClock
from keeper.adapters.ethereum.chain import EthereumChain
from keeper.adapters.ethereum.codec import AbiCodec
from keeper.app.doctor import Check, Health, examine
from keeper.app.preview import look
from keeper.core.journal import content_hash
from keeper.core.ledger import Mode
from keeper.core.model import Fund, Market, PinnedPolicy
from keeper.core.redact import origin
from keeper.core.units import ZERO_ADDRESS, Address, Hash32
from keeper.ports import BooksUnavailable, ChainUnavailable
from keeper.settings import ConfigurationError, PolicyFields, Settings, address_or_none
from keeper.wiring.keys import Keys, played_address
from keeper.wiring.places import check_chain, configuration_errors, open_chain, open_library


@dataclass(frozen=True, slots=True)
class Sight:
    """A fund as it is now, for commands that only look."""

    market: Market
    chain: EthereumChain
    codec: AbiCodec


@asynccontextmanager
async def open_sight(settings: Settings, name: str | None) -> AsyncIterator[Sight]:
    """Look at a fund of the database, or at the environment's treasury when there is no database yet."""
    mode = settings.mode()
    fund, pinned, known_code = await _known_fund(settings, mode, name)
    async with open_chain(settings) as chain:
        await check_chain(settings, chain)
        yield Sight(await look(fund, pinned, chain, SystemClock(), known_code), chain, AbiCodec())


async def _known_fund(
    settings: Settings, mode: Mode, name: str | None
) -> tuple[Fund, PinnedPolicy, dict[Address, Hash32]]:
    try:
        async with open_library(settings, mode, read_only=True) as library:
            funds = await library.books.funds()
            wanted = [fund for fund in funds if name is None or fund.name == name]
            if len(wanted) == 1:
                return wanted[0], await library.books.policy(wanted[0].id), await library.books.known_code()
            names = ", ".join(fund.name for fund in funds) or "none"
            raise ConfigurationError([f"which fund? there are: {names}"])
    except BooksUnavailable as outage:
        if settings.treasury_address is None or name not in (None, settings.fund_name):
            raise ConfigurationError([f"no fund is known: TREASURY_ADDRESS is not set, and {outage}"]) from None
    with configuration_errors():
        signer = played_address(settings)
    treasury = Address(settings.treasury_address)
    fund = Fund(0, settings.fund_name, treasury, signer, address_or_none(settings.hub_token), paused=False)
    digest = content_hash(PolicyFields.as_variables(settings))
    return fund, PinnedPolicy(0, settings.to_policy(), digest), {}


async def examine_everything(settings: Settings) -> list[Check]:
    """All of the doctor's checks; one that fails does not hide the next where that can still be asked."""
    checks = [_examine_key(settings), await _examine_database(settings)]
    async with open_chain(settings) as chain:
        try:
            found = await chain.chain_id()
        except ChainUnavailable as outage:
            return [Check("rpc", Health.FAIL, str(outage)), *checks]
        checks.insert(0, Check("rpc", Health.OK, origin(settings.rpc_url.get_secret_value())))
        same = found == settings.chain_id
        detail = f"{found}" if same else f"CHAIN_ID is {settings.chain_id}, the node is of chain {found}"
        checks.append(Check("chain_id", Health.OK if same else Health.FAIL, detail))
        treasury = address_or_none(settings.treasury_address)
        if treasury is not None:
            there = bool(await chain.code_at(treasury))
            detail = f"contract at {treasury}" if there else f"there is no contract at {treasury}"
            checks.append(Check("treasury", Health.OK if there else Health.FAIL, detail))
    if any(check.health is Health.FAIL for check in checks[1:]):
        return checks
    try:
        async with open_sight(settings, None) as sight:
            return [*checks, *examine(sight.market)]
    except ChainUnavailable as outage:
        return [*checks, Check("observation", Health.FAIL, str(outage))]


def _examine_key(settings: Settings) -> Check:
    try:
        address = Keys(settings, settings.mode()).open_environment()
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
    except ConfigurationError as error:
        return Check("database", Health.FAIL, str(error))
    except BooksUnavailable as outage:
        missing = "there is no database" in str(outage)
        return Check("database", Health.WARN if missing else Health.FAIL, str(outage))
