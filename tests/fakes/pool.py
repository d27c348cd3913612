"""What a node's pool says to bytes, by the rules of real ones; and what may happen to them on the way."""

from enum import Enum

from keeper.core.replies import ReplyKind, classify
from keeper.core.units import Address
from keeper.ports import Reply
from tests.fakes.blocks import State
from tests.fakes.signer import Transaction


class Sending(Enum):
    """What happens to one sending of bytes, other than that they arrive and are accepted."""

    REPLY_LOST = "taken, but the reply never comes"
    REQUEST_LOST = "never arrives, and no reply comes"
    MISREPORTED = "taken, but the reply is an error"
    REFUSED = "refused with an error"


def take(transaction: Transaction, pool: dict[tuple[Address, int], Transaction], state: State) -> Reply:
    """Into the pool, unless what is there or was mined stands against it."""
    place = (transaction.sender, transaction.nonce)
    if transaction.nonce < state.nonce(transaction.sender):
        return refusal("nonce too low")
    there = pool.get(place)
    if there == transaction:
        return refusal("already known")
    if there and (transaction.max_fee * 10 < there.max_fee * 11 or transaction.max_tip * 10 < there.max_tip * 11):
        return refusal("replacement transaction underpriced")
    if state.balance(transaction.sender) < transaction.gas_limit * transaction.max_fee:
        return refusal("insufficient funds for gas * price + value")
    pool[place] = transaction
    return Reply("accepted", ReplyKind.ACCEPTED)


def refusal(words: str) -> Reply:
    return Reply(f"error: {words}", classify(words))
