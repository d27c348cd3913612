"""A scene: a fund is put into a drawn state, asked, used and asked again; the reference knows every answer."""

from collections.abc import Callable
from dataclasses import astuple, replace

from tests.differential.drawing import Draw, usd
from tests.differential.reference import Fund
from tests.differential.stage import (
    DONE,
    Reply,
    Script,
    as_argument,
    expected,
    listed,
    packed,
    refused,
    returned,
    row,
    selector,
    words,
)
from tests.differential.terms import ONE, Asset, Refused
from tests.differential.theatre import ASSET, DEAD_SHARES, MAX, Theatre, asset_words

Use = Callable[[Fund], object]
_LIMITS = f"({','.join(['uint16'] * 8)},uint32,uint32)"
_SWAP = "(uint16,bool,uint112,uint112)"
_DECISION = int.from_bytes(b"\x5a" * 32, "big")


class Scene:
    """`fund` is changed as the treasury at `address` will be; `at` is the block's time, seconds."""

    def __init__(self, theatre: Theatre, address: int, fund: Fund, at: int, seed: str) -> None:
        self.theatre, self.address, self.fund, self.at = theatre, address, fund, at
        self.draw = Draw(seed)
        self.script = Script(seed)
        self.seen: list[str] = []
        """What happened: `rebalance` when it went through, else the name of the error."""

    def play(self) -> None:
        self.ask_budgets("budgets after a while")
        if self.draw.chance(0.5):
            self.set_limits()
        self.set_assets()
        if self.fund.supply and self.draw.chance(0.3):
            self.set_supply()
        self.set_balances()
        self.ask_all("at first")
        if self.draw.chance(0.3):
            self.mint()
        if self.draw.chance(0.3):
            self.redeem()
        if self.fund.supply and self.draw.chance(0.2) and not any(asset.retired for asset in self.fund.assets):
            self.shift()
        if self.fund.venues and self.draw.chance(0.8):
            self.rebalance()
        self.script.story = f"{self.script.story}: {self.fund}"

    # ---------------------------------------------------------------------------------------- the state

    def set_limits(self) -> None:
        limits = self.draw.limits()
        self._tell("setLimits", f"setLimits({_LIMITS})", words(*astuple(limits)))
        self.fund.set_limits(limits, self.at)

    def set_assets(self) -> None:
        """Decimals, prices, bounds, targets, retirement. Balances are drawn too, but set last."""
        fund, draw = self.fund, self.draw
        fresh = [draw.asset(replace(asset, retired=False), self.at) for asset in fund.assets]
        for i, asset in enumerate(fresh):
            self._prop(asset.token, "setDecimals(uint8)", asset.token_decimals)
            self._tell_feed(i, asset)
            self._tell("setAsset", f"setAsset(uint8,{ASSET})", words(i) + asset_words(self.theatre, i, asset))
        self._balances = draw.balances(fresh)
        values = [usd(asset, amount) for asset, amount in zip(fresh, self._balances, strict=True)]
        for asset, target in zip(fresh, draw.targets(len(fresh), values), strict=True):
            asset.target_bps = target
        targets = [asset.target_bps for asset in fresh]
        self._tell("setTargets", "setTargets(uint16[])", words(32) + row(targets))
        for i, asset in enumerate(fresh):
            if asset.target_bps == 0 and draw.chance(0.2):
                asset.retired, asset.buyable = True, False
                self._tell("retireAsset", "retireAsset(uint8)", words(i))
        if draw.chance(0.04):
            i = draw.between(0, len(fresh) - 1)
            fresh[i] = draw.spoil(fresh[i], self.at)
            self._tell_feed(i, fresh[i])
        fund.assets = fresh

    def set_supply(self) -> None:
        """While the fund holds nothing, shares cost nothing and bring nothing."""
        fund = self.fund
        for asset in fund.assets:
            self._prop(asset.token, "put(address,uint256)", self.address, 0)
        wanted = DEAD_SHARES + self.draw.size(0, 2**128)
        if self.draw.chance(0.03):
            wanted = MAX - self.draw.size(0, 2**128)
        nothing = [0] * len(fund.assets)
        if wanted > fund.supply:
            more = wanted - fund.supply
            self._tell(
                "mint of nothing", "mint(uint256,address,uint256[])", words(more, self.theatre.stage, 96) + row(nothing)
            )
        elif wanted < fund.supply:
            arguments = words(fund.supply - wanted, self.theatre.stage, 128, 0) + row(nothing)
            self._tell("redeem of nothing", "redeem(uint256,address,uint256[],uint256)", arguments)
        fund.shares += wanted - fund.supply
        fund.supply = wanted

    def set_balances(self) -> None:
        for asset, balance in zip(self.fund.assets, self._balances, strict=True):
            asset.balance = balance
            self._prop(asset.token, "put(address,uint256)", self.address, balance)

    # ---------------------------------------------------------------------------------------- questions

    def ask_all(self, when: str) -> None:
        fund, at = self.fund, self.at
        self.ask_values(when)
        self._ask(f"sharePrice {when}", "sharePrice()", b"", expected(lambda: returned(fund.share_price(at))))
        self._ask(f"componentUnits {when}", "componentUnits()", b"", expected(lambda: listed(fund.component_units())))
        shares = self.draw.random.choice((0, 1, ONE, fund.supply, self.draw.size(1, 2**128)))
        for name, preview in (("previewMint", fund.preview_mint), ("previewRedeem", fund.preview_redeem)):
            wanted = expected(lambda preview=preview: listed(preview(shares)))  # type: ignore[misc]
            self._ask(f"{name}({shares}) {when}", f"{name}(uint256)", words(shares), wanted)

    def ask_values(self, when: str) -> None:
        fund, at = self.fund, self.at
        self._ask(f"nav {when}", "nav()", b"", expected(lambda: returned(fund.nav(at))))
        self._ask(f"trackingError {when}", "trackingError()", b"", expected(lambda: returned(fund.tracking_error(at))))
        self.ask_budgets(f"budgets {when}")

    def ask_budgets(self, name: str) -> None:
        self._ask(name, "budgets()", b"", returned(*self.fund.budgets(self.at)))

    def ask_balances(self, when: str) -> None:
        for i, asset in enumerate(self.fund.assets):
            self.script.call(
                f"balance {i} {when}", asset.token, "balanceOf(address)", words(self.address), returned(asset.balance)
            )

    def ask_supply(self, when: str) -> None:
        self._ask(f"totalSupply {when}", "totalSupply()", b"", returned(self.fund.supply))
        stage = words(self.theatre.stage)
        self._ask(f"shares {when}", "balanceOf(address)", stage, returned(self.fund.shares))

    # ---------------------------------------------------------------------------------------- uses

    def mint(self) -> None:
        """By the stage, which is given what the fund may take. Sometimes a unit too little is allowed."""
        fund, draw = self.fund, self.draw
        shares = draw.random.choice((0, 1, ONE, draw.size(1, min(MAX, max(1, 2 * fund.supply)))))
        try:
            most = fund.preview_mint(shares)
        except Refused:
            most = [MAX // 2] * len(fund.assets)
        if any(amount + asset.balance > MAX for amount, asset in zip(most, fund.assets, strict=True)):
            return  # no token has so many units
        for asset, amount in zip(fund.assets, most, strict=True):
            self._prop(asset.token, "put(address,uint256)", self.theatre.stage, amount)
        if draw.chance(0.1):
            i = draw.between(0, len(most) - 1)
            most[i] = max(0, most[i] - 1)
        arguments = words(shares, self.theatre.stage, 96) + row(most)
        error = self._try("mint", "mint(uint256,address,uint256[])", arguments, lambda copy: copy.mint(shares, most))
        if not error:
            for i, asset in enumerate(self.fund.assets):
                left = returned(0)
                self.script.call(f"left of {i}", asset.token, "balanceOf(address)", words(self.theatre.stage), left)
        self.ask_balances("after mint")
        self.ask_supply("after mint")

    def redeem(self) -> None:
        fund, draw = self.fund, self.draw
        shares = draw.random.choice((0, 1, fund.shares, fund.shares + 1, draw.size(1, max(1, fund.shares))))
        skipped = {i for i in range(len(fund.assets)) if draw.chance(0.1)}
        try:
            least = fund.preview_redeem(shares)
        except Refused:
            least = [0] * len(fund.assets)
        if draw.chance(0.1):
            i = draw.between(0, len(least) - 1)
            least[i] = min(MAX, least[i] + 1)
        for asset in fund.assets:
            self._prop(asset.token, "put(address,uint256)", self.theatre.stage, 0)
        mask = sum(1 << i for i in skipped)
        arguments = words(shares, self.theatre.stage, 128, mask) + row(least)
        before = [asset.balance for asset in fund.assets]
        signature = "redeem(uint256,address,uint256[],uint256)"
        self._try("redeem", signature, arguments, lambda copy: copy.redeem(shares, least, skipped))
        for i, (asset, had) in enumerate(zip(self.fund.assets, before, strict=True)):
            paid = returned(had - asset.balance)
            self.script.call(f"paid of {i}", asset.token, "balanceOf(address)", words(self.theatre.stage), paid)
        self.ask_balances("after redeem")
        self.ask_supply("after redeem")

    def shift(self) -> None:
        """New weights by the weigher, within its limits or beyond them."""
        old = [asset.target_bps for asset in self.fund.assets]
        new = self.draw.targets(len(old))
        if len(old) > 1 and self.draw.chance(0.7):
            new = list(old)
            source, sink = self.draw.random.sample(range(len(old)), 2)
            moved = self.draw.between(0, new[source])
            new[source], new[sink] = new[source] - moved, new[sink] + moved
        data = selector("setTargets(uint16[])") + words(32) + row(new)
        reply = self._reply("shift", lambda copy: copy.set_targets_as_weigher(new, self.at), DONE)
        result = bytes([reply.success]) + len(reply.data).to_bytes(3, "big") + reply.data
        script = as_argument(packed(self.address, data))
        self.script.call("shift", self.theatre.weigher, "play(bytes)", script, Reply(True, as_argument(result)))
        self.ask_budgets("budgets after shift")

    def rebalance(self) -> None:
        fund = self.fund
        swaps, told = self.draw.trade(fund)
        for number, venue in told.items():
            fund.venues[number] = venue
            reserves = (venue.reserve0, venue.reserve1)
            self._prop(venue.address, "set(uint112,uint112,uint256)", *reserves, venue.amount_out)
        self._tell("setKeeper", "setKeeper(address,uint64)", words(self.theatre.stage, self.at))
        next_id = fund.last_id + 1 + (self.draw.chance(0.02) and 1)
        items = b"".join(words(*astuple(swap)) for swap in swaps)
        arguments = words(128, next_id, self.at, _DECISION, len(swaps)) + items
        outcome: list[int] = []

        def run(copy: Fund) -> None:
            outcome.extend(astuple(copy.rebalance(swaps, next_id, self.at)))

        reply = self._reply("rebalance", run, DONE)
        if reply.success:
            reply = returned(*outcome)
        self._ask("rebalance", f"rebalance({_SWAP}[],uint64,uint64,bytes32)", arguments, reply)
        self.ask_values("after rebalance")
        self.ask_balances("after rebalance")

    # ---------------------------------------------------------------------------------------- calls

    def _try(self, name: str, signature: str, arguments: bytes, use: Use) -> bool:
        reply = self._reply(name, use, DONE)
        self._ask(name, signature, arguments, reply)
        return not reply.success

    def _reply(self, name: str, use: Use, done: Reply) -> Reply:
        """The use on a copy of the fund, which becomes the fund when it is not refused."""
        copy = self.fund.copy()
        try:
            use(copy)
        except Refused as error:
            self.seen.append(error.name)
            return refused(error)
        self.fund = copy
        self.seen.append(name)
        return done

    def _ask(self, name: str, signature: str, arguments: bytes, wanted: Reply) -> None:
        self.script.call(name, self.address, signature, arguments, wanted)

    def _tell(self, name: str, signature: str, arguments: bytes) -> None:
        self.script.call(name, self.address, signature, arguments, None)

    def _prop(self, target: int, signature: str, *numbers: int) -> None:
        self.script.call(signature, target, signature, words(*numbers), None)

    def _tell_feed(self, i: int, asset: Asset) -> None:
        answer = (asset.feed_decimals, asset.answer, asset.updated_at)
        self._prop(self.theatre.feeds[i], "set(uint8,int256,uint256)", *answer)
