"""An index on a real chain: ranks change, the weigher's key sets targets, leavers are sold to zero."""

import json
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from scripts.localchain import accounts
from scripts.localchain.chain import LocalChain
from scripts.localchain.node import Tx
from tests.e2e.keepers import Keeper, nonce
from tests.e2e.onchain import Witness
from tests.e2e.reckoning import OPEN, assert_journal_recomputes

pytestmark = pytest.mark.e2e

DAY = 86_400
COINS = {"WETH": "ethereum", "WBTC": "bitcoin", "LINK": "chainlink", "UNI": "uniswap", "MATIC": "matic-network"}
RULES = {
    "size": 4,
    "rank_buffer": 0,
    "cap_bps": 4_000,
    "cash_bps": 2_000,
    "min_dexes": 1,
    "coins": list(COINS.values()),
    "interval_seconds": DAY,
}
FIRST = {"WETH": 400, "WBTC": 400, "LINK": 120, "UNI": 80, "MATIC": 70}
THEN = FIRST | {"MATIC": 90}
"""MATIC passes UNI."""


class Scene:
    """A fund that follows an index of four coins in a file, and a keeper that has the weigher's key."""

    def __init__(self, chain: LocalChain, keeper: Keeper, folder: Path) -> None:
        self.chain, self.keeper = chain, keeper
        self.market, self.rules = folder / "market.csv", folder / "rules.json"
        self.rules.write_text(json.dumps(RULES))
        self.variables = {
            "MARKET_DATA": "file",
            "MARKET_DATA_FILE": str(self.market),
            "WEIGHER_PRIVATE_KEY": accounts.weigher_key().key.hex(),
            "INTERVAL_MINUTES": "1",
        }
        self.caps(FIRST)
        self.treasury = Witness(chain).treasury

    def caps(self, sizes: dict[str, int], without: str = "") -> None:
        """A universe of one's own, dated now."""
        now = self.chain.node.head()[1]
        lines = ["coin,price_usd,market_cap,updated_at,symbol,token,pools"]
        for symbol, size in sizes.items():
            if symbol != without:
                token = self.chain.deployment.token(symbol)
                lines.append(
                    f"{COINS[symbol]},{token.spec.price},{size}000000000,{now},{symbol},{token.address},uniswap:9000000"
                )
        part = self.market.with_suffix(".part")
        part.write_text("\n".join(lines) + "\n")
        part.replace(self.market)

    def a_day_later(self) -> None:
        """Feeds and pools are as they were, a day on."""
        self.chain.market.step({}, at=self.chain.node.head()[1] + DAY)

    def targets(self) -> dict[str, int]:
        snapshot = self.treasury.functions.snapshot().call()
        tokens = self.chain.deployment.treasuries[0].tokens
        return {token.symbol: asset[5] for token, asset in zip(tokens, snapshot[9], strict=True) if asset[5]}

    def balance(self, symbol: str) -> int:
        at = self.chain.deployment.treasuries[0].address
        token = self.chain.deployment.token(symbol).address
        return int(self.chain.node.rpc.view(token, "balanceOf(address)(uint256)", at))

    def until(self, said: Any, what: str) -> None:
        """A minute after the other until it is so, and nothing is open any more. Others trade, too: a pool that was
        moved is back at the feeds' prices with the next minute."""

        def so() -> bool:
            return bool(said()) and self.keeper.rows(OPEN) == []

        self.keeper.until(so, what, lambda: self.chain.market.step({}, at=self.chain.node.head()[1] + 60))

    def looks(self) -> list[dict[str, Any]]:
        rows = self.keeper.rows(
            """SELECT d.action, d.reason, j.body FROM reweighting r JOIN decision d ON d.seq = r.seq
               JOIN journal j ON j.seq = r.seq ORDER BY r.seq"""
        )
        return [row | {"index": json.loads(row["body"])["index"]} for row in rows]


@pytest.fixture
def scene(chain: LocalChain, keeper: Keeper, tmp_path: Path) -> Iterator[Scene]:
    it = Scene(chain, keeper, tmp_path)
    assert keeper("run", "--once").code == 0
    done = keeper("index", "rules", "lci", "--set", str(it.rules), "--why", "the board decided", **it.variables)
    assert done.code == 0, done.stderr
    yield it
    key = accounts.weigher_key().key.hex().removeprefix("0x").encode()
    written = [path for path in keeper.folder.rglob("*") if path.is_file() and key in path.read_bytes().lower()]
    assert written == [], "the weigher's key is nowhere"


def test_ranks_change_and_the_fund_follows_to_the_unit(scene: Scene) -> None:
    chain, keeper = scene.chain, scene.keeper
    first = {"WETH": 3_200, "WBTC": 3_200, "USDC": 2_000, "LINK": 960, "UNI": 640}
    then = {"WETH": 3_168, "WBTC": 3_168, "USDC": 2_000, "LINK": 951, "MATIC": 713}
    gone = ("USDT", "DAI", "MATIC")
    with keeper.running(**scene.variables) as child:
        scene.until(lambda: scene.targets() == first, "the first targets")
        scene.until(lambda: not any(map(scene.balance, gone)), "what is no member is sold to zero")
        _agrees_to_the_unit(scene)
        scene.a_day_later()
        scene.caps(THEN)
        scene.until(lambda: scene.targets() == then, "MATIC's rank brings it in")
        scene.until(lambda: scene.balance("UNI") == 0 < scene.balance("MATIC"), "UNI is sold, MATIC bought")
        _agrees_to_the_unit(scene)
        assert child.exit_code() is None

    told = keeper("status", "--json").json[0]["index"]
    assert (told["version"], told["members"]) == (1, ["ethereum", "bitcoin", "chainlink", "matic-network"])
    assert "index: rules version 1, 4 members; last look at" in keeper("status").stdout
    what = [row["what"] for row in keeper("tx", "list", "--json").json]
    assert what.count("targets") == 2
    assert what.count("rebalance") >= 2
    sent = [look for look in scene.looks() if look["action"] == "submitted"]
    assert len(sent) == 2
    newest = sent[-1]["index"]
    assert {(change["symbol"], change["move"]) for change in newest["changes"]} == {
        ("UNI", "leaves"),
        ("MATIC", "enters"),
    }
    assert "UNI leaves: rank 5" in sent[-1]["reason"]
    order = [token.symbol for token in chain.deployment.treasuries[0].tokens]
    assert dict(zip(order, map(int, newest["targets_before_bps"]), strict=True)) == first | dict.fromkeys(gone, 0)
    assert {s: int(t) for s, t in zip(order, newest["targets_bps"], strict=True) if t != "0"} == then
    assert newest["source"] == "file"
    assert newest["methodology"]["version"] == "1"
    assert_journal_recomputes(keeper)
    _every_target_of_the_chain_is_in_the_books(scene)


def _agrees_to_the_unit(scene: Scene) -> None:
    """`keeper index units` against the contract's own views, at the block that it says."""
    told = scene.keeper("index", "units", "lci", "--json", **scene.variables).json
    at, contract = told["block"]["number"], scene.treasury.functions
    supply = contract.totalSupply().call(block_identifier=at)
    nav = contract.nav().call(block_identifier=at)
    units = contract.componentUnits().call(block_identifier=at)
    assert int(told["total_supply"]) == supply
    assert int(told["nav_usd_e18"]) == nav
    assert int(told["index_price_usd_e18"]) == nav * 10**18 // supply
    assert [int(each["units"]) for each in told["components"]] == list(units)
    assert sum(each["target_bps"] for each in told["components"]) == 10_000


def _every_target_of_the_chain_is_in_the_books(scene: Scene) -> None:
    """One `TargetsSet` per intent, by the weigher's key, with the numbers that the books say."""
    logs = scene.treasury.events.TargetsSet().get_logs(from_block=0)
    mined = scene.keeper.rows(
        """SELECT a.hash, w.sent, i.signer FROM transaction_intent i
           JOIN transaction_attempt a ON a.intent_id = i.id AND a.block_number IS NOT NULL
           JOIN reweighting w ON w.seq = i.decision_seq WHERE i.kind = 'targets' ORDER BY i.id"""
    )
    theirs = [
        (log.transactionHash.to_0x_hex(), list(log.args.targetBps))
        for log in logs
        if log.transactionHash.to_0x_hex() in {row["hash"] for row in mined}
    ]
    assert theirs == [(row["hash"], json.loads(row["sent"])) for row in mined]
    assert {row["signer"] for row in mined} == {accounts.WEIGHER}
    assert nonce(scene.chain, accounts.WEIGHER) == len(mined)


def test_preview_says_what_would_change_and_what_it_would_trade(scene: Scene) -> None:
    told = scene.keeper("index", "preview", "lci", "--json", **scene.variables).json
    after = {each["symbol"]: each["after_bps"] for each in told["targets"]}
    assert after == {
        "WETH": 3_200, "WBTC": 3_200, "USDC": 2_000, "USDT": 0, "DAI": 0, "LINK": 960, "UNI": 640, "MATIC": 0,
    }  # fmt: skip
    assert told["action"] == "planned"
    assert [member["symbol"] for member in told["members"]] == ["WETH", "WBTC", "LINK", "UNI"]
    assert sum(Decimal(member["weight"]) for member in told["members"]) == 1
    sold = {swap["token_in"] for swap in told["trades"]["swaps"]}
    assert {"USDT", "DAI", "MATIC"} <= sold
    call = told["call"]
    scene.chain.node.execute([Tx("by hand", accounts.WEIGHER, call["to"], call["data"])])
    assert scene.targets() == {symbol: target for symbol, target in after.items() if target}
    shown = scene.keeper("index", "preview", "lci", **scene.variables)
    assert shown.code == 0
    assert "targets are those of the index" in shown.stdout


def test_a_keeper_that_is_no_weigher_tells_the_owner(scene: Scene) -> None:
    keeper = scene.keeper
    variables = scene.variables | {"WEIGHER_PRIVATE_KEY": ""}
    assert keeper("run", "--once", **variables).code in (0, 3)
    (look,) = scene.looks()
    assert look["action"] == "blocked"
    assert f"weigher_role: {accounts.KEEPER} is not the treasury's weigher ({accounts.WEIGHER})" in look["reason"]
    alerts = {row["kind"]: row["message"] for row in keeper.rows("SELECT * FROM alert WHERE cleared_at IS NULL")}
    assert "setTargets is for that to send" in alerts["TARGETS_WAIT"]
    assert nonce(scene.chain, accounts.WEIGHER) == 0
    assert keeper("index", "preview", "lci", **variables).code == 3


def test_doctor_says_who_sends_the_targets_and_whom_the_index_asks(scene: Scene) -> None:
    def told(**variables: str) -> dict[str, tuple[str, str]]:
        rows = scene.keeper("doctor", "--json", **(scene.variables | variables)).json
        return {row["name"]: (row["health"], row["detail"]) for row in rows if row["fund"] == "lci"}

    fine = told()
    assert fine["index"] == ("ok", "its market can be asked")
    assert fine["weigher"] == ("ok", f"{accounts.WEIGHER} sends the targets")
    assert told(WEIGHER_PRIVATE_KEY="")["weigher"][0] == "warn"
    off = told(MARKET_DATA="off")["index"]
    assert off[0] == "fail"
    assert off[1].startswith("MARKET_DATA: is off")


def test_what_the_treasury_does_not_list_is_proposed_and_never_bought(scene: Scene) -> None:
    """The fund's own share stands in for a token that nobody listed: it has code, decimals and a symbol."""
    keeper, share = scene.keeper, scene.chain.deployment.treasuries[0].address
    now = scene.chain.node.head()[1]
    with scene.market.open("a") as file:
        file.write(f"solana,150,500000000000,{now},SOL,{share},uniswap:9000000\n")
    scene.rules.write_text(json.dumps(RULES | {"coins": [*COINS.values(), "solana"]}))
    assert keeper("index", "rules", "lci", "--set", str(scene.rules), **scene.variables).code == 0
    assert keeper("run", "--once", **scene.variables).code == 0
    (look,) = scene.looks()
    assert look["action"] == "submitted"
    (proposed,) = look["index"]["proposed"]
    assert (proposed["coin"], proposed["token"], proposed["reason"]) == (
        "solana",
        share,
        "the treasury does not list it",
    )
    alerts = {row["kind"]: row["message"] for row in keeper.rows("SELECT * FROM alert WHERE cleared_at IS NULL")}
    assert alerts["INDEX_PROPOSAL"] == (
        f"SOL (solana, {share}) belongs in the index and cannot be bought: the treasury does not list it"
    )
    (row,) = keeper.rows("SELECT proposed, members FROM reweighting")
    assert [each["coin"] for each in json.loads(row["proposed"])] == ["solana"]
    assert "solana" not in json.loads(row["members"])


def test_rules_that_cannot_be_are_all_told_and_none_is_stored(scene: Scene, tmp_path: Path) -> None:
    wrong = tmp_path / "wrong.json"
    wrong.write_text(json.dumps({"size": 0, "cap": 3, "cap_bps": 20_000, "interval_seconds": 1}))
    done = scene.keeper("index", "rules", "lci", "--set", str(wrong), **scene.variables)
    assert done.code == 2
    assert done.errors == ["cap: there is no such rule of an index"]
    wrong.write_text(json.dumps({"size": 0, "cap_bps": 20_000, "interval_seconds": 1}))
    done = scene.keeper("index", "rules", "lci", "--set", str(wrong), **scene.variables)
    assert [line.partition(":")[0] for line in done.errors] == [
        "size", "rank_buffer", "interval_seconds", "cap_bps",
    ]  # fmt: skip
    told = scene.keeper("index", "rules", "lci", "--json", **scene.variables).json
    assert [(row["version"], row["why"]) for row in told["versions"]] == [(1, "the board decided")]
