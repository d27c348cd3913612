"""What the books keep of a fund's index: the rules in force, the last look at the market, and what came of it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from keeper.core.index.methodology import Methodology
from keeper.core.quotes import CoinId
from keeper.core.units import Address, Bps, Hash32, Timestamp

RETRY_SECONDS: Final = 900
"""Chain time after which a look that came to nothing is taken again, unless the methodology looks oftener."""


@dataclass(frozen=True, slots=True)
class PinnedMethodology:
    """One version of a fund's methodology: the one that a look decides by."""

    version: int
    rules: Methodology
    digest: Hash32


@dataclass(frozen=True, slots=True)
class IndexState:
    """A fund's index as the books know it.

    `members` are the coins of the last proposal that came into force. `next_due` is chain time, None before the first
    look. `doubted` are members that were to leave though nobody said why, and since when. `failed`: the transaction of
    the last look ended without effect, at the time `looked_at`.
    """

    methodology: PinnedMethodology
    members: tuple[CoinId, ...] = ()
    looked_at: Timestamp | None = None
    next_due: Timestamp | None = None
    doubted: Mapping[CoinId, Timestamp] = field(default_factory=dict)
    failed: bool = False

    @property
    def due(self) -> Timestamp | None:
        """Chain time of the next look; None: now."""
        if self.failed and self.looked_at is not None and self.next_due is not None:
            return min(self.next_due, self.retry_at(self.looked_at))
        return self.next_due

    def retry_at(self, now: Timestamp) -> Timestamp:
        return Timestamp(now + min(RETRY_SECONDS, self.methodology.rules.interval_seconds))


@dataclass(frozen=True, slots=True)
class Newcomer:
    """A coin that belongs in the index and that the treasury cannot buy: for its owner to act on."""

    coin: CoinId
    symbol: str
    token: Address
    reason: str


@dataclass(frozen=True, slots=True)
class Reweighting:
    """One look at the market as the books keep it, beside its decision.

    `targets_before` are the chain's, `targets` those that the index wants, `sent` those of the transaction, which
    may be a step on the way; None when there is none. `stands`: nothing need be sent, and the members are in force.
    """

    methodology_version: int
    members: tuple[CoinId, ...]
    targets_before: tuple[Bps, ...]
    targets: tuple[Bps, ...] | None
    sent: tuple[Bps, ...] | None
    stands: bool
    proposed: tuple[Newcomer, ...]
    doubted: Mapping[CoinId, Timestamp]
    next_due: Timestamp
