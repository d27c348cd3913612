"""What a demo shows: a line for each cycle while it runs, and the result as one line of JSON."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction
from pathlib import Path
from typing import Any

from scripts.localchain import accounts, audit
from scripts.localchain.anvil import CHAIN_ID
from scripts.localchain.audit import Rebalanced
from scripts.localchain.books import Books, CycleRow, SwapRow
from scripts.localchain.chain import LocalChain
from scripts.localchain.fund import Treasury
from scripts.localchain.lockstep import Step

BAD_ENDS = ("failed", "reverted")


@dataclass(frozen=True, slots=True)
class Result:
    """A whole run, read back from books and chain."""

    chain: LocalChain
    books: Books
    cycles: Sequence[CycleRow]
    swaps: Sequence[SwapRow]
    rebalances: Sequence[Rebalanced]

    @classmethod
    def read(cls, chain: LocalChain, books: Books, cycles: Sequence[CycleRow]) -> "Result":
        swaps = books.swaps()
        return cls(chain, books, cycles, swaps, audit.rebalances(chain.node, chain.deployment.treasuries[0], swaps))

    def complaints(self, threshold: Decimal) -> list[str]:
        """Why the run is not a success; empty when it is one. `threshold` is the drift allowed, of 1."""
        found = [f"cycle {row.seq} {row.action}: {row.reason}" for row in self.cycles if row.action in BAD_ENDS]
        found += audit.faults(self.chain.node, self.chain.deployment.treasuries[0], self.swaps)
        found += [
            f"{done.tx_hash}: drift is {_percent(done.drift_after)} % after the rebalance, threshold {threshold:%}"
            for done in self.rebalances
            if done.drift_after >= Fraction(threshold)
        ]
        return found if self.rebalances else ["no rebalance happened", *found]

    def as_json(self) -> str:
        """One line. Amounts are decimal strings of base units; bps and USD are numbers, for people."""
        treasury = self.chain.deployment.treasuries[0]
        last = self.rebalances[-1] if self.rebalances else None
        facts = {
            "chain_id": CHAIN_ID,
            "treasury": treasury.address,
            "cycles": len(self.cycles),
            "rebalances": len(self.rebalances),
            "trades": [_trade(swap) for swap in self.swaps],
            "drift_before_bps": None if last is None else _rounded(last.drift_before * 10_000, 2),
            "drift_after_bps": None if last is None else _rounded(last.drift_after * 10_000, 2),
            "nav_usd": _rounded(audit.nav(self.chain.node, treasury), 2),
            "database": str(self.books.path),
            "rpc_url": self.chain.url,
        }
        return json.dumps(facts)


def _trade(swap: SwapRow) -> dict[str, Any]:
    return {
        "tx_hash": swap.tx_hash,
        "block": swap.block,
        "status": swap.status,
        "gas_used": swap.gas_used,
        "effective_gas_price_wei": swap.gas_price_wei,
        "gas_usd": None if swap.gas_usd is None else _rounded(Fraction(swap.gas_usd), 6),
        "token_in": swap.token_in,
        "token_out": swap.token_out,
        "amount_in": None if swap.amount_in is None else str(swap.amount_in),
        "amount_out": None if swap.amount_out is None else str(swap.amount_out),
        "slippage_bps": None if swap.slippage_bps is None else _rounded(Fraction(swap.slippage_bps), 4),
    }


def setup_lines(treasury: Treasury, folder: Path) -> list[str]:
    """What each command of the set-up did; none where the fund was found standing. Paths are shown from `folder`."""
    spec, files = treasury.spec, treasury.files
    config, listed = (path.relative_to(folder) for path in (files.config, files.investors))
    ends = {
        "keeper deploy": f"treasury {treasury.address}, as in {config}",
        "keeper launch": f"seeded with {spec.size_usd:,} USD in kind, shares sent to all in {listed}",
        "keeper handover": f"{accounts.OWNER} owns it, nothing is left to the deployer",
    }
    return [f"{step.command:15}  {len(step.sent):2} transactions  {ends[step.command]}" for step in treasury.steps]


def cycle_line(chain: LocalChain, books: Books, step: Step, row: CycleRow) -> str:
    """What one cycle did, by the chain: a person follows the run by these."""
    treasury = chain.deployment.treasuries[0]
    nav = f"NAV {round(audit.nav(chain.node, treasury)):,} USD"
    swaps = [swap for swap in books.swaps() if swap.decision_seq == row.seq]
    mined = [swap for swap in swaps if swap.block is not None]
    if not mined:
        return f"{step.label}  {nav}  {row.action}: {row.reason}"
    first = mined[0]
    done = audit.rebalances(chain.node, treasury, mined[:1])[0]
    gas = f"{first.gas_used:,} gas" + ("" if first.gas_usd is None else f" ({first.gas_usd:.2f} USD)")
    drift = f"drift {_percent(done.drift_before)} -> {_percent(done.drift_after)} %"
    return f"{step.label}  {nav}  block {done.block}  {drift}  {len(mined)} swaps  {gas}  {first.tx_hash[:12]}"


def _percent(fraction: Fraction) -> str:
    return f"{float(fraction) * 100:.2f}"


def _rounded(number: Fraction, digits: int) -> float:
    return float(round(number, digits))
