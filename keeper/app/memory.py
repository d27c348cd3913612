"""What this process remembers of its intents and their signers; the books remember everything else."""

import asyncio
from dataclasses import dataclass, field

from keeper.core.model import Block
from keeper.core.units import Address, Hash32


@dataclass(slots=True)
class Outbox:
    """What this process remembers of its intents; the books remember everything else.

    `planned` are the ids of intents planned here; `sent` the height at which each was last sent; `looked_at` the head
    that open intents were last compared with, by hash: a head may be replaced at its height, or go back. `doubts`
    counts, by what is doubted, the heads in a row that gave reason for it.
    """

    planned: set[int] = field(default_factory=set)
    sent: dict[int, int] = field(default_factory=dict)
    looked_at: Hash32 | None = None
    turns: dict[Address, asyncio.Lock] = field(default_factory=dict)
    doubts: dict[str, tuple[Hash32, int]] = field(default_factory=dict)

    def turn(self, signer: Address) -> asyncio.Lock:
        """Held while an intent is planned: funds that share a signer queue here, not in a refused transaction."""
        return self.turns.setdefault(signer, asyncio.Lock())

    def heads_since_send(self, intent_id: int, height: int) -> int | None:
        """None when this process never sent it. A head that went back counts from there."""
        if (sent := self.sent.get(intent_id)) is None:
            return None
        self.sent[intent_id] = min(sent, height)
        return height - self.sent[intent_id]

    def doubt(self, what: str, head: Block, there_is: bool) -> int:
        """For how many heads in a row, this one included, there was reason to doubt; the same head counts once."""
        if not there_is:
            self.doubts.pop(what, None)
            return 0
        seen, times = self.doubts.get(what, (None, 0))
        if seen != head.hash:
            self.doubts[what] = (head.hash, times + 1)
        return self.doubts[what][1]
