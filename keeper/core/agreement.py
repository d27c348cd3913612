"""When sources agree, on which price, and whom they drop. The pools have two voices, spot and mean, and one say.

FEED, ORACLE and ROUTER say what an asset is worth now; they decide as if nobody else were there. TWAP says what it was
worth on average: it joins what they agree on, and where a pool was moved a moment ago it tells on it. It comes from the
same pool as ROUTER, so the two never count twice and never stand without a source from outside; and because it lags, it
never drops anybody from outside and never holds a fund. docs/adr/0018 has the reasons.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction

from keeper.core.model import PriceSource, PriceVote
from keeper.core.units import Px


@dataclass(frozen=True, slots=True)
class Agreed:
    """`kept` agree, and `px` is their median, rounded down; empty when no two do. `deviation` is how far apart the two
    are, or how far the furthest of those that count is from the median; of all when none count. `dropped` are off the
    others, by how much."""

    kept: tuple[PriceVote, ...]
    px: Px | None
    deviation: Fraction | None
    dropped: Mapping[PriceSource, Fraction]


def agreed_of(believed: Sequence[PriceVote], twap: PriceVote, limit: Fraction) -> Agreed:
    """What the `believed` of FEED, ORACLE and ROUTER agree on, each within `limit` of the others, and TWAP with it."""
    live = _agreed(believed, limit)
    if not twap.used or twap.px is None:
        return live
    return _joined(live, twap, limit) if live.kept else _told_on(live, believed, twap, limit)


def _agreed(believed: Sequence[PriceVote], limit: Fraction) -> Agreed:
    """Those within `limit` of the median of all, if they are two or more. Of two none can be the one that is off."""
    px = {vote.source: vote.px for vote in believed if vote.px is not None}
    if len(px) < 2:
        return Agreed((), None, None, {})
    if len(px) == 2:
        first, second = px.values()
        apart = _apart(second, first)
        kept = tuple(believed) if apart <= limit else ()
        return Agreed(kept, _median(list(px.values())) if kept else None, apart, {})
    middle = _median(list(px.values()))
    off = {source: _apart(each, middle) for source, each in px.items()}
    kept = tuple(vote for vote in believed if off[vote.source] <= limit)
    if len(kept) < 2:
        return Agreed((), None, max(off.values()), {})
    dropped = {source: far for source, far in off.items() if far > limit}
    agreed_px = _median([px[vote.source] for vote in kept])
    return Agreed(kept, agreed_px, max(off[vote.source] for vote in kept), dropped)


def _joined(live: Agreed, twap: PriceVote, limit: Fraction) -> Agreed:
    """The mean of the pool's two voices is its one voice in the median; TWAP alone where spot is off. A TWAP that is
    itself off is dropped, and nothing else changes."""
    assert live.px is not None
    assert twap.px is not None
    if (far := _apart(twap.px, live.px)) > limit:
        return replace(live, dropped={**live.dropped, PriceSource.TWAP: far})
    spot = [vote.px for vote in live.kept if vote.source is PriceSource.ROUTER and vote.px is not None]
    others = [vote.px for vote in live.kept if vote.source is not PriceSource.ROUTER and vote.px is not None]
    return replace(live, kept=(*live.kept, twap), px=_median([*others, _median([*spot, twap.px])]))


def _told_on(live: Agreed, believed: Sequence[PriceVote], twap: PriceVote, limit: Fraction) -> Agreed:
    """Spot and one source from outside are apart, and nobody else speaks. Where the pool's own mean stands with the
    source from outside, and against spot, the pool was moved a moment ago: spot is dropped."""
    spot = next((vote for vote in believed if vote.source is PriceSource.ROUTER), None)
    outside = [vote for vote in believed if vote.source is not PriceSource.ROUTER]
    if spot is None or spot.px is None or len(outside) != 1 or outside[0].px is None:
        return live
    assert twap.px is not None
    near, against = _apart(twap.px, outside[0].px), _apart(spot.px, twap.px)
    if near > limit or against <= limit:
        return live
    px = _median([outside[0].px, twap.px])
    return Agreed((outside[0], twap), px, near, {PriceSource.ROUTER: _apart(spot.px, px)})


def _apart(px: Px, other: Px) -> Fraction:
    """As a part of the other."""
    return Fraction(abs(px - other), other)


def _median(prices: list[Px]) -> Px:
    """Rounded down between two."""
    ordered, half = sorted(prices), len(prices) // 2
    return ordered[half] if len(prices) % 2 else Px((ordered[half - 1] + ordered[half]) // 2)
