"""Treasuries on the local chain: deployed, told what to hold and where to trade, seeded in kind, given a keeper."""

from collections.abc import Sequence
from dataclasses import astuple, dataclass
from decimal import Decimal

from scripts.localchain import accounts
from scripts.localchain.config import FundSpec, VenueKind
from scripts.localchain.contracts import Deployable
from scripts.localchain.node import Node, Tx
from scripts.localchain.tokens import Token, answer_of, grant
from scripts.localchain.uniswap import Pool, Uniswap

KEEPER_TERM = 30 * 86_400  # the longest that the treasury grants
RENEW_BELOW = 15 * 86_400
SHARES = 10**18  # one share per USD of the first NAV

_ASSET = "(address,address,uint8,uint8,uint32,uint16,bool,bool,uint128,uint128)"
_NO_SEQUENCER = "0x" + "00" * 20
_VENUE = "(address,uint8,uint8,uint8,uint24,bool)"
_LIMITS = f"({','.join(['uint16'] * 8)},uint32,uint32)"


@dataclass(frozen=True, slots=True)
class Treasury:
    """A fund's treasury; `tokens` in the order of its list of assets."""

    spec: FundSpec
    address: str
    tokens: tuple[Token, ...]


def contract(spec: FundSpec, uniswap: Uniswap) -> Deployable:
    arguments = (spec.name, spec.symbol, accounts.OWNER, uniswap.v2_factory, uniswap.v3_factory, _NO_SEQUENCER)
    types = "(string,string,address,address,address,address)"
    return Deployable.of(f"treasury {spec.name}", "Treasury", types, *arguments)


def is_seeded(node: Node, treasury: str) -> bool:
    supply: int = node.rpc.view(treasury, "totalSupply()(uint256)")
    return supply > 0


def set_up(treasury: Treasury, uniswap: Uniswap, pools: Sequence[Pool]) -> list[Tx]:
    """Everything the owner does before a keeper may trade, in order."""
    return [
        *_list_assets(treasury),
        *_list_venues(treasury, uniswap, pools),
        _set_limits(treasury),
        _owner(treasury, "setTargets(uint16[])", [treasury.spec.targets[token.symbol] for token in treasury.tokens]),
        _owner(treasury, "setGuardian(address)", accounts.GUARDIAN),
        _owner(treasury, "setWeigher(address)", accounts.WEIGHER),
        *_seed(treasury),
    ]


def renew_keepers(node: Node, treasuries: Sequence[Treasury], now: int) -> list[Tx]:
    """The keeper's role, where it is missing or ends within 15 days of `now` (chain time, seconds)."""
    query = "keeperUntil(address)(uint64)"
    until = node.rpc.views([(treasury.address, query, (accounts.KEEPER,)) for treasury in treasuries])
    return [
        _owner(treasury, "setKeeper(address,uint64)", accounts.KEEPER, now + KEEPER_TERM)
        for treasury, end in zip(treasuries, until, strict=True)
        if end < now + RENEW_BELOW
    ]


def _owner(treasury: Treasury, signature: str, *args: object) -> Tx:
    label = f"{treasury.spec.name}: {signature.partition('(')[0]}"
    return Tx.call(label, accounts.OWNER, treasury.address, signature, *args)


def _list_assets(treasury: Treasury) -> list[Tx]:
    txs = []
    for token in treasury.tokens:
        answer = answer_of(token.spec.price)
        reach = 2 if token.spec.pegged else 1000
        bounds = (max(1, answer // reach), answer * reach)
        asset = (token.address, token.feed, token.spec.decimals, 8, treasury.spec.max_age, 0, True, False, *bounds)
        txs.append(_owner(treasury, f"addAsset({_ASSET})", asset))
    return txs


def _list_venues(treasury: Treasury, uniswap: Uniswap, pools: Sequence[Pool]) -> list[Tx]:
    """Every pool of two of the fund's assets; each router once, for the first such pool of its version."""
    index = {token.address: number for number, token in enumerate(treasury.tokens)}
    fitting = [pool for pool in pools if pool.token0 in index and pool.token1 in index]
    direct = {2: VenueKind.V2_PAIR, 3: VenueKind.V3_POOL}
    routed = {2: (VenueKind.V2_ROUTER, uniswap.v2_router), 3: (VenueKind.V3_ROUTER, uniswap.v3_router)}
    venues = [(pool.address, direct[pool.version], pool) for pool in fitting]
    for version, (kind, router) in routed.items():
        venues += [(router, kind, pool) for pool in fitting if pool.version == version][:1]
    return [
        _owner(
            treasury,
            f"addVenue({_VENUE})",
            (target, int(kind), index[pool.token0], index[pool.token1], pool.fee_pips, True),
        )
        for target, kind, pool in venues
        if kind in treasury.spec.venues
    ]


def _set_limits(treasury: Treasury) -> Tx:
    return _owner(treasury, f"setLimits({_LIMITS})", astuple(treasury.spec.limits))


def _seed(treasury: Treasury) -> list[Tx]:
    spec = treasury.spec
    weights = spec.holdings or spec.targets
    amounts = [t.units(spec.size_usd * Decimal(weights[t.symbol]) / 10_000) for t in treasury.tokens]
    txs = []
    for token, amount in zip(treasury.tokens, amounts, strict=True):
        txs.append(grant(token, accounts.OWNER, amount))
        approve = (treasury.address, amount)
        label = f"approve {token.symbol}"
        txs.append(Tx.call(label, accounts.OWNER, token.address, "approve(address,uint256)", *approve))
    shares = int(spec.size_usd) * SHARES
    return [*txs, _owner(treasury, "seed(uint256[],uint256)", amounts, shares)]
