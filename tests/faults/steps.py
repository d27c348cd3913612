"""The keeper's own steps at which it can be killed: every write to the books, signing, sending."""

from typing import Final

_BOOKS: Final = "keeper.adapters.storage.books:SqlBooks."
_STORAGE: Final = "keeper.adapters.storage."

SEND: Final = "keeper.adapters.ethereum.chain:EthereumChain.send"
SIGN: Final = "keeper.adapters.ethereum.signer:LocalSigner.sign"

WRITING: Final = frozenset(
    {
        "append",
        "ask_cancel",
        "cancelled",
        "commit_cycle",
        "hold",
        "mark_sent",
        "raise_alert",
        "release",
        "remember_tokens",
        "reset_breaker",
        "save_attempt",
        "set_intent_state",
        "settle",
        "trip_breaker",
    }
)
"""Methods of the Books port that write; each is one transaction."""

READING: Final = frozenset(
    {
        "breaker",
        "chain_head",
        "coins",
        "executions",
        "final_places",
        "funds",
        "gas_spent",
        "index_states",
        "intent",
        "jobs",
        "known_code",
        "open_intents",
        "policies",
        "policy",
        "seen_prices",
        "pool_past",
        "signer_state",
        "symbols",
    }
)

_WORK: Final = {
    "append": "journal:append",
    "ask_cancel": "signing:ask_cancel",
    "cancelled": "states:cancelled",
    "commit_cycle": "cycles:commit_cycle",
    "hold": "signing:hold",
    "mark_sent": "intents:mark_sent",
    "raise_alert": "alerts:raise_alerts",
    "release": "signing:release",
    "remember_tokens": "funds:remember_tokens",
    "reset_breaker": "signing:reset_breaker",
    "save_attempt": "intents:save_attempt",
    "set_intent_state": "states:set_intent_state",
    "settle": "settlement:settle",
    "trip_breaker": "signing:trip_breaker",
}


def books(method: str) -> str:
    """The method as a step: before its transaction, and after it was committed."""
    assert method in WRITING
    return _BOOKS + method


def inside(method: str) -> str:
    """The work within the method's transaction. Killed `after` it, everything was written and nothing committed."""
    return _STORAGE + _WORK[method]
