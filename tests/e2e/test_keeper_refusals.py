"""A world that does not allow a trade: one clear line, exit code 3, a recorded cycle, nothing sent and nothing lost."""

import re
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest

from scripts.localchain import accounts, tokens
from scripts.localchain.chain import LocalChain
from scripts.localchain.config import DAY
from scripts.localchain.contracts import DEPLOYER
from scripts.localchain.node import Tx
from tests.e2e.keepers import Keeper, nonce

pytestmark = pytest.mark.e2e

REVERTS = "0x60006000fd"
HISTORY = ("journal", "decision", "price_update", "policy_version", "index_fund", "database_stamp", "asset")
"""Tables whose rows are never changed or taken away."""


def test_with_nothing_wrong_it_trades(chain: LocalChain, keeper: Keeper) -> None:
    """Or no refusal here would prove anything."""
    assert keeper("run", "--once").code == 0
    chain.market.step({"WETH": Decimal(4000)}, at=chain.node.head()[1] + 3600)
    assert keeper("run", "--once").code == 0
    assert nonce(chain) == 1


def owner(chain: LocalChain, signature: str, *args: Any) -> None:
    by(chain, accounts.OWNER, signature, *args)


def by(chain: LocalChain, who: str, signature: str, *args: Any) -> None:
    chain.node.execute([Tx.call(signature, who, chain.deployment.treasuries[0].address, signature, *args)])


def revoked(chain: LocalChain) -> None:
    by(chain, accounts.GUARDIAN, "revokeKeeper(address)", accounts.KEEPER)


def expired(chain: LocalChain) -> None:
    now = chain.node.head()[1]
    owner(chain, "setKeeper(address,uint64)", accounts.KEEPER, now + 60)
    chain.node.mine(timestamp=now + 120)


def paused(chain: LocalChain) -> None:
    by(chain, accounts.GUARDIAN, "pause()")


def penniless(chain: LocalChain) -> None:
    chain.node.rpc.call("anvil_setBalance", accounts.KEEPER, "0x0")


def nearly_penniless(chain: LocalChain) -> None:
    chain.node.rpc.call("anvil_setBalance", accounts.KEEPER, hex(10**13))


def stale(chain: LocalChain) -> None:
    """Every feed but one speaks again, two days later, at the price at which the pools are."""
    chain.node.mine(timestamp=chain.node.head()[1] + 2 * DAY)
    now = tokens.prices(chain.node, chain.deployment.tokens)
    chain.node.execute([tokens.set_answer(t, now[t.symbol]) for t in chain.deployment.tokens if t.symbol != "LINK"])


def answers_zero(chain: LocalChain) -> None:
    link = chain.deployment.token("LINK")
    chain.node.execute([Tx.call("zero", DEPLOYER, link.feed, "setAnswer(int256)", 0)])


def dead_feed(chain: LocalChain) -> None:
    chain.node.rpc.call("anvil_setCode", chain.deployment.token("LINK").feed, REVERTS)


def feed_without_code(chain: LocalChain) -> None:
    chain.node.rpc.call("anvil_setCode", chain.deployment.token("LINK").feed, "0x")


REFUSED: dict[str, tuple[Callable[[LocalChain], None], str, str]] = {
    "role revoked": (revoked, "keeper_role", f"{accounts.KEEPER} is no keeper"),
    "role expired": (expired, "keeper_role", f"{accounts.KEEPER} expired as keeper at 20.*Z"),
    "paused by the guardian": (paused, "paused", "paused by the guardian"),
    "no gas": (penniless, "gas_balance", f"{accounts.KEEPER} has nothing to pay gas with"),
    "little gas": (nearly_penniless, "gas_balance", "0.00001.* the transaction may cost 0.00.*"),
    "stale price": (stale, "price_age", "LINK: the answer is 1728.. s old, at most 90000 s.*"),
    "price of zero": (answers_zero, "price_bounds", "LINK: the feed answered 0.*"),
    "dead feed": (dead_feed, "price_bounds", "LINK: the feed did not answer.*"),
    "no feed": (feed_without_code, "price_bounds", "LINK: the feed did not answer.*"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_a_world_that_forbids_it_is_recorded_and_said(chain: LocalChain, eager: Keeper, name: str) -> None:
    forbid, guard, detail = REFUSED[name]
    forbid(chain)
    written = eager.everything()
    done = eager("run", "--once")
    assert done.code == 3
    assert len(done.errors) == 1
    assert re.fullmatch(f"lci: blocked: {guard}: {detail}", done.errors[0]), done.errors[0]
    assert_nothing_lost(written, eager.everything())
    newest = eager.rows("SELECT action, reason FROM decision ORDER BY seq DESC LIMIT 1")[0]
    assert done.errors == [f"lci: {newest['action']}: {newest['reason']}"]
    assert eager.rows("SELECT * FROM transaction_intent") == []
    planned = eager("plan", "--json")
    if name != "little gas":  # which only the rehearsal of a real transaction finds
        assert (planned.code, planned.json["action"], planned.json["reason"]) == (3, "BLOCKED", newest["reason"])


def test_paused_by_the_operator(eager: Keeper) -> None:
    assert eager("pause").stdout == "lci: paused\n"
    done = eager("run", "--once")
    assert done.code == 3
    assert done.errors == ["lci: blocked: paused: paused by the operator"]
    assert eager.rows("SELECT * FROM transaction_intent") == []


def assert_nothing_lost(before: dict[str, list[dict[str, Any]]], after: dict[str, list[dict[str, Any]]]) -> None:
    for table in HISTORY:
        assert after[table][: len(before[table])] == before[table], table
