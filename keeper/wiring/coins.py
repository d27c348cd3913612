"""Which coin of the provider of market data a fund's tokens are: an operator says it, once per token."""

from collections.abc import Sequence

from keeper.adapters.storage.books import SqlBooks
from keeper.core.model import Asset, Fund
from keeper.core.quotes import CoinId, coin_id
from keeper.core.units import Address
from keeper.settings import ConfigurationError, Settings
from keeper.wiring.known import fund_named
from keeper.wiring.places import check_chain, open_chain, open_library


async def coins_of_fund(settings: Settings, name: str) -> list[tuple[str, Address, CoinId | None]]:
    """(symbol, token, coin) in the treasury's order. Raises ConfigurationError, ChainUnavailable, BooksUnavailable."""
    async with open_library(settings, settings.mode(), read_only=True) as library:
        fund = fund_named(await library.books.funds(), name)
        known = await library.books.coins()
    return [(asset.symbol, asset.token, known.get(asset.token)) for asset in await _assets(settings, fund)]


async def set_coins(settings: Settings, name: str, changes: Sequence[str], by: str) -> None:
    """`SYMBOL=COIN`, or `SYMBOL=` to forget it; all of them or none. A symbol that two assets have is refused: the
    token's address says which. Raises ConfigurationError, ChainUnavailable, BooksUnavailable."""
    async with open_library(settings, settings.mode()) as library:
        fund = fund_named(await library.books.funds(), name)
        assets = await _assets(settings, fund)
        wanted = _wanted(assets, changes)
        await _meet(library.books, assets)
        await library.books.set_coins(wanted, by)


async def _assets(settings: Settings, fund: Fund) -> tuple[Asset, ...]:
    async with open_chain(settings) as chain:
        await check_chain(settings, chain)
        treasury = (await chain.observe(await chain.head(), [fund])).treasuries[0]
    if treasury is None:
        raise ConfigurationError([f"no treasury answers at {fund.treasury}"])
    return treasury.assets


async def _meet(books: SqlBooks, assets: Sequence[Asset]) -> None:
    """A fund whose first cycle is still to come: its tokens are not in the books yet."""
    await books.remember_tokens([(asset.token, asset.symbol, asset.decimals, asset.code_hash) for asset in assets])


def _wanted(assets: Sequence[Asset], changes: Sequence[str]) -> dict[Address, CoinId | None]:
    wanted: dict[Address, CoinId | None] = {}
    problems = []
    for change in changes:
        name, equals, text = (part.strip() for part in change.partition("="))
        found = [asset for asset in assets if name in (asset.symbol, asset.token)]
        coin = coin_id(text) if text else None
        if not equals or not name:
            problems.append(f"{change}: expected SYMBOL=COIN")
        elif len(found) != 1:
            problems.append(f"{name}: {'no asset' if not found else 'more than one asset'} of the fund has that symbol")
        elif text and coin is None:
            problems.append(f"{name}: {text!r} is no coin's id (letters, digits and . _ ~ + -)")
        elif found[0].token in wanted:
            problems.append(f"{name}: is there twice")
        else:
            wanted[found[0].token] = coin
    if problems:
        raise ConfigurationError(problems)
    return wanted
