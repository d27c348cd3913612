"""A sender of one signer: bytes before broadcast, each once, whatever the node does."""

from dataclasses import replace

import pytest

from keeper.app.setup.sender import Pace, Sender
from keeper.core.mistakes import SetupStopped
from keeper.core.setup.calls import Call, Sent, Status
from keeper.core.units import Address, Wei
from tests.fakes.setup_node import SIGNER, FakeNode, FakeSigner, HandClock

pytestmark = pytest.mark.unit

TO = Address("0x" + "00" * 19 + "07")


class Memory:
    """A record in memory, which notices what was out before it was written. `full`: the disk takes nothing."""

    def __init__(self, node: FakeNode) -> None:
        self.node = node
        self.sent: dict[str, Sent] = {}
        self.full = False
        self.writes = 0

    def entries(self) -> tuple[Sent, ...]:
        return tuple(sorted(self.sent.values(), key=lambda sent: sent.nonce))

    def write(self, entries: list[Sent] | tuple[Sent, ...]) -> None:
        if self.full:
            raise SetupStopped("the disk is full")
        out = {raw for batch in self.node.broadcasts for raw in batch}
        assert not any(sent.raw in out for sent in entries if sent.status is Status.SIGNED)
        self.sent.update({sent.hash: sent for sent in entries})
        self.writes += 1


def call(step: str, gas_limit: int | None = None, waits: bool = False) -> Call:
    return Call(TO, step, (), step.encode(), f"do {step}", step, gas_limit, waits)


def sender(node: FakeNode, ledger: Memory | None = None, confirmations: int = 1, **fields: object) -> Sender:
    pace = Pace(confirmations, poll=1, again=20, patience=900)
    made = Sender(node, FakeSigner(), ledger or Memory(node), 1, HandClock(), Wei(100 * 10**9), pace)
    return replace(made, **fields)  # type: ignore[arg-type]


def steps(sent: tuple[Sent, ...]) -> list[tuple[str, int]]:
    return [(one.step, one.nonce) for one in sent]


async def test_calls_go_out_together_in_order() -> None:
    node = FakeNode(nonce=7)
    it = sender(node)
    sent = await it.run([call("a"), call("b", 60_000), call("c", 70_000)])
    assert steps(sent) == [("a", 7), ("b", 8), ("c", 9)]
    assert [one.status for one in sent] == [Status.MINED] * 3
    assert len(node.broadcasts) == 1
    assert node.estimated == [["a"]]
    assert [int(raw.split(b":")[1]) for raw in node.broadcasts[0]] == [145_000, 60_000, 70_000]
    assert all(one.raw is None for one in it.ledger.entries())


async def test_what_waits_is_estimated_when_the_others_are_mined() -> None:
    node = FakeNode()
    sent = await sender(node).run([call("a"), call("b"), call("c", waits=True), call("d", 50_000)])
    assert node.estimated == [["a", "b"], ["c"]]
    assert [len(batch) for batch in node.broadcasts] == [2, 2]
    assert steps(sent) == [("a", 0), ("b", 1), ("c", 2), ("d", 3)]


async def test_no_more_at_once_than_nodes_keep() -> None:
    node = FakeNode()
    sent = await sender(node).run([call(f"s{number}", 50_000) for number in range(150)])
    assert [len(batch) for batch in node.broadcasts] == [60, 60, 30]
    assert [one.nonce for one in sent] == list(range(150))


async def test_nothing_to_send() -> None:
    node = FakeNode()
    assert await sender(node).run([]) == ()
    assert node.broadcasts == []


async def test_what_would_revert_stops_before_anything_is_signed() -> None:
    node = FakeNode(refuses=frozenset({"b"}))
    it = sender(node)
    with pytest.raises(SetupStopped, match="do b would revert: No: never; it was not sent"):
        await it.run([call("a"), call("b")])
    assert (node.broadcasts, it.ledger.entries()) == ([], ())


async def test_a_full_disk_keeps_everything_in() -> None:
    node = FakeNode()
    ledger = Memory(node)
    ledger.full = True
    with pytest.raises(SetupStopped, match="disk is full"):
        await sender(node, ledger).run([call("a")])
    assert node.broadcasts == []


async def test_a_restart_sends_the_same_bytes_again() -> None:
    """Signed and written down, lost on the way; the caller asks for the same calls once more."""
    node = FakeNode(loses=True)
    ledger = Memory(node)
    with pytest.raises(SetupStopped, match=r"do a is not mined after 900 s .* start again to go on waiting"):
        await sender(node, ledger).run([call("a"), call("b", 50_000)])
    first = node.broadcasts[0]
    assert all(batch == first for batch in node.broadcasts)
    node.loses = False
    node.base_fee *= 10
    clock = HandClock()
    sent = await sender(node, ledger, clock=clock).run([call("a"), call("b", 50_000), call("c", 50_000)])
    assert node.broadcasts[-2] == first
    assert clock.at == 0  # at once, not when the patience of a look is over
    assert steps(sent) == [("a", 0), ("b", 1), ("c", 2)]
    assert node.nonce == 3


async def test_what_the_node_has_against_a_transaction_is_told() -> None:
    """A node that refuses at once and is not heard looks like one that is slow."""
    node = FakeNode(loses=True, replies=["error: intrinsic gas too low", "error: already known"])
    with pytest.raises(SetupStopped, match=r"nonce 0\); the node said: error: intrinsic gas too low; start again"):
        await sender(node).run([call("a")])


async def test_the_same_call_on_purpose_is_sent_again() -> None:
    """What is settled does not keep a caller from asking for it anew: the state of the chain says what is left."""
    node = FakeNode()
    it = sender(node)
    await it.run([call("a")])
    assert steps(await it.run([call("a")])) == [("a", 1)]


async def test_a_revert_is_told_when_all_is_settled() -> None:
    node = FakeNode(broken=frozenset({1}))
    it = sender(node)
    with pytest.raises(SetupStopped, match=r"do b was reverted \(transaction 0x.*\): BadAsset: token 0x1"):
        await it.run([call("a"), call("b", 1), call("c", 1)])
    assert [one.status for one in it.ledger.entries()] == [Status.MINED, Status.REVERTED, Status.MINED]


async def test_an_earlier_revert_is_no_reason_to_stop() -> None:
    node = FakeNode(mines_at_once=False, broken=frozenset({0}))
    ledger = Memory(node)
    with pytest.raises(SetupStopped):
        await sender(node, ledger).run([call("a")])
    node.mines_at_once = True
    assert steps(await sender(node, ledger).run([call("a")])) == [("a", 1)]


async def test_foreign_transactions() -> None:
    with pytest.raises(SetupStopped, match="has 2 pending transactions that are not of this record"):
        await sender(FakeNode(foreign=2)).run([call("a")])


async def test_a_node_that_lags_behind_the_record() -> None:
    node = FakeNode()
    it = sender(node)
    await it.run([call("a"), call("b", 1)])
    node.nonce = 1
    with pytest.raises(SetupStopped, match="has sent 2 transactions, the node says 1"):
        await it.run([call("c")])
    assert len(node.broadcasts) == 1


async def test_confirmations_count_blocks() -> None:
    """Two: the block of the transaction and one more."""
    node = FakeNode()
    clock = HandClock()
    it = sender(node, confirmations=2, clock=clock)
    seen: list[int] = []
    clock.on_sleep = lambda: (seen.append(node.number), setattr(node, "number", node.number + 1))
    sent = await it.run([call("a")])
    assert sent[0].block == 11
    assert node.number == 12


async def test_what_a_reorganisation_took_is_sent_again() -> None:
    node = FakeNode()
    clock = HandClock()
    it = sender(node, confirmations=2, clock=clock)
    slept = 0

    def pass_by() -> None:
        nonlocal slept
        slept += 1
        if slept == 1:
            node.reorganise()
            node.mines_at_once = False
        if slept > 25:
            node.mine()

    clock.on_sleep = pass_by
    sent = await it.run([call("a")])
    assert [one.status for one in sent] == [Status.MINED]
    assert node.broadcasts[0] == node.broadcasts[1]
    assert node.nonce == 1


async def test_a_nonce_that_another_transaction_took() -> None:
    node = FakeNode(loses=True, nonce=5)
    ledger = Memory(node)
    clock = HandClock()
    it = sender(node, ledger, clock=clock)
    clock.on_sleep = lambda: setattr(node, "nonce", 6)
    with pytest.raises(SetupStopped, match=r"do a was replaced .* its nonce was used by another transaction"):
        await it.run([call("a")])
    assert [one.status for one in ledger.entries()] == [Status.REPLACED]
    node.loses = False
    assert steps(await sender(node, ledger).run([call("a")])) == [("a", 6)]


async def test_fees_above_the_limit() -> None:
    with pytest.raises(SetupStopped, match="gas costs 200 gwei now, more than MAX_FEE_GWEI, 100"):
        await sender(FakeNode(base_fee=200 * 10**9)).run([call("a")])


async def test_not_enough_money() -> None:
    with pytest.raises(SetupStopped, match=r"has 0.000000 of the native coin, the next transactions may cost up to"):
        await sender(FakeNode(balance=1)).run([call("a")])


async def test_more_gas_than_a_transaction_may_have() -> None:
    with pytest.raises(SetupStopped, match="do a needs 16777217 gas"):
        await sender(FakeNode(gas=16_777_217)).run([call("a")])


async def test_blocks_on_demand() -> None:
    node = FakeNode(mines_at_once=False)

    async def mine() -> None:
        node.mine()

    sent = await sender(node, after_broadcast=mine).run([call("a"), call("b", 1), call("c", waits=True)])
    assert [one.block for one in sent] == [11, 11, 12]


async def test_another_signers_transactions_are_left_alone() -> None:
    node = FakeNode(nonce=3)
    ledger = Memory(node)
    other = Address("0x" + "00" * 19 + "0f")
    done = (await sender(FakeNode()).run([call("x")]))[0]
    waiting = replace(done, signer=other, status=Status.SIGNED, raw=b"9:9:9:x")
    ledger.sent[waiting.hash] = waiting
    assert steps(await sender(node, ledger).run([call("a")])) == [("a", 3)]
    assert ledger.sent[waiting.hash] == waiting
    assert other != SIGNER
