"""What a soak has counted, as one JSON object; and what it must at least have counted."""

import math
from collections import Counter
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any, Final

from tests.faults.soak import happenings, rpc_faults
from tests.faults.soak.schedule import POINTS, AtState, AtStep

MANY: Final = 500
"""Cycles, with faults, from which on a soak must have shown everything."""
FIRED, KILLED, KILLED_OPEN = 3, 50, 30
LANDED: Final = Fraction(2, 5)
"""Of the cycles, with faults or without: a keeper that trades nothing has nothing in its books that could be wrong."""

KILLS: Final = (
    *(AtStep(*point).kind for point in POINTS),
    *(AtState(state, 0).kind for state in (None, "sent", "mined_ok")),
)
EVERY_KIND: Final = (*rpc_faults.KINDS, *happenings.KINDS, *KILLS)


@dataclass
class Tally:
    """`fired` counts what really happened, by kind. `found_open` are the states of the transactions that SIGKILL left
    open, by the books right after."""

    seed: int
    faults: bool
    cycles: int = 0
    fired: Counter[str] = field(default_factory=Counter)
    found_open: Counter[str] = field(default_factory=Counter)
    kills: int = 0
    starts: int = 0
    refused_starts: int = 0
    decisions: Counter[str] = field(default_factory=Counter)
    why_not: Counter[str] = field(default_factory=Counter)
    breaker_resets: int = 0
    holds_accepted: int = 0
    chain: dict[str, int] = field(default_factory=dict)
    differences: list[str] = field(default_factory=list)
    seconds: float = 0.0

    def shortfalls(self) -> list[str]:
        """What should have been shown and was not: trades, and by a long soak with faults every one of them."""
        wanted = [("rebalances landed", self.chain.get("rebalanced", 0), max(1, math.ceil(LANDED * self.cycles)))]
        if self.faults and self.cycles >= MANY:
            wanted.append(("kills", self.kills, KILLED))
            wanted.append(("kills with an open transaction", self.found_open.total(), KILLED_OPEN))
            wanted += [(kind, self.fired[kind], FIRED) for kind in EVERY_KIND]
        return [f"{what}: {count}, not {least}" for what, count, least in wanted if count < least]

    @property
    def holds(self) -> bool:
        """Whether everything does."""
        return not self.differences and not self.shortfalls()

    def as_json(self) -> dict[str, Any]:
        kinds = EVERY_KIND if self.faults else ()
        return {
            "seed": self.seed,
            "cycles": self.cycles,
            "faults": self.faults,
            "seconds": round(self.seconds, 1),
            "landed": self.chain.get("rebalanced", 0),
            "chain": self.chain,
            "decisions": dict(sorted(self.decisions.items())),
            "not_traded": dict(self.why_not.most_common()),
            "keeper": {
                "starts": self.starts,
                "refused_starts": self.refused_starts,
                "kills": self.kills,
                "kills_with_open_transaction": self.found_open.total(),
                "found_open": dict(sorted(self.found_open.items())),
            },
            "operator": {"breaker_resets": self.breaker_resets, "holds_accepted": self.holds_accepted},
            "fired": {kind: self.fired[kind] for kind in kinds},
            "kinds_fired": sum(1 for kind in kinds if self.fired[kind]),
            "kinds": len(kinds),
            "differences": self.differences,
            "shortfalls": self.shortfalls(),
            "holds": self.holds,
        }
