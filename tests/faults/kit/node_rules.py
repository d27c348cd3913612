"""A node that keeps the rules that Anvil lacks, in front of an Anvil: what a real mempool takes, keeps and refuses.

Anvil replaces a transaction for one wei more, refuses one below the base fee, and forgets one when the base fee has
risen above it. Real nodes ask for a tenth more of both fee and tip, and keep what cannot get in yet. Here that is done
in a pool of our own: what can get in is handed to Anvil, the rest is kept and handed over once it can.

What is sent to Anvil directly is another node's business, as in a real network; only what waits at the same nonce is
looked at. To take a transaction away use `evict`, as one that Anvil alone forgets is handed over again.
"""

import contextlib
import json
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Final

from tests.faults.kit.families import GETH, Family, Words
from tests.faults.kit.front import Response, serving
from tests.faults.kit.jsonrpc import Call, NodeError, Reply, Unreadable, Upstream, as_body, read_calls
from tests.faults.kit.transactions import Transaction, read_transaction

TENTH: Final = 1_000
EIGHTH: Final = 1_250
"""Basis points that a replacement must offer more."""
_SEND, _COUNT, _BY_HASH = "eth_sendRawTransaction", "eth_getTransactionCount", "eth_getTransactionByHash"
_OURS: Final = frozenset({_SEND, _COUNT, _BY_HASH})


class _Refused(Exception):
    """`words` are the family's."""

    def __init__(self, words: Words, **known: int) -> None:
        super().__init__(words[1].format(**known))
        self.code = words[0]


@dataclass
class NodeRules:
    """Made by `node_rules`. `pool` is what waits, by sender and nonce. `bump_bps` is what a replacement must offer
    more, `least_tip` the least tip that is taken, wei per gas. All may be changed while it runs."""

    anvil: Upstream
    family: Family = GETH
    bump_bps: int = TENTH
    least_tip: int = 0
    url: str = ""
    pool: dict[tuple[str, int], Transaction] = field(default_factory=dict)
    refused: list[tuple[str, str]] = field(default_factory=list)
    """Hashes that were not taken, and why, in order."""
    _censored: set[str] = field(default_factory=set)
    _lock: threading.RLock = field(default_factory=threading.RLock)

    # ---- in a test's hands

    def waiting(self) -> list[Transaction]:
        """What is in the pool and not mined, in order of sender and nonce."""
        with self._lock:
            self.pump()
            return [self.pool[key] for key in sorted(self.pool)]

    def evict(self, tx_hash: str) -> None:
        """The transaction is gone from every pool."""
        with self._lock:
            found = [key for key, each in self.pool.items() if each.hash == tx_hash]
            assert found, f"{tx_hash} is not in the pool"
            del self.pool[found[0]]
            self.anvil.ask("anvil_dropTransaction", tx_hash)

    def evict_all(self) -> int:
        """Every pool is empty, as after a restart. Returns how many were forgotten."""
        with self._lock:
            gone = len(self.waiting())
            self.pool.clear()
            self.anvil.ask("anvil_dropAllTransactions")
            return gone

    def censor(self, sender: str) -> None:
        """From now on nobody includes what this account sends, whatever it offers: it is taken, shown, and waits."""
        with self._lock:
            self._censored.add(sender.lower())
            for each in self.waiting():
                if self._is_censored(each):
                    self.anvil.ask("anvil_dropTransaction", each.hash)

    def admit(self, sender: str) -> None:
        """The end of `censor`."""
        with self._lock:
            self._censored.discard(sender.lower())
            self.pump()

    def pump(self) -> None:
        """Hand over what can get in now, and forget what was mined, replaced elsewhere, or cannot be paid any more.
        Every request does this first."""
        with self._lock:
            for key in sorted(self.pool):
                each = self.pool[key]
                there = self._at_anvil(each.sender, each.nonce)
                if self._nonce(each.sender) > each.nonce or self._balance(each.sender) < each.cost:
                    del self.pool[key]
                elif there is None:
                    with contextlib.suppress(NodeError):  # the base fee rose meanwhile
                        self._offer(each)
                elif there.lower() != each.hash:
                    del self.pool[key]

    # ---- as a node

    def answer(self, body: bytes) -> Response:
        try:
            calls = read_calls(body)
        except Unreadable:
            return self.anvil.post(body)
        with self._lock:
            self.pump()
            if not any(call.method in _OURS for call in calls):
                return self.anvil.post(body)
            told = [self._answer(call) for call in calls]
        return Response(json.dumps(told if calls[0].batched else told[0]).encode())

    def _answer(self, call: Call) -> Reply:
        if call.method == _SEND:
            return self._take(call)
        if call.method == _COUNT and call.params[1:] == ["pending"]:
            return call.result(hex(self._pending_nonce(call.params[0])))
        reply: Reply = json.loads(self.anvil.post(as_body([call], batched=False)).body)
        if call.method == _BY_HASH and reply.get("result") is None:
            kept = [each for each in self.pool.values() if each.hash == str(call.params[0]).lower()]
            return call.result(kept[0].shown()) if kept else reply
        return reply

    def _take(self, call: Call) -> Reply:
        try:
            new = read_transaction(call.params[0])
        except Exception:  # noqa: BLE001 - the decoders have many; what is no transaction is Anvil's to refuse
            reply: Reply = json.loads(self.anvil.post(as_body([call], batched=False)).body)
            return reply
        try:
            self._check(new)
            self._replace(new)
        except _Refused as refusal:
            self.refused.append((new.hash, str(refusal)))
            return call.error(refusal.code, str(refusal))
        except NodeError as refusal:
            self.refused.append((new.hash, str(refusal)))
            return call.error(-32000, str(refusal).removeprefix(f"{_SEND}: "))
        return call.result(new.hash)

    def _check(self, new: Transaction) -> None:
        """In the order of go-ethereum's pool. Raises _Refused."""
        said, expected = self.family, self._nonce(new.sender)
        if new.hash in {each.hash for each in self.pool.values()} | {self._at_anvil(new.sender, new.nonce)}:
            raise _Refused(said.known)
        if new.tip < self.least_tip:
            raise _Refused(said.underpriced, tip=new.tip, least=self.least_tip, base=self._base_fee())
        if new.nonce < expected:
            raise _Refused(said.nonce_low, nonce=new.nonce, expected=expected)
        if (balance := self._balance(new.sender)) < new.cost:
            raise _Refused(said.funds, balance=balance, cost=new.cost, short=new.cost - balance)
        if new.nonce > (pending := self._pending_nonce(new.sender)):
            raise _Refused(said.nonce_high, nonce=new.nonce, expected=pending)
        old = self._occupant(new.sender, new.nonce)
        if old is not None and not (self._outbids(new.fee, old[0]) and self._outbids(new.tip, old[1])):
            raise _Refused(said.replacement)

    def _outbids(self, new: int, old: int) -> bool:
        return new > old and new >= old * (10_000 + self.bump_bps) // 10_000

    def _replace(self, new: Transaction) -> None:
        """It takes its place, and what was there is gone. Raises NodeError for what Anvil does not take."""
        if (old := self._at_anvil(new.sender, new.nonce)) is not None:
            self.anvil.ask("anvil_dropTransaction", old)
        self.pool[new.sender.lower(), new.nonce] = new
        try:
            self._offer(new)
        except NodeError:
            del self.pool[new.sender.lower(), new.nonce]
            raise

    def _offer(self, each: Transaction) -> None:
        if each.fee >= self._base_fee() and not self._is_censored(each):
            self.anvil.ask(_SEND, each.raw)

    # ---- what is known

    def _is_censored(self, each: Transaction) -> bool:
        return each.sender.lower() in self._censored

    def _nonce(self, sender: str) -> int:
        return int(self.anvil.ask(_COUNT, sender, "latest"), 16)

    def _balance(self, sender: str) -> int:
        return int(self.anvil.ask("eth_getBalance", sender, "latest"), 16)

    def _base_fee(self) -> int:
        """Of the block to come."""
        return int(self.anvil.ask("eth_getBlockByNumber", "pending", False)["baseFeePerGas"], 16)

    def _pending_nonce(self, sender: str) -> int:
        count = int(self.anvil.ask(_COUNT, sender, "pending"), 16)
        while (sender.lower(), count) in self.pool:
            count += 1
        return count

    def _occupant(self, sender: str, nonce: int) -> tuple[int, int] | None:
        """Fee and tip of what waits at that nonce, whoever was told of it."""
        if (own := self.pool.get((sender.lower(), nonce))) is not None:
            return own.fee, own.tip
        other = self._in_anvils_pool(sender, nonce)
        if other is None:
            return None
        fee = int(other.get("maxFeePerGas") or other["gasPrice"], 16)
        return fee, int(other.get("maxPriorityFeePerGas") or hex(fee), 16)

    def _at_anvil(self, sender: str, nonce: int) -> str | None:
        found = self._in_anvils_pool(sender, nonce)
        return None if found is None else str(found["hash"])

    def _in_anvils_pool(self, sender: str, nonce: int) -> dict[str, Any] | None:
        content = self.anvil.ask("txpool_content")
        for part in ("pending", "queued"):
            by_sender = {who.lower(): theirs for who, theirs in content[part].items()}
            if (found := by_sender.get(sender.lower(), {}).get(str(nonce))) is not None:
                return dict(found)
        return None


@contextlib.contextmanager
def node_rules(
    anvil_url: str, family: Family = GETH, *, bump_bps: int = TENTH, least_tip: int = 0
) -> Iterator[NodeRules]:
    """Such a node in front of the Anvil at `anvil_url`, on a free loopback port, until the context ends."""
    rules = NodeRules(Upstream(anvil_url), family, bump_bps, least_tip)
    with serving(rules.answer) as front:
        rules.url = front.url
        yield rules
