"""People are told of an alert once while it stands, and again when it comes back."""

import pytest

from keeper.app.alarms import Told
from keeper.core.ledger import Alert, AlertKind

pytestmark = pytest.mark.unit

HALTED = Alert(1, AlertKind.FUND_HALTED, "paused")


def test_an_alert_that_stands_is_told_once() -> None:
    told = Told()
    assert told.news(1, [HALTED], []) == [HALTED]
    assert told.news(1, [Alert(1, AlertKind.FUND_HALTED, "still paused")], [AlertKind.HIGH_DRIFT]) == []


def test_one_that_was_cleared_is_told_again() -> None:
    told = Told()
    told.news(1, [HALTED], [])
    assert told.news(1, [], [AlertKind.FUND_HALTED]) == []
    assert told.news(1, [HALTED], []) == [HALTED]


def test_funds_and_kinds_stand_for_themselves() -> None:
    told = Told()
    told.news(1, [HALTED], [])
    other, drift = Alert(2, AlertKind.FUND_HALTED, "paused"), Alert(1, AlertKind.HIGH_DRIFT, "9 %")
    assert told.news(2, [other], []) == [other]
    assert told.news(1, [drift, HALTED], []) == [drift]
    assert told.news(1, [HALTED], []) == []
