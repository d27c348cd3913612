"""`/simple/price`: what coins cost, 250 in one question."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from keeper.adapters.coingecko.question import Malformed, Question
from keeper.core.quotes import CoinId, Fault, FaultKind, Quote, quote_of, said

SOURCE: Final = "coingecko"
TOPIC: Final = "simple/price"
MOST_COINS: Final = 250

Answers = Mapping[CoinId, Quote | Fault]


def questions(coins: Sequence[CoinId], keep_seconds: float) -> Iterator[tuple[Sequence[CoinId], Question[Answers]]]:
    """As few as there can be, each with its coins. The same coins make the same questions, whatever their order."""
    ordered = sorted(set(coins))
    for start in range(0, len(ordered), MOST_COINS):
        part = ordered[start : start + MOST_COINS]
        yield part, _question(part, keep_seconds)


def _question(coins: Sequence[CoinId], keep_seconds: float) -> Question[Answers]:
    return Question(
        topic=TOPIC,
        path=TOPIC,
        query={
            "ids": ",".join(coins),
            "vs_currencies": "usd",
            "include_market_cap": "true",
            "include_last_updated_at": "true",
            "precision": "full",
        },
        read=lambda document: read(document, coins),
        keep_seconds=keep_seconds,
        longest=1 << 20,
        for_prices=True,
    )


def read(document: Any, coins: Sequence[CoinId]) -> Answers:
    """Of each coin that was asked for, whatever else the answer has. The age of a quote is not judged here."""
    if not isinstance(document, dict):
        raise Malformed(f"{said(document)} where prices belong")
    return {coin: _answer(coin, document) for coin in coins}


def _answer(coin: CoinId, document: Mapping[str, Any]) -> Quote | Fault:
    if coin not in document:
        return Fault(coin, SOURCE, FaultKind.MISSING, "CoinGecko has no coin of that name, or has stopped to price it")
    entry = document[coin]
    if not isinstance(entry, dict):
        return Fault(coin, SOURCE, FaultKind.MALFORMED, f"CoinGecko answered {said(entry)} where a price belongs")
    return quote_of(coin, SOURCE, entry.get("usd"), entry.get("usd_market_cap"), entry.get("last_updated_at"))
