"""What each defence against nodes, networks and mempools is."""

import importlib
from collections.abc import Iterator
from dataclasses import replace
from typing import Any, NoReturn

from tests.faults.undefended import defends


def _understood_as_unknown(*kinds: str) -> None:
    """The node's words for these are not known."""
    from keeper.adapters.ethereum import sending
    from keeper.core.replies import ReplyKind, classify

    def fewer(message: str, code: int | None = None) -> ReplyKind:
        kind = classify(message, code)
        return ReplyKind.UNKNOWN if kind.value in kinds else kind

    sending.classify = fewer  # type: ignore[attr-defined]


def _sent_once() -> None:
    """What was handed over is never handed over again."""
    from keeper.core import outbox

    outbox.RESEND_AFTER_HEADS = 10**9  # type: ignore[misc]


# ------------------------------------------------------------------------------------------------- the way to a node


@defends("11", "14", "16", what="no reply counts as sent")
def _no_reply() -> None:
    from keeper.adapters.ethereum import sending

    def lost(outage: Exception) -> NoReturn:
        raise outage

    sending.lost = lost


@defends("12", "20", "26", "35", what="what has no receipt after some heads is sent again")
def _again() -> None:
    _sent_once()


@defends("13", what="`already known` is understood")
def _known() -> None:
    _understood_as_unknown("known")


@defends("15", what="what one endpoint does not answer is asked of the next")
def _failover() -> None:
    from keeper.adapters.ethereum.endpoints import Endpoints

    def alone(self: Any) -> Iterator[tuple[Any, float]]:
        yield self._current, self._timeout

    Endpoints._turns = alone  # type: ignore[method-assign]


@defends("17", what="null is no number")
def _null() -> None:
    from keeper.adapters.ethereum import wire

    quantity = wire.quantity
    wire.quantity = lambda value: 0 if value is None else quantity(value)


@defends("18", what="a reply's id is compared with its request's")
def _ids() -> None:
    from keeper.adapters.ethereum.provider import StrictHTTPProvider as Provider

    checked = Provider._checked

    def trusting(self: Any, reply: Any, asked: Any) -> Any:
        return checked(self, {**reply, "id": asked["id"]} if isinstance(reply, dict) else reply, asked)

    Provider._checked = trusting  # type: ignore[method-assign]


@defends("19", what="every question has a limit of time")
def _time() -> None:
    from keeper.adapters.ethereum import endpoints
    from keeper.adapters.ethereum.rpc import Rpc

    endpoints.Rpc = lambda url, _: Rpc(url, 3600)  # type: ignore[misc, assignment]


@defends("21", "22", what="every endpoint must be of CHAIN_ID, or the keeper does not start")
def _chain_id() -> None:
    from keeper.wiring import daemon

    async def believed(*_: Any) -> None:
        return None

    daemon.check_chain = believed  # type: ignore[attr-defined]


@defends("23", what="an old head stops the fund")
def _old_head() -> None:
    # by its name: the package's own attribute of that name is the function
    module: Any = importlib.import_module("keeper.core.guards.gates")
    age = module.head_age

    def any_age(market: Any) -> Any:
        return age(replace(market, policy=replace(market.policy, max_head_age_seconds=0)))

    module.head_age = any_age


@defends("24", what="a receipt counts while its block is the one at its height")
def _canonical() -> None:
    from keeper.core import outbox

    outbox.canonical_receipt = lambda facts: facts.receipt


@defends("25", what="a connection that was cut is made anew")
def _connections() -> None:
    from keeper.adapters.ethereum.provider import StrictHTTPProvider as Provider

    exchange, broken = Provider._exchange, list[Exception]()

    async def over_one_connection(self: Any, *args: Any) -> Any:
        if broken:
            raise broken[0]
        try:
            return await exchange(self, *args)
        except Exception as error:
            broken.append(error)
            raise

    Provider._exchange = over_one_connection  # type: ignore[method-assign]


# ------------------------------------------------------------------------------------------------- fees and mempools


@defends("27", "28", "30", what="what is not mined is raised")
def _raise() -> None:
    from keeper.core import fees

    fees.BUMP_SECONDS = 10**9  # type: ignore[misc]


@defends("29", what="a trade leaves its cancellation something to outbid it with")
def _room() -> None:
    from keeper.core import fees

    fees.trade_limit = lambda max_fee: max_fee


@defends("31", what="a raise is by a tenth, of both fee and tip")
def _tenth() -> None:
    from keeper.core import fees

    fees._bumped = lambda price, _: price + 1


@defends("32", "33", what="every attempt's receipt is looked for, not the newest one's alone")
def _older() -> None:
    from keeper.app import facts

    mined = facts._mined

    async def of_the_newest(intent: Any, world: Any) -> Any:
        return await mined(replace(intent, attempts=intent.attempts[-1:]), world)

    facts._mined = of_the_newest


@defends("34", what="`insufficient funds` is understood: it is not raised")
def _funds() -> None:
    _understood_as_unknown("funds")


@defends("36", what="nothing is planned while another transaction of the key waits, or was mined")
def _foreign() -> None:
    from keeper.adapters.storage import intents
    from keeper.app import permits

    permits.obstacle = lambda *_: None
    permits.nonce_fault = lambda *_: None  # type: ignore[attr-defined]
    intents.permit = lambda *_: None  # type: ignore[attr-defined]


@defends("36_foreign_transaction_that_goes_on_waiting", "37_foreign_gap", what="nothing is bid against a stranger")
def _stranger() -> None:
    from keeper.core import outbox

    outbox._halted = lambda *_: None


@defends("37", what="`nonce too high` is understood: a person is called")
def _gap() -> None:
    _understood_as_unknown("gap")


@defends("38", what="a nonce that went back forbids to sign")
def _back() -> None:
    from keeper.adapters.storage import intents
    from keeper.app import permits, reconcile, transactions

    async def nothing(*_: Any) -> None:
        return None

    transactions.watch_final = nothing  # type: ignore[attr-defined]
    for module in (permits, reconcile):
        module.nonce_fault = lambda *_: None  # type: ignore[attr-defined]
    permits.is_behind = lambda *_: False  # type: ignore[attr-defined]
    intents.permit = lambda *_: None  # type: ignore[attr-defined]
