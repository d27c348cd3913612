"""Stages of a cycle from the calls that its ports saw: they touch each other and leave nothing out."""

import pytest

from scripts.benchmarks.stages import STAGES, Trace

pytestmark = pytest.mark.unit

CALLS = [
    ("chain.head", 0, 10),
    ("books.open_intents", 11, 12),
    ("books.jobs", 12, 13),
    ("books.policies", 20, 21),
    ("books.known_code", 21, 24),
    ("chain.observe", 20, 23),
    ("books.chain_head", 25, 26),
    ("codec.rebalance", 28, 29),
    ("chain.rehearse", 30, 40),
    ("books.open_intents", 41, 42),
    ("books.commit_cycle", 45, 60),
    ("signer.sign", 61, 62),
    ("books.save_attempt", 62, 70),
    ("chain.send", 71, 90),
    ("chain.head", 100, 110),
]


def trace(calls: list[tuple[str, int, int]]) -> Trace:
    sending = next((began for name, began, _ in calls if name == "chain.send"), None)
    return Trace([(name, float(began), float(ended)) for name, began, ended in calls], sending)


def test_stages_add_up_to_the_way_from_head_to_bytes() -> None:
    stages = trace(CALLS).stages()
    assert tuple(stages) == STAGES
    assert stages == {
        "schedule": 10,
        "observe": 4,
        "deliberate": 6,
        "rehearse": 10,
        "commit": 20,
        "sign": 2,
        "save": 8,
        "hand over": 1,
    }
    assert sum(stages.values()) == 71 - 10


def test_a_cycle_that_sent_nothing_has_no_stages() -> None:
    with pytest.raises(AssertionError, match="nothing was sent"):
        trace(CALLS[:-2]).stages()
