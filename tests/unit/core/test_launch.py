"""What stands in a launch's way, and which transactions come next, from one block of the chain."""

from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest

from keeper.core.model import SequencerAnswer, Treasury
from keeper.core.setup.airdrop import Drop, Payment, Seeding, ShareBook, batches
from keeper.core.setup.config import AssetConfig, FundConfig, SeedConfig
from keeper.core.setup.investors import DEAD, DEAD_SHARES, Investor, InvestorList
from keeper.core.setup.launch import Launch, LaunchFacts, Move, Task, described
from keeper.core.units import Address, BaseUnits, Bps, Timestamp, Wei
from tests.factories import TREASURY, address, answer, asset, block, hash32, treasury, usd

pytestmark = pytest.mark.unit

DEPLOYER, OWNER = address(1, "c"), address(2, "c")
LISTED = InvestorList(tuple(Investor(address(n), BaseUnits(n * 10**18)) for n in (1, 2, 3)))
DROPS = tuple(Drop(batch, address(batch.number, "d")) for batch in batches(LISTED, 2))
WETH, USDC = address(1), address(2)


def asset_config(symbol: str, token: Address, target: int) -> AssetConfig:
    return AssetConfig(symbol, token, address(9, "f"), 3_600, Decimal(1), Decimal(10**6), Bps(target))


CONFIG = FundConfig(
    name="Index",
    symbol="IDX",
    chain_id=31_337,
    owner=OWNER,
    assets=(asset_config("WETH", WETH, 6_000), asset_config("USDC", USDC, 4_000)),
    venues=(),
    seed=SeedConfig({"USDC": Decimal(4_000), "WETH": Decimal("3")}),
)
LAUNCH = Launch(CONFIG, LISTED, DEPLOYER, DROPS)
AMOUNTS = (BaseUnits(3 * 10**18), BaseUnits(4_000 * 10**6))
SEEDED = ShareBook(
    supply=LISTED.issue,
    balance=LISTED.total,
    seeding=Seeding(AMOUNTS, LISTED.issue),
    paid=(Payment(DEAD, BaseUnits(DEAD_SHARES), hash32(1)),),
)


def deployed(**changes: Any) -> Treasury:
    assets = (
        asset(0, "WETH", price=2_000, balance=0, target=6_000),
        asset(1, "USDC", price=1, balance=0, target=4_000, decimals=6),
    )
    return replace(treasury(assets, [], owner=DEPLOYER, total_supply=0), **changes)


def facts(**changes: Any) -> LaunchFacts:
    return replace(
        LaunchFacts(
            block=block(),
            treasury=deployed(),
            sequencer=None,
            held=AMOUNTS,
            allowed=(BaseUnits(0), BaseUnits(0)),
            book=ShareBook(supply=BaseUnits(0), balance=BaseUnits(0)),
            proxy=True,
            coins=Wei(10**18),
            tip=Wei(10**9),
        ),
        **changes,
    )


def without(found: Treasury, **changes: Any) -> Treasury:
    """The first asset changed."""
    first, *others = found.assets
    return replace(found, assets=(replace(first, **changes), *others))


def test_nothing_stands_in_the_way() -> None:
    assert LAUNCH.problems(facts()) == []
    assert LAUNCH.amounts(deployed()) == AMOUNTS


def test_the_start_is_the_fund_as_it_will_be() -> None:
    start = LAUNCH.start(facts())
    assert start.nav == usd(10_000)
    assert start.tracking_error == 0
    assert start.share_price == usd(10_000) * 10**18 // LISTED.issue
    donated = facts(treasury=without(deployed(), balance=BaseUnits(10**18)))
    assert LAUNCH.start(donated).nav == usd(12_000)  # what was sent before is part of the fund


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        (
            {"held": (AMOUNTS[0] - 1, AMOUNTS[1])},
            "seed: the deployer holds 2.999999999999999999 WETH, the seed takes 3",
        ),
        ({"held": (None, AMOUNTS[1])}, "seed: WETH does not say what the deployer holds"),
        ({"treasury": deployed(owner=OWNER)}, f"seed: only the owner, {OWNER}, can seed; the deployer is {DEPLOYER}"),
        ({"treasury": without(deployed(), target=Bps(0))}, "seed: the target weights sum to 4000 bps, not to 10000"),
        ({"treasury": without(deployed(), answer=None)}, "seed: value of WETH: the feed did not answer"),
        ({"treasury": without(deployed(), answer=answer(2_000, 1))}, "seed: value of WETH: the answer is "),
        ({"treasury": deployed(total_supply=1)}, "seed: the fund has shares, but the node does not show the event"),
        ({"treasury": without(deployed(), token=address(7))}, "seed: WETH is not on the treasury's list"),
        ({"proxy": False}, "the deterministic deployment proxy"),
        ({"coins": Wei(0)}, f"{DEPLOYER} has 0.000000 of the native coin, the launch may cost"),
        (
            {"sequencer": SequencerAnswer(address(3), 1, Timestamp(5))},
            "seed: NAV, weights and tracking error: the sequencer is down",
        ),
    ],
)
def test_what_stands_in_the_way(changes: dict[str, Any], problem: str) -> None:
    assert LAUNCH.problems(facts(**changes))[0].startswith(problem)


def test_an_amount_finer_than_the_token() -> None:
    fine = replace(LAUNCH, config=replace(CONFIG, seed=SeedConfig({"USDC": Decimal("0.0000001")})))
    assert "seed: 0.0000001 USDC: the token has 6 decimals" in fine.problems(facts())


def test_a_configuration_without_a_seed() -> None:
    bare = replace(LAUNCH, config=replace(CONFIG, seed=SeedConfig({})))
    assert bare.problems(facts()) == ["seed: the configuration has no amounts"]


def test_seeded_with_other_amounts() -> None:
    other = replace(SEEDED, seeding=Seeding((AMOUNTS[0], BaseUnits(5)), LISTED.issue))
    assert LAUNCH.problems(facts(book=other)) == [
        "seed: the fund was seeded with other amounts: 0.000005 USDC, not 4000 USDC"
    ]
    longer = replace(SEEDED, seeding=Seeding((*AMOUNTS, BaseUnits(0)), LISTED.issue))
    assert LAUNCH.problems(facts(book=longer)) == [
        "seed: the fund was seeded with other amounts: 3 assets were seeded, 2 are listed"
    ]


def test_an_asset_that_was_listed_after_the_seed_changes_nothing() -> None:
    more = deployed(assets=(*deployed().assets, asset(2, "NEW", price=1, balance=0, target=0)))
    found = facts(book=SEEDED, treasury=more, held=(*AMOUNTS, BaseUnits(0)), allowed=(BaseUnits(0),) * 3)
    assert LAUNCH.problems(found) == []


def test_once_seeded_neither_purse_nor_prices_nor_owner_matter() -> None:
    handed_over = without(deployed(owner=OWNER, total_supply=LISTED.issue), answer=None)
    assert LAUNCH.problems(facts(book=SEEDED, treasury=handed_over, held=(BaseUnits(0),) * 2)) == []


def test_allowances_come_first_then_the_seed() -> None:
    assert LAUNCH.tasks(facts()) == [
        Task(Move.ALLOW_ASSET, asset=0, amount=AMOUNTS[0]),
        Task(Move.ALLOW_ASSET, asset=1, amount=AMOUNTS[1]),
        Task(Move.SEED, waits=True),
    ]


def test_an_allowance_is_changed_by_way_of_nothing() -> None:
    assert LAUNCH.tasks(facts(allowed=(AMOUNTS[0], BaseUnits(1)))) == [
        Task(Move.ALLOW_ASSET, asset=1, amount=BaseUnits(0)),
        Task(Move.ALLOW_ASSET, asset=1, amount=AMOUNTS[1], waits=True),
        Task(Move.SEED, waits=True),
    ]


def test_then_the_batches_one_after_the_other() -> None:
    first, second = DROPS
    assert LAUNCH.tasks(facts(book=SEEDED)) == [Task(Move.ALLOW_BATCH, amount=first.batch.total, drop=first)]
    allowed = replace(SEEDED, allowances={first.address: first.batch.total})
    assert LAUNCH.tasks(facts(book=allowed)) == [Task(Move.PAY_BATCH, amount=first.batch.total, drop=first)]
    paid = replace(SEEDED, created=frozenset({first.address}))
    assert LAUNCH.tasks(facts(book=paid)) == [Task(Move.ALLOW_BATCH, amount=second.batch.total, drop=second)]


def test_what_strangers_may_take_is_taken_back_before_anybody_is_paid() -> None:
    stranger = address(77, "d")
    book = replace(SEEDED, allowances={stranger: BaseUnits(1), DROPS[0].address: DROPS[0].batch.total})
    assert LAUNCH.problems(facts(book=book)) == []
    assert LAUNCH.tasks(facts(book=book)) == [Task(Move.REVOKE, amount=BaseUnits(0), spender=stranger)]
    done = replace(book, created=frozenset(drop.address for drop in DROPS), allowances={stranger: BaseUnits(1)})
    assert LAUNCH.tasks(facts(book=done)) == []  # nobody's shares but the deployer's own


def test_in_the_end_no_allowance_is_left() -> None:
    second = DROPS[1]
    done = replace(SEEDED, created=frozenset(drop.address for drop in DROPS))
    assert LAUNCH.tasks(facts(book=done)) == []
    left = replace(done, allowances={second.address: BaseUnits(5)})
    assert LAUNCH.tasks(facts(book=left, allowed=(BaseUnits(0), BaseUnits(9)))) == [
        Task(Move.ALLOW_ASSET, asset=1, amount=BaseUnits(0)),
        Task(Move.ALLOW_BATCH, amount=BaseUnits(0), drop=second),
    ]
    assert "the treasury may still take 0.000009 USDC of the deployer" in LAUNCH.open_ends(
        facts(book=left, allowed=(BaseUnits(0), BaseUnits(9)))
    )


def test_gas_shrinks_with_what_is_done() -> None:
    first, second = DROPS
    everything, airdrop = LAUNCH.gas(facts()), LAUNCH.gas(facts(book=SEEDED))
    half = LAUNCH.gas(facts(book=replace(SEEDED, created=frozenset({first.address}))))
    done = LAUNCH.gas(facts(book=replace(SEEDED, created=frozenset({first.address, second.address}))))
    assert everything > airdrop > half > done == 0


@pytest.mark.parametrize(
    ("task", "words"),
    [
        (Task(Move.ALLOW_ASSET, asset=1, amount=AMOUNTS[1]), ("allow the treasury 4000 USDC", "allow USDC")),
        (Task(Move.SEED), ("seed the fund: 6.000000000001 shares for 3 investors", "seed")),
        (Task(Move.PAY_BATCH, drop=DROPS[0]), ("pay batch 1 of 2: 3 shares to 2", "batch 1")),
        (
            Task(Move.ALLOW_BATCH, amount=DROPS[1].batch.total, drop=DROPS[1]),
            ("allow batch 2 of 2 3 shares", "allow batch 2"),
        ),
    ],
)
def test_tasks_in_words(task: Task, words: tuple[str, str]) -> None:
    assert described(task, LAUNCH, deployed(address=TREASURY)) == words
