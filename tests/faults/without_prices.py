"""What takes the defences against wrong prices away: one function per defence, see `undefended`."""

from dataclasses import replace
from fractions import Fraction
from typing import Any

from tests.faults.undefended import defends


@defends("58", what="a feed's age is compared with what the owner allows")
def _age() -> None:
    from keeper.core import prices, votes

    votes.age_fault = prices.age_fault = lambda *_: ""  # type: ignore[attr-defined]


@defends("59_spot_moved_20_percent", what="sources that are apart do not agree")
def _agreement() -> None:
    from keeper.core import prices

    prices.deviation_limit = lambda *_: Fraction(10)


@defends("59_spot_moved_20_percent_and_two_others_agree", what="no swap goes through a pool that is off")
def _pools_that_are_off() -> None:
    from keeper.core.planner import legs

    legs._allowed_of_moved_spot = lambda *_: None
    legs.POOL_DEVIATION = Fraction(10)  # type: ignore[misc]


@defends("59_mean", what="a pool's mean tells on spot that was moved")
def _mean() -> None:
    from keeper.core import agreement

    agreement._told_on = lambda live, *_: live


@defends("60", what="a provider's outage is a vote that says nothing")
def _outage() -> None:
    from keeper.core import votes

    oracle = votes._oracle_votes

    def cast(market: Any, asset: Any) -> Any:
        found = oracle(market, asset)
        if any(not vote.used for vote in found):
            raise RuntimeError("the provider is out")
        return found

    votes._oracle_votes = cast


@defends("61", what="one voice is not enough")
def _one_voice() -> None:
    from keeper.core import prices

    settle = prices._settle

    def content(market: Any, asset: Any, cast: Any, hub: Any) -> Any:
        settled = settle(market, asset, cast, hub)
        feed = next(vote for vote in settled.votes if vote.source == "FEED")
        return replace(settled, fault="", px=settled.px or feed.px)

    prices._settle = content


@defends("62", what="an answer of zero or less is no price")
def _positive() -> None:
    from keeper.core import prices, votes

    votes.bounds_fault = prices.bounds_fault = lambda *_: ""  # type: ignore[attr-defined]


@defends("63", what="a stablecoin that has left its dollar stops the fund")
def _peg() -> None:
    import importlib

    gates: Any = importlib.import_module("keeper.core.guards.gates")
    gates.PEG_LOW = Fraction(0)


@defends("sandwich", what="a swap through a pool that is against us moves it by no more than its fee")
def _sandwich() -> None:
    from keeper.core.planner import legs

    legs.ROUNDING = Fraction(1)  # type: ignore[misc]


@defends("jump", what="a price that jumps is seen by a second cycle")
def _jump() -> None:
    from keeper.core import jumps

    jumps.far = lambda *_: False
