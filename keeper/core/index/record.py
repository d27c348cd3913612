"""What a look at the market leaves in the journal, beside everything that a cycle's decision holds.

Text, booleans, lists and objects only; what is unknown is left out. From this an auditor can weigh the members anew.
"""

from collections.abc import Sequence

from keeper.core.index.candidates import Ranked, Refused
from keeper.core.index.methodology_form import to_record
from keeper.core.index.proposal import Proposal, Withheld
from keeper.core.index.reweighting import Judgement, newcomers
from keeper.core.index.states import IndexState
from keeper.core.model import Market
from keeper.core.quotes import Fault
from keeper.core.records import Body, known
from keeper.core.units import E18, Bps
from keeper.core.words import plain, utc


def index_body(
    market: Market,
    state: IndexState,
    proposal: Proposal | Withheld,
    judgement: Judgement,
    source: str,
    faults: Sequence[Fault],
) -> Body:
    """The part `index` of a decision: rules, coins in and out and why, weights, targets before and after.

    `source` is who described the market, empty for fixed weights. `faults` are coins of which it said what cannot be.
    """
    rules = state.methodology
    return known(
        {
            "methodology": {
                "version": str(rules.version),
                "digest": rules.digest,
                "rules": to_record(rules.rules),
            },
            "source": source or None,
            "members_before": list(state.members),
            "targets_before_bps": [str(asset.target) for asset in market.treasury.assets],
            "refused": [_refused(each) for each in proposal.refused],
            "faults": [{"coin": each.coin, "reason": each.reason} for each in faults],
            **(_withheld(proposal) if isinstance(proposal, Withheld) else _proposed(proposal)),
            "step_bps": None if judgement.step is None else _bps(judgement.step),
            "doubted_since": {coin: utc(since) for coin, since in judgement.doubted.items()},
        }
    )


def _withheld(proposal: Withheld) -> Body:
    return {"withheld": proposal.reason}


def _proposed(proposal: Proposal) -> Body:
    return {
        "members": [
            _ranked(each.member)
            | {"token": each.token, "weight_e18": str(each.weight * E18 // 1), "target_bps": str(each.target)}
            for each in proposal.holdings
        ],
        "beyond": [_ranked(each) for each in proposal.beyond],
        "proposed": [
            {"coin": each.coin, "symbol": each.symbol, "token": each.token, "reason": each.reason}
            for each in newcomers(proposal)
        ],
        "changes": [
            {"coin": each.coin, "symbol": each.symbol, "move": each.move.value, "reason": each.reason}
            for each in proposal.changes
        ],
        "targets_bps": _bps(proposal.targets),
        "reasons": list(proposal.reasons),
    }


def _ranked(each: Ranked) -> Body:
    candidate = each.candidate
    return known(
        {
            "coin": each.coin,
            "symbol": each.symbol,
            "rank": str(each.rank),
            "market_cap_usd": None if candidate.market_cap is None else plain(candidate.market_cap),
            "price_usd": None if candidate.price is None else plain(candidate.price),
            "updated_at": None if candidate.updated_at is None else utc(candidate.updated_at),
        }
    )


def _refused(each: Refused) -> Body:
    return {
        "coin": each.coin,
        "symbol": each.symbol,
        "cause": each.refusal.cause.value,
        "reason": each.refusal.reason,
    }


def _bps(targets: Sequence[Bps]) -> list[str]:
    return [str(target) for target in targets]
