"""The market as an index wants it: provider and chain are asked in stages, the cheapest first, each question once."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from functools import partial
from typing import Final

from keeper.app.index.patience import Asking, AtOnce
from keeper.core.index.candidates import Candidate
from keeper.core.index.eligibility import OF_THE_MARKET, on_the_chain, screen, traded
from keeper.core.index.methodology import Methodology
from keeper.core.index.proposal import Listed
from keeper.core.model import Block
from keeper.core.quotes import CoinId, Fault
from keeper.core.units import Address
from keeper.core.universe import ChainNames, CoinKind, DexPool, ListedCoin, Listing
from keeper.market_ports import POOLS_A_PAGE, CoinFacts, MarketData
from keeper.ports import Chain

MOST_COINS: Final = 250
"""Of the market, or of a category, that are looked at: one page."""

MOST_PAGES: Final = 5
"""Of a token's pools. Who is not on enough exchanges by then is hardly traded on the others."""

CATEGORIES: Final[Mapping[CoinKind, str]] = {
    CoinKind.STABLECOIN: "Stablecoins",
    CoinKind.WRAPPED: "Wrapped Tokens",
    CoinKind.STAKED: "Liquid Staking Tokens",
    CoinKind.BACKED: "Crypto-Backed Tokens",
}
"""What a kind of coin is called among a candidate's categories."""


@dataclass(frozen=True, slots=True)
class NotLookedAt:
    """A coin of which not everything was asked, for nothing depends on it: neither in nor out, and no candidate."""

    coin: str
    symbol: str
    market_cap: Decimal | None
    reason: str


@dataclass(frozen=True, slots=True)
class Survey:
    """`candidates` are fit for `propose` and `screen`: of each of them everything was asked that decides.

    `faults` are coins of which the provider said what cannot be believed, `unknown` those that were asked for by name
    and that it does not have. Neither are candidates.
    """

    candidates: tuple[Candidate, ...] = ()
    faults: tuple[Fault, ...] = ()
    not_looked_at: tuple[NotLookedAt, ...] = ()
    unknown: tuple[CoinId, ...] = ()


async def survey(
    rules: Methodology,
    members: Collection[str],
    listed: Sequence[Listed],
    *,
    market: MarketData,
    facts: CoinFacts | None,
    chain: Chain,
    place: ChainNames | None,
    block: Block,
    asking: Asking | None = None,
) -> Survey:
    """The candidates of an index with these rules, as of that block.

    `members` are the coins of the index as it is: they are looked at whatever their rank. `listed` are the treasury's
    assets, which say what the tokens of mapped coins are; empty where there is no fund. Without `facts` the listing
    says by itself what a coin is; with them `place` is needed. `asking` may wait for the provider; None waits for
    nothing.

    Asked of the provider, in this order: a page of the market; another one if a member, or a coin that the rules name,
    is not on the first; the coins of every kind; the list of tokens; then the pools of one coin after the other, the
    largest first, until `size + rank_buffer` are eligible, and of the members beyond. Pools are asked only of coins
    that pass every other check, in pages: another one while the last was full, had a deep pool, and the exchanges are
    not enough. Of the chain: one request. For fixed weights nobody is asked anything.

    Raises MarketDataUnavailable and ChainUnavailable at the first question without an answer: a coin that was not kept
    out for want of one would be bought.
    """
    if rules.fixed_bps:
        return Survey()
    if facts is not None and place is None:
        raise ValueError("who asks for facts must know what the provider calls the chain")
    looking = _Looking(rules, frozenset(members), listed, market, facts, chain, place, block, asking or AtOnce())
    return await looking.survey()


@dataclass(frozen=True, slots=True)
class _Looking:
    """The arguments of `survey`."""

    rules: Methodology
    members: frozenset[str]
    listed: Sequence[Listed]
    market: MarketData
    facts: CoinFacts | None
    chain: Chain
    place: ChainNames | None
    block: Block
    asking: Asking

    async def survey(self) -> Survey:
        page = await self.asking.ask(partial(self.market.largest, MOST_COINS, self.rules.category))
        named = await self._named(page)
        outside = self._outside(page, named)
        coins = [*page.candidates, *(coin for coin in named.candidates if coin not in outside)]
        candidates = await self._located(await self._described(coins, page), coins)
        looked_at, left = await self._traded(candidates)
        enough = f"beyond the first {self._enough} that are eligible"
        category = f"not among the {MOST_COINS} largest of the category {self.rules.category}"
        known = {coin.coin for coin in coins} | {fault.coin for fault in (*page.faults, *named.faults)}
        return Survey(
            candidates=looked_at,
            faults=(*page.faults, *named.faults),
            not_looked_at=(
                *(NotLookedAt(each.coin, each.symbol, each.market_cap, enough) for each in left),
                *(NotLookedAt(each.coin, each.symbol, each.market_cap, category) for each in outside),
            ),
            unknown=tuple(sorted(self._wanted_by_name - known - {coin.coin for coin in outside})),
        )

    @property
    def _enough(self) -> int:
        """Who comes after so many eligible coins is neither a newcomer nor a member that may stay."""
        return self.rules.size + self.rules.rank_buffer

    @property
    def _wanted_by_name(self) -> frozenset[CoinId]:
        return frozenset(map(CoinId, (*self.members, *self.rules.coins)))

    # ---------------------------------------------------------------------------------------------- stages

    async def _named(self, page: Listing) -> Listing:
        """Members, and coins that the rules name, that are not on the page."""
        there = {coin.coin for coin in page.candidates} | {fault.coin for fault in page.faults}
        missing = self._wanted_by_name - there
        if not missing:
            return Listing((), ())
        return await self.asking.ask(partial(self.market.listing_of, missing))

    def _outside(self, page: Listing, named: Listing) -> tuple[ListedCoin, ...]:
        """Coins of which nobody can say that they are not in the category: its page was full."""
        full = len(page.candidates) + len(page.faults) >= MOST_COINS
        return named.candidates if self.rules.category and full and self.facts is not None else ()

    async def _described(self, coins: Iterable[ListedCoin], page: Listing) -> list[Candidate]:
        """With their categories, without contracts. Of `page` all are in the category that was asked for."""
        kinds: dict[CoinKind, frozenset[CoinId]] = {}
        if self.facts is not None:
            for kind in CoinKind:
                kinds[kind] = await self.asking.ask(partial(self.facts.members, kind))
        asked_for = (self.rules.category,) if self.rules.category and self.facts is not None else ()
        on_page = {coin.coin for coin in page.candidates}
        return [
            _candidate(
                coin,
                (
                    *coin.categories,
                    *(CATEGORIES[kind] for kind, its_coins in kinds.items() if coin.coin in its_coins),
                    *(asked_for if coin.coin in on_page else ()),
                ),
            )
            for coin in coins
        ]

    async def _located(self, candidates: list[Candidate], coins: Iterable[ListedCoin]) -> list[Candidate]:
        """With the contracts of those that may be in by all that was said so far."""
        standing = screen(candidates, self.rules, self.block.timestamp, OF_THE_MARKET).eligible
        tokens = await self._tokens([CoinId(each.coin) for each in standing], {coin.coin: coin.token for coin in coins})
        contracts = await self.chain.tokens(self.block, set(tokens.values())) if tokens else {}
        return [
            replace(each, contract=contracts.get(tokens[each.coin])) if each.coin in tokens else each
            for each in candidates
        ]

    async def _tokens(self, coins: Collection[CoinId], said: Mapping[CoinId, Address | None]) -> dict[str, Address]:
        """The token of each coin. Of one that is mapped: the treasury's asset of that symbol, else the provider's coin
        that is such a token; never whatever bears the symbol."""
        mapped = {coin: self.rules.tokens[coin] for coin in coins if coin in self.rules.tokens}
        if self.facts is None or self.place is None:
            theirs = {coin: token for coin in coins if (token := said[coin]) is not None}
        elif coins:
            stand_ins = {coin: self.place.wrapped[its] for coin, its in mapped.items() if its in self.place.wrapped}
            others = {coin: coin for coin in coins if coin not in mapped} | stand_ins
            asked = partial(self.facts.addresses, self.place.platform, set(others.values()))
            found = await self.asking.ask(asked)
            theirs = {coin: found[other] for coin, other in others.items() if other in found}
        else:
            theirs = {}
        ours = {coin: token for coin, symbol in mapped.items() if (token := self._asset(symbol)) is not None}
        return {str(coin): token for coin, token in (theirs | ours).items()}

    def _asset(self, symbol: str) -> Address | None:
        """The treasury's asset of that symbol; None where there is none, or more than one of equal standing."""
        alike = [asset for asset in self.listed if asset.symbol == symbol]
        best = [asset for asset in alike if not asset.lacks] or alike
        return best[0].token if len(best) == 1 else None

    async def _traded(self, candidates: list[Candidate]) -> tuple[tuple[Candidate, ...], list[Candidate]]:
        """With the pools of their tokens; and those that were not looked at, for enough others are eligible."""
        now = self.block.timestamp
        if self.facts is None or self.place is None or not self.rules.min_dexes:
            return tuple(candidates), []
        pools: dict[Address, tuple[DexPool, ...]] = {}
        eligible = 0
        for each in screen(candidates, self.rules, now, (*OF_THE_MARKET, on_the_chain)).eligible:
            token = _token(each.candidate)
            if token is None or (eligible >= self._enough and each.coin not in self.members):
                continue
            pools[token] = await self._pools(each.candidate, token, self.facts, self.place.network)
            eligible += traded(replace(each.candidate, pools=pools[token]), self.rules, now) is None
        looked_at, left = list[Candidate](), list[Candidate]()
        for candidate in candidates:
            token = _token(candidate)
            if token is None or on_the_chain(candidate, self.rules, now) is not None:
                looked_at.append(candidate)
            elif token in pools:  # also of a twin: it has the token of a larger coin
                looked_at.append(replace(candidate, pools=pools[token]))
            else:
                left.append(candidate)
        return tuple(looked_at), left

    async def _pools(self, candidate: Candidate, token: Address, facts: CoinFacts, network: str) -> tuple[DexPool, ...]:
        """The first pages, until they say enough: the twenty busiest pools of a coin may all be of one exchange."""
        found: tuple[DexPool, ...] = ()
        for page in range(1, MOST_PAGES + 1):
            pools = await self.asking.ask(partial(facts.dex_pools, network, token, page))
            found += pools
            enough = traded(replace(candidate, pools=found), self.rules, self.block.timestamp) is None
            deep = any((pool.reserve_usd or 0) >= self.rules.min_pool_usd for pool in pools)
            if enough or not deep or len(pools) < POOLS_A_PAGE:
                break
        return found


def _candidate(coin: ListedCoin, categories: tuple[str, ...]) -> Candidate:
    return Candidate(
        coin=coin.coin,
        symbol=coin.symbol,
        name=coin.name,
        market_cap=coin.market_cap,
        price=coin.usd,
        updated_at=coin.updated_at,
        rank=coin.rank,
        categories=categories,
        recent=coin.recent,
        pools=coin.pools,
    )


def _token(candidate: Candidate) -> Address | None:
    return None if candidate.contract is None else candidate.contract.address
