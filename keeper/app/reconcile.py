"""What every start does, and an operator on demand: the books against the chain, signer by signer.

What an earlier process left open is carried on; a nonce that the books cannot explain holds the signer. There is no
other recovery: a start after a crash is a start.
"""

from dataclasses import dataclass, replace

from keeper.app.memory import Outbox
from keeper.app.permits import hold
from keeper.app.transactions import settle_open
from keeper.app.world import World
from keeper.core.holds import nonce_fault
from keeper.core.ledger import Intent, IntentState
from keeper.core.model import Fund
from keeper.core.units import Address
from keeper.ports import Books, Chain


@dataclass(frozen=True, slots=True)
class SignerReport:
    """A signer as the chain and the books know it. `next_nonce` is what the books expect, None for a signer that is new
    to them; `hold` is why nothing is signed, `fault` why nothing should be; `intent` is what is open."""

    signer: Address
    funds: tuple[Fund, ...]
    nonce: int
    pending_nonce: int
    next_nonce: int | None
    hold: str | None
    fault: str | None
    intent: Intent | None

    @property
    def halted(self) -> str | None:
        """Why nothing is signed until an operator says so, or None."""
        if self.intent is not None and self.intent.state is IntentState.NONCE_STOLEN:
            return self.hold or f"nonce {self.intent.nonce} of transaction {self.intent.id} was spent by another"
        return self.hold

    @property
    def foreign_pending(self) -> int:
        """Transactions in the node's pool beyond those of the open intent: another program's."""
        ours = 1 if self.intent is not None and self.intent.nonce is not None and self.intent.nonce >= self.nonce else 0
        return max(0, self.pending_nonce - self.nonce - ours)


async def examine(chain: Chain, books: Books, weigher: Address | None = None) -> list[SignerReport]:
    """In the order of the funds; a `weigher` that is none of their signers comes last, with the funds that follow an
    index. Writes nothing. Raises ChainUnavailable and BooksUnavailable."""
    by_signer: dict[Address, list[Fund]] = {}
    all_funds = await books.funds()
    for fund in all_funds:
        by_signer.setdefault(fund.signer, []).append(fund)
    if weigher is not None and weigher not in by_signer:
        following = await books.index_states()
        if theirs := [fund for fund in all_funds if fund.id in following]:
            by_signer[weigher] = theirs
    open_by_signer = {intent.signer: intent for intent in await books.open_intents()}
    reports = []
    accounts = await chain.accounts(list(by_signer)) if by_signer else []
    for (signer, funds), account in zip(by_signer.items(), accounts, strict=True):
        state = await books.signer_state(signer)
        intent = open_by_signer.get(signer)
        reports.append(
            SignerReport(
                signer=signer,
                funds=tuple(funds),
                nonce=account.nonce,
                pending_nonce=account.pending_nonce,
                next_nonce=state.next_nonce,
                hold=state.hold,
                fault=None if intent else nonce_fault(state, account.nonce),
                intent=intent,
            )
        )
    return reports


async def reconcile(world: World, outbox: Outbox) -> list[SignerReport]:
    """Carries open intents on at the newest head, then holds the signers whose nonce the books cannot explain.

    One that is lower than they know is left to what looks at every head: the node may only lag.
    """
    await settle_open(world, await world.chain.head(), outbox, busy=set())
    reports = await examine(world.chain, world.books, world.weigher)
    for report in reports:
        if report.fault is not None and report.hold is None and report.nonce > (report.next_nonce or 0):
            await hold(replace(report.funds[0], signer=report.signer), report.fault, world)  # it may be the weigher's
    return reports
