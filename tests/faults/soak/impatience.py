"""What the keeper's process of a soak calls first. Alone in a file: every start imports it anew."""

import functools


def impatient(seconds: float) -> None:
    """A fund that could not be observed is tried again after so long, not after 5 s."""
    from keeper.app import scheduler

    scheduler.Retry = functools.partial(scheduler.Retry, pause=seconds)  # type: ignore[misc, assignment]
