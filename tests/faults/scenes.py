"""A real keeper, a real chain and a proxy between them, for the faults of the list: how each begins and ends."""

import contextlib
import sqlite3
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any, Final

from scripts.localchain import accounts
from scripts.localchain.chain import LocalChain
from scripts.localchain.process import Child
from tests.e2e.keepers import Keeper, nonce, with_key
from tests.e2e.onchain import Witness
from tests.e2e.reckoning import assert_every_plan_happened_once, assert_journal_recomputes, finish
from tests.faults.kit.chain_faults import Climate
from tests.faults.kit.node_rules import NodeRules
from tests.faults.kit.proxy import Proxy
from tests.faults.kit.traffic import Entry

SEND: Final = "eth_sendRawTransaction"
COUNT: Final = "eth_getTransactionCount"
LATEST: Final = "eth_getBlockByNumber"
RECEIPT: Final = "eth_getTransactionReceipt"
HOUR: Final = 3600
GWEI: Final = 10**9
K: Final = accounts.KEEPER


@dataclass
class Scene:
    """The chain makes blocks on demand alone: `climate` has them, at a base fee that holds.

    They are a second apart, as the keeper counts heads before it sends again, and seconds before it raises: blocks of
    12 s (`climate.seconds`) have a transaction raised before it is ever sent again.
    """

    chain: LocalChain
    keeper: Keeper
    front: Proxy
    climate: Climate = field(init=False)

    def __post_init__(self) -> None:
        self.chain.node.mine_every(0)
        self.climate = Climate(self.chain.node.rpc, 2 * GWEI, seconds=1)

    @contextlib.contextmanager
    def running(self, prepare: Mapping[str, Any] | None = None, **variables: str) -> Iterator[Child]:
        """The keeper, behind the proxy. It said no traceback."""
        wanted: Any = {"RPC_URL": with_key(self.front.url)} | variables
        with self.keeper.running(prepare=prepare, **wanted) as child:
            yield child
        assert "Traceback" not in self.keeper.said(), self.keeper.said()[-3000:]

    def rise(self, price: int = 4000) -> None:
        """The market moves, and a trade is due."""
        self.chain.market.step({"WETH": Decimal(price)}, at=self.chain.node.head()[1] + 2 * HOUR)
        self.climate.turn(self.climate.base_fee)

    def until_up(self) -> None:
        """It has looked at its fund, and there was nothing to do."""
        self.keeper.query_until("SELECT * FROM decision WHERE action = 'held'")

    def until_planned(self) -> None:
        self.keeper.query_until("SELECT * FROM transaction_intent")

    # ---- the books

    def rows(self, query: str) -> list[dict[str, Any]]:
        """None before there are tables."""
        try:
            return self.keeper.rows(query)
        except sqlite3.OperationalError:
            return []

    @property
    def state(self) -> str:
        """Of the newest intent; empty while there is none."""
        rows = self.rows("SELECT state FROM transaction_intent ORDER BY id DESC LIMIT 1")
        return str(rows[0]["state"]) if rows else ""

    def until_state(self, state: str, *, mining: bool = False) -> None:
        """The newest intent is in that state."""
        self.keeper.query_until(
            f"SELECT * FROM (SELECT state FROM transaction_intent ORDER BY id DESC LIMIT 1) WHERE state = '{state}'",
            tick=self.mine_seen if mining else lambda: None,
        )

    def attempts(self) -> list[dict[str, Any]]:
        return self.rows("SELECT * FROM transaction_attempt ORDER BY id")

    def replies(self) -> list[dict[str, Any]]:
        return self.rows("SELECT * FROM transaction_reply ORDER BY id")

    def until_replies(self, count: int, *, mining: bool = False) -> list[dict[str, Any]]:
        """What was said to the sendings, once there were so many."""

        def poll() -> list[dict[str, Any]] | None:
            told = self.replies()
            return told if len(told) >= count else None

        return self.keeper.until(poll, f"{count} sendings", self.mine_seen if mining else lambda: None)

    def until_attempts(self, count: int, *, mining: bool = False) -> None:
        """So many are signed."""
        tick = self.mine_seen if mining else lambda: None
        self.keeper.until(lambda: len(self.attempts()) >= count, f"{count} attempts", tick)

    def alerts(self) -> list[str]:
        """What stands."""
        return [row["message"] for row in self.rows("SELECT message FROM alert WHERE cleared_at IS NULL")]

    # ---- the chain

    def mine_seen(self) -> None:
        """A block, and the keeper has asked for it: of many blocks at once it would see but the last."""
        since = self.front.mark()
        top = self.climate.mine()
        self.front.wait_for(LATEST, since=since, answered=True, when=lambda entry: number(entry) >= top)

    def nonces(self) -> tuple[int, int]:
        """Of the keeper: mined, and with what waits in Anvil's pool."""
        latest = int(self.chain.node.rpc.call("eth_getTransactionCount", K, "latest"), 16)
        return latest, nonce(self.chain)

    def sent(self) -> list[str]:
        """Raw bytes that were handed over, in order, as the proxy saw them."""
        return [entry.params[0] for entry in self.front.asked(SEND)]

    def rebalances(self) -> list[str]:
        """Hashes."""
        return [event.tx_hash for event in Witness(self.chain).rebalances()]

    # ---- the end

    def finish(self) -> None:
        """Blocks until nothing is open any more."""
        finish(self.chain, self.keeper)

    def assert_traded_once(self, attempts: int = 1) -> None:
        """One rebalance on the chain, the same in the books, of one intent with so many attempts at one nonce."""
        assert assert_every_plan_happened_once(self.chain, self.keeper) == 1
        assert self.nonces() == (1, 1)
        assert [each["nonce"] for each in self.attempts()] == [0] * attempts
        assert len(self.rows("SELECT * FROM transaction_intent")) == 1
        hashes = {each["hash"] for each in self.attempts()}
        assert set(self.rebalances()) <= hashes

    def assert_cancelled(self) -> None:
        """The plan did not happen: its nonce went to a transfer of nothing, and the books say so."""
        assert self.rebalances() == []
        assert self.nonces() == (1, 1)
        assert self.state == "cancelled"
        mined = [each for each in self.attempts() if each["block_number"] is not None]
        assert [(each["kind"], each["nonce"]) for each in mined] == [("cancel", 0)]
        assert {each["nonce"] for each in self.attempts()} == {0}
        assert [row["status"] for row in self.rows("SELECT status FROM rebalance")] == ["failed"]
        transfer = self.chain.node.rpc.call("eth_getTransactionByHash", mined[0]["hash"])
        assert (transfer["to"].lower(), transfer["value"], transfer["input"]) == (K.lower(), "0x0", "0x")
        assert_journal_recomputes(self.keeper)


@dataclass
class PooledScene(Scene):
    """With a real mempool's rules between the proxy and Anvil, and slots of 12 s."""

    pool: NodeRules = field(kw_only=True)

    def __post_init__(self) -> None:
        super().__post_init__()
        self.climate.seconds = 12


def number(entry: Entry) -> int:
    """Of the block that the node showed; -1 of none."""
    block = (entry.node or {}).get("result")
    return int(block["number"], 16) if isinstance(block, dict) and block.get("number") else -1
