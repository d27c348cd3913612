"""Funds into the books: the first from the environment, further ones by hand, each with its policy."""

from pathlib import Path

from eth_utils.address import is_hex_address, to_checksum_address

from keeper.adapters.ethereum.chain import EthereumChain
from keeper.adapters.ethereum.signer import LocalSigner
from keeper.adapters.storage.books import SqlBooks
from keeper.core.model import Fund
from keeper.core.units import Address
from keeper.settings import ConfigurationError, PolicyFields, Settings, address_or_none, name_of_fund
from keeper.wiring.places import check_chain, check_treasury, configuration_errors, open_chain, open_library


async def register_first_fund(settings: Settings, books: SqlBooks, chain: EthereumChain, signer: Address) -> None:
    """The environment's treasury and key make a fund, once; a new key of the same fund takes its place."""
    if settings.treasury_address is None:
        if not await books.funds():
            raise ConfigurationError(["TREASURY_ADDRESS: is not set, and the database has no fund"])
        return
    treasury, hub = Address(settings.treasury_address), address_or_none(settings.hub_token)
    known = next((fund for fund in await books.funds() if fund.treasury == treasury), None)
    if known is None:
        candidate = Fund(0, settings.fund_name, treasury, signer, hub, paused=False)
        await check_treasury("TREASURY_ADDRESS", candidate, chain)
        with configuration_errors():
            await books.add_fund(settings.fund_name, treasury, signer, hub)
    elif (known.signer, known.hub) != (signer, hub):
        await books.change_fund(known.id, signer, hub, by="environment")


async def renew_policies(settings: Settings, books: SqlBooks) -> None:
    """A fund's policy is the environment's, with what operators set on top. What changed makes a new version."""
    for fund in await books.funds():
        versions = await books.policy_history(fund.id)
        overrides: dict[str, str] = dict(versions[0]["overrides"]) if versions else {}
        effective = PolicyFields.as_variables(settings) | overrides
        await books.put_policy(fund.id, effective, overrides, by="environment", why="the keeper started")


async def add_fund(
    settings: Settings, name: str, treasury: str, keystore: Path, password_file: Path, hub: str | None
) -> Fund:
    """A further fund: its key opens, a treasury answers at the address, and it has a policy. Else nothing is stored."""
    with configuration_errors():
        name_of_fund(name)
        address = checked_address("treasury", treasury)
        hub_token = None if hub is None else checked_address("--hub", hub)
        signer = LocalSigner.from_keystore(keystore, password_file, settings.chain_id).address
    async with open_chain(settings) as chain:
        await check_chain(settings, chain)
        await check_treasury("treasury", Fund(0, name, address, signer, hub_token, paused=False), chain)
    async with open_library(settings, settings.mode()) as library:
        with configuration_errors():
            return await library.books.add_fund(
                name,
                address,
                signer,
                hub_token,
                str(keystore),
                str(password_file),
                policy=PolicyFields.as_variables(settings),
            )


def checked_address(name: str, text: str) -> Address:
    if not is_hex_address(text):
        raise ValueError(f"{name}: {text!r} is not an address (0x and 40 hex digits)")
    return Address(to_checksum_address(text))
