"""Slither's findings against those that were looked at: a new one fails, and so does one that is no longer there."""

import tomllib
from collections import Counter
from pathlib import Path
from typing import Any, NamedTuple


class Finding(NamedTuple):
    """What a finding is called wherever its lines move to: Slither's check, and `Contract.function(types)`."""

    check: str
    where: str


class BadTriage(ValueError):
    """The list of what was looked at cannot be read: a line for people."""


def findings(report: dict[str, Any]) -> Counter[Finding]:
    """Slither's JSON report -> how often each check fired at each place. `ValueError` when Slither did not finish."""
    if not report.get("success"):
        raise ValueError(f"slither did not finish: {report.get('error')}")
    return Counter(
        Finding(found["check"], _where(found["elements"])) for found in report["results"].get("detectors", [])
    )


def _where(elements: list[dict[str, Any]]) -> str:
    """The function, contract or variable that the finding is about: its first element, or what that is a part of."""
    if not elements:
        return ""
    element = elements[0]
    while element["type"] == "node":
        element = element["type_specific_fields"]["parent"]
    fields = element.get("type_specific_fields", {})
    name = fields.get("signature", element["name"])
    parent = fields.get("parent")
    if parent is None:
        return str(name)
    return f"{_where([parent])}.{name}"


def accepted(path: Path) -> Counter[Finding]:
    """What was looked at and may stay, with a reason for each. `BadTriage` when an entry has none or is given twice."""
    try:
        entries = tomllib.loads(path.read_text())["accepted"]
    except (OSError, KeyError, tomllib.TOMLDecodeError) as error:
        raise BadTriage(f"{path.name}: {error}") from error
    counted: Counter[Finding] = Counter()
    for entry in entries:
        if not str(entry.get("reason", "")).strip():
            raise BadTriage(f"{path.name}: {entry.get('check')}: no reason")
        for where, count in entry["where"].items():
            finding = Finding(entry["check"], where)
            if finding in counted:
                raise BadTriage(f"{path.name}: {finding.check} at {where} is there twice")
            counted[finding] = count
    return counted


def differences(found: Counter[Finding], known: Counter[Finding]) -> list[str]:
    """A line for each place where the two differ; none when all that is found was looked at and still exists."""
    lines = []
    for finding in sorted(found.keys() | known.keys()):
        there, listed = found[finding], known[finding]
        if there > listed:
            lines.append(f"new: {finding.check} at {finding.where} ({there}, {listed} looked at)")
        elif there < listed:
            lines.append(
                f"gone: {finding.check} at {finding.where} ({there}, {listed} looked at): take it off the list"
            )
    return lines
