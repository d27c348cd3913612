"""`scripts/bench index`: seven years of monthly reconstitution on real market caps. No chain; a file of daily closes.

The data are not part of the project. Their folder must hold `cg_daily_core.csv` with date,coin_id,price,market_cap.
"""

import argparse
import json
import sys
from collections import Counter
from dataclasses import dataclass, replace
from datetime import date
from fractions import Fraction
from pathlib import Path
from typing import Any

from keeper.core.index.membership import Move
from keeper.core.index.methodology import Methodology
from keeper.core.index.methodology_form import to_plain
from keeper.core.units import Bps
from scripts.benchmarks.index_history import BadHistory, read_history
from scripts.benchmarks.index_replay import Step, months, replay
from scripts.localchain.anvil import ROOT

DATA = ROOT.parent / "shared/data"
FILE = "cg_daily_core.csv"
FIRST, LAST = date(2018, 1, 1), date(2024, 12, 1)
RULES = Methodology(size=10, cap_bps=Bps(2_500), floor_bps=Bps(100), rank_buffer=2, max_age_seconds=43_200)
"""Closes are of midnight: what has no row of the day is at least a day old, and too old."""


def add_to(subjects: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    parser = subjects.add_parser("index", help="monthly members and turnover of a top ten on real market caps")
    parser.add_argument("--json", action="store_true", help="one line of JSON instead of the table")
    parser.add_argument("--data", type=Path, metavar="FOLDER", help=f"where {FILE} lies")
    parser.set_defaults(measure=_measure)


def _measure(options: argparse.Namespace) -> int:
    """Exit code 0 when nothing was bought at a stale price and no exit was missed; 1 also when there are no data."""
    file = (options.data or DATA) / FILE
    try:
        if not file.is_file():
            raise BadHistory(f"no data: {file} is not there; --data FOLDER says where it is")
        history = read_history(file)
    except BadHistory as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    steps = replay(history, RULES, months(FIRST, LAST))
    restless = replay(history, replace(RULES, rank_buffer=0), months(FIRST, LAST))
    report = IndexReport(steps, len(_entries(restless)), len(history.closes))
    print(report.as_json() if options.json else report.as_table())
    return 0 if report.sound else 1


@dataclass(frozen=True, slots=True)
class IndexReport:
    """`restless` are the newcomers that there would have been without hysteresis."""

    steps: list[Step]
    restless: int
    coins: int

    @property
    def sound(self) -> bool:
        return not any(step.stale_purchases or step.missed_exits for step in self.steps)

    def figures(self) -> dict[str, Any]:
        turnovers = [step.turnover for step in self.steps if step.turnover is not None]
        total = sum(turnovers, Fraction(0))
        return {
            "months": len(self.steps),
            "from": self.steps[0].day.isoformat(),
            "to": self.steps[-1].day.isoformat(),
            "coins_in_the_file": self.coins,
            "newcomers": len(_entries(self.steps)),
            "newcomers_without_hysteresis": self.restless,
            "months_with_changes": sum(1 for step in self.steps[1:] if step.changes),
            "turnover_total": _rounded(total),
            "turnover_a_month": _rounded(total / max(1, len(turnovers))),
            "turnover_largest": _rounded(max(turnovers, default=Fraction(0))),
            "refused": dict(
                Counter(each.refusal.cause.value for step in self.steps for each in step.refused).most_common()
            ),
            "stale_purchases": sum(len(step.stale_purchases) for step in self.steps),
            "missed_exits": sum(len(step.missed_exits) for step in self.steps),
        }

    def as_json(self) -> str:
        return json.dumps(
            {**self.figures(), "rules": to_plain(RULES), "by_month": [_as_dict(step) for step in self.steps]}
        )

    def as_table(self) -> str:
        lines = []
        for step in self.steps:
            members = ", ".join(f"{coin} {bps / 100:.2f}" for coin, bps in step.weights.items())
            moved = "bought" if step.turnover is None else f"turnover {float(step.turnover):.2%}"
            lines.append(f"{step.day:%Y-%m}  {moved}\n  {members}")
            lines += [f"  {change.words}" for change in step.changes]
        figures = self.figures()
        refused = ", ".join(f"{cause} {count}" for cause, count in figures["refused"].items())
        cap, floor = ((bound or 0) / 100 for bound in (RULES.cap_bps, RULES.floor_bps))
        lines += [
            "",
            f"{figures['months']} months, {figures['from']} to {figures['to']}; {self.coins} coins in the file",
            f"the first {RULES.size}, cap {cap:.0f} %, floor {floor:.0f} %, buffer {RULES.rank_buffer}",
            f"newcomers after the first month: {figures['newcomers']} (without hysteresis {self.restless}), in "
            f"{figures['months_with_changes']} months",
            f"turnover: {figures['turnover_total']:.2%} in all, {figures['turnover_a_month']:.2%} a month, at most "
            f"{figures['turnover_largest']:.2%}",
            f"refusals by cause: {refused}",
            f"bought at a stale price: {figures['stale_purchases']}; exits missed: {figures['missed_exits']}",
        ]
        return "\n".join(lines)


def _entries(steps: list[Step]) -> list[str]:
    """Who came, after the first step."""
    return [change.coin for step in steps[1:] for change in step.changes if change.move is Move.ENTERS]


def _as_dict(step: Step) -> dict[str, Any]:
    return {
        "month": f"{step.day:%Y-%m}",
        "members": step.weights,
        "turnover": None if step.turnover is None else _rounded(step.turnover),
        "changes": [{"coin": each.coin, "move": each.move.value, "reason": each.reason} for each in step.changes],
        "refused": [{"coin": each.coin, "reason": each.refusal.reason} for each in step.refused],
    }


def _rounded(fraction: Fraction) -> float:
    return round(float(fraction), 6)
