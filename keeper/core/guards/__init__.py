"""The guards: siblings of one shape. Each says what it measured, what it allows and its verdict; none stops another.

`gates` asks whether the fund may be judged at all, `drift_guard` and `cooldown` whether it is to trade now,
`check_plan` whether this plan may run, `check_gas` whether now is a moment to send it.
"""

from keeper.core.guards.gates import gates
from keeper.core.guards.moment import check_gas, cooldown, drift_guard
from keeper.core.guards.plans import check_plan
from keeper.core.guards.shape import figures

__all__ = ["check_gas", "check_plan", "cooldown", "drift_guard", "figures", "gates"]
