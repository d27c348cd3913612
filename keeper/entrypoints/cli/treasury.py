"""`keeper treasury`: what a treasury holds, what it is worth, who may do what."""

from decimal import Decimal
from typing import TYPE_CHECKING, Annotated

import typer

from keeper.entrypoints.cli.console import Exit, amount, money, percent, perform, show_json, show_table

if TYPE_CHECKING:
    from keeper.core.overview import Overview, Position

app = typer.Typer(no_args_is_help=True, help="A treasury on the chain.")


@app.command()
def show(
    fund: Annotated[str | None, typer.Argument(help="The fund; may be left out when there is one.")] = None,
    treasury: Annotated[str | None, typer.Option(help="Its address: then neither key nor database is needed.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Worth, share price, weights, budgets, limits, roles and venues at one block."""
    perform(lambda: _show(fund, treasury, as_json))


async def _show(fund: str | None, treasury: str | None, as_json: bool) -> Exit:
    from keeper.entrypoints.cli.treasury_json import describe
    from keeper.wiring.overview import look_at, settings_of_any_chain

    seen = await look_at(await settings_of_any_chain(), fund, treasury)
    if as_json:
        show_json(describe(seen))
        return Exit.FINE
    _worth(seen)
    _assets(seen)
    _limits(seen)
    _roles(seen)
    _venues(seen)
    _last(seen)
    for line in seen.missing:
        print(f"missing: {line}")
    return Exit.FINE


def _worth(seen: "Overview") -> None:
    from keeper.core.units import scaled, usd
    from keeper.core.words import utc

    state = "paused" if seen.treasury.paused else "active" if seen.treasury.total_supply else "not seeded"
    print(f"{seen.around.name} ({seen.around.symbol}) {seen.treasury.address}: {state}")
    print(f"  block {seen.block.number}, {utc(seen.block.timestamp)}")
    nav = (
        f"{money(usd(seen.nav))} USD"
        if seen.nav is not None
        else f"- (what has a price: {money(usd(seen.priced))} USD)"
    )
    price = None if seen.share_price is None else usd(seen.share_price)
    print(f"  NAV {nav}, tracking error {percent(seen.tracking_error_bps)}")
    print(f"  {amount(scaled(seen.treasury.total_supply, 18))} shares at {_price(price)} USD\n")


def _assets(seen: "Overview") -> None:
    from keeper.core.units import scaled, usd, usd_per_token

    def row(position: "Position") -> list[object]:
        asset = position.asset
        notes = [position.fault, "retired" if asset.retired else "" if asset.buyable else "not bought any more"]
        return [
            asset.symbol,
            None if asset.balance is None else amount(scaled(asset.balance, asset.decimals)),
            _price(None if position.px is None else usd_per_token(position.px, asset.decimals)),
            None if position.age is None else _span(position.age),
            money(None if position.value is None else usd(position.value)),
            percent(position.weight_bps),
            percent(Decimal(asset.target)),
            _signed(position.drift_bps),
            None if position.component is None else amount(scaled(position.component, asset.decimals)),
            "; ".join(filter(None, notes)),
        ]

    columns = ["asset", "held", "price USD", "age", "value USD", "weight", "target", "drift", "per share", ""]
    show_table("Assets", columns, [row(position) for position in seen.positions], right=columns[1:-1])
    print()


def _limits(seen: "Overview") -> None:
    from keeper.core.words import duration

    rows = [
        [
            budget.name,
            percent(budget.left_bps),
            percent(Decimal(budget.cap)),
            "never" if budget.full_in is None else "now" if budget.full_in == 0 else f"in {duration(budget.full_in)}",
        ]
        for budget in seen.budgets
    ]
    show_table("Budgets", ["budget", "left", "of", "full again"], rows, right=["left", "of"])
    print()
    limits = seen.treasury.limits
    rows = [
        ["slippage of a swap", percent(Decimal(limits.max_slip))],
        ["size of a swap", percent(Decimal(limits.per_trade))],
        ["cost of tracking error removed", percent(Decimal(limits.max_cost))],
        ["least tracking error", percent(Decimal(limits.min_drift))],
        ["largest weight that the weigher sets", percent(Decimal(limits.max_weight))],
        ["cooldown", duration(limits.cooldown_seconds)],
        ["window of the budgets", duration(limits.window_seconds)],
    ]
    show_table("Limits", ["limit", ""], rows, right=[""])
    print()


def _roles(seen: "Overview") -> None:
    from keeper.core.units import ZERO_ADDRESS
    from keeper.core.words import duration, utc

    def named(address: str | None) -> str:
        return "-" if address is None else "nobody" if address == ZERO_ADDRESS else address

    treasury, around, now = seen.treasury, seen.around, seen.block.timestamp
    rows = [["owner", named(treasury.owner), ""]]
    if around.pending_owner != ZERO_ADDRESS:
        rows.append(["pending owner", named(around.pending_owner), "must accept"])
    rows += [["guardian", named(treasury.guardian), ""], ["weigher", named(treasury.weigher), ""]]
    for role in around.keepers:
        left = f"{duration(role.until - now)} left" if role.until >= now else "over"
        rows.append(["keeper", role.address, f"until {utc(role.until)}, {left}"])
    if not around.keepers:
        rows.append(["keeper", "nobody", ""])
    show_table("Roles", ["role", "address", ""], rows)
    print()


def _venues(seen: "Overview") -> None:
    symbols = {asset.index: asset.symbol for asset in seen.treasury.assets}
    rows = [
        [
            venue.index,
            venue.kind.name.lower(),
            "/".join(symbols.get(index, "-") for index in (venue.asset0, venue.asset1)),
            f"{Decimal(venue.fee_pips) / 10_000:f} %",
            venue.target,
            "" if venue.enabled else "disabled",
            "" if venue.state else "does not answer",
        ]
        for venue in seen.treasury.venues
    ]
    show_table("Venues", ["#", "kind", "pair", "fee", "address", "", " "], rows, right=["fee"])
    print()


def _last(seen: "Overview") -> None:
    from keeper.core.units import usd
    from keeper.core.words import duration, utc

    treasury, last = seen.treasury, seen.around.last
    if treasury.last_id == 0:
        print("never rebalanced")
        return
    ago = duration(seen.block.timestamp - treasury.last_rebalance)
    print(f"last rebalance: id {treasury.last_id}, {utc(treasury.last_rebalance)}, {ago} ago")
    if last is not None:
        event = last.event
        print(f"  turnover {money(usd(event.turnover))} USD, loss {money(usd(event.loss))} USD")
        print(f"  tracking error {money(usd(event.te_before))} -> {money(usd(event.te_after))} USD")
        print(f"  by {event.keeper} in {last.tx_hash}, block {last.block}")


def _price(value: Decimal | None) -> str:
    return "-" if value is None else amount(value)


def _span(seconds: int) -> str:
    from keeper.core.words import duration

    return duration(seconds) if seconds >= 0 else f"-{duration(-seconds)}"


def _signed(bps: Decimal | None) -> str:
    return "-" if bps is None else f"{bps / 100:+.2f} %"
