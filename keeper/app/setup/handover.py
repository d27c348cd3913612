"""`keeper handover`: the limits closed, the ownership offered, accepted, and the proof that nothing is left."""

from collections.abc import Callable
from dataclasses import astuple, dataclass
from typing import Any, Protocol

from keeper.app.setup.sender import Sender
from keeper.core.mistakes import SetupStopped
from keeper.core.setup.calls import Call, Sent
from keeper.core.setup.config import FundConfig
from keeper.core.setup.handover import HandoverFacts, Standing, Verdict, judge
from keeper.core.units import Address

Encode = Callable[[str, tuple[Any, ...]], bytes]


class Sight(Protocol):
    """Reads the facts at the newest block, which is `since` or a later one. Raises SetupStopped, ChainUnavailable."""

    async def look(self, since: int = 0) -> HandoverFacts: ...


class Record(Protocol):
    def set_facts(self, **facts: Any) -> None: ...
    def set_section(self, name: str, **entries: Any) -> None: ...


SECTION = "handover"
"""Of the record: to whom, and how far it is."""


@dataclass(frozen=True, slots=True)
class HandedOver:
    """`accept` is what the new owner is still to call, where it has not; `sent` what this run sent."""

    facts: HandoverFacts
    verdict: Verdict
    calls: tuple[Call, ...]
    accept: Call | None
    sent: tuple[Sent, ...] = ()


@dataclass(slots=True)
class Handover:
    """One fund, one deployer."""

    config: FundConfig
    deployer: Address
    treasury: Address
    sight: Sight
    encode: Encode

    async def examine(self, since: int = 0) -> HandedOver:
        """The verdict, and what `offer` would send. Sends nothing."""
        facts = await self.sight.look(since)
        return self._of(facts, ())

    async def offer(self, sender: Sender, record: Record) -> HandedOver:
        """Step one, with the deployer's key: closes the limits, offers the ownership.

        Raises SetupStopped when something is wrong that only the deployer can still mend.
        """
        sent = await sender.finish()
        facts = await self.sight.look(newest(sender))
        before = self._of(facts, sent)
        if before.verdict.standing is Standing.FAILED:
            raise SetupStopped("; ".join(before.verdict.faults))
        if self.config.seed.amounts and not facts.treasury.total_supply:
            raise SetupStopped("the fund is not seeded, and only its owner can seed it: `keeper launch` first")
        if before.calls:
            record.set_facts(limits_closed=True)
            record.set_section(SECTION, owner=self.config.owner, state=Standing.PENDING.value)
            sent += await sender.run(before.calls)
            facts = await self.sight.look(newest(sender))
        return self._kept(self._of(facts, sent), record)

    async def accept(self, sender: Sender, record: Record) -> HandedOver:
        """Step two, with the new owner's key. Raises SetupStopped when the ownership is not offered to it."""
        if sender.signer.address != self.config.owner:
            raise SetupStopped(f"the key is that of {sender.signer.address}, the new owner is {self.config.owner}")
        sent = await sender.finish()
        facts = await self.sight.look(newest(sender))
        if facts.treasury.owner != self.config.owner:
            if facts.treasury.pending_owner != self.config.owner:
                raise SetupStopped(f"the ownership is not offered to {self.config.owner}: run `keeper handover` first")
            if not facts.same_code:
                raise SetupStopped("the code at the treasury's address is not this keeper's treasury: not accepted")
            sent += await sender.run([self._acceptance()])
            facts = await self.sight.look(newest(sender))
        return self._kept(self._of(facts, sent), record)

    # ---------------------------------------------------------------------------------------------- parts

    def _of(self, facts: HandoverFacts, sent: tuple[Sent, ...]) -> HandedOver:
        verdict = judge(self.config, self.deployer, facts)
        waiting = facts.treasury.pending_owner == self.config.owner
        return HandedOver(facts, verdict, tuple(self._calls(facts)), self._acceptance() if waiting else None, sent)

    def _calls(self, facts: HandoverFacts) -> list[Call]:
        treasury, owner = facts.treasury, self.config.owner
        if treasury.owner != self.deployer or owner == self.deployer:
            return []
        calls = []
        if treasury.limits != self.config.limits:
            arguments = (astuple(self.config.limits),)
            data, label = self.encode("setLimits", arguments), "close the limits"
            calls.append(Call(self.treasury, "setLimits", arguments, data, label, "limits", 250_000))
        if treasury.pending_owner != owner:
            data = self.encode("transferOwnership", (owner,))
            label = f"offer the ownership to {owner}"
            calls.append(Call(self.treasury, "transferOwnership", (owner,), data, label, "offer ownership", 150_000))
        return calls

    def _acceptance(self) -> Call:
        data = self.encode("acceptOwnership", ())
        return Call(self.treasury, "acceptOwnership", (), data, "accept the ownership", "accept ownership")

    def _kept(self, done: HandedOver, record: Record) -> HandedOver:
        record.set_section(SECTION, owner=self.config.owner, state=done.verdict.standing.value)
        return done


def newest(sender: Sender) -> int:
    """The highest block in which a transaction of the record was mined."""
    return max((sent.block or 0 for sent in sender.ledger.entries()), default=0)
