"""A cycle and how it ended."""

from dataclasses import dataclass
from datetime import datetime

from keeper.core.ledger import Action, IntentState
from keeper.core.model import Fund


@dataclass(slots=True)
class Cycle:
    """`committed` is set once the cycle's record is in the books; what fails later belongs to its transaction.
    `of_index`: it looks at the index, and leaves the time of the next look at drift alone."""

    id: str
    fund: Fund
    started_at: datetime
    committed: bool = False
    of_index: bool = False


@dataclass(frozen=True, slots=True)
class Result:
    """`state` is that of the cycle's transaction, when it made one."""

    cycle: Cycle
    action: Action
    reason: str
    state: IntentState | None = None
