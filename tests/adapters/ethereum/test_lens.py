"""The Lens against a real node: what it brings is what plain contract calls say, in one request."""

from dataclasses import replace

import pytest
from eth_utils.address import to_checksum_address
from eth_utils.crypto import keccak

from keeper.adapters.ethereum.chain import EthereumChain
from keeper.core import twap
from keeper.core.amm.v3_ticks import sqrt_price_at
from keeper.core.model import Asset, Fund, Treasury, V2State, V2Sums, V3State, V3Sums, Venue
from keeper.core.units import Address, Hash32, Timestamp
from keeper.ports import ChainUnavailable
from scripts.localchain import accounts
from scripts.localchain.chain import LocalChain
from scripts.localchain.node import Node, Tx
from scripts.localchain.rpc import RpcError, decode, encode
from tests.adapters.ethereum.fake_node import Refusal, answering, fake_node

pytestmark = [pytest.mark.adapter, pytest.mark.xdist_group("ethereum")]

ROUND = "latestRoundData()(uint80,int256,uint256,uint256,uint80)"
OBSERVE = encode("observe(uint32[])", [1_800, 0])
NOBODY = Address("0x00000000000000000000000000000000DeaDBeef")


async def test_everything_is_what_plain_calls_say(local: LocalChain, chain: EthereumChain, funds: list[Fund]) -> None:
    head = await chain.head()
    seen = await chain.observe(head, funds)
    assert (seen.chain_id, seen.block) == (31337, head)
    assert seen.wrapped_native == local.deployment.uniswap.weth
    _, answer, _, updated_at, _ = local.node.rpc.view(local.deployment.native_feed, ROUND)
    assert seen.native is not None
    assert (seen.native.answer, seen.native.updated_at, seen.native.decimals) == (answer, updated_at, 8)
    for treasury, deployed in zip(seen.treasuries, local.deployment.treasuries, strict=True):
        assert treasury is not None
        assert treasury.address == deployed.address
        assert [asset.symbol for asset in treasury.assets] == [token.symbol for token in deployed.tokens]
        assert [asset.decimals for asset in treasury.assets] == [token.spec.decimals for token in deployed.tokens]
        assert [asset.target for asset in treasury.assets] == list(deployed.spec.targets.values())
        check_roles(local.node, treasury)
        for asset in treasury.assets:
            check_asset(local.node, treasury, asset)
        for venue in treasury.venues:
            check_venue(local.node, venue)
    first = seen.treasuries[0]
    assert first is not None
    assert {venue.kind for venue in first.venues} == {0, 1, 2, 3}


def check_roles(node: Node, treasury: Treasury) -> None:
    at = treasury.address
    assert treasury.owner == accounts.OWNER == to_checksum_address(node.rpc.view(at, "owner()(address)"))
    assert treasury.keeper_until == node.rpc.view(at, "keeperUntil(address)(uint64)", accounts.KEEPER) > 0
    assert treasury.keeper_balance == int(node.rpc.call("eth_getBalance", accounts.KEEPER, "latest"), 16) > 0
    assert treasury.total_supply == node.rpc.view(at, "totalSupply()(uint256)") > 0
    assert treasury.limits.cooldown_seconds == 0
    assert (treasury.limits.max_slip, treasury.limits.per_trade) == (300, 10_000)
    assert not treasury.paused


def check_asset(node: Node, treasury: Treasury, asset: Asset) -> None:
    assert asset.balance == node.rpc.view(asset.token, "balanceOf(address)(uint256)", treasury.address) > 0
    _, answer, _, updated_at, _ = node.rpc.view(asset.feed, ROUND)
    assert asset.answer is not None
    assert (asset.answer.answer, asset.answer.updated_at, asset.answer.decimals) == (answer, updated_at, 8)
    code = bytes.fromhex(node.rpc.call("eth_getCode", asset.token, "latest")[2:])
    assert asset.code_hash == "0x" + keccak(code).hex()


def check_venue(node: Node, venue: Venue) -> None:
    match venue.state:
        case V2State(reserve0, reserve1):
            reserves = node.rpc.view(venue.pool, "getReserves()(uint112,uint112,uint32)")
            assert (reserve0, reserve1) == reserves[:2]
            sums = node.rpc.views([(venue.pool, f"price{i}CumulativeLast()(uint256)", ()) for i in (0, 1)])
            assert venue.sums == V2Sums(sums[0], sums[1], reserves[2])
        case V3State(price, tick, liquidity):
            assert (price, tick) == node.rpc.view(venue.pool, "slot0()(uint160,int24)")
            assert liquidity == node.rpc.view(venue.pool, "liquidity()(uint128)") > 0
            # the pool's own arithmetic of ticks is ours
            assert sqrt_price_at(tick) <= price < sqrt_price_at(tick + 1)
            told = node.rpc.try_batch([("eth_call", [{"to": venue.pool, "data": OBSERVE}, "latest"])])[0]
            if isinstance(told, RpcError):
                assert "OLD" in str(told)
                assert venue.sums is None
            else:
                ticks, _ = decode("observe(uint32[])(int56[],uint160[])", told)
                assert venue.sums == V3Sums(*ticks)
        case None:
            pytest.fail(f"venue {venue.index} did not answer")


async def test_a_history_that_reaches_back_is_told_and_the_mean_is_that_of_a_quiet_pool(
    local: LocalChain, chain: EthereumChain, funds: list[Fund]
) -> None:
    """Half an hour in which nobody trades: every pool's mean is its price, for V3 to a tick, for V2 to the unit."""
    first = await chain.observe(await chain.head(), funds)
    local.node.mine(timestamp=first.block.timestamp + 2_000)
    later = await chain.observe(await chain.head(), funds)
    before, after = first.treasuries[0], later.treasuries[0]
    assert before is not None
    assert after is not None
    for old, venue in zip(before.venues, after.venues, strict=True):
        check_venue(local.node, venue)
        match venue.state, venue.sums:
            case V3State(_, tick), V3Sums() as sums:
                assert twap.mean_tick(sums) == tick
            case V2State() as state, V2Sums() as sums:
                assert isinstance(old.state, V2State)
                assert isinstance(old.sums, V2Sums)
                then = twap.sums_at(old.state, old.sums, first.block.timestamp)
                now = twap.sums_at(state, sums, later.block.timestamp)
                mean = twap.mean_between(then[0], now[0], later.block.timestamp - first.block.timestamp)
                assert mean == (state.reserve1 << 112) // state.reserve0
            case _:
                pytest.fail(f"venue {venue.index} has no mean")


async def test_an_idle_look_is_two_requests_however_many_funds(chain: EthereumChain, funds: list[Fund]) -> None:
    many = funds * 30
    await chain.observe(await chain.head(), many)  # the first look also asks for symbols
    before = chain.requests
    seen = await chain.observe(await chain.head(), many)
    assert chain.requests - before == 2
    assert all(seen.treasuries)
    assert [t.address for t in seen.treasuries if t] == [fund.treasury for fund in many]


async def test_symbols_that_the_database_knows_are_not_asked_for(local: LocalChain, funds: list[Fund]) -> None:
    symbols = {Address(token.address): f"K{token.symbol}" for token in local.deployment.tokens}
    async with EthereumChain(local.url, 31337) as chain:
        chain.learn_symbols(symbols)
        seen = await chain.observe(await chain.head(), funds)
        assert chain.requests == 2
    assert seen.wrapped_native is None
    assert seen.native is None
    assert all(asset.symbol.startswith("K") for t in seen.treasuries if t for asset in t.assets)


async def test_no_funds_is_an_observation_too(chain: EthereumChain) -> None:
    seen = await chain.observe(await chain.head(), [])
    assert seen.treasuries == ()
    assert seen.native is not None


async def test_what_is_no_treasury_is_none_and_the_others_are_whole(
    local: LocalChain, chain: EthereumChain, funds: list[Fund]
) -> None:
    empty = replace(funds[0], treasury=NOBODY)
    a_token = replace(funds[0], treasury=Address(local.deployment.token("USDC").address))
    seen = await chain.observe(await chain.head(), [empty, funds[0], a_token, funds[1]])
    assert seen.treasuries[0] is None
    assert seen.treasuries[2] is None
    assert [t.address for t in (seen.treasuries[1], seen.treasuries[3]) if t] == [f.treasury for f in funds]


async def test_a_dead_feed_token_or_pool_is_none_and_the_rest_is_whole(
    local: LocalChain, chain: EthereumChain, funds: list[Fund]
) -> None:
    weth, usdt = local.deployment.token("WETH"), local.deployment.token("USDT")
    before = (await chain.observe(await chain.head(), funds)).treasuries[0]
    assert before is not None
    revert = "0x60006000fd"
    dead = (weth.feed, usdt.address, before.venues[0].pool)
    local.node.rpc.batch([("anvil_setCode", [address, revert]) for address in dead])
    local.node.mine()
    seen = await chain.observe(await chain.head(), funds)
    after = seen.treasuries[0]
    assert after is not None
    assert seen.native is None
    for old, new in zip(before.assets, after.assets, strict=True):
        assert (new.answer is None) == (new.token == weth.address)
        assert (new.balance is None) == (new.token == usdt.address)
        assert (new.code_hash != old.code_hash) == (new.token == usdt.address)
    assert {venue.pool for venue in after.venues if venue.state is None} == {before.venues[0].pool}


async def test_the_block_is_pinned(local: LocalChain, chain: EthereumChain, funds: list[Fund]) -> None:
    earlier = await chain.head()
    before = await chain.observe(earlier, funds)
    appoint = Tx.call("appoint", accounts.OWNER, funds[0].treasury, "setGuardian(address)", accounts.GUARDIAN)
    pause = Tx.call("pause", accounts.GUARDIAN, funds[0].treasury, "pause()")
    local.node.execute([appoint])
    local.node.execute([pause])
    later = await chain.head()
    after = await chain.observe(later, funds)
    assert later.number == earlier.number + 2
    assert [t.paused for t in after.treasuries if t] == [True, False]
    assert await chain.observe(earlier, funds) == before


async def test_a_block_that_is_not_on_the_chain_is_an_outage(chain: EthereumChain, funds: list[Fund]) -> None:
    head = await chain.head()
    with pytest.raises(ChainUnavailable, match="eth_call of the Lens: Resource not found"):
        await chain.observe(replace(head, hash=Hash32("0x" + "12" * 32)), funds)


async def test_a_header_that_does_not_belong_to_its_hash_is_an_outage(chain: EthereumChain, funds: list[Fund]) -> None:
    head = await chain.head()
    for lie in (replace(head, number=head.number + 1), replace(head, timestamp=Timestamp(head.timestamp - 1))):
        with pytest.raises(ChainUnavailable, match=f"ran at block {head.number}"):
            await chain.observe(lie, funds)


async def test_another_chain_than_configured_is_an_outage(local: LocalChain, funds: list[Fund]) -> None:
    async with EthereumChain(local.url, 1) as chain:
        with pytest.raises(ChainUnavailable, match="the node is on chain 31337, not on 1"):
            await chain.observe(await chain.head(), funds)


async def test_a_router_that_is_none_is_named(local: LocalChain, funds: list[Fund]) -> None:
    for router in (NOBODY, Address(local.deployment.token("USDC").address)):
        async with EthereumChain(local.url, 31337, v2_router=router) as chain:
            with pytest.raises(ChainUnavailable, match=f"UNISWAP_V2_ROUTER {router} does not answer"):
                await chain.observe(await chain.head(), funds)


async def test_a_node_with_little_gas_is_asked_for_fewer_funds_at_once(
    local: LocalChain, chain: EthereumChain, funds: list[Fund]
) -> None:
    many = [funds[0]] * 16
    local.node.rpc.call("evm_setBlockGasLimit", hex(12_000_000))
    local.node.mine()
    seen = await chain.observe(await chain.head(), many)
    assert all(seen.treasuries)
    before = chain.requests
    again = await chain.observe(await chain.head(), many)
    assert chain.requests - before == 2, "the size that worked is remembered"
    assert before > 3, "and was not the first"
    assert len([t for t in again.treasuries if t]) == 16


async def test_a_node_with_too_little_gas_for_one_fund_is_an_outage_that_says_so(
    local: LocalChain, chain: EthereumChain, funds: list[Fund]
) -> None:
    local.node.rpc.call("evm_setBlockGasLimit", hex(4_000_000))
    local.node.mine()
    with pytest.raises(ChainUnavailable, match=r"Starved: gasLeft \d+, needed \d+"):
        await chain.observe(await chain.head(), funds)


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        ("0x", "as if state overrides were ignored"),
        (
            Refusal(-32602, "too many arguments, want at most 2"),
            "with a state override was refused: too many arguments",
        ),
        (Refusal(-32000, "header not found"), "header not found"),
        (Refusal(3, "execution reverted", "0x"), "eth_call of the Lens: execution reverted"),
        ("0x1234", "not made of words"),
        ("0x" + "00" * 32, "cut short"),
        (None, "null where bytes belong"),
    ],
)
async def test_a_provider_without_the_lens_says_why(
    local: LocalChain, chain: EthereumChain, funds: list[Fund], answer: object, said: str
) -> None:
    head = await chain.head()
    async with fake_node(answering({"eth_call": answer})) as node, EthereumChain(node.url(), 31337) as other:
        with pytest.raises(ChainUnavailable, match=said):
            await other.observe(head, funds)
