"""Reads what a set-up looks at, in two or three batches: tokens, feeds, pools, the account, the treasury."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

from eth_utils.abi import get_abi_output_types
from eth_utils.crypto import keccak

from keeper.adapters.ethereum import setup_codec, wire
from keeper.adapters.ethereum.abi import artifact
from keeper.adapters.ethereum.rpc import Request
from keeper.adapters.ethereum.setup_node import SetupNode
from keeper.adapters.ethereum.views import code, reverted, view
from keeper.core.model import VenueKind
from keeper.core.setup.config import FundConfig, LimitsConfig, VenueConfig
from keeper.core.setup.state import (
    Facts,
    FeedFacts,
    ListedAsset,
    ListedVenue,
    TokenFacts,
    TreasuryState,
    VenueFacts,
)
from keeper.core.units import ZERO_ADDRESS, Address, BaseUnits, Hash32, Timestamp

ERC1820: Final = Address("0x1820a4B7618BdE71Dce8cdc73aAB6C95905faD24")
"""Where ERC-777 tokens say that they are."""
ERC777: Final = keccak(text="ERC777Token")
REBASING: Final = (
    "scaledTotalSupply()",  # Aave's aTokens
    "getTotalShares()",  # Lido's stETH
    "rebasingCreditsPerToken()",  # Origin's dollar and ether
    "gonsForBalance(uint256)",  # Olympus' family
)


class FactsReader:
    """One look at the chain for one configuration. `keepers` are asked for besides the configured ones."""

    def __init__(self, node: SetupNode, config: FundConfig, deployer: Address) -> None:
        self._node = node
        self._config = config
        self._deployer = deployer

    async def read(self, treasury: Address | None, keepers: Iterable[Address] = ()) -> Facts:
        """Raises ChainUnavailable."""
        config = self._config
        asked: dict[Any, Request[Any]] = {
            "chain_id": Request("eth_chainId", [], wire.quantity),
            "code": Request("eth_call", [self._creation(), "latest"], wire.data),
            **{("has", address): code(address) for address in self._addresses()},
        }
        for asset in config.assets:
            asked |= _token_questions(asset.token) | _feed_questions(asset.feed)
        if config.sequencer_feed:
            asked |= _feed_questions(config.sequencer_feed)
        for index, venue in enumerate(config.venues):
            asked |= self._venue_questions(index, venue)
        if treasury:
            asked |= _treasury_questions(treasury, {*keepers, *(keeper.address for keeper in config.roles.keepers)})
        answers = await self._ask(asked)
        pools = {index: _address(answers.get(("pool", index))) for index in range(len(config.venues))}
        answers |= await self._ask(
            {
                (what, pool): view(pool, f"{what}()", outputs)
                for pool in {pool for pool in pools.values() if pool}
                for what, outputs in (("token0", "(address)"), ("token1", "(address)"), ("fee", "(uint24)"))
            }
        )
        head, account = await self._node.head(), await self._node.account(self._deployer)
        runtime: bytes | None = answers["code"]
        return Facts(
            chain_id=answers["chain_id"],
            genesis=await self._node.genesis(),
            block=head.number,
            now=head.timestamp,
            base_fee=head.base_fee,
            tip=account.tip,
            balance=account.balance,
            nonce=account.nonce,
            with_code=frozenset(address for address in self._addresses() if answers["has", address]),
            tokens={asset.token: _token(asset.token, answers) for asset in config.assets},
            feeds={feed: _feed(feed, answers) for feed in self._feeds()},
            venues=tuple(self._venue(venue, pools[index], answers) for index, venue in enumerate(config.venues)),
            expected_code=_hash(runtime) if runtime else None,
            proxy=bool(answers["has", setup_codec.PROXY]),
            treasury=_treasury(treasury, answers) if treasury else None,
        )

    async def _ask(self, questions: Mapping[Any, Request[Any]]) -> dict[Any, Any]:
        """Answers by key; None where a contract refused."""
        answers = await self._node.ask_all(list(questions.values()))
        return {
            key: None if reverted(answer) else self._node.rpc.require(answer)
            for key, answer in zip(questions, answers, strict=True)
        }

    def _creation(self) -> dict[str, str]:
        """A call that creates and keeps nothing: its answer is the code that the constructor returns."""
        return {
            "from": self._deployer,
            "data": wire.hexed(setup_codec.creation_code(self._config, self._deployer)),
        }

    def _feeds(self) -> list[Address]:
        listed = [asset.feed for asset in self._config.assets]
        return listed + ([self._config.sequencer_feed] if self._config.sequencer_feed else [])

    def _addresses(self) -> list[Address]:
        """Everything where there must be code, and the proxy."""
        uniswap = self._config.uniswap
        wanted = [uniswap.v2_factory, uniswap.v2_router, uniswap.v3_factory, uniswap.v3_router]
        wanted += [asset.token for asset in self._config.assets] + self._feeds()
        wanted += [venue.target for venue in self._config.venues]
        return list(dict.fromkeys(address for address in [setup_codec.PROXY, *wanted] if address))

    # ---------------------------------------------------------------------------------------------- venues

    def _venue_questions(self, index: int, venue: VenueConfig) -> dict[Any, Request[Any]]:
        tokens = [self._token_of(symbol) for symbol in venue.assets]
        factory = self._config.uniswap.v2_factory if venue.is_v2 else self._config.uniswap.v3_factory
        questions: dict[Any, Request[Any]] = {}
        if factory and tokens[0] and tokens[1]:
            if venue.is_v2:
                questions["pool", index] = view(factory, "getPair(address,address)", "(address)", *tokens)
            else:
                three = (*tokens, venue.fee_pips)
                questions["pool", index] = view(factory, "getPool(address,address,uint24)", "(address)", *three)
        if router := self._router(venue):
            questions["factory of", router] = view(router, "factory()", "(address)")
        return questions

    def _venue(self, venue: VenueConfig, pool: Address | None, answers: Mapping[Any, Any]) -> VenueFacts:
        return VenueFacts(
            pool=pool,
            token0=_address(answers.get(("token0", pool))),
            token1=_address(answers.get(("token1", pool))),
            fee_pips=venue.fee_pips if venue.is_v2 else answers.get(("fee", pool)),
            router_factory=_address(answers.get(("factory of", self._router(venue)))),
        )

    def _router(self, venue: VenueConfig) -> Address | None:
        if not venue.is_router:
            return None
        uniswap = self._config.uniswap
        return venue.target or (uniswap.v2_router if venue.is_v2 else uniswap.v3_router)

    def _token_of(self, symbol: str) -> Address | None:
        return next((asset.token for asset in self._config.assets if asset.symbol == symbol), None)


# -------------------------------------------------------------------------------------------------- tokens and feeds


def _token_questions(token: Address) -> dict[Any, Request[Any]]:
    probes = {
        ("probe", token, probe): view(token, probe, "(uint256)", *([10**18] if "uint256" in probe else []))
        for probe in REBASING
    }
    return probes | {
        ("decimals", token): view(token, "decimals()", "(uint8)"),
        ("symbol", token): view(token, "symbol()", "(string)"),
        ("symbol32", token): view(token, "symbol()", "(bytes32)"),  # of before ERC-20 was settled
        ("erc777", token): view(ERC1820, "getInterfaceImplementer(address,bytes32)", "(address)", token, ERC777),
    }


def _token(token: Address, answers: Mapping[Any, Any]) -> TokenFacts:
    symbol = answers["symbol", token]
    if symbol is None and answers["symbol32", token] is not None:
        symbol = answers["symbol32", token].rstrip(b"\0").decode("utf-8", "replace")
    return TokenFacts(
        decimals=answers["decimals", token],
        symbol=None if symbol is None else wire.printable(symbol, 40),
        erc777=_address(answers["erc777", token]) is not None,
        rebasing=any(answers["probe", token, probe] is not None for probe in REBASING),
    )


def _feed_questions(feed: Address) -> dict[Any, Request[Any]]:
    return {
        ("feed decimals", feed): view(feed, "decimals()", "(uint8)"),
        ("description", feed): view(feed, "description()", "(string)"),
        ("round", feed): view(feed, "latestRoundData()", "(uint80,int256,uint256,uint256,uint80)"),
    }


def _feed(feed: Address, answers: Mapping[Any, Any]) -> FeedFacts:
    described, last = answers["description", feed], answers["round", feed]
    return FeedFacts(
        decimals=answers["feed decimals", feed],
        description=None if described is None else wire.printable(described, 40),
        answer=None if last is None else last[1],
        updated_at=None if last is None else Timestamp(last[3]),
    )


# -------------------------------------------------------------------------------------------------- treasury


def _treasury_questions(treasury: Address, keepers: Iterable[Address]) -> dict[Any, Request[Any]]:
    (snapshot,) = get_abi_output_types(artifact("Treasury").entry("function", "snapshot"))  # type: ignore[arg-type]
    texts = {("own", name): view(treasury, f"{name}()", "(string)") for name in ("name", "symbol")}
    addresses = {
        ("own", name): view(treasury, f"{name}()", "(address)")
        for name in ("owner", "pendingOwner", "v2Factory", "v3Factory", "sequencerFeed")
    }
    until = {("until", one): view(treasury, "keeperUntil(address)", "(uint64)", one) for one in keepers}
    return {
        **texts,
        **addresses,
        **until,
        "treasury code": code(treasury),
        "snapshot": view(treasury, "snapshot()", f"({snapshot})"),
    }


def _treasury(address: Address, answers: Mapping[Any, Any]) -> TreasuryState | None:
    """None when there is no code; code that does not answer as a treasury has no assets and another's hash."""
    if not answers["treasury code"]:
        return None
    own = _under("own", answers)
    snapshot: Sequence[Any] | None = answers["snapshot"]
    if snapshot is None:
        nobody = (ZERO_ADDRESS, ZERO_ADDRESS, ZERO_ADDRESS, False, 0, 0, 0, (0,) * 10, (0, 0, 0), (), ())
        snapshot = nobody
    _, guardian, weigher, paused, _, _, supply, limits, _, assets, venues = snapshot
    return TreasuryState(
        address=address,
        code_hash=_hash(answers["treasury code"]),
        name=own["name"] or "",
        symbol=own["symbol"] or "",
        owner=_address(own["owner"]) or ZERO_ADDRESS,
        pending_owner=_address(own["pendingOwner"]) or ZERO_ADDRESS,
        v2_factory=_address(own["v2Factory"]) or ZERO_ADDRESS,
        v3_factory=_address(own["v3Factory"]) or ZERO_ADDRESS,
        sequencer_feed=_address(own["sequencerFeed"]) or ZERO_ADDRESS,
        guardian=wire.address(guardian),
        weigher=wire.address(weigher),
        paused=paused,
        total_supply=BaseUnits(supply),
        limits=LimitsConfig(*limits),
        assets=tuple(ListedAsset(wire.address(a[0]), wire.address(a[1]), *a[2:]) for a in assets),
        venues=tuple(ListedVenue(wire.address(v[0]), VenueKind(v[1]), *v[2:]) for v in venues),
        keepers={
            key[1]: Timestamp(a or 0) for key, a in answers.items() if isinstance(key, tuple) and key[0] == "until"
        },
    )


def _under(first: str, answers: Mapping[Any, Any]) -> dict[Any, Any]:
    return {key[1]: answer for key, answer in answers.items() if isinstance(key, tuple) and key[0] == first}


def _address(value: object) -> Address | None:
    """Decoded, with its checksum; the zero address is nobody."""
    return None if value is None or value == ZERO_ADDRESS else wire.address(value)


def _hash(code_: bytes) -> Hash32:
    return Hash32("0x" + keccak(code_).hex())
