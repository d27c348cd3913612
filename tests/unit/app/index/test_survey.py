"""The survey: which questions are asked, in which order and how many, and that nothing is said that is not known."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from decimal import Decimal

import pytest

from keeper.app.index.survey import CATEGORIES, MOST_COINS, Survey, survey
from keeper.core.index.candidates import Candidate, Cause, Contract
from keeper.core.index.categories import kinds
from keeper.core.index.eligibility import screen
from keeper.core.index.methodology import Methodology
from keeper.core.index.proposal import Listed, Proposal, propose
from keeper.core.quotes import CoinId, Fault, FaultKind
from keeper.core.units import Address, Bps
from keeper.core.universe import ChainNames, CoinKind, DexPool, ListedCoin
from keeper.market_ports import MarketDataUnavailable
from keeper.ports import ChainUnavailable
from tests import factories
from tests.fakes.chain import FakeChain
from tests.fakes.clock import FakeClock
from tests.fakes.market import FakeMarket, coin
from tests.index_factories import NOW, POOLS, rules, token

pytestmark = pytest.mark.unit

BLOCK = factories.block(timestamp=NOW)
PLACE = ChainNames("ethereum", "eth", {"WBTC": CoinId("wrapped-bitcoin")})
SHALLOW = (DexPool("0x", "uniswap_v3", Decimal(5)),)


@dataclass
class Tokens(FakeChain):
    """A chain on which every address that is asked about is a token, called as the coin in capitals."""

    clock: FakeClock = field(default_factory=FakeClock)
    treasuries: Sequence[object] = ()  # type: ignore[assignment]
    called: dict[Address, str] = field(default_factory=dict)
    asked_about: list[set[Address]] = field(default_factory=list)

    async def tokens(self, block: object, addresses: Collection[Address]) -> dict[Address, Contract]:
        if self.down is not None:
            raise ChainUnavailable(self.down)
        assert block is BLOCK
        self.asked_about.append(set(addresses))
        return {at: self.contracts.get(at, Contract(at, True, 18, self.called.get(at, "TOKEN"))) for at in addresses}


def market(*coins: ListedCoin, **changed: object) -> FakeMarket:
    return FakeMarket(list(coins), **changed)  # type: ignore[arg-type]


def many(count: int, first: int = 1) -> list[ListedCoin]:
    """c1, c2, ... from the largest down."""
    return [coin(f"c{number}", 10_000 - number) for number in range(first, first + count)]


async def look(
    provider: FakeMarket,
    how: Methodology | None = None,
    members: Collection[str] = (),
    listed: Sequence[Listed] = (),
    chain: FakeChain | None = None,
    *,
    from_file: bool = False,
) -> Survey:
    return await survey(
        how or rules(size=2, rank_buffer=1),
        members,
        listed,
        market=provider,
        facts=None if from_file else provider,
        chain=chain or Tokens(),
        place=None if from_file else PLACE,
        block=BLOCK,
    )


def reasons(found: Survey, how: Methodology) -> dict[str, Cause]:
    return {each.coin: each.refusal.cause for each in screen(found.candidates, how, NOW).refused}


def in_order(found: Survey, how: Methodology) -> list[str]:
    return [each.coin for each in screen(found.candidates, how, NOW).eligible]


def candidate(found: Survey, name: str) -> Candidate:
    return next(each for each in found.candidates if each.coin == name)


# ------------------------------------------------------------------------------------------- questions


async def test_the_questions_of_a_survey() -> None:
    """One page, a question per kind, one list of tokens, and pools of as many coins as decide: 1 + 4 + 1 + 3."""
    how = rules(size=2, rank_buffer=1)
    provider, chain = market(*many(200)), Tokens()
    found = await look(provider, how, chain=chain)
    assert [what for what, _ in provider.asked] == ["largest", *["members"] * 4, "addresses", *["dex_pools"] * 3]
    assert provider.questions("largest") == [MOST_COINS]
    assert provider.questions("members") == list(CoinKind)
    assert provider.questions("dex_pools") == [("eth", token(name)) for name in ("c1", "c2", "c3")]
    assert len(chain.asked_about) == 1
    assert len(chain.asked_about[0]) == 200
    assert in_order(found, how) == ["c1", "c2", "c3"]


async def test_what_decides_nothing_is_not_refused_for_a_reason_that_is_not_true() -> None:
    how = rules(size=2, rank_buffer=1)
    found = await look(market(*many(5), coin("dust", None)), how)
    assert [each.coin for each in found.candidates] == ["c1", "c2", "c3", "dust"]
    assert [(each.coin, each.reason) for each in found.not_looked_at] == [
        ("c4", "beyond the first 3 that are eligible"),
        ("c5", "beyond the first 3 that are eligible"),
    ]
    assert reasons(found, how) == {"dust": Cause.MISSING}, "what is out anyway is told with its own reason"


async def test_it_goes_on_down_until_enough_are_eligible() -> None:
    thin = {token(f"c{number}"): SHALLOW for number in (1, 3, 4)}
    how = rules(size=2, rank_buffer=1)
    provider = market(*many(20), pools=thin)
    found = await look(provider, how)
    assert len(provider.questions("dex_pools")) == 6
    assert in_order(found, how) == ["c2", "c5", "c6"]
    assert set(reasons(found, how).values()) == {Cause.FEW_EXCHANGES}


def of_one_exchange(count: int, usd: int = 5_000_000) -> tuple[DexPool, ...]:
    return tuple(DexPool(f"0x{usd}{number}", f"uniswap_v{number % 3 + 2}", Decimal(usd)) for number in range(count))


@pytest.mark.parametrize(
    ("pools", "pages", "eligible"),
    [
        (of_one_exchange(20) + POOLS, 2, True),
        (of_one_exchange(99) + POOLS, 5, False),
        (of_one_exchange(98) + POOLS[1:], 5, True),
        (of_one_exchange(200), 5, False),
        (of_one_exchange(19), 1, False),
        (of_one_exchange(20, usd=5), 1, False),
        (of_one_exchange(20) + of_one_exchange(20, usd=5) + POOLS, 2, False),
        ((), 1, False),
    ],
)
async def test_pools_are_turned_over_page_by_page_while_more_can_decide(
    pools: tuple[DexPool, ...], pages: int, eligible: bool
) -> None:
    how = rules(size=1, rank_buffer=0)
    provider = market(coin("a"), pools={token("a"): pools})
    found = await look(provider, how)
    assert len(provider.questions("dex_pools")) == pages
    assert in_order(found, how) == (["a"] if eligible else [])


async def test_pools_are_asked_of_coins_alone_that_pass_everything_else() -> None:
    how = rules(size=2, rank_buffer=0, exclusions=["shut"])
    chain = Tokens()
    chain.contracts = {
        token("mute"): Contract(token("mute"), True, None, None),
        token("gone"): Contract(token("gone"), False, None, None),
    }
    provider = market(
        coin("shut", 99),
        coin("old", 98, updated_at=NOW - 90_000),
        coin("dollar", 97, usd=Decimal(1), recent=(Decimal(1), Decimal("1.001"))),
        coin("twin", 96),
        coin("afar", 95),
        coin("mute", 94),
        coin("gone", 93),
        coin("same", 5),
        coin("good", 92),
        coin("fine", 4),
        kinds={CoinKind.STABLECOIN: {"dollar"}, CoinKind.STAKED: {"twin"}},
        without_token={"afar"},
        tokens={"same": token("good")},
    )
    found = await look(provider, how, chain=chain)
    assert provider.questions("dex_pools") == [("eth", token("good")), ("eth", token("fine"))]
    assert provider.questions("addresses") == [("ethereum", ["afar", "fine", "gone", "good", "mute", "same"])]
    assert in_order(found, how) == ["good", "fine"]
    assert reasons(found, how) == {
        "shut": Cause.EXCLUDED,
        "old": Cause.STALE,
        "dollar": Cause.PEGGED,
        "twin": Cause.TWIN,
        "afar": Cause.NO_CONTRACT,
        "mute": Cause.NO_CONTRACT,
        "gone": Cause.NO_CONTRACT,
        "same": Cause.TWIN,
    }


async def test_the_twin_of_a_coin_that_was_not_looked_at_is_not_looked_at_either() -> None:
    provider = market(*many(4), coin("same", 5), tokens={"same": token("c4")})
    found = await look(provider)
    assert [each.coin for each in found.not_looked_at] == ["c4", "same"]


async def test_members_are_looked_at_whatever_their_rank() -> None:
    how = rules(size=2, rank_buffer=1)
    provider = market(*many(30))
    found = await look(provider, how, members=["c20"])
    assert provider.questions("listing_of") == []
    assert provider.questions("dex_pools")[-1] == ("eth", token("c20"))
    assert in_order(found, how) == ["c1", "c2", "c3", "c20"]
    listed = [Listed(token(name), name.upper(), Bps(5_000)) for name in ("c1", "c20")]
    proposal = propose(how, found.candidates, ["c1", "c20"], listed, None, NOW)
    assert isinstance(proposal, Proposal)
    assert proposal.unexplained == (), "it leaves for its rank, and was not forgotten"


async def test_a_member_beyond_the_page_costs_one_question_more() -> None:
    provider = market(*many(30), page=10)
    found = await look(provider, members=["c20", "c25", "lost", "c1"])
    assert provider.questions("listing_of") == [["c20", "c25", "lost"]]
    assert found.unknown == (CoinId("lost"),)
    assert {"c20", "c25"} <= {each.coin for each in found.candidates}


async def test_coins_that_the_rules_choose_from_are_looked_for_by_name() -> None:
    how = rules(size=2, rank_buffer=0, coins=["c2", "c15"])
    provider = market(*many(30), page=10)
    found = await look(provider, how)
    assert provider.questions("listing_of") == [["c15"]]
    assert in_order(found, how) == ["c2", "c15"]
    assert len(provider.questions("dex_pools")) == 2
    on_the_page = market(*many(30), page=20)
    await look(on_the_page, how)
    assert on_the_page.questions("listing_of") == []


async def test_where_no_exchanges_are_wanted_none_are_asked() -> None:
    how = rules(size=2, rank_buffer=0, min_dexes=0)
    provider = market(*many(5))
    found = await look(provider, how)
    assert provider.questions("dex_pools") == []
    assert found.not_looked_at == ()
    assert len(in_order(found, how)) == 5


async def test_for_fixed_weights_nobody_is_asked() -> None:
    provider, chain = market(*many(5)), Tokens()
    assert await look(provider, rules(fixed_bps={"A": 10_000}), chain=chain) == Survey()
    assert provider.asked == []
    assert chain.asked_about == []


async def test_where_no_coin_can_be_in_no_token_is_asked_about() -> None:
    provider, chain = market(coin("old", updated_at=None)), Tokens()
    await look(provider, chain=chain)
    assert [what for what, _ in provider.asked] == ["largest", *["members"] * 4]
    assert chain.asked_about == []


# -------------------------------------------------------------------------------------------- categories


def test_every_kind_is_called_as_the_core_understands_it() -> None:
    assert set(CATEGORIES) == set(CoinKind)
    for name in CATEGORIES.values():
        assert kinds([name]), name


async def test_a_category_is_the_market_then() -> None:
    how = rules(size=2, rank_buffer=0, category="layer-1")
    provider = market(*many(6), of_category={"layer-1": {"c2", "c4", "c6"}})
    found = await look(provider, how, members=["c3"])
    assert provider.questions("largest") == [(MOST_COINS, "layer-1")]
    assert in_order(found, how) == ["c2", "c4"]
    assert reasons(found, how) == {"c3": Cause.EXCLUDED}, "the page had room: it is not in the category"


async def test_of_a_category_longer_than_a_page_nobody_can_say_who_is_not_in_it() -> None:
    how = rules(size=2, rank_buffer=0, category="meme")
    provider = market(*many(300), of_category={"meme": {f"c{n}" for n in range(1, 300)}})
    found = await look(provider, how, members=["c280"])
    assert reasons(found, how) == {}
    assert found.not_looked_at[-1].coin == "c280"
    assert found.not_looked_at[-1].reason == "not among the 250 largest of the category meme"
    assert found.unknown == ()


# ------------------------------------------------------------------------------------------ mapped coins


def asset(symbol: str, at: str, lacks: str = "") -> Listed:
    return Listed(token(at), symbol, Bps(0), lacks)


MAPPED = rules(size=2, rank_buffer=0, native={"bitcoin": "WBTC", "ethereum": "WETH"})


async def test_the_token_of_a_mapped_coin_is_the_treasurys_own() -> None:
    provider, chain = market(coin("bitcoin"), coin("ethereum")), Tokens()
    chain.called = {token("mine"): "WBTC", token("weth9"): "WETH"}
    found = await look(provider, MAPPED, listed=[asset("WBTC", "mine"), asset("WETH", "weth9")], chain=chain)
    assert in_order(found, MAPPED) == ["bitcoin", "ethereum"]
    contract = candidate(found, "bitcoin").contract
    assert contract is not None
    assert contract.address == token("mine")


async def test_without_a_treasury_the_provider_says_which_token_it_is_by_its_own_name_of_it() -> None:
    """`wrapped-bitcoin` is one of the provider's names, of WETH there is none: it is not looked for by symbol."""
    provider, chain = market(coin("bitcoin"), coin("ethereum"), coin("weth", symbol="WETH")), Tokens()
    chain.called = {token("wrapped-bitcoin"): "WBTC"}
    found = await look(provider, MAPPED, chain=chain)
    assert provider.questions("addresses") == [("ethereum", ["weth", "wrapped-bitcoin"])]
    assert in_order(found, MAPPED) == ["bitcoin", "weth"]
    (refused,) = screen(found.candidates, MAPPED, NOW).refused
    assert (refused.coin, refused.refusal.cause) == ("ethereum", Cause.NO_CONTRACT)
    assert "its token by the methodology, WETH, was not found" in refused.refusal.reason


async def test_two_assets_of_one_symbol_are_no_token_unless_one_alone_can_be_bought() -> None:
    provider, chain = market(coin("ethereum")), Tokens()
    chain.called = {token("old"): "WETH", token("new"): "WETH"}
    alike = [asset("WETH", "old"), asset("WETH", "new")]
    assert reasons(await look(provider, MAPPED, listed=alike, chain=chain), MAPPED) == {"ethereum": Cause.NO_CONTRACT}
    one_retired = [asset("WETH", "old", "retired"), asset("WETH", "new")]
    found = await look(provider, MAPPED, listed=one_retired, chain=chain)
    contract = candidate(found, "ethereum").contract
    assert contract is not None
    assert contract.address == token("new")


async def test_a_mapped_coin_has_no_other_token_of_its_own() -> None:
    """The provider may know another on the chain, a bridged one: the methodology's word stands."""
    provider = market(coin("ethereum"))
    found = await look(provider, MAPPED)
    assert candidate(found, "ethereum").contract is None
    assert provider.questions("addresses") == [("ethereum", [])]


# -------------------------------------------------------------------------------------- what goes wrong


@pytest.mark.parametrize("what", ["largest", "members", "listing_of", "addresses", "dex_pools"])
async def test_a_question_without_an_answer_ends_the_survey(what: str) -> None:
    outage = MarketDataUnavailable("no answer", FaultKind.UNAVAILABLE, 5.0)
    provider = market(*many(5), down={what: outage})
    with pytest.raises(MarketDataUnavailable, match="no answer"):
        await look(provider, members=["elsewhere"])
    assert provider.asked[-1][0] == what


async def test_a_silent_node_ends_it_too() -> None:
    chain = Tokens()
    chain.down = "no node"
    with pytest.raises(ChainUnavailable):
        await look(market(*many(2)), chain=chain)


async def test_faults_are_told_and_are_no_candidates() -> None:
    fault = Fault(CoinId("liar"), "fake", FaultKind.ABSURD, "the price is 1e99 USD")
    provider = market(*many(2), faults=(fault,))
    found = await look(provider, members=["liar"])
    assert found.faults == (fault,)
    assert provider.questions("listing_of") == [], "what was off on the page is not asked again"
    assert found.unknown == ()
    assert {each.coin for each in found.candidates} == {"c1", "c2"}


async def test_facts_need_a_place() -> None:
    provider = market(*many(2))
    with pytest.raises(ValueError, match="what the provider calls the chain"):
        await survey(rules(), (), (), market=provider, facts=provider, chain=Tokens(), place=None, block=BLOCK)


# --------------------------------------------------------------------------- a listing that says it all


async def test_a_listing_that_says_by_itself_what_a_coin_is() -> None:
    how = rules(size=2, rank_buffer=0, native={"bitcoin": "WBTC"})
    chain = Tokens()
    chain.called = {token("mine"): "WBTC"}
    provider = market(
        coin("bitcoin", 90, pools=POOLS),
        coin("good", 80, token=token("good"), pools=POOLS),
        coin("thin", 70, token=token("thin"), pools=SHALLOW),
        coin("silent", 60, token=token("silent")),
        coin("dollar", 50, token=token("dollar"), pools=POOLS, categories=("USD Stablecoin",)),
        coin("nowhere", 40, pools=POOLS),
    )
    found = await look(provider, how, listed=[asset("WBTC", "mine")], chain=chain, from_file=True)
    assert [what for what, _ in provider.asked] == ["largest"]
    assert found.not_looked_at == ()
    assert in_order(found, how) == ["bitcoin", "good"]
    assert reasons(found, how) == {
        "thin": Cause.FEW_EXCHANGES,
        "silent": Cause.MISSING,
        "dollar": Cause.PEGGED,
        "nowhere": Cause.NO_CONTRACT,
    }


async def test_a_mapped_coin_without_a_treasury_has_the_token_that_the_listing_says() -> None:
    how = rules(size=1, rank_buffer=0, native={"bitcoin": "WBTC"})
    chain = Tokens()
    chain.called = {token("said"): "WBTC"}
    provider = market(coin("bitcoin", 90, token=token("said"), pools=POOLS))
    assert in_order(await look(provider, how, chain=chain, from_file=True), how) == ["bitcoin"]
    chain.called = {token("said"): "FAKE"}
    assert reasons(await look(provider, how, chain=chain, from_file=True), how) == {"bitcoin": Cause.NO_CONTRACT}
