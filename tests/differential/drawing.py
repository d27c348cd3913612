"""Random states of a fund, the extreme ones on purpose: each draw says from where to where and why."""

import random
from dataclasses import replace
from fractions import Fraction

from tests.differential.reference import Fund
from tests.differential.terms import BPS, Asset, Limits, Swap, Venue

TOKEN_DECIMALS = (0, 6, 8, 18, 24)
MOST_DECIMALS = 36
LARGEST_PRICE = 2**128 - 1
UINT112 = 2**112 - 1
GENEROUS = Limits(300, 200, 65_535, 10_000, 10_000, 0, 10_000, 10_000, 0, 3_600)
DAY = 86_400


def usd(asset: Asset, amount: int) -> int:
    """What an amount is worth, 18 decimals, however much that is."""
    if asset.retired:
        return 0
    scale: int = 10 ** (asset.token_decimals + asset.feed_decimals)
    return amount * abs(asset.answer) * 10**18 // scale


class Draw:
    """One source of chance; the same seed draws the same."""

    def __init__(self, seed: str) -> None:
        self.random = random.Random(seed)

    def chance(self, probability: float) -> bool:
        return self.random.random() < probability

    def between(self, low: int, high: int) -> int:
        return self.random.randint(low, high)

    def size(self, low: int, high: int) -> int:
        """Even over the orders of magnitude, and now and then exactly one of the ends."""
        if self.chance(0.1):
            return self.random.choice((low, high))
        bits = self.between(low.bit_length(), high.bit_length())
        return min(high, max(low, self.random.getrandbits(bits) if bits else 0))

    # ---------------------------------------------------------------------------------------- assets

    def asset(self, base: Asset, now: int) -> Asset:
        """New decimals, price, bounds and age; target, balance and `retired` are drawn for the fund as a whole."""
        token_decimals = self.random.choice(TOKEN_DECIMALS)
        feed_decimals = self.between(0, min(18, MOST_DECIMALS - token_decimals))
        ordinary = Fraction(self.size(1, 10**9), 1000) * 10**feed_decimals  # 0.001 to 1,000,000 USD
        answer = max(1, int(ordinary)) if self.chance(0.8) else self.size(1, LARGEST_PRICE)
        low = self.random.choice((1, answer, max(1, answer // 2)))
        high = self.random.choice((LARGEST_PRICE, answer, min(LARGEST_PRICE, answer * 2)))
        max_age = self.random.choice((1, 3_600, DAY, 2**32 - 1))
        updated_at = now - self.random.choice((0, min(max_age, now), self.between(0, min(max_age, now))))
        asset = replace(base, token_decimals=token_decimals, feed_decimals=feed_decimals, answer=answer)
        asset = replace(asset, min_price=low, max_price=high, max_age=max_age, updated_at=updated_at)
        return replace(asset, buyable=not self.chance(0.02))

    def spoil(self, asset: Asset, now: int) -> Asset:
        """A price that must be refused, just."""
        wrong = [
            replace(asset, answer=0),
            replace(asset, answer=-asset.answer),
            replace(asset, answer=asset.min_price - 1),
            replace(asset, answer=asset.max_price + 1),
            replace(asset, updated_at=now + 1),
        ]
        if asset.max_age < now:
            wrong.append(replace(asset, updated_at=now - asset.max_age - 1))
        return self.random.choice(wrong)

    def balances(self, assets: list[Asset]) -> list[int]:
        """Of one fund: comparable values, or dust, or anything that a word can hold."""
        manner = self.random.choices(("comparable", "dust", "anything"), (7, 2, 1))[0]
        if manner == "comparable":
            most = self.size(10, 10**13)  # USD
            held = [self._worth(asset, Fraction(most * self.between(0, 1000), 1000)) for asset in assets]
        elif manner == "dust":
            held = [self.random.choice((0, 1, 2, self.between(0, 1000))) for _ in assets]
        else:
            held = [self.size(0, 2**256 - 1 if self.chance(0.1) else 2**112) for _ in assets]
        return [0 if self.chance(0.05) else amount for amount in held]

    @staticmethod
    def _worth(asset: Asset, dollars: Fraction) -> int:
        price = Fraction(max(1, asset.answer), 10**asset.feed_decimals)
        return min(2**200, int(dollars / price * 10**asset.token_decimals))

    def targets(self, count: int, values: list[int] | None = None) -> list[int]:
        """Parts of 10,000: near `values` when given, else all for one, some zeros, or any."""
        total = sum(values) if values else 0
        if values and total and self.chance(0.6):
            weights = [max(0, value * BPS // total + self.between(-300, 300)) for value in values]
        elif self.chance(0.1):
            weights = [0] * count
            weights[self.between(0, count - 1)] = BPS
        else:
            weights = [0 if self.chance(0.2) else self.between(0, BPS) for _ in range(count)]
        if not sum(weights):
            weights[0] = 1
        parts = [weight * BPS // sum(weights) for weight in weights]
        parts[parts.index(max(parts))] += BPS - sum(parts)
        return parts

    # ---------------------------------------------------------------------------------------- limits

    def limits(self) -> Limits:
        """Wide ones, that let most through, or any that the treasury takes."""
        if self.chance(0.5):
            return replace(GENEROUS, window=self._window(), max_slip_bps=self.between(50, 300))
        return Limits(
            max_slip_bps=self._up_to(300),
            loss_cap_bps=self._up_to(200),
            turnover_cap_bps=self._up_to(65_535),
            per_trade_bps=self._up_to(10_000),
            max_cost_bps=self._up_to(10_000),
            min_drift_bps=self.random.choice((0, 0, 10, self.between(0, 10_000))),
            max_weight_bps=self._up_to(10_000),
            shift_cap_bps=self._up_to(10_000),
            cooldown=self.random.choice((0, 0, 900, self.between(0, DAY))),
            window=self._window(),
        )

    def _up_to(self, high: int) -> int:
        return self.random.choice((high, self.size(1, high), self.between(0, high)))

    def _window(self) -> int:
        return self.random.choice((3_600, DAY, 30 * DAY, self.between(3_600, 30 * DAY)))

    # ---------------------------------------------------------------------------------------- trades

    def trade(self, fund: Fund) -> tuple[list[Swap], dict[int, Venue]]:
        """One to three swaps, most of them sensible, and what their venues must be told, by number."""
        nav = sum(usd(asset, asset.balance) for asset in fund.assets)
        swaps: list[Swap] = []
        told: dict[int, Venue] = {}
        for _ in range(self.random.choices((1, 2, 3), (6, 3, 1))[0]):
            few = self.random.sample(range(len(fund.venues)), min(len(fund.venues), 6))
            number = max(few, key=lambda each: self._use(fund, each, nav)) if self.chance(0.9) else few[0]
            if fund.venues[number].address in {venue.address for venue in told.values()}:
                continue  # one prop, one price
            swap, told[number] = self._swap(number, fund, nav)
            swaps.append(swap)
        return swaps, told

    def _use(self, fund: Fund, number: int, nav: int) -> int:
        """USD by which a swap there could bring both assets to their targets."""
        venue = fund.venues[number]
        one, other = (self._excess(fund.assets[i], nav) for i in (venue.i0, venue.i1))
        return max(min(one, -other), min(-one, other))

    def _swap(self, number: int, fund: Fund, nav: int) -> tuple[Swap, Venue]:
        venue, slip = fund.venues[number], fund.limits.max_slip_bps
        excess = [self._excess(fund.assets[i], nav) for i in (venue.i0, venue.i1)]
        forwards = excess[0] >= excess[1] if self.chance(0.95) else self.chance(0.5)
        sold, bought = (venue.i0, venue.i1) if forwards else (venue.i1, venue.i0)
        asset_in, asset_out = fund.assets[sold], fund.assets[bought]
        largest = nav * fund.limits.per_trade_bps // BPS
        sensible = max(0, min(abs(excess[0]), abs(excess[1]), largest))
        sizes = (sensible, sensible // 3, sensible // 10, largest, largest + 1, self.size(0, 2 * nav + 1))
        value = self.random.choices(sizes, (6, 4, 3, 2, 1, 1))[0]
        amount_in = min(UINT112, self._amount(asset_in, value))
        value_in = usd(asset_in, min(amount_in, asset_in.balance))
        # At the floor, or some way above it; rarely anything.
        least = -(-value_in * (BPS - slip) // BPS)
        kept = self.random.choices(
            (least, value_in * (BPS - self.between(0, slip)) // BPS, self.size(0, 2 * value_in)), (4, 10, 1)
        )
        off = self.random.choices((0, 1, -1), (8, 1, 1))[0]
        amount_out = max(0, min(2**200, self._amount(asset_out, kept[0]) + off))
        told = replace(venue, amount_out=amount_out, **self._reserves(amount_in, amount_out, forwards))
        minimum = self.random.choices((0, min(UINT112, amount_out), min(UINT112, amount_out + 1)), (16, 4, 1))[0]
        return Swap(number, forwards, amount_in, minimum), told

    def _reserves(self, amount_in: int, amount_out: int, forwards: bool) -> dict[str, int]:
        """Of a V2 pair that pays that much for that: the output is a unit at a time in the reserve of what it pays."""
        reserve_in = min(UINT112, amount_in * self.between(1, 2000))
        paid_in = Fraction(997 * amount_in, 1000)
        reserve_out = (
            min(UINT112, -int(-amount_out * (reserve_in + paid_in) // paid_in)) if paid_in else self.size(0, UINT112)
        )
        reserves = (reserve_in, reserve_out) if forwards else (reserve_out, reserve_in)
        return {"reserve0": reserves[0], "reserve1": reserves[1]}

    @staticmethod
    def _excess(asset: Asset, nav: int) -> int:
        return usd(asset, asset.balance) - nav * asset.target_bps // BPS

    @staticmethod
    def _amount(asset: Asset, value: int) -> int:
        """The smallest amount that is worth it, by the asset's price."""
        price = Fraction(max(1, abs(asset.answer)) * 10**18, 10 ** (asset.feed_decimals + asset.token_decimals))
        return -int(-value // price)
