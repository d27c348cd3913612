"""One look at the index of one fund: propose, judge, rehearse, commit, send. What a cycle is for drift."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from keeper.app.execution import Order, carry_out, commit
from keeper.app.index.survey import Survey
from keeper.app.journal import draft
from keeper.app.memory import Outbox
from keeper.app.outcome import Cycle, Result
from keeper.app.world import Universe, World
from keeper.core.deliberation import Deliberation
from keeper.core.drift import Hold, drift
from keeper.core.hub import hub_of
from keeper.core.index.proposal import Proposal, Withheld, propose
from keeper.core.index.record import index_body
from keeper.core.index.reweighting import Judgement, in_words, judge, listed_assets, newcomers
from keeper.core.index.states import IndexState, Reweighting
from keeper.core.journal import content_hash
from keeper.core.ledger import Action, Alert, AlertKind, CycleRecord, IntentKind, NewIntent, Record
from keeper.core.model import Market
from keeper.core.prices import PriceBook, agree
from keeper.core.quotes import CoinId
from keeper.core.records import decision_body
from keeper.core.units import Address, Timestamp
from keeper.core.valuation import readable, value


async def run_reweighting(
    cycle: Cycle, seen: Market, found: Survey | str, state: IndexState, world: World, outbox: Outbox
) -> Result:
    """Every end is recorded and told. `found` is what the survey brought, or why it brought nothing."""
    market = played_by_weigher(seen, world.weigher)
    proposal = proposal_of(market, found, state)
    judgement = judge(market, proposal, state)
    if isinstance(found, str):
        retry = state.retry_at(market.block.timestamp)
        judgement = replace(judgement, action=Action.FAILED, reason=found, next_due=retry)
    thought = _thought(market, judgement)
    survey = Survey() if isinstance(found, str) else found
    body = {
        **decision_body(market, thought, await world.books.chain_head(), world.code_version),
        "job": "index",
        "index": index_body(market, state, proposal, judgement, _source(world), survey.faults),
    }
    entry = _Draft(cycle, market, thought, body, state, proposal, judgement)
    if judgement.action is not Action.PLANNED or judgement.step is None:
        return await commit(cycle, entry(judgement.action, judgement.reason), world)
    deadline = Timestamp(market.block.timestamp + market.policy.deadline_seconds)
    call = world.codec.set_targets(market.treasury.address, judgement.step, deadline)
    order = Order(call, IntentKind.TARGETS, (), content_hash(body), judgement.reason)
    return await carry_out(cycle, market, order, entry, world, outbox)


def played_by_weigher(seen: Market, weigher: Address | None) -> Market:
    """The market of the one who would send the targets: the weigher's key where the treasury knows it."""
    if weigher is None or weigher not in (seen.treasury.weigher, seen.treasury.owner):
        return seen
    return replace(seen, fund=replace(seen.fund, signer=weigher))


def proposal_of(market: Market, found: Survey | str, state: IndexState) -> Proposal | Withheld:
    """What the index should be by what was found, or why nothing was."""
    if isinstance(found, str):
        return Withheld(found)
    hub = hub_of(market)
    return propose(
        state.methodology.rules,
        found.candidates,
        state.members,
        listed_assets(market, hub),
        None if hub is None else market.treasury.assets[hub].token,
        market.block.timestamp,
    )


def _thought(market: Market, judgement: Judgement) -> Deliberation:
    """What the fund is worth, too: a record that shows new weights shows what they are weights of."""
    prices = agree(market)
    valuation = value(market, prices) if isinstance(prices, PriceBook) and readable(market) else None
    held = Hold(drift(valuation, market), judgement.reason) if valuation else None
    return Deliberation(judgement.action, judgement.reason, prices, judgement.guards, valuation, held)


def _source(world: World) -> str:
    return world.universe.market.name if isinstance(world.universe, Universe) else ""


@dataclass(frozen=True, slots=True)
class _Draft:
    """What the look leaves behind, but for how it ended."""

    cycle: Cycle
    market: Market
    thought: Deliberation
    body: Mapping[str, Any]
    state: IndexState
    proposal: Proposal | Withheld
    judgement: Judgement

    def __call__(
        self, action: Action, reason: str, outcomes: tuple[Record, ...] = (), intent: NewIntent | None = None
    ) -> CycleRecord:
        base = draft(self.cycle, self.market, self.thought, self.body, action, reason, outcomes, intent)
        raised = self._alerts(action, reason)
        ours = {AlertKind.TARGETS_WAIT}
        if isinstance(self.proposal, Proposal):  # a provider that is down says nothing of who belongs in the index
            ours.add(AlertKind.INDEX_PROPOSAL)
        cleared = tuple(sorted(ours - {alert.kind for alert in raised}))
        return replace(base, alerts=raised, cleared=cleared, reweighting=self._look(action))

    def _alerts(self, action: Action, reason: str) -> tuple[Alert, ...]:
        fund, alerts = self.market.fund.id, []
        if self.judgement.waits or action in (Action.BLOCKED, Action.REVERTED, Action.FAILED):
            alerts.append(Alert(fund, AlertKind.TARGETS_WAIT, reason))
        if new := newcomers(self.proposal):
            alerts.append(Alert(fund, AlertKind.INDEX_PROPOSAL, "; ".join(map(in_words, new))))
        return tuple(alerts)

    def _look(self, action: Action) -> Reweighting:
        judgement, sent = self.judgement, action is Action.SUBMITTED
        wanted = None if isinstance(self.proposal, Withheld) else self.proposal
        planned_in_vain = judgement.action is Action.PLANNED and action in (Action.BLOCKED, Action.REVERTED)
        retry = self.state.retry_at(self.market.block.timestamp)
        return Reweighting(
            methodology_version=self.state.methodology.version,
            members=self.state.members if wanted is None else tuple(map(CoinId, wanted.members)),
            targets_before=tuple(asset.target for asset in self.market.treasury.assets),
            targets=None if wanted is None else wanted.targets,
            sent=judgement.step if sent else None,
            stands=action is Action.HELD and not judgement.waits,
            proposed=newcomers(self.proposal),
            doubted=judgement.doubted,
            next_due=min(judgement.next_due, retry) if planned_in_vain else judgement.next_due,
        )
