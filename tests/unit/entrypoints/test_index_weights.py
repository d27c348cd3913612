"""`keeper index weights`: what it prints, what it refuses, and with which exit code."""

import json
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from keeper.entrypoints.cli.main import app

pytestmark = pytest.mark.unit

FIVE = "symbol,market_cap,category\nBTC,60,\nETH,25,\nUSDT,20,USD Stablecoin\nSOL,10,\nADA,4.0,\nDOT,1,\n"


def run(tmp_path: Path, text: str, *options: str) -> Result:
    file = tmp_path / "caps.csv"
    file.write_text(text)
    return CliRunner().invoke(app, ["index", "weights", "--in", str(file), *options])


def answer(tmp_path: Path, text: str, *options: str) -> dict[str, Any]:
    result = run(tmp_path, text, "--json", *options)
    assert (result.exit_code, result.stderr) == (0, "")
    return json.loads(result.stdout)


def test_cap_and_floor_hold_together(tmp_path: Path) -> None:
    found = answer(tmp_path, FIVE, "--cap", "0.40", "--floor", "0.05")
    assert found == {
        "rule": "clip",
        "weights": [
            {"symbol": "BTC", "market_cap": "60", "weight": "0.4", "bps": 4000},
            {"symbol": "ETH", "market_cap": "25", "weight": "0.352564102564102564", "bps": 3526},
            {"symbol": "SOL", "market_cap": "10", "weight": "0.141025641025641026", "bps": 1410},
            {"symbol": "ADA", "market_cap": "4.0", "weight": "0.05641025641025641", "bps": 564},
            {"symbol": "DOT", "market_cap": "1", "weight": "0.05", "bps": 500},
        ],
        "refused": [{"symbol": "USDT", "reason": "a stablecoin (USD Stablecoin)"}],
    }
    assert sum(Decimal(line["weight"]) for line in found["weights"]) == 1


def test_top3_has_a_floor_of_one_per_cent_of_its_own(tmp_path: Path) -> None:
    lines = "symbol,market_cap\nA,600\nB,300\nC,50\nD,45\nE,5\n"
    assert [line["bps"] for line in answer(tmp_path, lines, "--rule", "top3")["weights"]] == [5969, 2984, 497, 450, 100]
    weights = answer(tmp_path, lines, "--rule", "top3", "--floor", "0")["weights"]
    assert [line["weight"] for line in weights] == ["0.6", "0.3", "0.05", "0.045", "0.005"]


def test_the_first_ten_unless_asked_otherwise(tmp_path: Path) -> None:
    lines = "symbol,market_cap\n" + "".join(f"C{number},{100 - number}\n" for number in range(12))
    found = answer(tmp_path, lines)
    assert len(found["weights"]) == 10
    assert found["refused"] == [
        {"symbol": "C10", "reason": "rank 11: the index takes the first 10"},
        {"symbol": "C11", "reason": "rank 12: the index takes the first 10"},
    ]
    assert len(answer(tmp_path, lines, "--top", "2")["weights"]) == 2


def test_people_get_a_table(tmp_path: Path) -> None:
    result = run(tmp_path, FIVE, "--cap", "0.4", "--floor", "0.05")
    assert result.exit_code == 0
    assert ["BTC", "60", "40.0000", "%", "4000"] in [line.split() for line in result.stdout.splitlines()]
    assert "USDT  a stablecoin (USD Stablecoin)" in result.stdout


def test_every_mistake_is_told_at_once(tmp_path: Path) -> None:
    result = run(tmp_path, "symbol,market_cap\nA,x\nB,\nb,1\n", "--rule", "equal", "--cap", "25", "--floor", "-1")
    assert result.exit_code == 2
    assert result.stdout == ""
    assert result.stderr.splitlines() == [
        "error: --rule equal: is not one of clip, top3",
        "error: --cap 25: is not a part of 1, such as 0.25 for 25 %",
        "error: --floor -1: is not a part of 1, such as 0.25 for 25 %",
        "error: line 2: 'x' is not a market cap (digits, and at most one point)",
        "error: line 4: b stands on line 3 already",
    ]


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--cap", "0.19"], "5 members of at most 19 % each reach 95 %, not 100 %"),
        (["--floor", "0.21"], "5 members of at least 21 % each need 105 % of 100 %"),
        (["--rule", "top3", "--cap", "0.3"], "rule top3 knows no cap"),
        (["--rule", "top3", "--floor", "0.2"], "would fall from"),
    ],
)
def test_what_cannot_be_is_a_usage_error_with_its_numbers(tmp_path: Path, options: list[str], words: str) -> None:
    result = run(tmp_path, FIVE, *options)
    assert result.exit_code == 2
    assert words in result.stderr


def test_no_file_and_no_text(tmp_path: Path) -> None:
    result = CliRunner().invoke(app, ["index", "weights", "--in", str(tmp_path / "none.csv")])
    assert (result.exit_code, "cannot be read (No such file or directory)" in result.stderr) == (2, True)
    (tmp_path / "bytes.csv").write_bytes(b"symbol,market_cap\n\xff,1\n")
    result = CliRunner().invoke(app, ["index", "weights", "--in", str(tmp_path / "bytes.csv")])
    assert (result.exit_code, "is not UTF-8 text" in result.stderr) == (2, True)


def test_the_group_is_there_for_more() -> None:
    result = CliRunner().invoke(app, ["index", "--help"])
    assert result.exit_code == 0
    assert "weights" in result.stdout
