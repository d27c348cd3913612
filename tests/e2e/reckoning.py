"""Books against chain: every plan happened once, nothing is open, and the journal recomputes."""

import json
from hashlib import sha256

import rfc8785

from scripts.localchain.chain import LocalChain
from tests.e2e.keepers import Keeper, nonce
from tests.e2e.onchain import Witness

OPEN = "SELECT * FROM transaction_intent WHERE state IN ('planned', 'signed', 'sent', 'mined_ok', 'mined_reverted')"


def assert_every_plan_happened_once(chain: LocalChain, keeper: Keeper) -> int:
    """Books and chain tell the same rebalances, in the same order; returns how many."""
    events = Witness(chain).rebalances()
    assert [event.id for event in events] == list(range(1, len(events) + 1))
    completed = keeper.rows(
        """SELECT i.treasury_id, i.nonce, a.hash, j.content FROM rebalance r
           JOIN transaction_intent i ON i.id = r.intent_id
           JOIN transaction_attempt a ON a.intent_id = i.id AND a.block_number IS NOT NULL
           JOIN journal j ON j.seq = i.decision_seq
           WHERE r.status = 'completed' ORDER BY i.id"""
    )
    assert [(event.id, event.tx_hash, event.decision) for event in events] == [
        (int(row["treasury_id"]), row["hash"], row["content"]) for row in completed
    ]
    # a plan that was sent late may have reverted: that used a nonce too, and no nonce served two plans
    mined = keeper.rows("SELECT nonce FROM transaction_attempt WHERE block_number IS NOT NULL ORDER BY nonce")
    assert [row["nonce"] for row in mined] == list(range(nonce(chain)))
    swaps = keeper.rows("SELECT status FROM rebalance_transaction WHERE status = 'completed'")
    assert len(swaps) == sum(len(Witness(chain).moved(event.tx_hash)[0]) for event in events)
    assert keeper.rows(OPEN) == []
    assert_journal_recomputes(keeper)
    return len(events)


def finish(chain: LocalChain, keeper: Keeper) -> None:
    """Blocks until nothing is open any more."""
    keeper.until(lambda: keeper.rows(OPEN) == [], "all transactions final", chain.node.mine)


def assert_journal_recomputes(keeper: Keeper) -> None:
    """By RFC 8785 and SHA-256 alone, from what is stored."""
    link = "0x" + "00" * 32
    records = keeper.rows("SELECT * FROM journal ORDER BY seq")
    for number, record in enumerate(records, start=1):
        body = rfc8785.dumps(json.loads(record["body"]))
        content = sha256(body).digest()
        assert (record["seq"], record["content"], record["previous"]) == (number, "0x" + content.hex(), link)
        link = "0x" + sha256(bytes.fromhex(link[2:]) + content).hexdigest()
        assert record["link"] == link
    assert keeper.rows("SELECT seq, link FROM journal_head") == [{"seq": len(records), "link": link}]
    assert json.loads(records[0]["body"])["event"] == "stamp"
