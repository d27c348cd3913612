"""What the books know of the funds, for commands that look at the chain; without books, what the environment says."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from keeper.app.remembered import Remembered, remembered
from keeper.core.index.states import IndexState
from keeper.core.journal import content_hash
from keeper.core.model import Fund, PinnedPolicy
from keeper.core.quotes import CoinId
from keeper.core.units import Address, Timestamp
from keeper.ports import NoBooks
from keeper.settings import ConfigurationError, PolicyFields, Settings, address_or_none
from keeper.wiring.keys import played_address
from keeper.wiring.places import configuration_errors, open_library


@dataclass(frozen=True, slots=True)
class Known:
    """`open_intents` are ids by signer, `coins` what each token is to a provider, `rows` the funds as stored, `indexes`
    those of the funds that follow one, by fund id."""

    funds: Mapping[str, tuple[Fund, PinnedPolicy]]
    open_intents: Mapping[Address, int] = field(default_factory=dict)
    coins: Mapping[Address, CoinId] = field(default_factory=dict)
    rows: tuple[Mapping[str, Any], ...] = ()
    indexes: Mapping[int, IndexState] = field(default_factory=dict)

    def one(self, name: str | None) -> tuple[Fund, PinnedPolicy]:
        """The fund of that name; the only one when no name is given. Raises ConfigurationError."""
        return self.funds[fund_named([fund for fund, _ in self.funds.values()], name).name]


async def known_funds(settings: Settings) -> Known:
    """Of the database of these settings, or the environment's treasury when there is none or it holds no fund.

    Raises ConfigurationError when there is no fund at all, or the database is another's; BooksUnavailable.
    """
    try:
        async with open_library(settings, settings.mode(), read_only=True) as library:
            books = library.books
            funds, policies = await books.funds(), await books.policies()
            if funds:
                return Known(
                    {fund.name: (fund, policies[fund.id]) for fund in funds},
                    {intent.signer: intent.id for intent in await books.open_intents()},
                    await books.coins(),
                    tuple(await books.fund_rows()),
                    await books.index_states(),
                )
    except NoBooks as outage:
        if settings.treasury_address is None:
            raise ConfigurationError([f"no fund is known: TREASURY_ADDRESS is not set, and {outage}"]) from None
    return Known({settings.fund_name: _of_environment(settings)})


async def past_of(settings: Settings, at: Timestamp) -> Remembered:
    """What the database remembers as of that chain time; nothing where there is none. Raises BooksUnavailable."""
    try:
        async with open_library(settings, settings.mode(), read_only=True) as library:
            return await remembered(library.books, at)
    except NoBooks:
        return Remembered()


def _of_environment(settings: Settings) -> tuple[Fund, PinnedPolicy]:
    if settings.treasury_address is None:
        raise ConfigurationError(["no fund is known: TREASURY_ADDRESS is not set, and the database has no fund"])
    with configuration_errors():
        signer = played_address(settings)
    treasury, hub = Address(settings.treasury_address), address_or_none(settings.hub_token)
    fund = Fund(0, settings.fund_name, treasury, signer, hub, paused=False)
    return fund, PinnedPolicy(0, settings.to_policy(), content_hash(PolicyFields.as_variables(settings)))


def fund_named(funds: Sequence[Fund], name: str | None) -> Fund:
    """The fund of that name; the only one when no name is given. Raises ConfigurationError."""
    known = ", ".join(fund.name for fund in funds) or "none"
    if name is None:
        if len(funds) == 1:
            return funds[0]
        raise ConfigurationError([f"which fund? there are: {known}"])
    for fund in funds:
        if fund.name == name:
            return fund
    raise ConfigurationError([f"there is no fund {name!r}; there are: {known}"])
