"""Random funds that are plausible: prices, decimals, weights, holdings and pools near the feeds."""

from decimal import Decimal
from fractions import Fraction
from itertools import pairwise

from hypothesis import strategies as st

from keeper.core.model import DriftMode, Market
from tests import factories as f

PRICES = st.decimals(min_value=Decimal("0.001"), max_value=Decimal(100_000), places=6).map(Fraction)
NAV = 1_000_000


@st.composite
def targets(draw: st.DrawFn, count: int, *, exits: bool = False) -> list[int]:
    """Weights of `count` assets in bps that sum to 10,000; with `exits` some may be 0."""
    least = 0 if exits else 1
    cuts = sorted(
        draw(st.lists(st.integers(least, 10_000 - least), min_size=count - 1, max_size=count - 1, unique=not exits))
    )
    return [high - low for low, high in pairwise([0, *cuts, 10_000])]


@st.composite
def funds(draw: st.DrawFn, *, limits: bool = False, exits: bool = False, budgets: bool = False) -> Market:
    """2 to 6 assets of about a million dollars; the last is the hub, a dollar of 6 decimals, with a pool each.

    Pools are up to 0.3 % off the feeds. With `limits` they are 1 to 100 times as deep as the fund on each side and
    the bounds on a trade are drawn too; without, they are at least 50 times as deep and nothing binds. With `budgets`
    the treasury bounds the whole batch, by buckets of which a part may be spent.
    """
    count = draw(st.integers(2, 6))
    weights = draw(targets(count, exits=exits))
    held = draw(st.lists(st.integers(0, 10_000), min_size=count, max_size=count).filter(any))
    assets = []
    for index, (target, part) in enumerate(zip(weights, held, strict=True)):
        is_hub = index == count - 1
        price = Fraction(1) if is_hub else draw(PRICES)
        decimals = 6 if is_hub else draw(st.sampled_from((6, 8, 18)))
        balance = Fraction(NAV * part, sum(held)) / price
        assets.append(f.asset(index, f"A{index}", price=price, balance=balance, target=target, decimals=decimals))
    pools = []
    for asset in assets[:-1]:
        off = Fraction(1000 + draw(st.integers(-3, 3)), 1000)
        pools.append(
            f.v2_pool(
                asset.index,
                asset,
                assets[-1],
                depth=NAV * draw(st.integers(1, 100) if limits else st.integers(50, 200)),
                price=f.price_of(asset) * off,
                fee_pips=draw(st.sampled_from((500, 3_000))),
            )
        )
    rules = f.policy(
        drift_threshold=Decimal("0.000001"),
        drift_mode=draw(st.sampled_from(DriftMode)),
        min_trade=f.usd(draw(st.sampled_from((0, 50, 5_000))) if limits else 0),
        max_trade=f.usd(draw(st.sampled_from((6_000, 100_000, 10**7))) if limits else 10**9),
        price_impact_threshold=draw(st.sampled_from((Decimal("0.001"), Decimal("0.05")))) if limits else Decimal("0.9"),
        slippage_tolerance=draw(st.sampled_from((Decimal("0.001"), Decimal("0.01")))),
    )
    bounds = f.limits(
        max_slip=draw(st.sampled_from((60, 100, 300))) if limits else 9_000,
        per_trade=draw(st.sampled_from((500, 10_000))) if limits else 10_000,
        min_drift=draw(st.sampled_from((0, 10))),
        loss_cap=draw(st.sampled_from((0, 1, 5, 50))) if budgets else 10_000,
        turnover_cap=draw(st.sampled_from((0, 300, 2_500, 20_000))) if budgets else 65_535,
        max_cost=draw(st.sampled_from((30, 100, 150, 10_000))) if budgets else 10_000,
    )
    whole = f.full(bounds)
    left = draw(st.integers(0, 4)) if budgets else 4
    buckets = f.Budgets(whole.loss * left // 4, whole.turnover * left // 4, whole.shift)
    named = f.fund(hub=assets[-1].token)  # of two assets in one pool, the first would be the hub
    state = f.treasury(assets, pools, limits=bounds, budgets=buckets)
    return f.market(assets, pools, rules=rules, of=named, state=state)
