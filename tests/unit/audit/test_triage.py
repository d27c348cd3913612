"""Slither's findings against the list of those that were looked at: names that survive moved lines, and no silence."""

from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from scripts.audit.triage import BadTriage, Finding, accepted, differences, findings

pytestmark = pytest.mark.unit

CONTRACT = {"type": "contract", "name": "Treasury"}
FUNCTION = {
    "type": "function",
    "name": "nav",
    "source_mapping": {"lines": [7]},
    "type_specific_fields": {"parent": CONTRACT, "signature": "nav(uint256)"},
}
NODE = {"type": "node", "name": "x = 1", "type_specific_fields": {"parent": FUNCTION}}
VARIABLE = {"type": "variable", "name": "sum", "type_specific_fields": {"parent": FUNCTION}}


def report(*elements: dict[str, Any]) -> dict[str, Any]:
    detectors = [{"check": "timestamp", "elements": [element]} for element in elements]
    return {"success": True, "error": None, "results": {"detectors": detectors}}


@pytest.mark.parametrize(
    ("element", "where"),
    [
        (CONTRACT, "Treasury"),
        (FUNCTION, "Treasury.nav(uint256)"),
        (NODE, "Treasury.nav(uint256)"),
        (VARIABLE, "Treasury.nav(uint256).sum"),
    ],
)
def test_a_finding_is_named_by_its_function(element: dict[str, Any], where: str) -> None:
    assert findings(report(element)) == Counter({Finding("timestamp", where): 1})


def test_findings_at_one_place_are_counted() -> None:
    assert findings(report(FUNCTION, NODE)) == Counter({Finding("timestamp", "Treasury.nav(uint256)"): 2})


def test_a_clean_report_has_no_detectors() -> None:
    assert findings({"success": True, "results": {}}) == Counter()


def test_a_report_of_failure_is_no_report() -> None:
    with pytest.raises(ValueError, match="did not finish: no solc"):
        findings({"success": False, "error": "no solc", "results": {}})


def test_a_new_one_one_more_and_one_that_is_gone() -> None:
    a, b, c = (Finding("check", where) for where in "abc")
    assert differences(Counter({a: 1, b: 2}), Counter({b: 1, c: 1})) == [
        "new: check at a (1, 0 looked at)",
        "new: check at b (2, 1 looked at)",
        "gone: check at c (0, 1 looked at): take it off the list",
    ]
    assert differences(Counter({a: 1}), Counter({a: 1})) == []


def entry(check: str = "timestamp", reason: str = "minutes, not seconds", where: str = "A.f()") -> str:
    return f'[[accepted]]\ncheck = "{check}"\nreason = "{reason}"\n[accepted.where]\n"{where}" = 2\n'


def test_the_list_is_read(tmp_path: Path) -> None:
    path = tmp_path / "triage.toml"
    path.write_text(entry() + entry(where="A.g()"))
    assert accepted(path) == Counter({Finding("timestamp", "A.f()"): 2, Finding("timestamp", "A.g()"): 2})


@pytest.mark.parametrize(
    ("text", "says"),
    [
        (entry(reason=" "), "timestamp: no reason"),
        (entry() + entry(), r"timestamp at A.f\(\) is there twice"),
        ("accepted = 1 2", "triage.toml"),
        ("", "accepted"),
    ],
)
def test_a_list_that_cannot_be_relied_on(tmp_path: Path, text: str, says: str) -> None:
    path = tmp_path / "triage.toml"
    path.write_text(text)
    with pytest.raises(BadTriage, match=says):
        accepted(path)
