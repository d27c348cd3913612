"""A rollup's sequencer: while it is down feeds stand still, and what was fresh is not."""

from typing import Final

from keeper.core.model import SequencerAnswer
from keeper.core.units import Timestamp
from keeper.core.words import duration, utc

SEQUENCER_GRACE: Final = 3_600
"""Seconds after an outage of a rollup's sequencer in which no price is believed (`Sequencer.GRACE`)."""


def sequencer_fault(state: SequencerAnswer | None, now: Timestamp) -> str:
    """Why no price counts on this rollup now; empty when they do, or when there is no sequencer."""
    if state is None:
        return ""
    if state.answer is None or state.since is None:
        return "the sequencer's uptime feed did not answer"
    if state.answer != 0:
        return f"the sequencer is down since {utc(state.since)}"
    if state.since == 0:
        return "the sequencer's uptime feed has no round yet"
    back = now - state.since
    if back < SEQUENCER_GRACE:
        return f"the sequencer is back for {duration(max(0, back))}, prices count after {duration(SEQUENCER_GRACE)}"
    return ""
