"""The shipped treasury on a real Anvil, in many sizes, with props that say what they are told to say."""

import contextlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from eth_utils.crypto import keccak

from scripts.localchain import contracts
from scripts.localchain.accounts import LIQUIDITY_PROVIDER
from scripts.localchain.anvil import SETUP_GAS_LIMIT, running_anvil
from scripts.localchain.contracts import Deployable
from scripts.localchain.node import Node, Tx
from tests.differential.reference import Fund
from tests.differential.stage import Script, as_argument, from_result, packed, row, selector, unpacked, words
from tests.differential.terms import Asset, Limits, Venue

GENESIS = 1_700_000_000
SIZES = (1, 2, 3, 4, 5, 8, 16, 64)
MAX = 2**256 - 1
DEFAULTS = Limits(100, 5, 2_500, 1_000, 150, 10, 5_000, 2_500, 900, 86_400)
FIRST_SHARES = 10**24
DEAD_SHARES = 10**6
ASSET = "(address,address,uint8,uint8,uint32,uint16,bool,bool,uint128,uint128)"
_VENUE = "(address,uint8,uint8,uint8,uint24,bool)"
_PLAYED = "0x" + keccak(text="Played(bytes)").hex()
_PAIRS_OF_ONE_FUND = 10


@dataclass(frozen=True, slots=True)
class Treasury:
    """One on the chain, and the reference's picture of it. `unseeded` has no shares yet."""

    address: int
    fund: Fund


@dataclass(slots=True)
class Theatre:
    """`stage` is owner, keeper and only holder of every treasury, and sends everything but what `weigher` sends."""

    node: Node
    stage: int
    weigher: int
    tokens: list[int]
    feeds: list[int]
    treasuries: list[Treasury]

    @property
    def now(self) -> int:
        """Seconds, of the newest block: what a call sees."""
        return self.node.head()[1]

    def rehearse(self, scripts: Sequence[Script]) -> list[list[str]]:
        """Each by itself from the same start, nothing is kept: the differences, script by script."""
        acts = [packed(self.stage, selector("rehearse(bytes)") + as_argument(script.data())) for script in scripts]
        request = {
            "from": LIQUIDITY_PROVIDER,
            "to": _hex(self.stage),
            "data": "0x" + (selector("play(bytes)") + as_argument(b"".join(acts))).hex(),
            "gas": hex(SETUP_GAS_LIMIT),
        }
        answer = bytes.fromhex(self.node.rpc.call("eth_call", request, "latest")[2:])
        replies = unpacked(from_result(answer))
        return [script.differences(reply.data) for script, reply in zip(scripts, replies, strict=True)]

    def perform(self, scripts: Sequence[Script], at: int) -> list[list[str]]:
        """Each in a transaction of its own, all in the block at `at`: the differences, script by script."""
        receipts = self.node.execute([self._performance(script.data()) for script in scripts], timestamp=at)
        return [script.differences(_played(receipt["logs"])) for script, receipt in zip(scripts, receipts, strict=True)]

    def _performance(self, script: bytes) -> Tx:
        data = selector("perform(bytes)") + as_argument(script)
        return Tx("performance", LIQUIDITY_PROVIDER, _hex(self.stage), "0x" + data.hex())


def _played(logs: list[dict[str, str]]) -> bytes:
    (log,) = [log for log in logs if log["topics"][0] == _PLAYED]
    return from_result(bytes.fromhex(log["data"][2:]))


def _hex(address: int) -> str:
    return f"0x{address:040x}"


@contextlib.contextmanager
def open_theatre(log: Path) -> Iterator[Theatre]:
    with running_anvil(log, genesis_timestamp=GENESIS) as node:
        code = Deployable.of("stage", "DevStage").creation_code
        stage, weigher = Deployable("stage", code), Deployable("weigher", code + bytes(32))
        made = [_treasury(stage, size) for size in (*SIZES, 0)]
        contracts.deploy_missing(node, [stage, weigher, *made])
        theatre = Theatre(node, _number(stage), _number(weigher), [], [], [])
        theatre.tokens = _props(theatre, "newToken()", [b""] * max(SIZES))
        theatre.feeds = _props(theatre, "newFeed()", [b""] * max(SIZES))
        pairs = [(0, other) for other in range(1, max(SIZES))] + [(one, one + 1) for one in range(1, max(SIZES) - 1)]
        sides = [words(theatre.tokens[a], theatre.tokens[b]) for a, b in pairs]
        venues = dict(zip(pairs, _props(theatre, "newVenue(address,address)", sides), strict=True))
        for size, deployable in zip((*SIZES, 0), made, strict=True):
            theatre.treasuries.append(_open(theatre, _number(deployable), size, venues))
        yield theatre


def _treasury(stage: Deployable, size: int) -> Deployable:
    """The factories it trusts are the stage."""
    types = "(string,string,address,address,address,address)"
    arguments = (f"Fund of {size}", f"F{size}", *[stage.address] * 3, _hex(0))
    return Deployable.of(f"treasury of {size}", "Treasury", types, *arguments)


def _number(deployable: Deployable) -> int:
    return int(deployable.address, 16)


def _props(theatre: Theatre, function: str, arguments: Sequence[bytes]) -> list[int]:
    """Addresses of new props."""
    found = []
    for start in range(0, len(arguments), 10):
        calls = [packed(theatre.stage, selector(function) + each) for each in arguments[start : start + 10]]
        receipts = theatre.node.execute([theatre._performance(b"".join(calls))])
        found += [int.from_bytes(reply.data, "big") for reply in unpacked(_played(receipts[0]["logs"]))]
    return found


def _open(theatre: Theatre, address: int, size: int, venues: dict[tuple[int, int], int]) -> Treasury:
    """Assets at 1 USD with 18 decimals, all weight on the first, venues of every kind, nothing in it.

    Size 0 is a fund of two assets that is not seeded.
    """
    count = size or 2
    assets = [
        Asset(theatre.tokens[i], 18, 8, 10**8, GENESIS, 2**32 - 1, 1, MAX >> 128, 0, True, False, 0)
        for i in range(count)
    ]
    fund = Fund(theatre.stage, assets, [], DEFAULTS, 0, 0)
    scripts = []
    for i, asset in enumerate(assets):
        script = Script(f"asset {i}")
        script.call("decimals", asset.token, "setDecimals(uint8)", words(18), None)
        script.call("feed", theatre.feeds[i], "set(uint8,int256,uint256)", words(8, asset.answer, GENESIS), None)
        script.call("addAsset", address, f"addAsset({ASSET})", asset_words(theatre, i, asset), None)
        script.call("approve", asset.token, "approve(address,uint256)", words(address, MAX), None)
        scripts.append(script)
    known = [pair for pair in venues if max(pair) < count]
    for i0, i1 in known[:_PAIRS_OF_ONE_FUND]:
        script = Script("venues")
        for kind in range(4):
            target = venues[i0, i1]
            script.call("addVenue", address, f"addVenue({_VENUE})", words(target, kind, i0, i1, 3000, 1), None)
            fund.venues.append(Venue(target, kind, i0, i1, 0, 0, 0))
        scripts.append(script)
    last = Script("roles, weights and seed")
    if size:
        assets[0].target_bps = 10_000
        weights = [asset.target_bps for asset in assets]
        last.call("setTargets", address, "setTargets(uint16[])", words(32) + row(weights), None)
        arguments = words(64, FIRST_SHARES) + row([0] * count)
        last.call("seed", address, "seed(uint256[],uint256)", arguments, None)
        fund.supply, fund.shares = FIRST_SHARES, FIRST_SHARES - DEAD_SHARES
    last.call("setWeigher", address, "setWeigher(address)", words(theatre.weigher), None)
    scripts.append(last)
    for start in range(0, len(scripts), 40):
        for differences in theatre.perform(scripts[start : start + 40], theatre.now + 1):
            assert differences == []
    return Treasury(address, fund)


def asset_words(theatre: Theatre, index: int, asset: Asset) -> bytes:
    """`ITreasury.Asset`."""
    return words(
        asset.token,
        theatre.feeds[index],
        asset.token_decimals,
        asset.feed_decimals,
        asset.max_age,
        asset.target_bps,
        int(asset.buyable),
        0,
        asset.min_price,
        asset.max_price,
    )
