"""What several commands need: the fund that was meant."""

from collections.abc import Sequence

from keeper.core.model import Fund
from keeper.settings import ConfigurationError


def fund_named(funds: Sequence[Fund], name: str | None) -> Fund:
    """The fund of that name; the only one when no name is given. Raises ConfigurationError."""
    known = ", ".join(fund.name for fund in funds) or "none"
    if name is None:
        if len(funds) == 1:
            return funds[0]
        raise ConfigurationError([f"which fund? there are: {known}"])
    for fund in funds:
        if fund.name == name:
            return fund
    raise ConfigurationError([f"there is no fund {name!r}; there are: {known}"])
