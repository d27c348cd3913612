"""The end of a soak: everything that the chain shows of the treasury and the keeper's key, against the books.

Nothing of the keeper's code is used: events, receipts and Transfer logs as the node tells them, rows as they stand.
"""

from collections import Counter
from collections.abc import Iterable, Iterator
from typing import Final

from eth_utils.address import to_checksum_address
from eth_utils.crypto import keccak

from scripts.localchain import accounts
from scripts.localchain.chain import LocalChain
from tests.e2e.keepers import Keeper
from tests.e2e.onchain import Witness
from tests.e2e.reckoning import OPEN, assert_journal_recomputes

_TRANSFER: Final = "0x" + keccak(text="Transfer(address,address,uint256)").hex()
Moved = tuple[str, str, str, int]
"""Transaction, `paid` or `got`, token, base units."""


class Verdict:
    """`since` is the block before the keeper's first: what was before is the fund's set-up."""

    def __init__(self, chain: LocalChain, keeper: Keeper, since: int) -> None:
        self._rpc = chain.node.rpc
        self._keeper = keeper
        self._since = since
        self._witness = Witness(chain)
        self._treasury = chain.deployment.treasuries[0].address
        self.counts: dict[str, int] = {}

    def differences(self) -> list[str]:
        """A line each; none when books and chain agree. Fills `counts`."""
        return [*self._rebalances(), *self._transfers(), *self._nonces(), *self._ends(), *self._journal()]

    def _rebalances(self) -> Iterator[str]:
        events = self._witness.rebalances()
        self.counts["rebalanced"] = len(events)
        on_chain = [(event.id, event.tx_hash, event.decision) for event in events]
        rows = self._keeper.rows(
            """SELECT i.treasury_id, a.hash, j.content FROM rebalance r
               JOIN transaction_intent i ON i.id = r.intent_id AND i.state = 'final_ok'
               JOIN transaction_attempt a ON a.intent_id = i.id AND a.block_number IS NOT NULL
               JOIN journal j ON j.seq = i.decision_seq
               WHERE r.status = 'completed' ORDER BY i.id"""
        )
        in_books = [(int(row["treasury_id"]), row["hash"], row["content"]) for row in rows]
        yield from _apart("Rebalanced (id, transaction, decision)", on_chain, in_books)
        if (last := self._witness.last_id()) != len(events):
            yield f"the treasury's last id is {last}, of {len(events)} events"
        if on_chain != in_books and Counter(on_chain) == Counter(in_books):
            yield "the books tell the rebalances in another order than the chain"

    def _transfers(self) -> Iterator[str]:
        rows = self._keeper.rows(
            """SELECT tx_hash, token_in, actual_in, token_out, actual_out FROM rebalance_transaction
               WHERE status = 'completed'"""
        )
        in_books = [
            moved
            for row in rows
            for moved in (
                (row["tx_hash"], "paid", row["token_in"], int(row["actual_in"])),
                (row["tx_hash"], "got", row["token_out"], int(row["actual_out"])),
            )
        ]
        on_chain = [*self._moved("paid"), *self._moved("got")]
        self.counts["transfers"] = len(on_chain)
        yield from _apart("Transfer (transaction, side, token, amount)", on_chain, in_books)

    def _moved(self, side: str) -> Iterator[Moved]:
        """Every ERC-20 transfer out of the treasury or into it."""
        whom = "0x" + self._treasury[2:].lower().rjust(64, "0")
        topics = [_TRANSFER, whom] if side == "paid" else [_TRANSFER, None, whom]
        asked = {"fromBlock": hex(self._since + 1), "toBlock": "latest", "topics": topics}
        for entry in self._rpc.call("eth_getLogs", asked):
            yield entry["transactionHash"], side, to_checksum_address(entry["address"]), int(entry["data"], 16)

    def _nonces(self) -> Iterator[str]:
        """Every transaction of the key is one attempt, mined where and as the books say."""
        count = int(self._rpc.call("eth_getTransactionCount", accounts.KEEPER, "latest"), 16)
        self.counts["nonces"] = count
        mined = self._keeper.rows("SELECT * FROM transaction_attempt WHERE block_number IS NOT NULL ORDER BY nonce")
        yield from _apart("nonce", range(count), [row["nonce"] for row in mined])
        receipts = self._rpc.batch([("eth_getTransactionReceipt", [row["hash"]]) for row in mined]) if mined else []
        for row, receipt in zip(mined, receipts, strict=True):
            if receipt is None:
                yield f"{row['hash']}: in the books, not on the chain"
                continue
            real = [receipt["blockHash"], *(int(receipt[name], 16) for name in ("gasUsed", "effectiveGasPrice"))]
            told = [row["block_hash"], row["gas_used"], int(row["effective_gas_price"])]
            if real != told:
                yield f"{row['hash']}: block, gas and price are {told} in the books, {real} on the chain"

    def _ends(self) -> Iterator[str]:
        intents = self._keeper.rows("SELECT state, count(*) AS count FROM transaction_intent GROUP BY state")
        states = {row["state"]: row["count"] for row in intents}
        self.counts |= {name: states.get(name, 0) for name in ("final_ok", "final_reverted", "cancelled", "abandoned")}
        self.counts["attempts"] = self._keeper.rows("SELECT count(*) AS count FROM transaction_attempt")[0]["count"]
        for row in self._keeper.rows(OPEN):
            yield f"intent {row['id']} is still {row['state']}"
        for row in self._keeper.rows("SELECT hold FROM signer_account WHERE hold IS NOT NULL"):
            yield f"the signer is on hold: {row['hold']}"
        if other := set(states) - set(self.counts):
            yield f"intents in states that are no end: {sorted(other)}"
        used = sum(states.get(name, 0) for name in ("final_ok", "final_reverted", "cancelled"))
        if used != self.counts["nonces"]:
            yield f"{used} intents have used a nonce, the chain has {self.counts['nonces']}"
        reverted = self._keeper.rows(
            """SELECT a.hash FROM transaction_attempt a JOIN transaction_intent i ON i.id = a.intent_id
               WHERE i.state = 'final_reverted' AND a.block_number IS NOT NULL"""
        )
        for row in reverted:
            receipt = self._rpc.call("eth_getTransactionReceipt", row["hash"])
            if receipt is not None and int(receipt["status"], 16) != 0:
                yield f"{row['hash']} reverted by the books, and did not on the chain"
        pool = self._rpc.call("txpool_content")
        for part in ("pending", "queued"):
            if any(who.lower() == accounts.KEEPER.lower() for who in pool[part]):
                yield f"a transaction of the keeper is left in the pool ({part})"

    def _journal(self) -> Iterator[str]:
        try:
            assert_journal_recomputes(self._keeper)
        except AssertionError as error:
            yield f"the journal does not recompute: {' '.join(str(error).split())[:200]}"
        for leak in self._keeper.leaks():
            yield f"a secret was written: {leak}"


def _apart(what: str, on_chain: Iterable[object], in_books: Iterable[object]) -> Iterator[str]:
    chain, books = Counter(on_chain), Counter(in_books)
    for each, count in (chain - books).items():
        yield f"{what}: {each} is on the chain {chain[each]} times, in the books {chain[each] - count}"
    for each, count in (books - chain).items():
        yield f"{what}: {each} is in the books {books[each]} times, on the chain {books[each] - count}"
