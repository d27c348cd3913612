"""Who is a member: the first N by rank, with hysteresis: two coins of like size do not change places each month."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from keeper.core.index.candidates import Ranked, Refused


class Move(StrEnum):
    ENTERS = "enters"
    LEAVES = "leaves"


@dataclass(frozen=True, slots=True)
class Change:
    """One member that comes or goes, and why. `symbol` is the coin's id where nobody says its symbol any more."""

    coin: str
    symbol: str
    move: Move
    reason: str

    @property
    def words(self) -> str:
        return f"{self.symbol} {self.move}: {self.reason}"


@dataclass(frozen=True, slots=True)
class Membership:
    """`members` by rank. `changes` are the leavers in the order of the old members, then the newcomers by rank."""

    members: tuple[Ranked, ...]
    changes: tuple[Change, ...]


def reconstitute(
    current: Sequence[str], eligible: Sequence[Ranked], refused: Mapping[str, Refused], size: int, buffer: int
) -> Membership:
    """The members after this look at the market; never more than `size`.

    A member leaves when it is not among the eligible any more or below rank `size + buffer`. Empty seats go to the best
    ranked of the first `size`. Other newcomers of rank `size - buffer` or better take the place of the lowest ranked
    member. `eligible` come by rank; ranks may be missing among them, of coins that are not to be had.
    """
    ranks = {each.coin: each for each in eligible}
    leaving: dict[str, str] = {}
    for coin in current:
        if coin not in ranks:
            leaving[coin] = refused[coin].refusal.reason if coin in refused else "nobody says anything of it any more"
        elif ranks[coin].rank > size + buffer:
            leaving[coin] = f"rank {ranks[coin].rank}, a member stays down to rank {size + buffer}"
    members = sorted((ranks[coin] for coin in dict.fromkeys(current) if coin not in leaving), key=_rank)
    leaving |= {each.coin: f"rank {each.rank}, and there are {size} seats" for each in members[size:]}
    members = members[:size]
    entering: dict[str, str] = {}
    for newcomer in eligible:
        if newcomer.coin in current or newcomer.rank > size:
            continue
        if len(members) < size:
            entering[newcomer.coin] = f"rank {newcomer.rank}, a seat is empty"
        elif newcomer.rank <= size - buffer:
            lowest = members.pop()  # beyond rank `size`: there are as many members, and the newcomer is none of them
            entering[newcomer.coin] = f"rank {newcomer.rank}, in place of {lowest.symbol} (rank {lowest.rank})"
            leaving[lowest.coin] = f"rank {lowest.rank}, {newcomer.symbol} takes its place (rank {newcomer.rank})"
        else:
            continue
        members = sorted([*members, newcomer], key=_rank)

    def change(coin: str, move: Move, reason: str) -> Change:
        known = ranks.get(coin) or refused.get(coin)
        return Change(coin, known.symbol if known else coin, move, reason)

    leavers = [change(coin, Move.LEAVES, leaving[coin]) for coin in dict.fromkeys(current) if coin in leaving]
    return Membership(
        tuple(members), (*leavers, *(change(coin, Move.ENTERS, reason) for coin, reason in entering.items()))
    )


def _rank(each: Ranked) -> int:
    return each.rank
