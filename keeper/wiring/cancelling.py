"""To take a nonce from a transaction that is not ours: an operator's last resort, by hand, with no keeper running."""

from dataclasses import dataclass

from keeper.adapters.clock import SystemClock
from keeper.core import fees
from keeper.core.journal import rfc3339
from keeper.core.ledger import Call, Record, RecordKind
from keeper.core.model import Fund
from keeper.core.replies import TAKEN, ReplyKind
from keeper.core.units import Hash32, Timestamp
from keeper.ports import Reply, SignedTransaction
from keeper.settings import ConfigurationError, Settings
from keeper.wiring.daemon import open_world


@dataclass(frozen=True, slots=True)
class Taken:
    """The transfer of nothing that was sent, and what was said to it. `taken`: a node has it."""

    hash: Hash32
    reply: str
    taken: bool


async def take_nonce(settings: Settings, nonce: int, why: str, by: str) -> Taken:
    """Sends a transfer of nothing to oneself with that nonce, raised until it replaces whoever waits there.

    Each is in the journal before it leaves. When it is mined the books do not expect its nonce: `keeper reconcile
    --accept` goes on. Raises ConfigurationError, ChainUnavailable, BooksUnavailable.
    """
    if not settings.send_transactions:
        raise ConfigurationError(["nothing is sent: SEND_TRANSACTIONS is false"])
    async with open_world(settings, dry_run=False) as (world, _library):
        fund = _only_signer(await world.books.funds())
        signer = world.signer_of(fund)
        assert signer is not None
        account, head = await world.chain.account(signer.address), await world.chain.head()
        if nonce < account.nonce:
            raise ConfigurationError([f"nonce {nonce} is spent: {signer.address} is at {account.nonce}"])
        for intent in await world.books.open_intents(signer.address):
            if intent.nonce == nonce:
                raise ConfigurationError([f"nonce {nonce} is ours: `keeper tx cancel {intent.id}`"])
        offered: fees.FeeQuote | None = fees.GasMarket(head.base_fee, account.tip).suggestion
        limit = settings.to_policy().max_fee
        done = Taken(Hash32("0x" + "00" * 32), f"gas is dearer than MAX_FEE_GWEI ({settings.max_fee_gwei})", False)
        while offered is not None and offered.max_fee <= limit:
            signed = signer.sign(
                Call(signer.address, b"", 0, Timestamp(0)),
                nonce=nonce,
                gas_limit=fees.TRANSFER_GAS,
                max_fee=offered.max_fee,
                max_tip=offered.max_tip,
                chain_id=settings.chain_id,
            )
            await world.books.append(_record(fund, nonce, signed, why, by))
            reply: Reply = await world.chain.send(signed.raw)
            done = Taken(signed.hash, reply.text, reply.kind in TAKEN)
            if reply.kind is not ReplyKind.REPLACEMENT:
                break
            # above whatever waits there: nobody tells what it offers, and the market's suggestion says nothing of it
            offered = fees.raised(offered, fees.GasMarket(offered.max_fee, offered.max_tip), limit, fees.NODE_BUMP_BPS)
        return done


def _only_signer(funds: list[Fund]) -> Fund:
    if len({fund.signer for fund in funds}) != 1:
        raise ConfigurationError(["which key? these funds have several: run it where only one is configured"])
    return funds[0]


def _record(fund: Fund, nonce: int, signed: SignedTransaction, why: str, by: str) -> Record:
    body = {
        "event": "nonce_taken",
        "signer": fund.signer,
        "nonce": str(nonce),
        "tx_hash": signed.hash,
        "raw": "0x" + signed.raw.hex(),
        "why": why,
        "by": by,
        "at": rfc3339(SystemClock().now()),
    }
    return Record(RecordKind.OPERATOR, fund.id, body)
