"""Both kinds of books, led through the same random days, answer alike at every step and refuse alike."""

import random
from typing import Any

import pytest

from keeper.adapters.storage.errors import Conflict
from keeper.core.ledger import Alert, AlertKind, AttemptKind, CycleRecord, Intent, IntentState, RecordKind
from keeper.core.model import Fund
from keeper.core.replies import ReplyKind
from keeper.core.units import Address, Timestamp
from keeper.ports import Reply, SigningForbidden
from tests.adapters.kept import Kept
from tests.adapters.storage import scenes
from tests.factories import address, hash32

pytestmark = pytest.mark.adapter

S = IntentState
STEPS = 60
SOMETHING_HAPPENED = {"commit_cycle", "save_attempt", "mark_sent"}


async def _do(kept: Kept, name: str, *args: Any) -> Any:
    """What a method answers, or the kind of its refusal."""
    try:
        return await getattr(kept.books, name)(*args)
    except (Conflict, LookupError, SigningForbidden) as refusal:
        return type(refusal)


def _of_funds(dice: random.Random, funds: list[Fund], cycles: list[CycleRecord]) -> list[tuple[Any, ...]]:
    fund = dice.choice(funds)
    kinds = tuple(dice.sample(list(AlertKind), dice.randrange(3)))
    alerts = tuple(Alert(fund.id, dice.choice(list(AlertKind)), f"alert {dice.randrange(9)}") for _ in range(2))
    options: list[tuple[Any, ...]] = [
        ("commit_cycle", scenes.cycle(fund.id, block=dice.randrange(90, 110), alerts=alerts[:1], cleared=kinds)),
        ("commit_cycle", scenes.trading(fund.id, signer=fund.signer, alerts=alerts)),
        ("commit_cycle", scenes.trading(fund.id, signer=fund.signer)),
        ("raise_alert", alerts[0]),
        ("append", scenes.record(RecordKind.OUTCOME, fund.id)),
    ]
    return [*options, ("commit_cycle", dice.choice(cycles))] if cycles else options


def _of_operators(dice: random.Random, funds: list[Fund], known: dict[Address, int]) -> list[tuple[Any, ...]]:
    """What stops signing, and what lets it go on."""
    fund = dice.choice(funds)
    operator = scenes.record(RecordKind.OPERATOR)
    return [
        ("hold", fund.signer, f"hold {dice.randrange(9)}", scenes.record(RecordKind.OUTCOME)),
        ("release", fund.signer, known[fund.signer] + dice.randrange(2), operator),
        ("trip_breaker", fund.id, f"trip {dice.randrange(9)}", scenes.record(RecordKind.OUTCOME)),
        ("reset_breaker", fund.id, Timestamp(1_700_000_000 + dice.randrange(99, 104)), operator),
    ]


def _of_intent(dice: random.Random, intent: Intent, known: dict[Address, int]) -> list[tuple[Any, ...]]:
    """Something that may or may not be allowed now."""
    trades = [each.hash for each in intent.attempts if each.kind is AttemptKind.TRADE] or [hash32(0xDEAD)]
    hashes = [each.hash for each in intent.attempts] or [hash32(0xDEAD)]
    ids = [attempt.id for attempt in intent.attempts] or [99]
    mined = scenes.receipt(dice.choice(trades), block=dice.choice((101, 102)))
    state = dice.choice((S.MINED_OK, S.MINED_OK, S.FINAL_OK))
    if dice.randrange(3) == 0:
        mined, state = scenes.reverted(mined.tx_hash), dice.choice((S.MINED_REVERTED, S.FINAL_REVERTED))
    expected = known[intent.signer] if intent.nonce is None else intent.nonce
    kind = AttemptKind.TRADE if intent.nonce is None else dice.choice(list(AttemptKind))
    reply = Reply(f"reply {dice.randrange(9)}", dice.choice(list(ReplyKind)))
    undone = S.SENT if intent.nonce is not None else S.ABANDONED  # the schema's own check forbids it without a nonce
    return [
        ("save_attempt", intent.id, scenes.signed(), scenes.terms(expected, kind=kind), "because"),
        ("save_attempt", intent.id, scenes.signed(), scenes.terms(expected, kind=kind), "because"),
        ("save_attempt", intent.id, scenes.signed(), scenes.terms(expected + 1), "because"),
        ("mark_sent", dice.choice(ids), scenes.SENT_AT, reply, scenes.record(RecordKind.OUTCOME)),
        ("settle", scenes.settlement(intent, mined, state)),
        ("settle", scenes.settlement(intent, mined, state)),
        ("cancelled", intent.id, scenes.receipt(dice.choice(hashes)), Timestamp(1_700_000_101), scenes.record()),
        ("ask_cancel", intent.id, f"wish {dice.randrange(9)}", "ann"),
        ("set_intent_state", intent.id, undone, scenes.record()),
        ("set_intent_state", intent.id, S.NONCE_STOLEN if undone is S.SENT else S.ABANDONED, scenes.record()),
    ]


@pytest.mark.parametrize("seed", [0, 1, *(pytest.param(seed, marks=pytest.mark.deep) for seed in range(2, 12))])
async def test_both_answer_alike_whatever_is_done(in_memory: Kept, on_disk: Kept, seed: int) -> None:
    dice = random.Random(seed)
    for kept in (in_memory, on_disk):
        funds = [await kept.fund(), await kept.fund("same signer", address(8))]
        funds.append(await kept.fund("own signer", address(9), signer=address(10)))
    cycles: list[CycleRecord] = []
    done: set[str] = set()
    for step in range(40 * STEPS):
        if step >= STEPS and done >= SOMETHING_HAPPENED:
            break
        intents = [await on_disk.books.intent(n) for n in range(1, await _count(on_disk) + 1)]
        known = {fund.signer: (await on_disk.books.signer_state(fund.signer)).next_nonce or 0 for fund in funds}
        options = [_of_funds(dice, funds, cycles), _of_operators(dice, funds, known)]
        options += [_of_intent(dice, intent, known) for intent in intents[-2:]] * 3
        name, *args = dice.choice(dice.choice(options))
        ends = [await _do(kept, name, *args) for kept in (in_memory, on_disk)]
        if name == "append":  # records of operators make the chains of hashes differ
            assert all(isinstance(end, str) for end in ends)
        else:
            assert ends[0] == ends[1], name
        assert await in_memory.everything() == await on_disk.everything(), name
        if name == "commit_cycle":
            cycles.append(args[0])
        if not isinstance(ends[1], type):
            done.add(name)
    assert done >= SOMETHING_HAPPENED


async def _count(kept: Kept) -> int:
    return len({plan for plan, _, _ in await kept.swaps()})
