"""What transactions used of gas, beside the committed snapshot and beside the limits: a table, JSON, a verdict."""

import json
from dataclasses import dataclass
from pathlib import Path

from scripts.localchain.anvil import ROOT

SNAPSHOT = ROOT / "contracts/gas.json"
LIMITS = {
    "rebalance, 7 V2 pairs": 750_000,
    "rebalance, 7 V2 pairs, the other way": 750_000,
    "rebalance, 3 V2 pairs": 490_000,
}
"""Gas of a whole transaction."""

_PLAIN = "plain Router02 swaps"
_ONE = "8 transfers in one transaction"
_EIGHT = "8 transactions with a transfer"
_HOLDER, _FRESH = "to one who holds all", "to a fresh address"
RATIOS = (
    ("rebalance, 7 V2 pairs", f"7 {_PLAIN}", None),
    ("rebalance, 7 V2 pairs, the other way", f"7 {_PLAIN}, the other way", None),
    ("rebalance, 3 V2 pairs", f"3 {_PLAIN}", None),
    ("mint to one who has shares", f"{_EIGHT}, {_HOLDER}", 1.10),
    ("mint to a fresh address", f"{_EIGHT}, {_HOLDER}", 1.10),
    (f"redeem {_HOLDER}", f"{_EIGHT}, {_HOLDER}", 1.10),
    (f"redeem {_FRESH}", f"{_EIGHT}, {_FRESH}", 1.10),
    ("mint to one who has shares", f"{_ONE}, from an allowance", None),
    (f"redeem {_HOLDER}", f"{_ONE}, {_HOLDER}", None),
    (f"redeem {_FRESH}", f"{_ONE}, {_FRESH}", None),
)
"""What is compared with what, and the largest ratio where there is one."""


@dataclass(frozen=True, slots=True)
class Snapshot:
    """Gas by the name of what was measured, in the order of the measurement."""

    gas: dict[str, int]

    @classmethod
    def read(cls, path: Path = SNAPSHOT) -> "Snapshot":
        """Empty when there is no such file."""
        return cls(json.loads(path.read_text()) if path.exists() else {})

    def write(self, path: Path = SNAPSHOT) -> None:
        path.write_text(json.dumps(self.gas, indent=2) + "\n")

    def differences(self, committed: "Snapshot") -> list[str]:
        """One line for each figure that is not what the committed snapshot says."""
        names = dict.fromkeys([*committed.gas, *self.gas])
        changed = [name for name in names if committed.gas.get(name) != self.gas.get(name)]
        return [_change(name, committed.gas.get(name), self.gas.get(name)) for name in changed]

    def broken_limits(self) -> list[str]:
        broken = [
            f"{name}: {self.gas[name]:,} gas, the limit is {limit:,}"
            for name, limit in LIMITS.items()
            if self.gas[name] > limit
        ]
        for name, bare, limit in RATIOS:
            if limit is not None and self.gas[name] > self.gas[bare] * limit:
                broken.append(f"{name}: {self._ratio(name, bare):.3f} of {bare}, the limit is {limit:.2f}")
        return broken

    def as_table(self, committed: "Snapshot") -> str:
        width = max(map(len, self.gas)) + 2
        lines = [f"{'gas of the whole transaction':{width}}{'now':>12}{'snapshot':>12}{'change':>10}{'limit':>12}"]
        for name, used in self.gas.items():
            before = committed.gas.get(name)
            change = f"{used - before:+,}" if before is not None and used != before else ""
            limit = f"{LIMITS[name]:,}" if name in LIMITS else ""
            known = f"{before:,}" if before is not None else "none"
            lines.append(f"{name:{width}}{used:12,}{known:>12}{change:>10}{limit:>12}")
        lines += ["", f"{'ratio to what has no guards':{width}}{'ratio':>12}{'limit':>12}"]
        for name, bare, most in RATIOS:
            limit = f"{most:.2f}" if most is not None else ""
            lines += [f"{name:{width}}{self._ratio(name, bare):12.3f}{limit:>12}", f"  beside {bare}"]
        return "\n".join(lines)

    def as_json(self) -> str:
        ratios = [
            {"of": name, "to": bare, "ratio": self._ratio(name, bare), "limit": most} for name, bare, most in RATIOS
        ]
        return json.dumps({"gas": self.gas, "limits": LIMITS, "ratios": ratios})

    def _ratio(self, name: str, bare: str) -> float:
        return round(self.gas[name] / self.gas[bare], 4)


def _change(name: str, before: int | None, now: int | None) -> str:
    if before is None:
        return f"{name}: {now:,}, not in the snapshot"
    if now is None:
        return f"{name}: {before:,} in the snapshot, not measured"
    return f"{name}: {before:,} -> {now:,} ({now - before:+,})"
