"""What all guards share."""

from keeper.core.model import GuardResult, Verdict


def verdict(passed: bool) -> Verdict:
    return Verdict.PASS if passed else Verdict.REFUSE


def skipped(name: str, limit: str, unit: str, why: str) -> GuardResult:
    """There was nothing to measure."""
    return GuardResult(name, "", limit, unit, Verdict.SKIP, why)
