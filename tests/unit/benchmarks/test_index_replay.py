"""The replay of an index on a history made up here: a collapse, a silence, a price that has stopped, turnover."""

import json
from collections.abc import Sequence
from datetime import date, timedelta
from decimal import Decimal
from fractions import Fraction
from pathlib import Path

import pytest

from keeper.core.index.candidates import Ranked
from keeper.core.index.membership import Membership
from keeper.core.index.methodology import Methodology
from keeper.core.index.weights import WeightsImpossible
from keeper.core.units import Bps
from scripts.benchmarks import index_replay
from scripts.benchmarks.index import IndexReport
from scripts.benchmarks.index_history import BadHistory, Close, History, read_history
from scripts.benchmarks.index_replay import Step, drifted, months, replay, turnover

pytestmark = pytest.mark.unit

START = date(2022, 4, 1)
RULES = Methodology(size=2, rank_buffer=1, max_age_seconds=43_200)
DAYS = 92


def history(**caps: int) -> History:
    """Coins whose price is their market cap by 100, and wanders a little."""
    found = History()
    for coin, cap in caps.items():
        found.closes[coin] = {
            START + timedelta(day): Close(Decimal(cap + day % 5) / 100, Decimal(cap + day % 5)) for day in range(DAYS)
        }
    return found


def run(of: History, rules: Methodology = RULES) -> list[Step]:
    return replay(of, rules, months(START, date(2022, 6, 1)))


def words(step: Step) -> list[str]:
    return [change.words for change in step.changes]


def reasons(step: Step) -> dict[str, str]:
    return {each.coin: each.refusal.reason for each in step.refused}


def test_months_are_their_first_days() -> None:
    assert list(months(date(2021, 11, 1), date(2022, 2, 1))) == [
        date(2021, 11, 1),
        date(2021, 12, 1),
        date(2022, 1, 1),
        date(2022, 2, 1),
    ]


def test_a_calm_market_changes_nothing_and_needs_no_trade() -> None:
    """Market caps move as prices do: what was bought at the old weights is at the new ones, but for the rounding."""
    steps = run(history(a=70_000, b=30_000, c=20_000))
    assert [step.weights for step in steps] == [{"a": 7_000, "b": 3_000}] * 3
    assert [words(step) for step in steps[1:]] == [[], []]
    assert steps[0].turnover is None
    assert all(step.turnover is not None and step.turnover < Fraction(1, 10_000) for step in steps[1:])


def test_a_collapse_is_an_exit_and_no_division_by_zero() -> None:
    of = history(a=700, luna=600, b=300, c=200)
    for day, close in of.closes["luna"].items():
        if day > date(2022, 5, 9):
            of.closes["luna"][day] = Close(close.price / 10**6, Decimal(5) + day.day % 3)
    steps = run(of)
    assert words(steps[2]) == [
        "luna leaves: rank 4, a member stays down to rank 3",
        "b enters: rank 2, a seat is empty",
    ]
    assert set(steps[2].weights) == {"a", "b"}
    assert all(not step.missed_exits for step in steps)


def test_worth_nothing_weighs_nothing() -> None:
    of = history(a=700, luna=300)
    step = run(of)[0]
    of.closes["luna"][date(2022, 5, 1)] = Close(Decimal(0), None)
    assert drifted(of, step, date(2022, 5, 1)) == {"a": 1, "luna": 0}
    of.closes["a"][date(2022, 5, 1)] = Close(Decimal(0), None)
    assert drifted(of, step, date(2022, 5, 1)) == {"a": 0, "luna": 0}


def test_a_zero_price_is_an_exit() -> None:
    of = history(a=700, luna=600, b=300)
    of.closes["luna"][date(2022, 6, 1)] = Close(Decimal(0), Decimal(900))
    steps = run(of)
    assert words(steps[2])[0] == "luna leaves: its price is 0"


def test_who_has_no_row_that_day_is_not_bought_and_does_not_stay() -> None:
    of = history(a=700, luna=600, b=300)
    del of.closes["luna"][date(2022, 5, 1)]
    steps = run(of)
    assert words(steps[1]) == ["luna leaves: its price is 1d old, at most 12h", "b enters: rank 2, a seat is empty"]
    assert words(steps[2]) == []  # it is back on rank 2: a newcomer must be first to take a seat
    assert all(not step.stale_purchases and not step.missed_exits for step in steps)


def test_a_price_that_has_stopped_is_refused() -> None:
    of = history(a=700, luna=600, b=300)
    for back in range(3):
        of.closes["luna"][date(2022, 5, 1) - timedelta(back)] = Close(Decimal("6.5"), Decimal(650))
    assert reasons(run(of)[1]) == {"luna": "its price has stopped at 6.5 USD"}


def test_stablecoins_and_twins_are_never_members() -> None:
    steps = run(history(a=700, tether=900, b=300, terrausd=800, **{"wrapped-bitcoin": 850}))
    assert all(set(step.weights) == {"a", "b"} for step in steps)
    assert set(reasons(steps[0])) == {"tether", "terrausd", "wrapped-bitcoin"}


def test_the_unborn_are_nobody() -> None:
    of = history(a=700, b=300, young=900)
    of.closes["young"] = {day: close for day, close in of.closes["young"].items() if day >= date(2022, 5, 15)}
    steps = run(of)
    assert "young" not in {*steps[1].weights, *reasons(steps[1])}
    assert words(steps[2])[1] == "young enters: rank 1, in place of b (rank 3)"


def test_too_few_members_for_the_cap_is_an_error_with_its_numbers() -> None:
    with pytest.raises(WeightsImpossible, match="2 members of at most 40 % each reach 80 %"):
        run(history(a=700, b=300), Methodology(size=3, rank_buffer=1, cap_bps=Bps(4_000), max_age_seconds=43_200))


def test_turnover_is_half_of_what_moves() -> None:
    before = {"a": Fraction(6, 10), "b": Fraction(4, 10)}
    assert turnover(before, {"a": 5_000, "c": 5_000}) == Fraction(1, 2)
    assert turnover(before, {"a": 6_000, "b": 4_000}) == 0


def test_an_independent_eye_finds_what_should_have_left(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody ever leaves here: the check does not lean on what it checks."""
    monkeypatch.setattr(index_replay, "reconstitute", everybody_stays)
    of = history(a=700, luna=600, b=300, c=200, d=100)
    of.closes["luna"][date(2022, 6, 1)] = Close(Decimal("0.01"), Decimal(1))
    steps = run(of)
    assert [step.missed_exits for step in steps] == [(), (), ("luna",)]
    assert not IndexReport(steps, 0, 5).sound


def everybody_stays(
    current: Sequence[str], eligible: Sequence[Ranked], refused: object, size: int, buffer: int
) -> Membership:
    return Membership(tuple(each for each in eligible if each.coin in (current or ("a", "luna"))), ())


def test_the_figures_are_json_and_a_table() -> None:
    of = history(a=700, luna=600, b=300)
    del of.closes["luna"][date(2022, 5, 1)]
    report = IndexReport(run(of), 5, 3)
    figures = json.loads(report.as_json())
    assert (figures["months"], figures["newcomers"], figures["months_with_changes"]) == (3, 1, 1)
    assert figures["refused"] == {"stale": 1}
    assert figures["by_month"][1]["refused"] == [{"coin": "luna", "reason": "its price is 1d old, at most 12h"}]
    assert report.sound
    table = report.as_table()
    assert "  luna leaves: its price is 1d old, at most 12h" in table
    assert "newcomers after the first month: 1 (without hysteresis 5), in 1 months" in table


# ---------------------------------------------------------------------------------------------------- the file


def test_the_file_is_read_exactly_and_a_zero_is_no_market_cap(tmp_path: Path) -> None:
    file = tmp_path / "daily.csv"
    file.write_text(
        "date,coin_id,price,market_cap,volume\n2022-05-29,luna,8.94219e-05,768841921,1\n2022-07-01,luna,0.1,0,1\n"
    )
    closes = read_history(file).closes["luna"]
    assert closes[date(2022, 5, 29)] == Close(Decimal("0.0000894219"), Decimal(768_841_921))
    assert closes[date(2022, 7, 1)].market_cap is None


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("date,coin_id,price\n", "has no column market_cap"),
        ("date,coin_id,price,market_cap\n", "has no rows"),
        ("date,coin_id,price,market_cap\n2022-05-01,a,x,1\n", "line 2: cannot be read"),
        ("date,coin_id,price,market_cap\n2022-05-01,a\n", "line 2: cannot be read"),
    ],
)
def test_bad_files_are_refused_in_one_line(tmp_path: Path, text: str, says: str) -> None:
    (tmp_path / "daily.csv").write_text(text)
    with pytest.raises(BadHistory, match=says):
        read_history(tmp_path / "daily.csv")


def test_without_data_it_says_so_and_ends(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    from scripts.benchmarks.__main__ import main

    assert main(["index", "--data", str(tmp_path)]) == 1
    told = capsys.readouterr()
    assert told.out == ""
    assert told.err.startswith("error: no data: ")
