"""`keeper index`: how an index is made. `weights` needs a file alone: no node, no database, no environment."""

import re
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from keeper.entrypoints.cli.console import Exit, perform, show_json, show_table
from keeper.entrypoints.cli.index_eligible import eligible
from keeper.entrypoints.cli.index_fund import preview, rules, units

if TYPE_CHECKING:
    from keeper.core.index.caps_list import ListedWeights

app = typer.Typer(no_args_is_help=True, help="What an index holds, and why.")
for command in (eligible, rules, preview, units):
    app.command()(command)


@app.command()
def weights(
    file: Annotated[
        Path, typer.Option("--in", help="CSV with the columns symbol,market_cap[,category].", show_default=False)
    ],
    rule: Annotated[
        str,
        typer.Option(
            help="clip: cap and floor hold together. top3: what lies under the floor is raised to it, and the "
            "three largest give what that takes."
        ),
    ] = "clip",
    cap: Annotated[
        str | None, typer.Option(help="Largest weight, 0.25 is 25 %; none by default. Rule clip only.")
    ] = None,
    floor: Annotated[str | None, typer.Option(help="Smallest weight; by default none for clip, 0.01 for top3.")] = None,
    top: Annotated[int, typer.Option(min=1, help="How many of the largest, after the filters.")] = 10,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON: weights as decimal text, 18 decimals.")] = False,
) -> None:
    """Weigh a list of market caps. Stablecoins, wrapped and staked coins and fund shares are left out by category.

    Basis points sum to exactly 10,000, by largest remainder. Exit 2 when the file or the bounds cannot be.
    """
    perform(lambda: _weights(file, rule, cap, floor, top, as_json))


async def _weights(file: Path, rule: str, cap: str | None, floor: str | None, top: int, as_json: bool) -> Exit:
    from keeper.adapters.text_file import read_text
    from keeper.core.index.caps_list import TOP3_FLOOR, read_list, weigh_list
    from keeper.core.index.weights import Rule
    from keeper.core.mistakes import ConfigurationError

    problems: list[str] = []
    if rule not in list(Rule):
        problems.append(f"--rule {rule}: is not one of {', '.join(Rule)}")
    most, least = (_fraction(name, text, problems) for name, text in (("--cap", cap), ("--floor", floor)))
    try:
        lines = read_list(read_text(file))
    except ConfigurationError as error:
        problems += error.problems
    if problems:
        raise ConfigurationError(problems)
    if Rule(rule) is Rule.TOP3 and floor is None:
        least = TOP3_FLOOR
    found = weigh_list(lines, Rule(rule), most, least, top)
    if as_json:
        show_json(_as_json(found))
    else:
        _show(found)
    return Exit.FINE


def _fraction(name: str, text: str | None, problems: list[str]) -> Fraction | None:
    if text is None:
        return None
    if not re.fullmatch(r"[0-9]{1,3}(\.[0-9]{1,18})?|\.[0-9]{1,18}", text) or not 0 <= Fraction(text) <= 1:
        problems.append(f"{name} {text}: is not a part of 1, such as 0.25 for 25 %")
        return None
    return Fraction(text)


def _as_json(found: "ListedWeights") -> dict[str, Any]:
    from keeper.core.units import scaled
    from keeper.core.words import plain

    return {
        "rule": found.rule.value,
        "weights": [
            {
                "symbol": each.line.symbol,
                "market_cap": each.line.given,
                "weight": plain(scaled(each.weight_e18, 18)),
                "bps": each.bps,
            }
            for each in found.weights
        ],
        "refused": [{"symbol": symbol, "reason": reason} for symbol, reason in found.refused],
    }


def _show(found: "ListedWeights") -> None:
    from keeper.core.units import scaled

    rows = [
        [each.line.symbol, f"{each.line.market_cap:,f}", f"{scaled(each.weight_e18, 16):.4f} %", each.bps]
        for each in found.weights
    ]
    columns = ["coin", "market cap USD", "weight", "bps"]
    show_table(f"Weights by rule {found.rule}", columns, rows, right=columns[1:])
    if found.refused:
        print()
        show_table("Not in the index", ["coin", "why"], found.refused)
