"""Random faults, replies, reorganisations and restarts around the pure outbox: every transaction happens once."""

from dataclasses import replace

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from keeper.core.ledger import AttemptKind, IntentState
from keeper.core.outbox import TERMINAL
from tests.property.outbox_world import FINALITY, Killed, World

S = IntentState


class OutboxMachine(RuleBasedStateMachine):
    """Faults are drawn before the pass that meets them. At the end the world calms down, and all comes to rest."""

    def __init__(self) -> None:
        super().__init__()
        self.world = World()
        self.final: dict[int, IntentState] = {}
        self.seen_final = 0

    def _pass(self) -> None:
        """What is open is carried on; when nothing is, a cycle plans."""
        try:
            self.world.advance()
            self.world.plan()
            self.world.advance()
        except Killed:
            return

    @rule(empty=st.booleans(), seconds=st.sampled_from([1, 12, 60]))
    def a_block(self, empty: bool, seconds: int) -> None:
        self.world.mine(empty=empty, seconds=seconds)
        self._pass()

    @rule(blocks=st.integers(1, 5), empty=st.booleans())
    def a_block_each_pass(self, blocks: int, empty: bool) -> None:
        for _ in range(blocks):
            self.world.mine(empty=empty)
            self._pass()

    @rule(blocks=st.integers(1, 6))
    def blocks_that_nobody_looks_at(self, blocks: int) -> None:
        for _ in range(blocks):
            self.world.mine()

    @precondition(lambda self: self.world.head.number > 0)
    @rule(depth=st.integers(1, FINALITY), kept=st.booleans(), longer=st.integers(0, 1))
    def a_reorganisation(self, depth: int, kept: bool, longer: int) -> None:
        """Never below what was final at any time."""
        deepest = min(depth, self.world.head.number - self._lowest())
        if deepest > 0:
            self.world.reorganise(deepest, kept=kept, longer=longer)
            self._pass()

    def _lowest(self) -> int:
        return max(self.seen_final, self.world.finalized)

    @rule()
    def the_pool_is_forgotten(self) -> None:
        self.world.pool.clear()

    @rule(fee=st.sampled_from([1, 50, 100, 300, 900, 5_000]))
    def the_base_fee_moves(self, fee: int) -> None:
        self.world.base_fee = fee

    @rule()
    def the_process_restarts(self) -> None:
        self.world.restart()

    @rule(where=st.sampled_from(["planned", "signing", "signed", "raised", "sent", "settling"]))
    def it_is_killed(self, where: str) -> None:
        self.world.kill_at = where
        self._pass()

    @rule(lost=st.sampled_from(["reply", "request"]))
    def a_sending_goes_wrong(self, lost: str) -> None:
        self.world.reply_lost, self.world.request_lost = lost == "reply", lost == "request"
        self._pass()

    @rule(hides=st.booleans(), orphans=st.booleans())
    def receipts_lag_behind(self, hides: bool, orphans: bool) -> None:
        """They are not there yet, or still those of blocks that were replaced."""
        self.world.hides_receipts, self.world.shows_orphans = hides, orphans

    @rule()
    def an_operator_cancels(self) -> None:
        if (intent := self.world.open) is not None:
            self.world.intents[intent.id] = replace(intent, cancel_asked="looked wrong")
            self._pass()

    @rule(sure=st.integers(0, 5))
    def a_stranger_uses_the_key(self, sure: int) -> None:
        """Rarely: after it nothing more is planned."""
        if self.world.strangers == 0 and sure == 5:
            self.world.steal()

    # ------------------------------------------------------------------------------------------ what holds

    @invariant()
    def an_intent_has_one_nonce_and_a_nonce_one_intent(self) -> None:
        owners: dict[int, int] = {}
        for intent in self.world.intents.values():
            assert {attempt.nonce for attempt in intent.attempts} <= {intent.nonce}
            if intent.nonce is not None:
                assert owners.setdefault(intent.nonce, intent.id) == intent.id

    @invariant()
    def a_plan_is_executed_at_most_once(self) -> None:
        executed = [
            tx.intent
            for head in self.world.heads
            for tx in head.txs
            if tx.intent is not None and tx.kind is AttemptKind.TRADE
        ]
        assert len(executed) == len(set(executed))
        abandoned = {intent.id for intent in self.world.intents.values() if intent.state is S.ABANDONED}
        assert not abandoned & set(executed)

    @invariant()
    def every_hash_on_the_wire_is_in_the_books(self) -> None:
        known = {attempt.hash for intent in self.world.intents.values() for attempt in intent.attempts}
        assert self.world.wire <= known
        assert {tx.hash for head in self.world.heads for tx in head.txs if tx.intent is not None} <= known

    @invariant()
    def at_most_one_intent_is_open(self) -> None:
        assert sum(intent.state not in TERMINAL for intent in self.world.intents.values()) <= 1

    @invariant()
    def what_was_final_stays_and_was_so_on_the_chain(self) -> None:
        self.seen_final = self._lowest()
        for intent in self.world.intents.values():
            if intent.state in TERMINAL:
                assert self.final.setdefault(intent.id, intent.state) is intent.state
                self._bears_out(intent.id, intent.state)

    def _bears_out(self, intent_id: int, state: IntentState) -> None:
        mined = [
            (tx.kind, tx.hash in head.succeeded)
            for head in self.world.heads
            for tx in head.txs
            if tx.intent == intent_id
        ]
        expected = {
            S.FINAL_OK: [(AttemptKind.TRADE, True)],
            S.FINAL_REVERTED: [(AttemptKind.TRADE, False)],
            S.CANCELLED: [(AttemptKind.CANCEL, True)],
            S.ABANDONED: [],
        }
        assert mined == expected[state], (state, mined)

    def teardown(self) -> None:
        """The faults end and blocks go on: no intent is forgotten, none stays open but one whose nonce was stolen."""
        world = self.world
        world.hides_receipts = world.shows_orphans = world.reply_lost = world.request_lost = False
        world.kill_at, world.base_fee = None, 50
        for _ in range(60):
            world.advance()
            world.mine()
        world.advance()
        self.what_was_final_stays_and_was_so_on_the_chain()
        left = world.open
        assert left is None or left.state is S.NONCE_STOLEN, left
        if left is not None:
            assert world.strangers == 1
            assert world.nonce(world.finalized) > (left.nonce or 0)


@pytest.mark.property
class TestOutbox(OutboxMachine.TestCase):
    settings = settings(max_examples=150, stateful_step_count=30, deadline=None, derandomize=True)


@pytest.mark.property
@pytest.mark.deep
class TestOutboxDeep(OutboxMachine.TestCase):
    settings = settings(
        max_examples=10_000, stateful_step_count=50, deadline=None, suppress_health_check=list(HealthCheck)
    )
