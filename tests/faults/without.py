"""What each defence against crashes, reorganisations, bad executions, other keepers and operators' mistakes is."""

from dataclasses import replace
from typing import Any

from tests.faults.undefended import PATIENCE_WITH_A_LEASE, defends


def _instead(action: str, when: Any = lambda intent, facts: True) -> None:
    """The outbox waits where it would do that."""
    from keeper.app import transactions
    from keeper.core import outbox

    decide = outbox.next_step

    def decided(intent: Any, facts: Any) -> Any:
        step = decide(intent, facts)
        if type(step.action).__name__ == action and when(intent, facts):
            return outbox.Step(intent.state, outbox.Wait(f"without {action}"))
        return step

    transactions.next_step = decided  # type: ignore[attr-defined]


# ------------------------------------------------------------------------------------------------- crashes


@defends("01", "02", what="a plan of an earlier process is dropped")
def _old_plans() -> None:
    _instead("Abandon")


@defends("03", what="stored bytes are sent by whoever starts next")
def _stored_bytes() -> None:
    _instead("Send", lambda _, facts: facts.inherited)


@defends("04", what="`already known` is understood")
def _already_known() -> None:
    from keeper.adapters.ethereum import sending
    from keeper.core.replies import ReplyKind

    sending.classify = lambda *_, **__: ReplyKind.UNKNOWN  # type: ignore[attr-defined]


@defends("05", "06", what="receipts are looked for at the start")
def _receipts() -> None:
    from keeper.app import facts

    async def nothing(*_: Any) -> tuple[None, None]:
        return None, None

    facts._mined = nothing  # type: ignore[assignment]


@defends("07", what="an attempt that was committed and not sent is sent")
def _unsent_raise() -> None:
    _instead("Send", lambda intent, _: len(intent.attempts) > 1)


@defends("08", what="every attempt's receipt is looked for, not the first one's alone")
def _every_hash() -> None:
    from keeper.app import facts

    mined = facts._mined

    async def of_the_first(intent: Any, world: Any) -> Any:
        return await mined(replace(intent, attempts=intent.attempts[:1]), world)

    facts._mined = of_the_first


@defends("09", what="what was mined is followed until it is final")
def _finality() -> None:
    _instead("Finalize")


@defends("10", what="a late plan is cancelled")
def _cancellation() -> None:
    from keeper.core import outbox

    outbox._over = lambda *_: None


# ------------------------------------------------------------------------------------------------- reorganisations


@defends("39", "44", what="a receipt that is gone is taken back")
def _taken_back() -> None:
    from keeper.app import transactions

    async def nothing(*_: Any) -> None:
        return None

    transactions._unsettle = nothing  # type: ignore[assignment]


@defends("40", "42", what="a receipt of another block is written over the first")
def _written_over() -> None:
    first: dict[int, str] = {}

    def again(intent: Any, facts: Any) -> bool:
        return first.setdefault(intent.id, facts.receipt.block_hash) != facts.receipt.block_hash

    _instead("Settle", again)


@defends("41", what="a nonce that was finally spent by another is given up")
def _stolen() -> None:
    from keeper.core import outbox

    outbox.STOLEN_HEADS = 10**9  # type: ignore[misc]


@defends("43", what="final blocks are looked for at every head")
def _final_blocks() -> None:
    from keeper.app import transactions

    async def nothing(*_: Any) -> None:
        return None

    transactions.watch_final = nothing  # type: ignore[attr-defined]


# ------------------------------------------------------------------------------------------------- execution


@defends("45", what="the breaker counts reverts")
def _breaker() -> None:
    from keeper.core import breaker

    breaker.trips = lambda *_: None


@defends("46", what="what the treasury would refuse is not sent")
def _rehearsal() -> None:
    from keeper.adapters.ethereum.chain import EthereumChain
    from keeper.ports import Simulated

    rehearse = EthereumChain.rehearse

    async def optimistic(*args: Any) -> Any:
        _, account = await rehearse(*args)
        return Simulated(900_000), account

    EthereumChain.rehearse = optimistic  # type: ignore[method-assign]


@defends("47", what="a final revert frees the signer for the next plan")
def _after_a_revert() -> None:
    from keeper.core.ledger import IntentState

    _instead("Finalize", lambda intent, _: intent.state is IntentState.MINED_REVERTED)


@defends("48", what="the relay is heard, and what it says closes nothing")
def _relay() -> None:
    from keeper.adapters.ethereum.chain import EthereumChain

    async def silent(*_: Any) -> None:
        return None

    EthereumChain.relay_status = silent  # type: ignore[method-assign]


# ------------------------------------------------------------------------------------------------- other keepers


@defends("49_two_starts_on_one_file", what="a SQLite file is locked for the life of its keeper")
def _file_lock() -> None:
    from keeper.adapters.storage.lock import ProcessLock

    ProcessLock.acquire = lambda self: self  # type: ignore[method-assign]
    ProcessLock.release = lambda self: None  # type: ignore[method-assign]


@defends("49_two_starts", what="a lease that another one holds is waited for")
def _lease() -> None:
    from keeper.adapters.storage.lease import WriterLease

    async def taken(self: Any) -> None:
        self._renewed = float("inf")

    WriterLease.acquire = taken  # type: ignore[method-assign, assignment]
    WriterLease.renew = taken  # type: ignore[method-assign]
    WriterLease.check = lambda *_: None  # type: ignore[method-assign]


@defends(
    "50_leader_paused",
    "51_the_leaders",
    what="every write and renewal compares the epoch",
    patience=PATIENCE_WITH_A_LEASE,
)
def _epoch() -> None:
    from keeper.adapters.storage.lease import WriterLease

    WriterLease.check = lambda *_: None  # type: ignore[method-assign]
    WriterLease._change = lambda *_, **__: None  # type: ignore[method-assign]


@defends("50_leader_killed", what="a lease expires", patience=PATIENCE_WITH_A_LEASE)
def _expiry() -> None:
    from keeper.adapters.storage import lease

    lease.TTL_SECONDS = 3600  # type: ignore[misc]


@defends("51_the_server", what="a connection that was ended is made anew", patience=PATIENCE_WITH_A_LEASE)
def _reconnection() -> None:
    from keeper.adapters.storage import database

    database.unavailable = lambda *_: None  # type: ignore[attr-defined]


@defends("52", "56", what="a nonce that the books cannot explain holds the signer")
def _safe_hold() -> None:
    from keeper.adapters.storage import intents
    from keeper.app import permits, reconcile

    permits.nonce_fault = lambda *_: None  # type: ignore[attr-defined]
    reconcile.nonce_fault = lambda *_: None  # type: ignore[attr-defined]
    intents.permit = lambda *_: None  # type: ignore[attr-defined]


@defends("53", "54", "55", what="an outage of the books is a value that the scheduler sits out")
def _outages() -> None:
    from keeper.adapters.storage import database

    database.unavailable = lambda *_: None  # type: ignore[attr-defined]


# ------------------------------------------------------------------------------------------------- operators


@defends("64", what="a stop cuts off what is under way, after a moment")
def _grace() -> None:
    from keeper.app import scheduler

    scheduler.STOP_GRACE_SECONDS = 3600.0


@defends("65", what="a paused fund is not signed for")
def _pause() -> None:
    from keeper.adapters.storage import intents
    from keeper.wiring.daemon import KeyedBooks

    funds = KeyedBooks.funds

    async def running(self: Any) -> Any:
        return [replace(fund, paused=False) for fund in await funds(self)]

    KeyedBooks.funds = running  # type: ignore[method-assign]
    intents.permit = lambda *_: None  # type: ignore[attr-defined]


@defends("66", what="a keystore is opened by its password alone")
def _password() -> None:
    from keeper.adapters.ethereum import signer
    from scripts.localchain import accounts

    class Careless(signer.Account):
        decrypt = staticmethod(lambda *_: accounts.keeper_key().key)

    signer.Account = Careless  # type: ignore[misc, assignment]


@defends("67", what="the key must be that of KEEPER_ADDRESS")
def _address() -> None:
    from keeper.wiring.keys import KEEPER, Keys

    def open_environment(self: Any) -> Any:
        signer = KEEPER.open(self.settings)
        return self._keep(signer)

    Keys.open_environment = open_environment  # type: ignore[method-assign]
