"""scripts/audit_contracts: 0 when every finding was looked at and everything is proved, 1 when not, 2 for no answer."""

import sys
import time
from concurrent.futures import ThreadPoolExecutor
from typing import TextIO

from scripts.audit import tools, triage

TRIAGE = tools.CONTRACTS / "slither.triage.toml"
FINE, FAILED, BROKEN = 0, 1, 2


def main() -> int:
    if len(sys.argv) > 1:
        _say("usage: scripts/audit_contracts", sys.stderr)
        return BROKEN
    began = time.monotonic()
    try:
        good = _audit()
    except (tools.ToolError, triage.BadTriage, ValueError) as error:
        _say(f"audit_contracts: {error}", sys.stderr)
        return BROKEN
    _say(f"audit: {'passed' if good else 'FAILED'} in {time.monotonic() - began:.0f} s")
    return FINE if good else FAILED


def _audit() -> bool:
    known = triage.accepted(TRIAGE)
    tools.build()
    with ThreadPoolExecutor(2) as pool:
        report = pool.submit(tools.slither)
        proofs = [(name, pool.submit(tools.halmos, name, checks)) for name, checks in _longest_first()]
        good = _tell_slither(triage.differences(triage.findings(report.result()), known), known.total())
        for name, proof in proofs:
            good = _tell_proofs(name, proof.result()) and good
    return good


def _longest_first() -> list[tuple[str, list[str]]]:
    return sorted(tools.proof_contracts().items(), key=lambda found: -len(found[1]))


def _tell_slither(differences: list[str], known: int) -> bool:
    for line in differences:
        _say(f"slither  {line}")
    if not differences:
        _say(f"slither  {known} findings, all of them looked at")
    return not differences


def _tell_proofs(contract: str, proofs: list[tools.Proof]) -> bool:
    for proof in proofs:
        mark = "FAILED" if proof.problem else "proved"
        _say(f"halmos   {mark} {contract}.{proof.name} ({proof.seconds:.1f} s)")
    problem = next((proof.problem for proof in proofs if proof.problem), "")
    if problem:
        _say(problem)
    return not problem


def _say(text: str, stream: TextIO | None = None) -> None:
    print(text, file=stream or sys.stdout, flush=True)


if __name__ == "__main__":
    sys.exit(main())
