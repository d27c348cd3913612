"""`keeper status`: how the funds are, from the books, and in one line why nothing is being traded."""

from collections.abc import Mapping
from typing import Annotated, Any

import typer

from keeper.entrypoints.cli.console import Exit, money, percent, perform, show_json, show_table
from keeper.entrypoints.cli.trades import as_text


def status(as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False) -> None:
    """The last cycle of every fund, its weights, what is open and which alerts stand."""
    perform(lambda: _status(as_json))


async def _status(as_json: bool) -> Exit:
    from keeper.entrypoints.cli.environment import load_settings
    from keeper.wiring.places import open_library

    settings = load_settings()
    async with open_library(settings, settings.mode(), read_only=True) as library:
        funds = await library.reader.status()
    if as_json:
        show_json([_plain(fund) for fund in funds])
        return Exit.FINE
    for fund in funds:
        _show(fund)
    if not funds:
        print("no funds yet: set TREASURY_ADDRESS and start `keeper run`")
    return Exit.FINE


def _show(fund: Mapping[str, Any]) -> None:
    from keeper.core.units import scaled, usd
    from keeper.core.words import utc

    decision, job, intent = fund["decision"], fund["job"], fund["intent"]
    print(f"{fund['name']}: {_headline(fund)}")
    print(f"  treasury {fund['treasury']}, signer {fund['signer']}")
    if decision:
        nav = None if decision["nav"] is None else usd(decision["nav"])
        drift, error = percent(decision["max_drift_bps"]), percent(decision["tracking_error_bps"])
        print(f"  last cycle: block {decision['block_number']}, {decision['action']}: {decision['reason']}")
        print(f"  NAV {money(nav)} USD, largest drift {drift}, tracking error {error}{_placed(decision)}")
        for guard in decision["guards"]:
            if guard["verdict"] == "refuse":
                print(f"  refused by {guard['name']}: {guard.get('detail') or guard['measured']}")
    if budgets := fund["budgets"]:
        left = "; ".join(_budget(name, budget, decision["block_timestamp"]) for name, budget in budgets.items())
        print(f"  budgets then: {left}")
    if job and job["next_due"] is not None:
        print(f"  next cycle at {utc(job['next_due'])} chain time")
    if index := fund["index"]:
        print(f"  index: {_index(index)}")
    if intent:
        print(f"  open transaction: intent {intent['id']}, {intent['state']}, nonce {intent['nonce']}")
    for alert in fund["alerts"]:
        print(f"  alert {alert['kind']} ({alert['count']} times): {alert['message']}")
    rows = [
        [
            line["symbol"],
            None if line["amount"] is None else f"{scaled(line['amount'], line['decimals']):,.6f}",
            None if line["value"] is None else money(usd(line["value"])),
            percent(line["weight_bps"]),
            f"{line['target_bps'] / 100:.2f} %",
        ]
        for line in fund["allocations"]
    ]
    if rows:
        columns = ["asset", "amount", "value USD", "weight", "target"]
        show_table("", columns, rows, right=columns[1:])


def _placed(decision: Mapping[str, Any]) -> str:
    """How far a first allocation, or one to new targets, is: tracking error is what lies in the wrong assets."""
    if (error := decision["tracking_error_bps"]) is None:
        return ""
    return f": {percent(10_000 - error)} of NAV is where the targets want it"


def _index(index: Mapping[str, Any]) -> str:
    from keeper.core.words import utc

    rules = f"rules version {index['version']}"
    if index["looked_at"] is None:
        return f"{rules}, not looked at yet"
    members = f"{len(index['members'])} members" if index["members"] else "no members in force"
    look = f"last look at {utc(index['looked_at'])}: {index['action']}: {index['reason']}"
    return f"{rules}, {members}; {look}; next at {utc(index['next_due'])} chain time"


def _budget(name: str, budget: Mapping[str, int], then: int) -> str:
    from keeper.core.spending import Budget
    from keeper.core.words import full_again, left_of

    bucket = Budget(budget["left"], budget["cap"], budget["window_seconds"])
    return f"{name} {left_of(bucket)}{full_again(bucket, then)}"


def _headline(fund: Mapping[str, Any]) -> str:
    """Why nothing is being traded, or that it may be."""
    decision = fund["decision"]
    if fund["paused"]:
        return "paused by the operator (`keeper resume` goes on)"
    if fund["hold"]:
        return f"not signing, its signer is on hold: {fund['hold']} (`keeper reconcile --dry-run` shows more)"
    if fund["breaker"]:
        return f"not trading, its breaker is open: {fund['breaker']} (`keeper breaker reset` after a look)"
    if decision is None:
        return "no cycle yet"
    if fund["intent"]:
        cancelling = ", to be cancelled" if fund["intent"]["cancel_asked"] else ""
        return f"a transaction is open ({fund['intent']['state']}{cancelling}): `keeper tx show {fund['intent']['id']}`"
    if decision["action"] in ("blocked", "reverted", "failed"):
        return f"not trading: {decision['reason']}"
    if decision["action"] == "held":
        return f"holding: {decision['reason']}"
    words = {"submitted": "rebalanced", "planned": "would rebalance (dry run)"}
    return words[decision["action"]]


def _plain(value: Any) -> Any:
    match value:
        case Mapping():
            return {key: _plain(inner) for key, inner in value.items() if key != "content"}
        case list():
            return [_plain(inner) for inner in value]
        case _:
            return as_text(value)
