"""The figures of `scripts/bench cycle` as a table for people and as JSON."""

import json
import os
from dataclasses import dataclass
from typing import Any

from scripts.benchmarks.counting import Requests
from scripts.benchmarks.observing import Observed
from scripts.benchmarks.sample import Sample
from scripts.benchmarks.trading import Traded

IDLE_LIMIT = 2
TRADE_LIMIT = 10
OBSERVATION_AIMS_MS = {1: 6, 100: 100}
BYTES_AIM_MS = 25
"""Of both ways to the bytes: from the head, and from the intent in the books."""


@dataclass(frozen=True, slots=True)
class Report:
    """`load` is the machine's load average before and after."""

    requests: Requests
    observed: dict[int, Observed]
    traded: Traded
    load: tuple[float, float]

    @property
    def within_limits(self) -> bool:
        """Of requests, which do not depend on the machine."""
        idle = max(len(asked) for asked in (self.requests.restarted, *self.requests.idle.values()))
        return idle <= IDLE_LIMIT and len(self.requests.trade) <= TRADE_LIMIT

    def as_json(self) -> str:
        return json.dumps(
            {
                "requests": {
                    "first_cycle_after_restart": len(self.requests.restarted),
                    "idle_cycle": {str(count): len(asked) for count, asked in self.requests.idle.items()},
                    "idle_limit": IDLE_LIMIT,
                    "trade_to_bytes": len(self.requests.trade),
                    "trade_limit": TRADE_LIMIT,
                    "trade_methods": self.requests.trade,
                },
                "observation": {str(count): self._observation(count) for count in self.observed},
                "head_to_bytes": {
                    **self.traded.head_to_bytes.as_dict(),
                    "aim_ms": BYTES_AIM_MS,
                    "plain": self.traded.plain.as_dict(),
                    "ratio": self._ratio(self.traded.plain, self.traded.head_to_bytes),
                    "stages": {name: sample.as_dict() for name, sample in self.traded.stages.items()},
                    "swaps": self.traded.swaps,
                },
                "saved_to_bytes": {**self.traded.saved_to_bytes.as_dict(), "aim_ms": BYTES_AIM_MS},
                "machine": {"cpus": os.cpu_count(), "load_before": self.load[0], "load_after": self.load[1]},
            }
        )

    def _observation(self, count: int) -> dict[str, Any]:
        found = self.observed[count]
        return {
            **found.observation.as_dict(),
            "aim_ms": OBSERVATION_AIMS_MS.get(count),
            "chain_alone": found.chain.as_dict(),
            "idle_round": found.round.as_dict(),
            "plain": found.plain.as_dict(),
            "ratio": self._ratio(found.plain, found.observation),
        }

    @staticmethod
    def _ratio(plain: Sample, ours: Sample) -> float:
        return round(plain.median / ours.median, 1)

    def as_table(self) -> str:
        lines = [f"{'JSON-RPC requests (a batch is one)':38}{'keeper':>10}{'limit':>18}"]
        for count, asked in self.requests.idle.items():
            lines.append(f"  {f'idle cycle, {_funds(count)}':36}{len(asked):10}{IDLE_LIMIT:18}")
        lines.append(f"  {'the first after a restart':36}{len(self.requests.restarted):10}{IDLE_LIMIT:18}")
        lines.append(f"  {'trade, up to the signed bytes':36}{len(self.requests.trade):10}{TRADE_LIMIT:18}")
        lines += ["", f"{'milliseconds':38}{'median':>10}{'p95':>9}{'aim':>9}{'web3.py calls':>16}{'ratio':>8}"]
        for count, found in self.observed.items():
            aim = OBSERVATION_AIMS_MS.get(count)
            lines.append(_line(f"observation, {_funds(count)}", found.observation, aim, found.plain))
            lines.append(_line("  of which the node and its answer", found.chain))
            lines.append(_line("  whole idle cycle, committed", found.round))
        lines.append(_line("new head to signed bytes", self.traded.head_to_bytes, BYTES_AIM_MS, self.traded.plain))
        lines += [_line(f"  {name}", sample) for name, sample in self.traded.stages.items()]
        lines.append(_line("saved intent to signed bytes", self.traded.saved_to_bytes, BYTES_AIM_MS))
        swaps = self.traded.swaps
        lines += [
            "",
            f"{len(swaps)} rebalances of {min(swaps)} to {max(swaps)} swaps; the best of "
            f"{len(self.traded.head_to_bytes.rounds)} rounds; {os.cpu_count()} cores, "
            f"load {self.load[0]:.1f} before, {self.load[1]:.1f} after",
        ]
        return "\n".join(lines)


def _line(label: str, ours: Sample, aim: int | None = None, plain: Sample | None = None) -> str:
    line = f"  {label:36}{ours.median * 1000:10.2f}{ours.p95 * 1000:9.2f}{aim or '':>9}"
    if plain is not None:
        line += f"{plain.median * 1000:16.1f}{plain.median / ours.median:7.0f}x"
    return line


def _funds(count: int) -> str:
    return "1 fund" if count == 1 else f"{count} funds"
