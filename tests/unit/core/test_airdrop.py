"""Batches, what the chain says of them, and what must stop an airdrop."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from keeper.core.setup.airdrop import (
    Act,
    Drop,
    Payment,
    Seeding,
    ShareBook,
    Step,
    batches,
    contradictions,
    next_step,
    open_ends,
    strange_spenders,
)
from keeper.core.setup.investors import DEAD, DEAD_SHARES, Investor, InvestorList
from keeper.core.units import Address, BaseUnits
from tests.factories import address, hash32

pytestmark = pytest.mark.unit

SHARE = 10**18
ELSEWHERE = address(999, "e")


def listed(count: int = 5, first: int = 1) -> InvestorList:
    return InvestorList(tuple(Investor(address(n), BaseUnits(n * SHARE)) for n in range(first, first + count)))


def drops(of: InvestorList, size: int = 2) -> list[Drop]:
    """Addresses that depend on the whole list, as the real ones do."""
    return [Drop(batch, address(int(of.digest, 16) % 10**9 * 10 + batch.number, "d")) for batch in batches(of, size)]


def payment(to: Address, amount: int) -> Payment:
    return Payment(to, BaseUnits(amount), hash32(1))


def seeded(of: InvestorList) -> ShareBook:
    return ShareBook(
        supply=of.issue,
        balance=of.total,
        seeding=Seeding((BaseUnits(1),), of.issue),
        paid=(payment(DEAD, DEAD_SHARES),),
        allowances={},
    )


def after(book: ShareBook, steps: Sequence[Step]) -> ShareBook:
    """The chain once these steps are mined; a creation without its allowance fails, as a second one does."""
    for step in steps:
        drop, allowed = step.drop, dict(book.allowances)
        if step.act is Act.APPROVE:
            book = replace(book, allowances={**allowed, drop.address: drop.batch.total})
        elif drop.address not in book.created and allowed.get(drop.address, 0) >= drop.batch.total <= book.balance:
            book = replace(
                book,
                allowances={**allowed, drop.address: BaseUnits(allowed[drop.address] - drop.batch.total)},
                created=book.created | {drop.address},
                balance=BaseUnits(book.balance - drop.batch.total),
                paid=(*book.paid, *(payment(i.address, i.shares) for i in drop.batch.investors)),
            )
    return book


def finished(of: InvestorList, size: int = 2) -> ShareBook:
    book, found = seeded(of), drops(of, size)
    while (step := next_step(found, book)) is not None:
        book = after(book, [step])
    return book


def test_batches_hold_everybody_once_in_order() -> None:
    found = batches(listed(5), 2)
    assert [len(batch.investors) for batch in found] == [2, 2, 1]
    assert [batch.number for batch in found] == [1, 2, 3]
    assert [investor for batch in found for investor in batch.investors] == list(listed(5).investors)
    assert sum(batch.total for batch in found) == listed(5).total


@pytest.mark.parametrize(("count", "sizes"), [(1, [1]), (200, [200]), (201, [200, 1]), (450, [200, 200, 50])])
def test_a_batch_holds_at_most_two_hundred(count: int, sizes: list[int]) -> None:
    assert [len(batch.investors) for batch in batches(listed(count))] == sizes


def test_each_batch_is_allowed_its_sum_and_then_created() -> None:
    of = listed(3)
    first, second = drops(of)
    book = seeded(of)
    taken = []
    while (step := next_step([first, second], book)) is not None:
        assert contradictions(of, [first, second], book) == []
        taken.append((step.act, step.drop.batch.number))
        book = after(book, [step])
    assert taken == [(Act.APPROVE, 1), (Act.CREATE, 1), (Act.APPROVE, 2), (Act.CREATE, 2)]
    assert open_ends(of, [first, second], book) == []


def test_an_allowance_of_another_sum_is_set_again() -> None:
    of = listed(2)
    (drop,) = drops(of)
    book = replace(seeded(of), allowances={drop.address: BaseUnits(drop.batch.total + 1)})
    assert next_step([drop], book) == Step(Act.APPROVE, drop)


def test_nothing_contradicts_before_the_seed() -> None:
    book = ShareBook(supply=BaseUnits(0), balance=BaseUnits(0))
    assert contradictions(listed(), drops(listed()), book) == []
    assert open_ends(listed(), drops(listed()), book) == ["the fund is not seeded"]


def test_a_list_with_another_sum_is_refused() -> None:
    book = seeded(listed(5))
    assert contradictions(listed(6), drops(listed(6)), book) == [
        "the seed issued 15 shares for the investors, the list adds up to 21 shares: it was changed"
    ]


def test_a_list_that_was_changed_after_a_batch_was_paid_is_refused_and_says_who_was_paid() -> None:
    of = listed(4)
    book = after(seeded(of), [Step(act, drops(of)[0]) for act in (Act.APPROVE, Act.CREATE)])
    # half a share from one to another: the sum is the same, and so is the first batch
    changed = InvestorList(
        (*of.investors[:2], *(replace(i, shares=BaseUnits(3_500_000_000_000_000_000)) for i in of.investors[2:]))
    )
    assert changed.total == of.total
    (problem,) = contradictions(changed, drops(changed), book)
    assert problem.startswith("the deployer paid what no batch of this list did: 1 shares to 0xa0")


def test_an_allowance_for_a_batch_of_another_list_is_strange() -> None:
    of = listed(4)
    old = drops(listed(4, first=2))[0]
    known = drops(of)[0]
    book = replace(seeded(of), allowances={old.address: old.batch.total, known.address: known.batch.total})
    assert strange_spenders(drops(of), book) == [old.address]
    assert contradictions(of, drops(of), book) == []


def test_shares_that_were_sent_by_hand_are_refused() -> None:
    of = listed(4)
    book = seeded(of)
    book = replace(book, paid=(*book.paid, payment(ELSEWHERE, SHARE)), balance=BaseUnits(book.balance - SHARE))
    assert len(contradictions(of, drops(of), book)) == 1


def test_shares_that_are_gone_without_an_event_stop_everything() -> None:
    """A node that leaves events out: the balance says more than it shows."""
    of = listed(2)
    book = replace(seeded(of), balance=BaseUnits(SHARE))
    assert contradictions(of, drops(of), book) == [
        "the deployer holds 1 shares, the batches that are not paid need 3 shares"
    ]


def test_what_holders_redeem_afterwards_is_no_open_end() -> None:
    of = listed(3)
    book = finished(of)
    left = replace(book, supply=BaseUnits(book.supply - SHARE), redeemed=BaseUnits(SHARE))
    assert open_ends(of, drops(of), left) == []


def test_a_payment_by_hand_to_an_investor_is_not_taken_for_the_batch() -> None:
    of = listed(2)
    book = seeded(of)
    book = replace(book, paid=(*book.paid, *(payment(i.address, i.shares) for i in of.investors)), balance=BaseUnits(0))
    assert contradictions(of, drops(of), book) != []


def test_a_batch_that_is_there_without_its_payments_is_refused() -> None:
    of = listed(2)
    book = replace(seeded(of), created=frozenset({drops(of)[0].address}))
    (problem,) = contradictions(of, drops(of), book)
    assert problem.startswith("a batch is there, but not its payments: 1 shares to")


def test_what_others_send_the_deployer_stops_nothing() -> None:
    of = listed(3)
    book = finished(of)
    book = replace(
        book, balance=BaseUnits(7), received=BaseUnits(7), supply=BaseUnits(book.supply + 7), minted=BaseUnits(7)
    )
    assert contradictions(of, drops(of), book) == []
    assert open_ends(of, drops(of), book) == []


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        ({"balance": BaseUnits(5)}, "the deployer still holds 0.000000000000000005 shares"),
        ({"supply": BaseUnits(1)}, "the supply is 0.000000000000000001 shares, not 6.000000000001 shares"),
    ],
)
def test_open_ends_are_named(change: dict[str, Any], problem: str) -> None:
    of = listed(3)
    assert open_ends(of, drops(of), replace(finished(of), **change)) == [problem]


def test_a_batch_that_is_missing_at_the_end_names_its_investors() -> None:
    of = listed(5)
    book = after(seeded(of), [Step(act, drops(of)[0]) for act in (Act.APPROVE, Act.CREATE)])
    assert open_ends(of, drops(of), book)[0].endswith("received 0 shares of 3 shares, "
        f"{address(4)} received 0 shares of 4 shares, {address(5)} received 0 shares of 5 shares")  # fmt: skip


@given(st.data())
def test_whoever_creates_what_and_whenever_it_starts_again_everybody_is_paid_once(data: st.DataObject) -> None:
    of = listed(data.draw(st.integers(1, 9)))
    found = drops(of, data.draw(st.integers(1, 4)))
    book = seeded(of)
    for _ in range(200):
        assert contradictions(of, found, book) == []
        step = next_step(found, book)
        if step is None:
            break
        kind = data.draw(st.sampled_from(["mined", "lost", "mined twice", "a stranger was first"]))
        if kind == "lost":
            continue
        stranger = [Step(Act.CREATE, drop) for drop in found] if kind == "a stranger was first" else []
        book = after(book, [*stranger, step, *([step] if kind == "mined twice" else []), *stranger])
    assert open_ends(of, found, book) == []
    paid = {p.to: p.shares for p in book.paid if p.to != DEAD}
    assert paid == {i.address: i.shares for i in of.investors}
    assert len(book.paid) == len(of.investors) + 1
