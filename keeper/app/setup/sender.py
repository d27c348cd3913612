"""Sends the calls of one signer exactly once each: signed bytes are in the record before any of them leaves."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Final

from keeper.app.setup.ports import Ledger, Node
from keeper.core.fees import LARGEST_GAS_LIMIT, FeeQuote, FeeTooHigh, quote
from keeper.core.mistakes import SetupStopped
from keeper.core.model import LOCAL_CHAIN_ID
from keeper.core.setup.calls import Call, Mined, Sent, Status
from keeper.core.units import Hash32, Wei
from keeper.ports import Account, Clock, Signer, SimulatedRevert

GWEI: Final = 10**9
MOST_AT_ONCE: Final = 60
"""Transactions of one account that wait together: nodes keep 64."""
MARGIN_PERCENT: Final = 25
"""Of gas above an estimate."""
MARGIN_GAS: Final = 20_000
"""And so much more: a storage slot that another transaction clears before costs that."""
HAS_IT: Final = ("known", "already")
"""Words of nodes for a transaction that was sent to them before."""


def default_confirmations(chain_id: int) -> int:
    """Blocks that must hold a transaction: a local chain does not reorganise, and makes no block without need."""
    return 1 if chain_id == LOCAL_CHAIN_ID else 2


@dataclass(frozen=True, slots=True)
class Pace:
    """How patiently a sender waits, in seconds. `confirmations` counts the block of the transaction itself."""

    confirmations: int
    poll: float = 1.0
    again: float = 20.0
    patience: float = 900.0

    @classmethod
    def of(cls, chain_id: int) -> "Pace":
        if chain_id == LOCAL_CHAIN_ID:
            return cls(default_confirmations(chain_id), poll=0.02, again=5.0, patience=120.0)
        return cls(default_confirmations(chain_id))


async def _nothing() -> None:
    """Of a chain that makes its blocks by itself."""


@dataclass(slots=True)
class Sender:
    """`run` sends; `finish` ends what an earlier process began. One signer, one process at a time.

    `tell` hears of every transaction that is settled. `after_broadcast` is awaited when bytes have left: a local chain
    that mines on demand mines there. `max_fee` is the most that is offered for gas, wei.
    """

    node: Node
    signer: Signer
    ledger: Ledger
    chain_id: int
    clock: Clock
    max_fee: Wei
    pace: Pace
    tell: Callable[[Sent], None] = lambda _: None
    after_broadcast: Callable[[], Awaitable[None]] = _nothing
    refusals: dict[Hash32, str] = field(default_factory=dict)
    """What the node last said against a transaction: an explanation where it is not mined, and no more than that."""

    async def run(self, calls: Sequence[Call]) -> tuple[Sent, ...]:
        """Sends what of `calls` is not out yet, in order, and waits until all of it is mined.

        A call that an earlier process had already signed is not signed again: its bytes go out as they were.
        Raises SetupStopped when one would revert or did, when the account has foreign transactions, not enough money,
        or fees are too high; ChainUnavailable. Whatever was signed until then stays in the record.
        """
        left = {(sent.to, sent.data_hash): sent for sent in await self.finish() if sent.status is Status.MINED}
        done = [(call, left.pop((call.to, call.data_hash), None)) for call in calls]
        results = [sent for _, sent in done if sent is not None]
        waiting = [call for call, sent in done if sent is None]
        while waiting:
            stage = _stage(waiting)
            waiting = waiting[len(stage) :]
            results += await self._send(stage)
        return tuple(results)

    async def finish(self) -> tuple[Sent, ...]:
        """Broadcasts again what the record holds unmined, and waits for it. Returns it as it ended, reverts too."""
        open_ones = [
            sent
            for sent in self.ledger.entries()
            if sent.status is Status.SIGNED and sent.signer == self.signer.address
        ]
        if not open_ones:
            return ()
        await self._broadcast(open_ones)
        return await self._settle(open_ones)

    # ---------------------------------------------------------------------------------------------- sending

    async def _send(self, stage: Sequence[Call]) -> tuple[Sent, ...]:
        limits = await self._gas(stage)
        account = await self._fresh_account()
        fees = self._fees((await self.node.head()).base_fee, account)
        self._require_money(account, sum(limits) * fees.max_fee)
        signed = [self._sign(call, account.nonce + index, limits[index], fees) for index, call in enumerate(stage)]
        self.ledger.write(signed)
        await self._broadcast(signed)
        settled = await self._settle(signed)
        for sent in settled:
            if sent.status is not Status.MINED:
                why = f": {sent.reason}" if sent.reason else ""
                raise SetupStopped(f"{sent.label} was {sent.status} (transaction {sent.hash}){why}")
        return settled

    async def _gas(self, stage: Sequence[Call]) -> list[int]:
        """Limits: by estimate where one means something, else the fixed one of the call."""
        asked = [index for index, call in enumerate(stage) if index == 0 or call.gas_limit is None]
        answers = await self.node.estimate([stage[index] for index in asked], self.signer.address)
        limits = {index: call.gas_limit for index, call in enumerate(stage)}
        for index, answer in zip(asked, answers, strict=True):
            if isinstance(answer, SimulatedRevert):
                raise SetupStopped(f"{stage[index].label} would revert: {answer.detail}; it was not sent")
            if answer > LARGEST_GAS_LIMIT:
                raise SetupStopped(f"{stage[index].label} needs {answer} gas, more than a transaction may have")
            limits[index] = min(answer * (100 + MARGIN_PERCENT) // 100 + MARGIN_GAS, LARGEST_GAS_LIMIT)
        return [limit for limit in limits.values() if limit is not None]

    async def _fresh_account(self) -> Account:
        """Nonce and balance, of a node that has seen what the record says is mined, and nobody else's transactions."""
        ours = [
            sent.nonce
            for sent in self.ledger.entries()
            if sent.signer == self.signer.address and sent.status is not Status.REPLACED
        ]
        least = max(ours, default=-1) + 1
        began = self.clock.monotonic()
        while (account := await self.node.account(self.signer.address)).nonce < least:
            if self.clock.monotonic() - began > self.pace.again:
                raise SetupStopped(
                    f"the record says that {self.signer.address} has sent {least} transactions, the node says "
                    f"{account.nonce}: the node lags behind, the record is of another chain, or a reorganisation took "
                    "transactions back. In the last case move the record away and start again: the chain tells the rest"
                )
            await self.clock.sleep(self.pace.poll)
        if account.pending_nonce > account.nonce:
            raise SetupStopped(
                f"{self.signer.address} has {account.pending_nonce - account.nonce} pending transactions that are not "
                "of this record: wait until they are mined, and let nothing else use the account meanwhile"
            )
        return account

    def _fees(self, base_fee: Wei, account: Account) -> FeeQuote:
        fees = quote(base_fee, account.tip, self.max_fee)
        if isinstance(fees, FeeTooHigh):
            raise SetupStopped(
                f"gas costs {fees.needed / GWEI:.3g} gwei now, more than MAX_FEE_GWEI, {fees.limit / GWEI:.3g}"
            )
        return fees

    def _require_money(self, account: Account, cost: int) -> None:
        if cost > account.balance:
            raise SetupStopped(
                f"{self.signer.address} has {account.balance / 10**18:.6f} of the native coin, "
                f"the next transactions may cost up to {cost / 10**18:.6f}"
            )

    def _sign(self, call: Call, nonce: int, gas_limit: int, fees: FeeQuote) -> Sent:
        signed = self.signer.sign(
            call,
            nonce=nonce,
            gas_limit=gas_limit,
            max_fee=fees.max_fee,
            max_tip=fees.max_tip,
            chain_id=self.chain_id,
        )
        return Sent(
            step=call.step,
            label=call.label,
            signer=self.signer.address,
            to=call.to,
            data_hash=call.data_hash,
            nonce=nonce,
            hash=signed.hash,
            raw=signed.raw,
        )

    async def _broadcast(self, sent: Sequence[Sent]) -> None:
        leaving = [one for one in sent if one.raw is not None]
        replies = await self.node.broadcast([one.raw for one in leaving if one.raw is not None])
        for one, reply in zip(leaving, replies, strict=True):
            if reply.startswith("error") and not any(word in reply.lower() for word in HAS_IT):
                self.refusals[one.hash] = reply
        await self.after_broadcast()

    # ---------------------------------------------------------------------------------------------- settling

    async def _settle(self, sent: Sequence[Sent]) -> tuple[Sent, ...]:
        """Waits until each is mined deep enough, or can never be. Written down as it becomes known."""
        ended: dict[int, Sent] = {}
        began = last_news = self.clock.monotonic()
        while True:
            news = await self._look([one for one in sent if one.nonce not in ended])
            now = self.clock.monotonic()
            if news:
                self.ledger.write(news)
                ended.update({one.nonce: one for one in news})
                last_news = now
                for one in news:
                    self.tell(one)
            if len(ended) == len(sent):
                return tuple(ended[one.nonce] for one in sent)
            if now - began > self.pace.patience:
                first = next(one for one in sent if one.nonce not in ended)
                said = self.refusals.get(first.hash)
                raise SetupStopped(
                    f"{first.label} is not mined after {self.pace.patience:.0f} s (transaction {first.hash}, nonce "
                    f"{first.nonce}){f'; the node said: {said}' if said else ''}; start again to go on waiting"
                )
            if now - last_news > self.pace.again:
                last_news = now
                unmined = [one for one in sent if one.nonce not in ended]
                replaced = await self._replaced(unmined)
                self.ledger.write(replaced)
                ended.update({one.nonce: one for one in replaced})
                await self._broadcast([one for one in unmined if one.nonce not in ended])
                continue
            await self.clock.sleep(self.pace.poll)

    async def _look(self, unmined: Sequence[Sent]) -> list[Sent]:
        """Those that are mined and deep enough now."""
        outcomes = await self.node.outcomes(unmined)
        if not any(outcomes):
            return []
        deepest = (await self.node.head()).number + 1 - self.pace.confirmations
        return [
            await self._ended(one, mined)
            for one, mined in zip(unmined, outcomes, strict=True)
            if mined is not None and mined.block <= deepest
        ]

    async def _ended(self, sent: Sent, mined: Mined) -> Sent:
        return replace(
            sent,
            status=Status.MINED if mined.succeeded else Status.REVERTED,
            raw=None,
            block=mined.block,
            gas_used=mined.gas_used,
            cost_wei=mined.cost,
            created=mined.created,
            reason=None if mined.succeeded else await self.node.why_reverted(sent),
        )

    async def _replaced(self, unmined: Sequence[Sent]) -> list[Sent]:
        """Those whose nonce another transaction has used, deep enough in the chain."""
        depth = max(0, (await self.node.head()).number + 1 - self.pace.confirmations)
        used = await self.node.nonce_at(self.signer.address, depth)
        overtaken = [one for one in unmined if one.nonce < used]
        outcomes = await self.node.outcomes(overtaken)
        return [
            replace(one, status=Status.REPLACED, raw=None, reason="its nonce was used by another transaction")
            for one, mined in zip(overtaken, outcomes, strict=True)
            if mined is None
        ]


def _stage(calls: Sequence[Call]) -> list[Call]:
    """The longest beginning of `calls` that can be signed without waiting for its own first ones."""
    end = next((index for index, call in enumerate(calls) if index and call.waits), len(calls))
    return list(calls[: min(end, MOST_AT_ONCE)])
