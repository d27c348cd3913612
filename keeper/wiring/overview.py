"""For `keeper treasury`: a treasury at one block, by its fund's name or by its address alone."""

from keeper.adapters.ethereum.surroundings import TreasuryReader
from keeper.core.model import LOCAL_CHAIN_ID, Fund
from keeper.core.overview import Overview, overview
from keeper.core.units import ZERO_ADDRESS, Address
from keeper.settings import ConfigurationError, Settings
from keeper.wiring.funds import checked_address
from keeper.wiring.keys import played_address
from keeper.wiring.known import known_funds
from keeper.wiring.places import check_chain, configuration_errors, open_chain


async def settings_of_any_chain() -> Settings:
    """The environment's; where CHAIN_ID is not set, the chain is the node's. Raises ConfigurationError."""
    try:
        return Settings.load()
    except ConfigurationError as error:
        if error.problems != ["CHAIN_ID: is not set"]:
            raise
    async with open_chain(Settings.load(chain_id=LOCAL_CHAIN_ID)) as chain:
        found = await chain.chain_id()
    return Settings.load(chain_id=found)


async def look_at(settings: Settings, name: str | None, treasury: str | None) -> Overview:
    """The fund of that name, the only one, or the treasury at that address: neither key nor database is needed then.

    Raises ConfigurationError, ChainUnavailable, BooksUnavailable.
    """
    if name is not None and treasury is not None:
        raise ConfigurationError(["name either a fund or a --treasury, not both"])
    fund = _unknown_fund(settings, treasury) if treasury else (await known_funds(settings)).one(name)[0]
    async with open_chain(settings) as chain:
        await check_chain(settings, chain)
        block = await chain.head()
        seen = (await chain.observe(block, [fund])).treasuries[0]
        if seen is None:
            raise ConfigurationError([f"{fund.treasury} does not answer as a treasury on chain {settings.chain_id}"])
        around = await TreasuryReader(chain.rpc).surroundings(seen, block, suspects=[fund.signer])
    return overview(seen, block, around)


def _unknown_fund(settings: Settings, treasury: str) -> Fund:
    with configuration_errors():
        address = checked_address("--treasury", treasury)
    signer = _configured_signer(settings)
    return Fund(0, address, address, signer, None, paused=False)


def _configured_signer(settings: Settings) -> Address:
    """Whose role is shown even where the node serves no logs; nobody's when no key is configured."""
    try:
        with configuration_errors():
            return played_address(settings)
    except ConfigurationError:
        return ZERO_ADDRESS
