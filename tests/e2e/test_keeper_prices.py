"""`keeper prices` and `keeper funds coins` on a real chain."""

from collections.abc import Iterator
from decimal import Decimal
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import pytest

from scripts.localchain.chain import LocalChain
from scripts.localchain.tokens import set_answer
from tests.e2e.keepers import Keeper

pytestmark = pytest.mark.e2e


def test_every_source_beside_the_others(chain: LocalChain, keeper: Keeper) -> None:
    """Without a database: what a newcomer tries first."""
    told = keeper("prices", "--json").json
    assert told["price_source"] == "MEDIAN"
    assert told["refused"] == []
    assets = {asset["symbol"]: asset for asset in told["assets"]}
    assert list(assets) == [*chain.deployment.treasuries[0].spec.targets]
    weth = assets["WETH"]
    assert [vote["source"] for vote in weth["votes"]] == ["FEED", "ROUTER", "TWAP"]
    assert Decimal(weth["votes"][0]["price_usd"]) == 3000
    assert abs(Decimal(weth["price_usd"]) - 3000) < 10
    for vote in weth["votes"][:2]:
        assert vote["used"] is True
        assert vote["age_seconds"] >= 0
        assert abs(Decimal(vote["deviation_bps"])) < 20
    shown = keeper("prices")
    assert shown.code == 0
    assert "PRICE_SOURCE MEDIAN" in shown.stdout


def test_prices_that_would_hold_the_fund_are_a_failed_check(chain: LocalChain, keeper: Keeper) -> None:
    chain.node.execute([set_answer(chain.deployment.token("LINK"), Decimal(18))])
    done = keeper("prices")
    assert done.code == 3
    assert "REFUSED  price_agreement: LINK: sources are 16.6" in done.stdout
    told = keeper("prices", "--json").json
    link = next(asset for asset in told["assets"] if asset["symbol"] == "LINK")
    assert link["price_usd"] is None
    assert [vote["used"] for vote in link["votes"]] == [False, False, False]
    assert Decimal(link["votes"][1]["deviation_bps"]) == pytest.approx(Decimal("-1667"), abs=20)


def test_a_pools_mean_speaks_when_it_has_a_past(chain: LocalChain, keeper: Keeper) -> None:
    """V3 pools remember by themselves, of V2 pairs the books do: the first cycle begins it."""

    def means() -> dict[str, dict[str, object]]:
        told = keeper("prices", "--json").json["assets"]
        return {asset["symbol"]: vote for asset in told for vote in asset["votes"] if vote["source"] == "TWAP"}

    assert keeper("run", "--once").code == 0
    begun = chain.node.head()[1]
    young = means()["LINK"]
    assert young["price_usd"] is None
    assert "no sample of the pair is 1800 s old: it speaks from 20" in str(young["reason"])
    chain.node.mine(timestamp=begun + 1_900)
    old = means()
    for symbol, kind, usd in (("LINK", "V2 pair", 15), ("WETH", "V3 pool", 3_000)):
        assert old[symbol]["used"] is True
        assert str(old[symbol]["reason"]).startswith(kind)
        assert abs(Decimal(str(old[symbol]["price_usd"])) / usd - 1) < Decimal("0.003")


def test_a_price_that_has_jumped_is_a_failed_check(chain: LocalChain, keeper: Keeper) -> None:
    chain.node.mine()
    assert keeper("run", "--once").code == 0
    chain.market.step({"LINK": Decimal(20)}, at=chain.node.head()[1] + 600)
    done = keeper("prices")
    assert done.code == 3
    assert "REFUSED  price_jump: LINK: " in done.stdout
    link = next(asset for asset in keeper("prices", "--json").json["assets"] if asset["symbol"] == "LINK")
    assert abs(Decimal(link["price_usd"]) - 20) < Decimal("0.1")


def test_there_is_no_fund_that_a_mean_values(keeper: Keeper) -> None:
    done = keeper("prices", PRICE_SOURCE="TWAP")
    assert done.code == 2
    assert done.errors == ["PRICE_SOURCE: must be 'ROUTER', 'ORACLE', 'FEED' or 'MEDIAN' (it is 'TWAP')"]


def test_a_third_voice(chain: LocalChain, keeper: Keeper, tmp_path: Path) -> None:
    assert keeper("run", "--once").code == 0
    done = keeper("funds", "coins", "lci", "WETH=weth", "USDC=usd-coin")
    assert done.code == 0, done.stderr
    assert "weth" in done.stdout
    found = {row["symbol"]: row["coin"] for row in keeper("funds", "coins", "lci", "--json").json}
    assert (found["WETH"], found["USDC"], found["LINK"]) == ("weth", "usd-coin", None)
    file = tmp_path / "prices.csv"
    now = chain.node.head()[1]
    file.write_text(f"coin,price_usd,updated_at\nweth,3003.5,{now}\nusd-coin,1,{now}\n")
    told = keeper("prices", "--json", MARKET_DATA="file", MARKET_DATA_FILE=str(file)).json
    weth = told["assets"][0]
    assert (weth["symbol"], weth["votes"][2]["source"], weth["votes"][2]["price_usd"]) == ("WETH", "ORACLE", "3003.5")
    assert weth["votes"][2]["used"] is True
    assert keeper("funds", "coins", "lci", "WETH=").code == 0
    assert {row["coin"] for row in keeper("funds", "coins", "lci", "--json").json} == {"usd-coin", None}
    journal = keeper.rows('SELECT body FROM journal WHERE body LIKE \'%"event":"coin"%\' ORDER BY seq')
    assert len(journal) == 3


class Refusing(BaseHTTPRequestHandler):
    """A provider that has had enough for today."""

    def do_GET(self) -> None:
        body = b'{"status":{"error_code":429,"error_message":"You\'ve exceeded the Rate Limit."}}'
        self.send_response(429)
        self.send_header("retry-after", "119")
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Nothing is printed."""


@pytest.fixture
def refusing() -> Iterator[str]:
    with ThreadingHTTPServer(("127.0.0.1", 0), Refusing) as server:
        thread = Thread(target=server.serve_forever, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


def test_a_provider_that_refuses_is_told_on_stderr_and_the_answer_stays_json(keeper: Keeper, refusing: str) -> None:
    assert keeper("run", "--once").code == 0
    assert keeper("funds", "coins", "lci", "WETH=weth").code == 0
    done = keeper("prices", "--json", MARKET_DATA="coingecko", COINGECKO_URL=refusing)
    votes = done.json["assets"][0]["votes"]
    assert "429" in next(vote["reason"] for vote in votes if vote["source"] == "ORACLE")
    assert "coingecko refused" in done.stderr, "the log's own line"


def test_wrong_coins_are_all_told_and_none_is_taken(keeper: Keeper) -> None:
    assert keeper("run", "--once").code == 0
    done = keeper("funds", "coins", "lci", "WETH=weth", "GOLD=gold", "LINK=a,b", "WBTC", "WETH=ether")
    assert done.code == 2
    assert done.errors == [
        "GOLD: no asset of the fund has that symbol",
        "LINK: 'a,b' is no coin's id (letters, digits and . _ ~ + -)",
        "WBTC: expected SYMBOL=COIN",
        "WETH: is there twice",
    ]
    assert {row["coin"] for row in keeper("funds", "coins", "lci", "--json").json} == {None}
