"""The contract of both kinds of books on which coin a token is."""

import pytest

from keeper.core.quotes import CoinId
from tests.adapters.kept import Kept
from tests.adapters.storage import scenes
from tests.factories import address, hash32

pytestmark = pytest.mark.adapter

WETH, BITCOIN = CoinId("weth"), CoinId("wrapped-bitcoin")


async def test_a_token_is_the_coin_that_was_said_last(kept: Kept) -> None:
    await kept.books.remember_tokens([(scenes.WETH, "WETH", 18, None), (scenes.USDC, "USDC", 6, None)])
    assert await kept.books.coins() == {}
    assert await kept.books.set_coins({scenes.WETH: BITCOIN}, by="ann") == {scenes.WETH: (None, BITCOIN)}
    assert await kept.books.set_coins({scenes.WETH: WETH, scenes.USDC: None}, by="ann") == {
        scenes.WETH: (BITCOIN, WETH)
    }
    assert await kept.books.coins() == {scenes.WETH: WETH}
    assert await kept.books.set_coins({scenes.WETH: WETH}, by="ann") == {}
    await kept.books.remember_tokens([(scenes.WETH, "WETH", 18, hash32(7))])
    assert await kept.books.coins() == {scenes.WETH: WETH}
    assert await kept.books.set_coins({scenes.WETH: None}, by="ann") == {scenes.WETH: (WETH, None)}
    assert await kept.books.coins() == {}


async def test_a_token_that_was_never_met_has_none_and_nothing_is_changed(kept: Kept) -> None:
    await kept.books.remember_tokens([(scenes.WETH, "WETH", 18, None)])
    with pytest.raises(LookupError, match="was never met"):
        await kept.books.set_coins({scenes.WETH: WETH, address(77): BITCOIN}, by="ann")
    assert await kept.books.coins() == {}
