"""Attempts of one plan in a pool: what they cost, which one was mined, and how they are kept waiting."""

import contextlib
from collections.abc import Iterator
from typing import Any

from tests.faults.kit.node_rules import TENTH
from tests.faults.scenes import K, PooledScene


def fees(attempt: dict[str, Any]) -> tuple[int, int]:
    """Fee and tip, wei per gas."""
    return int(attempt["max_fee"]), int(attempt["max_tip"])


def outbids(new: dict[str, Any], old: dict[str, Any], bump_bps: int = TENTH) -> bool:
    """By so much, and both of fee and tip."""
    return all(a * 10_000 >= b * (10_000 + bump_bps) for a, b in zip(fees(new), fees(old), strict=True))


@contextlib.contextmanager
def stuck(scene: PooledScene) -> Iterator[None]:
    """Nobody includes what the keeper sends, for as long as the context lasts."""
    scene.pool.censor(K)
    yield
    scene.pool.admit(K)


def until_cancel_is_sent(scene: PooledScene) -> None:
    """And the node has answered: before that the plan itself may still get in."""
    sent = "SELECT 1 FROM transaction_attempt WHERE kind = 'cancel' AND sent_at IS NOT NULL"
    scene.keeper.query_until(sent, tick=scene.mine_seen)


def mined_hash(scene: PooledScene) -> str:
    (mined,) = [each for each in scene.attempts() if each["block_number"] is not None]
    return str(mined["hash"])
