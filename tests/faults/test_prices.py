"""Faults 58 to 63: feeds, pools and providers that are old, silent, wrong or moved.

The real keeper on a real chain with Uniswap's pools; the third voice is a file. The market has risen and a trade is due
in each: what is asserted is whether it happens, at which prices, and through which pools.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from scripts.localchain import accounts, arbitrage, tokens
from scripts.localchain.contracts import DEPLOYER
from scripts.localchain.node import Tx
from scripts.localchain.tokens import Token
from tests.faults.scenes import Scene

pytestmark = pytest.mark.e2e

DAY = 86_400
LINK = Decimal(15)
BLOCKED = "SELECT reason FROM decision WHERE action = 'blocked' ORDER BY seq DESC LIMIT 1"


@dataclass
class Priced:
    """`said` are prices of the file that differ from the feeds'; None is a coin that it does not have."""

    scene: Scene
    file: Path
    said: dict[str, Decimal | None] = field(default_factory=dict)

    def token(self, symbol: str) -> Token:
        return self.scene.chain.deployment.token(symbol)

    def execute(self, *txs: Tx) -> None:
        self.scene.chain.node.execute(list(txs))

    def push_pools(self, symbol: str, price: Decimal) -> None:
        """Real swaps bring the pools of an asset there; its feed stays where it is."""
        node, deployment = self.scene.chain.node, self.scene.chain.deployment
        moved = tokens.prices(node, deployment.tokens) | {symbol: price}
        swaps = arbitrage.closing_swaps(node, deployment, moved)
        assert swaps
        self.execute(*swaps)

    def write(self) -> None:
        """The file, as fresh as the newest block."""
        node = self.scene.chain.node
        prices: dict[str, Decimal | None] = dict(tokens.prices(node, self.scene.chain.deployment.tokens))
        at = node.head()[1]
        rows = [f"{s.lower()},{price},{at}" for s, price in (prices | self.said).items() if price is not None]
        self.file.write_text("coin,price_usd,updated_at\n" + "\n".join(rows) + "\n")

    def with_a_file(self) -> dict[str, str]:
        """Variables of a keeper that listens to it as well. Its tokens are told which coins they are."""
        self.write()
        variables = {
            "MARKET_DATA": "file",
            "MARKET_DATA_FILE": str(self.file),
            "COINGECKO_MAX_AGE_SECONDS": str(DAY),
        }
        keeper = self.scene.keeper
        assert keeper("run", "--once").code == 0
        symbols = [token.symbol for token in self.scene.chain.deployment.tokens]
        done = keeper("funds", "coins", "lci", *(f"{symbol}={symbol.lower()}" for symbol in symbols))
        assert done.code == 0, done.stderr
        return variables

    def votes(self, symbol: str) -> dict[str, Mapping[str, Any]]:
        """Of the newest decision, by source."""
        rows = self.scene.rows(
            "SELECT v.* FROM price_update v JOIN asset a ON a.token = v.token "
            f"WHERE a.symbol = '{symbol}' AND decision_seq = (SELECT MAX(decision_seq) FROM price_update)"
        )
        return {row["source"]: row for row in rows}

    def used(self, symbol: str) -> dict[str, bool]:
        """Whether those that say what an asset is worth now counted; the pools' mean has its own test."""
        return {source: bool(vote["used"]) for source, vote in self.votes(symbol).items() if source != "TWAP"}

    def until_blocked(self) -> str:
        return str(self.scene.keeper.query_until(BLOCKED)["reason"])

    def assert_nothing_was_sent(self) -> None:
        assert self.scene.sent() == []
        assert self.scene.nonces() == (0, 0)

    def traded(self) -> set[str]:
        """Symbols in the swaps of the trade."""
        rows = self.scene.rows(
            "SELECT a.symbol FROM rebalance_transaction t JOIN asset a ON a.token IN (t.token_in, t.token_out)"
        )
        return {row["symbol"] for row in rows}


@pytest.fixture
def priced(scene: Scene, tmp_path: Path) -> Priced:
    return Priced(scene, tmp_path / "prices.csv")


def finish(priced: Priced) -> None:
    priced.scene.until_state("sent")
    priced.scene.finish()
    priced.scene.assert_traded_once()


# ------------------------------------------------------------------------------------------------------------ feeds


def test_fault_58_stale_feed(priced: Priced) -> None:
    """A feed that has not spoken for longer than the owner allows -> no trade, in so many words; then it speaks."""
    scene, token = priced.scene, priced.token("LINK")
    scene.rise()
    now = scene.chain.node.head()[1]
    old = Tx.call(
        "feed LINK", DEPLOYER, token.feed, "setAnswerAt(int256,uint256)", tokens.answer_of(LINK), now - 3 * DAY
    )
    priced.execute(old)
    with scene.running(INTERVAL_MINUTES="1"):
        assert "price_age: LINK: the answer is 2592" in priced.until_blocked()
        priced.assert_nothing_was_sent()
        priced.execute(tokens.set_answer(token, LINK))
        scene.climate.mine(70)
        finish(priced)


@pytest.mark.parametrize("answer", [0, -1])
def test_fault_62_zero_or_negative(priced: Priced, answer: int) -> None:
    """-> no price, and never 0: an asset that is worth nothing would be sold for nothing, or bought without end."""
    scene, token = priced.scene, priced.token("LINK")
    scene.rise()
    priced.execute(Tx.call("feed LINK", DEPLOYER, token.feed, "setAnswer(int256)", answer))
    with scene.running():
        assert f"price_bounds: LINK: the feed answered {answer}" in priced.until_blocked()
        priced.assert_nothing_was_sent()
    assert not priced.votes("LINK")["FEED"]["used"]
    assert scene.rows("SELECT 1 FROM price_update WHERE px = '0'") == []


def test_fault_63_depeg(priced: Priced) -> None:
    """A stablecoin at 0.97, by its feed and by its pools -> no trade."""
    scene = priced.scene
    scene.chain.market.step({"WETH": Decimal(4000), "DAI": Decimal("0.97")}, at=scene.chain.node.head()[1] + 7200)
    scene.climate.turn(scene.climate.base_fee)
    with scene.running():
        assert "stablecoin_peg: DAI is at 0.97 USD" in priced.until_blocked()
        priced.assert_nothing_was_sent()


def test_fault_jump_is_seen_twice(priced: Priced) -> None:
    """A third within ten minutes, by feed and pools alike -> no trade until a later cycle sees it again."""
    scene = priced.scene
    scene.climate.mine()
    assert scene.keeper("run", "--once").code == 0
    scene.chain.market.step({"WETH": Decimal(4000)}, at=scene.chain.node.head()[1] + 600)
    with scene.running(INTERVAL_MINUTES="1"):
        assert "price_jump: WETH: 4" in priced.until_blocked()
        priced.assert_nothing_was_sent()
        scene.climate.mine(70)
        finish(priced)


# ------------------------------------------------------------------------------------------------------------ pools


def test_fault_59_spot_moved_20_percent(priced: Priced) -> None:
    """By a swap in the block before, with two voices: nobody knows which one is off -> the fund holds and says so."""
    scene = priced.scene
    scene.rise()
    priced.push_pools("LINK", LINK * Decimal("1.2"))
    with scene.running():
        reason = priced.until_blocked()
        priced.assert_nothing_was_sent()
    assert "price_agreement: LINK: sources are" in reason
    assert [vote["used"] for vote in priced.votes("LINK").values()] == [0, 0, 0]


@pytest.mark.parametrize("factor", ["1.2", "0.8"])
def test_fault_59_spot_moved_20_percent_and_two_others_agree(priced: Priced, factor: str) -> None:
    """-> trades on, at the right price, and not through the pools that were moved, cheap or dear."""
    scene = priced.scene
    variables = priced.with_a_file()
    scene.rise()
    priced.push_pools("LINK", LINK * Decimal(factor))
    priced.write()
    with scene.running(**variables):
        finish(priced)
    assert priced.used("LINK") == {"FEED": True, "ROUTER": False, "ORACLE": True}
    assert "% off the others" in priced.votes("LINK")["ROUTER"]["reason"]
    assert "WETH" in priced.traded()
    assert "LINK" not in priced.traded()


@pytest.mark.parametrize("factor", ["1.2", "0.8"])
def test_fault_59_mean_tells_on_a_pool_that_was_moved(priced: Priced, factor: str) -> None:
    """With two voices and a past: the pool's own mean is with the feed -> trades on, and not through that pool."""
    scene = priced.scene
    assert scene.keeper("run", "--once").code == 0
    scene.rise()
    priced.push_pools("LINK", LINK * Decimal(factor))
    with scene.running():
        finish(priced)
    votes = {source: bool(vote["used"]) for source, vote in priced.votes("LINK").items()}
    assert votes == {"FEED": True, "ROUTER": False, "TWAP": True}
    assert "WETH" in priced.traded()
    assert "LINK" not in priced.traded()


# ------------------------------------------------------------------------------------------------------- providers


def silent(priced: Priced) -> None:
    priced.file.write_text("<html>bad gateway</html>")


def without_the_coin(priced: Priced) -> None:
    priced.said = {"LINK": None}
    priced.write()


def zero(priced: Priced) -> None:
    priced.said = {"LINK": Decimal(0)}
    priced.write()


def off(priced: Priced) -> None:
    priced.said = {"LINK": LINK * 2}
    priced.write()


@pytest.mark.parametrize("breaks", [silent, without_the_coin, zero, off])
def test_fault_60_one_source_out(priced: Priced, breaks: Callable[[Priced], None]) -> None:
    """-> two that agree are enough."""
    scene = priced.scene
    variables = priced.with_a_file()
    scene.rise()
    priced.write()
    breaks(priced)
    with scene.running(**variables):
        finish(priced)
    assert priced.used("LINK") == {"FEED": True, "ROUTER": True, "ORACLE": False}


def test_fault_61_all_out_but_one(priced: Priced) -> None:
    """The provider does not have the coin and its pools are switched off -> one voice is not enough, however good."""
    scene = priced.scene
    variables = priced.with_a_file()
    scene.rise()
    without_the_coin(priced)
    treasury = scene.chain.deployment.treasuries[0].address
    shown = scene.keeper("treasury", "show", "--json").json
    link = [asset["symbol"] for asset in shown["assets"]].index("LINK")
    listed = [venue["index"] for venue in shown["venues"] if link in venue["assets"]]
    assert listed
    off = [Tx.call("venue off", accounts.GUARDIAN, treasury, "disableVenue(uint16)", number) for number in listed]
    priced.execute(*off)
    with scene.running(**variables):
        assert "price_agreement: LINK: only one of three sources speaks" in priced.until_blocked()
        priced.assert_nothing_was_sent()


def test_fault_61_all_out(priced: Priced) -> None:
    """And a fund that is valued by the provider alone, which is silent."""
    scene = priced.scene
    variables = priced.with_a_file()
    scene.rise()
    silent(priced)
    with scene.running(**variables, PRICE_SOURCE="ORACLE"):
        assert "price_agreement: WETH: file: " in priced.until_blocked()
        priced.assert_nothing_was_sent()
