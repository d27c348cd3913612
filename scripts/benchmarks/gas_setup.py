"""What a treasury costs before it trades, and afterwards to change: its deployment and every call of a role."""

from scripts.benchmarks.metering import Meter, call, signature
from scripts.localchain import accounts, tokens
from scripts.localchain.chain import LocalChain
from scripts.localchain.config import DAY
from scripts.localchain.contracts import Deployable
from scripts.localchain.node import Tx

_SHARES = 2_000_000 * 10**18
_FRESH = f"0x{'fd' * 20}"
_NOBODY = f"0x{'00' * 20}"


class Setup:
    """A second treasury of the local chain's eight assets, so that the first one's roles and lists stay as they are.

    No fund that anybody uses: each of its functions is called once, by itself, for its gas.
    """

    def __init__(self, chain: LocalChain, meter: Meter) -> None:
        self._chain, self._meter = chain, meter
        self._first = chain.deployment.treasuries[0]
        snapshot = chain.node.rpc.view(self._first.address, signature("Treasury", "snapshot"))
        self._assets, self._venues = [list(each) for each in snapshot[-2]], snapshot[-1]
        dex = chain.deployment.uniswap
        arguments = ("Second", "SEC", accounts.OWNER, dex.v2_factory, dex.v3_factory, _NOBODY)
        types = "(string,string,address,address,address,address)"
        self._deployable = Deployable.of("treasury Second", "Treasury", types, *arguments)
        self._last = len(self._assets) - 1

    def measure(self) -> None:
        self._meter.measure("deployment", self._deployable.deployment())
        self._lists()
        self._roles()
        self._seed()
        self._changes()
        self._hand_over()

    def _lists(self) -> None:
        targets = [self._first.spec.targets[token.symbol] for token in self._first.tokens]
        for number, asset in enumerate(self._assets):
            asset[5] = 0  # `targetBps`: weights change together
            self._owner(f"addAsset, number {number + 1}", "addAsset", asset)
        kinds = ("V2 pair", "V3 pool", "V2 router", "V3 router")
        for kind, name in enumerate(kinds):
            venue = next(venue for venue in self._venues if venue[1] == kind)
            self._owner(f"addVenue, a {name}", "addVenue", venue)
        self._owner("setTargets, the first", "setTargets", targets)
        limits = self._chain.node.rpc.view(self._first.address, signature("Treasury", "snapshot"))[7]
        self._owner("setLimits", "setLimits", limits)

    def _roles(self) -> None:
        self._owner("setGuardian", "setGuardian", accounts.GUARDIAN)
        self._owner("setWeigher", "setWeigher", accounts.WEIGHER)
        self._owner("setKeeper", "setKeeper", accounts.KEEPER, self._meter.now + DAY)

    def _seed(self) -> None:
        """Nothing of the last asset, so that it can be dropped."""
        amounts = [token.units(self._first.spec.size_usd / 8) for token in self._first.tokens[:-1]] + [0]
        for token, amount in zip(self._first.tokens, amounts, strict=True):
            self._meter.send(tokens.grant(token, accounts.OWNER, amount))
            approve = (self._deployable.address, amount)
            label = f"approve {token.symbol}"
            self._meter.send(Tx.call(label, accounts.OWNER, token.address, "approve(address,uint256)", *approve))
        self._owner("seed", "seed", amounts, _SHARES)
        self._owner("transfer of shares to a fresh address", "transfer", _FRESH, 10**18)
        self._owner("approve of shares", "approve", accounts.ARBITRAGEUR, 10**18)
        arguments = (accounts.OWNER, _FRESH, 10**18)
        self._by(accounts.ARBITRAGEUR, "transferFrom of shares", "transferFrom", *arguments)

    def _changes(self) -> None:
        guardian, weigher = accounts.GUARDIAN, accounts.WEIGHER
        targets = [self._first.spec.targets[token.symbol] for token in self._first.tokens]
        targets[0], targets[-1] = targets[0] + targets[-1], 0
        self._by(weigher, "setTargets, by the weigher", "setTargets", targets)
        for number, target in enumerate(targets):
            self._assets[number][5] = target
        self._by(guardian, "stopBuying", "stopBuying", 1)
        self._owner("setAsset", "setAsset", 1, self._assets[1])
        self._by(guardian, "pause", "pause")
        self._owner("unpause", "unpause")
        self._by(guardian, "disableVenue", "disableVenue", 1)
        self._by(guardian, "revokeKeeper", "revokeKeeper", accounts.KEEPER)
        self._by(guardian, "revokeWeigher", "revokeWeigher")
        self._owner("retireAsset", "retireAsset", self._last)
        self._owner("dropAsset", "dropAsset", self._last)
        strange, lost = self._first.address, (self._deployable.address, 7)
        self._meter.send(call("lost", accounts.HOLDERS[0], strange, "Treasury", "transfer", *lost))
        self._owner("rescue", "rescue", strange, _FRESH, 7)

    def _hand_over(self) -> None:
        self._owner("transferOwnership", "transferOwnership", accounts.GUARDIAN)
        self._by(accounts.GUARDIAN, "acceptOwnership", "acceptOwnership")
        self._by(accounts.GUARDIAN, "renounceOwnership", "renounceOwnership")

    def _owner(self, name: str, function: str, *arguments: object) -> None:
        self._by(accounts.OWNER, name, function, *arguments)

    def _by(self, sender: str, name: str, function: str, *arguments: object) -> None:
        tx = call(name, sender, self._deployable.address, "Treasury", function, *arguments)
        self._meter.measure(name, tx)
