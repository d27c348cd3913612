"""Who is paid in which transaction, what the chain says was paid, and whether the two belong together. Nobody twice.

A batch is a contract whose creation pays (`contracts/src/Airdrop.sol`). Its address follows from the batch and from the
digest of the whole list: whether it was paid is whether there is code, and a list that was changed has other addresses.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final

from keeper.core.setup.investors import DEAD, DEAD_SHARES, Investor, InvestorList
from keeper.core.units import Address, BaseUnits, Hash32, scaled
from keeper.core.words import plain

BATCH_SIZE: Final = 200
"""Investors paid by one transaction: 5.7 million gas of the 16.8 million that EIP-7825 allows, 14 kB of the 49 kB of
creation code that EIP-3860 does."""
_NAMED: Final = 3
"""Payments that a message names; the others are counted."""
_NOTHING: Final = BaseUnits(0)


@dataclass(frozen=True, slots=True)
class Batch:
    """Those who are paid together; `number` counts from 1."""

    number: int
    investors: tuple[Investor, ...]

    @property
    def total(self) -> BaseUnits:
        return BaseUnits(sum(investor.shares for investor in self.investors))


@dataclass(frozen=True, slots=True)
class Drop:
    """A batch and the address at which it is paid."""

    batch: Batch
    address: Address


@dataclass(frozen=True, slots=True)
class Seeding:
    """What `Seeded` says: base units of each asset in the order of the treasury's list, and the shares issued."""

    amounts: tuple[BaseUnits, ...]
    shares: BaseUnits


@dataclass(frozen=True, slots=True)
class Payment:
    """Shares that left the deployer."""

    to: Address
    shares: BaseUnits
    tx_hash: Hash32


@dataclass(frozen=True, slots=True)
class ShareBook:
    """The share token at one block, as far as the deployer is concerned.

    `paid` are all its outgoing transfers, oldest first, `received` what others sent it. `allowances` are those of its
    spenders that are not 0. `created` are the addresses of batches that have code. `minted` and `redeemed` are what
    anybody did since the seed.
    """

    supply: BaseUnits
    balance: BaseUnits
    seeding: Seeding | None = None
    paid: tuple[Payment, ...] = ()
    received: BaseUnits = _NOTHING
    allowances: Mapping[Address, BaseUnits] = field(default_factory=dict)
    created: frozenset[Address] = frozenset()
    minted: BaseUnits = _NOTHING
    redeemed: BaseUnits = _NOTHING

    def allowance(self, spender: Address) -> BaseUnits:
        return self.allowances.get(spender, _NOTHING)


class Act(StrEnum):
    APPROVE = "approve"
    CREATE = "create"


@dataclass(frozen=True, slots=True)
class Step:
    act: Act
    drop: Drop


def batches(listed: InvestorList, size: int = BATCH_SIZE) -> tuple[Batch, ...]:
    """The list in the order of its addresses, cut after every `size`."""
    found = listed.investors
    return tuple(
        Batch(number, found[start : start + size]) for number, start in enumerate(range(0, len(found), size), start=1)
    )


def next_step(drops: Sequence[Drop], book: ShareBook) -> Step | None:
    """What pays the first batch that is not paid; None when all are."""
    for drop in drops:
        if drop.address not in book.created:
            allowed = book.allowance(drop.address) == drop.batch.total
            return Step(Act.CREATE if allowed else Act.APPROVE, drop)
    return None


def contradictions(listed: InvestorList, drops: Sequence[Drop], book: ShareBook) -> list[str]:
    """Why this list cannot be what was begun on this chain; nothing may be sent then. Empty when it can."""
    if book.seeding is None:
        return []
    found = _seed_faults(listed, book.seeding) + _payment_faults(drops, book)
    unpaid = sum(drop.batch.total for drop in drops if drop.address not in book.created)
    if not found and book.balance < unpaid:
        found.append(f"the deployer holds {shares(book.balance)}, the batches that are not paid need {shares(unpaid)}")
    return found


def _seed_faults(listed: InvestorList, seeding: Seeding) -> list[str]:
    if seeding.shares == listed.issue:
        return []
    meant = shares(seeding.shares - DEAD_SHARES)
    return [f"the seed issued {meant} for the investors, the list adds up to {shares(listed.total)}: it was changed"]


def _payment_faults(drops: Sequence[Drop], book: ShareBook) -> list[str]:
    """Every transfer of the deployer is one of a paid batch, and every payment of a paid batch is there."""
    seen = Counter((payment.to, payment.shares) for payment in book.paid)
    seen[(DEAD, BaseUnits(DEAD_SHARES))] -= 1  # the seed's own
    meant = Counter(
        (investor.address, investor.shares)
        for drop in drops
        if drop.address in book.created
        for investor in drop.batch.investors
    )
    found = []
    if beyond := +(seen - meant):
        found.append(f"the deployer paid what no batch of this list did: {_named(beyond)}; the list was changed, or "
                     "shares were sent by hand")  # fmt: skip
    if missing := +(meant - seen):
        found.append(f"a batch is there, but not its payments: {_named(missing)}")
    return found


def strange_spenders(drops: Sequence[Drop], book: ShareBook) -> list[Address]:
    """Who may take shares of the deployer and is no batch of this list: a batch of another list, which anybody could
    still create, or somebody else altogether."""
    known = {drop.address for drop in drops}
    return [spender for spender, amount in sorted(book.allowances.items()) if amount and spender not in known]


def open_ends(listed: InvestorList, drops: Sequence[Drop], book: ShareBook) -> list[str]:
    """What is missing or wrong at the end: each investor received their shares, and the deployer has none left."""
    if book.seeding is None:
        return ["the fund is not seeded"]
    found = contradictions(listed, drops, book)
    got = Counter[Address]()
    for payment in book.paid:
        got[payment.to] += payment.shares
    wrong = [investor for investor in listed.investors if got[investor.address] != investor.shares]
    if wrong:
        names = ", ".join(
            f"{investor.address} received {shares(got[investor.address])} of {shares(investor.shares)}"
            for investor in wrong[:_NAMED]
        )
        found.append(f"{names}{_more(len(wrong))}")
    supply = listed.issue + book.minted - book.redeemed
    if book.supply != supply:
        found.append(f"the supply is {shares(book.supply)}, not {shares(supply)}")
    if book.balance != book.received:  # what others sent it is theirs to answer for
        found.append(f"the deployer still holds {shares(book.balance)}")
    found += [
        f"{drop.address} may still take {shares(left)} of the deployer"
        for drop in drops
        if (left := book.allowance(drop.address))
    ]
    return found


def shares(amount: int) -> str:
    """`1500000000000000000` -> `1.5 shares`."""
    return f"{plain(scaled(amount, 18))} shares"


def _named(payments: Counter[tuple[Address, BaseUnits]]) -> str:
    listed = sorted(payments.elements())
    return ", ".join(f"{shares(amount)} to {to}" for to, amount in listed[:_NAMED]) + _more(len(listed))


def _more(count: int) -> str:
    return f" and {count - _NAMED} more" if count > _NAMED else ""
