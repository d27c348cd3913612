"""What all guards share."""

from keeper.core.model import GuardResult, Verdict


def verdict(passed: bool) -> Verdict:
    return Verdict.PASS if passed else Verdict.REFUSE


def figures(guard: GuardResult) -> str:
    """What was measured and what is allowed, for a person: `6.2436 (limit 5) % of target`."""
    limit = "" if guard.measured == guard.limit else f" (limit {guard.limit})"
    return f"{guard.measured}{limit} {guard.unit}".strip() if guard.measured else ""


def skipped(name: str, limit: str, unit: str, why: str) -> GuardResult:
    """There was nothing to measure."""
    return GuardResult(name, "", limit, unit, Verdict.SKIP, why)
