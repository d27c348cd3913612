"""Price paths: the walk repeats by its seed, the CSV reader fills gaps and says what is wrong."""

from datetime import date
from decimal import Decimal
from itertools import islice, pairwise
from pathlib import Path

import pytest

from scripts.localchain.config import AssetSpec, default_config
from scripts.localchain.paths import BadPriceFile, daily_prices, midnight, random_walk

pytestmark = pytest.mark.unit

ASSETS = default_config().assets
WETH = AssetSpec("WETH", "Wrapped Ether", "ethereum", 18, Decimal(3000), 0.05)
USDC = AssetSpec("USDC", "USD Coin", "usd-coin", 6, Decimal(1), 0.0002, pegged=True)
ROWS = """\
date,coin_id,price,market_cap,volume_kusd
2021-05-01,ethereum,2700.5,1,1
2021-05-01,usd-coin,1.0001,1,1
2021-05-02,ethereum,2900,1,1
2021-05-04,usd-coin,0.9999,1,1
2021-05-05,ethereum,3500,1,1
"""


def price_file(folder: Path, text: str = ROWS) -> Path:
    file = folder / "prices.csv"
    file.write_text(text)
    return file


def test_walk_repeats_by_its_seed_and_differs_by_it() -> None:
    first, again, other = (list(islice(random_walk(ASSETS, seed, 43_200), 20)) for seed in (7, 7, 8))
    assert first == again
    assert first != other


def test_walk_is_exact_positive_and_keeps_pegs() -> None:
    for prices in islice(random_walk(ASSETS, 3, 86_400), 200):
        for asset in ASSETS:
            price = prices[asset.symbol]
            assert price > 0
            assert price == price.quantize(Decimal("1e-8"))
            if asset.pegged:
                assert abs(price - 1) < Decimal("0.003")


def test_walk_has_the_volatility_and_correlation_that_it_claims() -> None:
    """Sample of 4,000 daily returns: standard deviation within 5 %, correlation within 0.05 of beta * beta."""
    prices = [{"WETH": Decimal(3000), "LINK": Decimal(15)}, *islice(random_walk(ASSETS, 1, 86_400), 4_000)]

    def returns(symbol: str) -> list[float]:
        return [float((after[symbol] / before[symbol]).ln()) for before, after in pairwise(prices)]

    def spread(values: list[float]) -> float:
        return (sum(v * v for v in values) / len(values)) ** 0.5

    weth, link = returns("WETH"), returns("LINK")
    assert spread(weth) == pytest.approx(0.05, rel=0.05)
    assert spread(link) == pytest.approx(0.07, rel=0.05)
    together = sum(a * b for a, b in zip(weth, link, strict=True)) / len(weth) / spread(weth) / spread(link)
    assert together == pytest.approx(0.49, abs=0.05)


def test_every_day_has_a_price_and_gaps_take_the_last_one(tmp_path: Path) -> None:
    days = daily_prices(price_file(tmp_path), date(2021, 5, 2), date(2021, 5, 5), [WETH, USDC])
    assert days == [
        (date(2021, 5, 2), {"WETH": Decimal(2900), "USDC": Decimal("1.0001")}),
        (date(2021, 5, 3), {"WETH": Decimal(2900), "USDC": Decimal("1.0001")}),
        (date(2021, 5, 4), {"WETH": Decimal(2900), "USDC": Decimal("0.9999")}),
        (date(2021, 5, 5), {"WETH": Decimal(3500), "USDC": Decimal("0.9999")}),
    ]


def test_a_day_starts_at_midnight_utc() -> None:
    assert midnight(date(2021, 5, 1)) == 1_619_827_200


@pytest.mark.parametrize(
    ("text", "first", "last", "says"),
    [
        (ROWS, "2021-05-03", "2021-05-02", "before the first"),
        (ROWS, "2021-04-30", "2021-05-02", "has prices from 2021-05-01 to 2021-05-05"),
        (ROWS, "2021-05-01", "2021-05-06", "not for all of 2021-05-01 to 2021-05-06"),
        (ROWS.replace("usd-coin", "dai"), "2021-05-01", "2021-05-02", "no price of usd-coin"),
        (ROWS.replace("2021-05-01,usd-coin,1.0001,1,1\n", ""), "2021-05-01", "2021-05-05", "on or before 2021-05-01"),
        (ROWS.replace("price", "close"), "2021-05-01", "2021-05-02", "no column price"),
        (ROWS.replace("2900", "-2900"), "2021-05-01", "2021-05-02", "line 4: '-2900' is not a price"),
        (ROWS.replace("2900", "NaN"), "2021-05-01", "2021-05-02", "line 4: 'NaN' is not a price"),
        (ROWS.replace("2900", ""), "2021-05-01", "2021-05-02", "line 4: '' is not a price"),
        (ROWS.replace("2021-05-02", "May 2"), "2021-05-01", "2021-05-02", "line 4: 'May 2' is not a date"),
        (ROWS.splitlines()[0], "2021-05-01", "2021-05-02", "has no prices"),
        ("", "2021-05-01", "2021-05-02", "no column coin_id, date, price"),
    ],
)
def test_bad_files_are_refused_in_one_line(tmp_path: Path, text: str, first: str, last: str, says: str) -> None:
    with pytest.raises(BadPriceFile) as refusal:
        daily_prices(price_file(tmp_path, text), date.fromisoformat(first), date.fromisoformat(last), [WETH, USDC])
    assert says in str(refusal.value)
    assert "\n" not in str(refusal.value)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(BadPriceFile, match=r"cannot read .*nowhere\.csv: No such file"):
        daily_prices(tmp_path / "nowhere.csv", date(2021, 5, 1), date(2021, 5, 2), [WETH])
