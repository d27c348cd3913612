"""Builders of the nouns for tests: whole and plausible by default, every part replaceable by keyword.

`market()` is a fund of WETH, WBTC and USDC (the hub) on a local chain, on target, with one deep V2 pool each.
Amounts are given in whole tokens or dollars as text or int, exactly; `reprice` and `hold` bend a market afterwards.
"""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from decimal import Decimal
from fractions import Fraction
from typing import Any

from keeper.core.model import (
    Asset,
    Block,
    Budgets,
    DriftMode,
    FeedAnswer,
    Fund,
    Limits,
    Market,
    PinnedPolicy,
    Policy,
    PriceSource,
    Treasury,
    V2State,
    V3State,
    Venue,
    VenueKind,
)
from keeper.core.units import ZERO_ADDRESS, Address, BaseUnits, Bps, Hash32, Timestamp, UsdE18, Wei

NOW = Timestamp(1_700_000_000)
TREASURY = Address("0x7000000000000000000000000000000000000007")
SIGNER = Address("0x5000000000000000000000000000000000000005")
FEED_DECIMALS = 8
NOTHING = Budgets(0, 0, 0)
Number = int | str | Decimal | Fraction


def address(number: int, prefix: str = "a") -> Address:
    return Address("0x" + prefix + f"{number:039x}")


def hash32(number: int) -> Hash32:
    return Hash32(f"0x{number:064x}")


def units(amount: Number, decimals: int = 18) -> BaseUnits:
    """Whole tokens to base units, rounded down."""
    return BaseUnits(int(Fraction(amount) * 10**decimals))


def usd(amount: Number) -> UsdE18:
    return UsdE18(units(amount, 18))


def answer(price: Number, updated_at: int = NOW - 30, decimals: int = FEED_DECIMALS) -> FeedAnswer:
    return FeedAnswer(int(Fraction(price) * 10**decimals), decimals, Timestamp(updated_at))


def policy(**changes: Any) -> Policy:
    return replace(
        Policy(
            price_source=PriceSource.FEED,
            drift_mode=DriftMode.RELATIVE,
            drift_threshold=Decimal("0.05"),
            total_drift_threshold=Decimal("0.10"),
            max_rebalance_interval_seconds=30 * 86_400,
            cooldown_seconds=900,
            slippage_tolerance=Decimal("0.01"),
            price_impact_threshold=Decimal("0.05"),
            max_trade=usd(10_000_000),
            min_trade=usd(50),
            max_fee=Wei(100 * 10**9),
            high_gas_cost=usd(50),
            max_price_deviation=Decimal("0.02"),
            stable_price_deviation=Decimal("0.003"),
            major_price_deviation=Decimal("0.02"),  # as of all others, but where a test is about it
            max_price_jump=Decimal("0.1"),
            max_head_age_seconds=36,
            deadline_seconds=600,
            interval_seconds=300,
            max_gas=16_777_216,
            gas_budget=Wei(10**18),
            breaker_reverts=3,
            breaker_loss=Decimal("0.005"),
        ),
        **changes,
    )


def pinned(rules: Policy | None = None, version: int = 1) -> PinnedPolicy:
    return PinnedPolicy(version, rules or policy(), hash32(0xD16E57))


def fund(**changes: Any) -> Fund:
    return replace(
        Fund(id=1, name="main", treasury=TREASURY, signer=SIGNER, hub=None, paused=False),
        **changes,
    )


def block(**changes: Any) -> Block:
    return replace(
        Block(number=19_000_000, hash=hash32(0xB10C), parent_hash=hash32(0xB10B), timestamp=NOW, base_fee=Wei(10**10)),
        **changes,
    )


def asset(
    index: int,
    symbol: str,
    *,
    price: Number | None,
    balance: Number | None,
    target: int,
    decimals: int = 18,
    **changes: Any,
) -> Asset:
    """`price` None: the feed does not answer; `balance` None: the token does not."""
    return replace(
        Asset(
            index=index,
            token=address(index + 1),
            symbol=symbol,
            decimals=decimals,
            feed=address(index + 1, "f"),
            max_age_seconds=4_000,
            target=Bps(target),
            buyable=True,
            retired=False,
            min_answer=1,
            max_answer=2**127,
            balance=None if balance is None else units(balance, decimals),
            answer=None if price is None else answer(price),
            code_hash=hash32(0xC0DE00 + index),
        ),
        **changes,
    )


def venue(
    index: int,
    asset0: int,
    asset1: int,
    state: V2State | V3State | None,
    *,
    kind: VenueKind = VenueKind.V2_PAIR,
    fee_pips: int = 3_000,
    enabled: bool = True,
    pool: Address | None = None,
) -> Venue:
    pool = pool or address(index + 1, "b")
    return Venue(index, kind, pool, pool, asset0, asset1, fee_pips, enabled, state)


def v2_pool(
    index: int, first: Asset, second: Asset, *, depth: Number, price: Number | None = None, **how: Any
) -> Venue:
    """A pair with `depth` USD of `second`, at the feeds' prices or at `price` of first in second (whole tokens)."""
    return venue(index, first.index, second.index, v2_state(first, second, depth=depth, price=price), **how)


def v2_state(first: Asset, second: Asset, *, depth: Number, price: Number | None = None) -> V2State:
    second_amount = Fraction(depth) / price_of(second)
    first_amount = second_amount / (Fraction(price) if price is not None else price_of(first) / price_of(second))
    return V2State(units(first_amount, first.decimals), units(second_amount, second.decimals))


def price_of(item: Asset) -> Fraction:
    """USD of one whole token by its feed."""
    assert item.answer is not None
    return Fraction(item.answer.answer, 10**item.answer.decimals)


def limits(**changes: Any) -> Limits:
    """As open as an owner can set them, so that a test meets only the limit that it is about."""
    return replace(
        Limits(
            max_slip=Bps(300),
            loss_cap=Bps(200),
            turnover_cap=Bps(65_535),
            per_trade=Bps(10_000),
            max_cost=Bps(10_000),
            min_drift=Bps(10),
            max_weight=Bps(10_000),
            shift_cap=Bps(10_000),
            cooldown_seconds=900,
            window_seconds=86_400,
        ),
        **changes,
    )


def strict_limits(**changes: Any) -> Limits:
    """The treasury's own defaults."""
    return replace(
        Limits(
            max_slip=Bps(100),
            loss_cap=Bps(5),
            turnover_cap=Bps(2_500),
            per_trade=Bps(1_000),
            max_cost=Bps(150),
            min_drift=Bps(10),
            max_weight=Bps(5_000),
            shift_cap=Bps(2_500),
            cooldown_seconds=900,
            window_seconds=86_400,
        ),
        **changes,
    )


def full(rules: Limits) -> Budgets:
    """Buckets of which nothing is spent."""
    return Budgets(*(cap * 10**14 for cap in (rules.loss_cap, rules.turnover_cap, rules.shift_cap)))


def treasury(assets: Sequence[Asset], venues: Iterable[Venue], **changes: Any) -> Treasury:
    return replace(
        Treasury(
            address=TREASURY,
            owner=address(1, "c"),
            guardian=address(2, "c"),
            weigher=address(3, "c"),
            keeper_until=Timestamp(NOW + 30 * 86_400),
            keeper_balance=Wei(10**18),
            paused=False,
            last_id=4,
            last_rebalance=Timestamp(NOW - 86_400),
            total_supply=10**24,
            limits=limits(),
            budgets=full(limits()),
            assets=tuple(assets),
            venues=tuple(venues),
        ),
        **changes,
    )


def market(
    assets: Sequence[Asset] | None = None,
    venues: Iterable[Venue] | None = None,
    *,
    rules: Policy | None = None,
    of: Fund | None = None,
    at: Block | None = None,
    state: Treasury | None = None,
    **changes: Any,
) -> Market:
    """By default WETH 40 %, WBTC 40 %, USDC 20 % of one million dollars, all on target."""
    listed = tuple(assets) if assets is not None else standard_assets()
    pools = tuple(venues) if venues is not None else star(listed)
    return replace(
        Market(
            fund=of or fund(),
            pinned=pinned(rules),
            chain_id=31_337,
            block=at or block(),
            head_age_seconds=1,
            treasury=state or treasury(listed, pools),
            native=answer(3_000),
            wrapped_native=ZERO_ADDRESS,
            known_code={},
            open_intent=None,
        ),
        **changes,
    )


def standard_assets() -> tuple[Asset, ...]:
    return (
        asset(0, "WETH", price=2_000, balance=200, target=4_000),
        asset(1, "WBTC", price=40_000, balance=10, target=4_000, decimals=8),
        asset(2, "USDC", price=1, balance=200_000, target=2_000, decimals=6),
    )


def star(assets: Sequence[Asset], depth: Number = 20_000_000) -> tuple[Venue, ...]:
    """One V2 pair of every asset with the last one, which so becomes the hub."""
    hub = assets[-1]
    return tuple(v2_pool(index, item, hub, depth=depth) for index, item in enumerate(assets[:-1]))


def hold(base: Market, **balances: Number | None) -> Market:
    """The same market with other balances, whole tokens by symbol."""
    return with_assets(
        base,
        lambda item: (
            replace(item, balance=None if (held := balances[item.symbol]) is None else units(held, item.decimals))
            if item.symbol in balances
            else item
        ),
    )


def aim(base: Market, **targets: int) -> Market:
    """The same market with other targets, bps by symbol."""
    return with_assets(base, lambda item: replace(item, target=Bps(targets.get(item.symbol, item.target))))


def retire(base: Market, index: int, **changes: Any) -> Market:
    """The same market after `retireAsset`; its weight goes to the hub, the last asset."""
    gone, hub = base.treasury.assets[index], base.treasury.assets[-1]
    moved = with_asset(base, hub.index, target=Bps(hub.target + gone.target))
    return with_asset(moved, index, target=Bps(0), buyable=False, retired=True, **changes)


def with_assets(base: Market, change: Any) -> Market:
    return with_treasury(base, assets=tuple(change(item) for item in base.treasury.assets))


def with_asset(base: Market, index: int, **changes: Any) -> Market:
    return with_assets(base, lambda item: replace(item, **changes) if item.index == index else item)


def with_venue(base: Market, index: int, **changes: Any) -> Market:
    venues = tuple(replace(v, **changes) if v.index == index else v for v in base.treasury.venues)
    return with_treasury(base, venues=venues)


def with_treasury(base: Market, **changes: Any) -> Market:
    return replace(base, treasury=replace(base.treasury, **changes))


def with_limits(base: Market, rules: Limits, spent: Budgets = NOTHING) -> Market:
    """The same market under other limits, of whose buckets so much is spent."""
    whole = full(rules)
    left = Budgets(whole.loss - spent.loss, whole.turnover - spent.turnover, whole.shift - spent.shift)
    return with_treasury(base, limits=rules, budgets=left)


def with_policy(base: Market, **changes: Any) -> Market:
    return replace(base, pinned=replace(base.pinned, policy=replace(base.pinned.policy, **changes)))
