"""What stands on the local chain: the real Uniswap, tokens as in real life, a treasury that can trade on all of it."""

import json
import stat
import subprocess
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import pytest
from eth_account import Account
from eth_utils.crypto import keccak

from scripts.localchain import accounts, arbitrage, tokens
from scripts.localchain.audit import largest_drift, transfers
from scripts.localchain.chain import LocalChain
from scripts.localchain.config import DAY, VenueKind
from scripts.localchain.node import Tx
from scripts.localchain.rpc import RpcError
from scripts.localchain.state import environment_lines

pytestmark = pytest.mark.e2e

SNAPSHOT = (
    "snapshot()((address,address,address,bool,uint64,uint64,uint256,"
    "(uint16,uint16,uint16,uint16,uint16,uint16,uint16,uint16,uint32,uint32),(uint256,uint256,uint256),"
    "(address,address,uint8,uint8,uint32,uint16,bool,bool,uint128,uint128)[],"
    "(address,uint8,uint8,uint8,uint24,bool)[]))"
)
REBALANCE = "rebalance((uint16,bool,uint112,uint112)[],uint64,uint64,bytes32)"
SWAPPED = "0x" + keccak(text="SwapExecuted(uint64,uint16,address,address,uint256,uint256,uint256,uint256)").hex()


def test_everything_that_is_named_has_code(chain: LocalChain) -> None:
    deployment = chain.deployment
    named = [getattr(deployment.uniswap, name) for name in deployment.uniswap.__slots__]
    named += [address for token in deployment.tokens for address in (token.address, token.feed)]
    named += [pool.address for pool in deployment.pools] + [treasury.address for treasury in deployment.treasuries]
    assert all(chain.node.code_at(named))
    assert int(chain.node.rpc.call("eth_chainId"), 16) == 31337


def test_assets_have_the_decimals_of_real_life(chain: LocalChain) -> None:
    listed = chain.deployment.tokens
    decimals = chain.node.rpc.views([(token.address, "decimals()(uint8)", ()) for token in listed])
    symbols = chain.node.rpc.views([(token.address, "symbol()(string)", ()) for token in listed])
    assert len(listed) >= 8
    assert dict(zip(symbols, decimals, strict=True)) == {token.symbol: token.spec.decimals for token in listed}
    assert set(decimals) == {6, 8, 18}


def test_usdt_returns_nothing_and_the_others_a_bool(chain: LocalChain) -> None:
    def returned(symbol: str) -> str:
        call = Tx.call("", accounts.ARBITRAGEUR, chain.deployment.token(symbol).address, "transfer(address,uint256)",
                       accounts.OWNER, 1)  # fmt: skip
        return str(chain.node.rpc.call("eth_call", call.request(), "latest"))

    assert returned("USDT") == "0x"
    assert int(returned("USDC"), 16) == 1


def test_every_pool_starts_at_the_price_of_the_feeds(chain: LocalChain) -> None:
    answers = {token.symbol: tokens.answer_of(token.spec.price) for token in chain.deployment.tokens}
    for gap in arbitrage.gaps(chain.node, chain.deployment, answers):
        assert abs(gap.relative) < Fraction(1, 10**9), gap.pool.label


def test_pools_span_versions_fee_tiers_and_a_hundredfold_of_depth(chain: LocalChain) -> None:
    """Depth is measured: what the pools hold of USDC, on one side."""
    usdc = chain.deployment.token("USDC")
    with_usdc = [pool for pool in chain.deployment.pools if usdc.address in (pool.token0, pool.token1)]
    held = chain.node.rpc.views([(usdc.address, "balanceOf(address)(uint256)", (p.address,)) for p in with_usdc])
    assert max(held) >= 99 * min(held)
    assert {(pool.version, pool.fee_pips) for pool in chain.deployment.pools} == {
        (2, 3000),
        (3, 500),
        (3, 3000),
        (3, 10_000),
    }


def test_quoter_and_router_quote_the_spot_less_fee_and_impact(chain: LocalChain) -> None:
    weth, usdc = chain.deployment.token("WETH"), chain.deployment.token("USDC")
    dex = chain.deployment.uniswap
    sold = 10**18
    quote = "quoteExactInputSingle((address,address,uint256,uint24,uint160))(uint256,uint160,uint32,uint256)"
    v3_out = chain.node.rpc.view(dex.quoter, quote, (weth.address, usdc.address, sold, 500, 0))[0]
    amounts = "getAmountsOut(uint256,address[])(uint256[])"
    v2_out = chain.node.rpc.view(dex.v2_router, amounts, sold, [weth.address, usdc.address])[1]
    fair = usdc.units(weth.spec.price)
    assert fair * (1 - 0.0005) * 0.9999 < v3_out < fair * (1 - 0.0005)
    assert fair * (1 - 0.003) * 0.9999 < v2_out < fair * (1 - 0.003)


def test_treasury_is_seeded_on_target_with_roles_apart(chain: LocalChain) -> None:
    treasury = chain.deployment.treasuries[0]
    owner, guardian, weigher, paused, last_id, _, supply, limits, budgets, assets, venues = chain.node.rpc.view(
        treasury.address, SNAPSHOT
    )
    parties = [owner, guardian, weigher, accounts.KEEPER.lower(), accounts.ARBITRAGEUR.lower()]
    assert len(set(parties)) == len(parties)
    assert (paused, last_id, supply) == (False, 0, 2_000_000 * 10**18)
    assert limits == (100, 100, 20_000, 1_000, 150, 10, 5_000, 2_500, 900, DAY)
    assert budgets == (100 * 10**14, 20_000 * 10**14, 2_500 * 10**14)
    assert sum(asset[5] for asset in assets) == 10_000
    assert {VenueKind(venue[1]) for venue in venues} == set(VenueKind)
    assert largest_drift(chain.node, treasury, chain.node.head()[0]) < Fraction(1, 10**6)
    nav = chain.node.rpc.view(treasury.address, "nav()(uint256)")
    assert abs(nav - 2_000_000 * 10**18) < 10**16
    until = chain.node.rpc.view(treasury.address, "keeperUntil(address)(uint64)", accounts.KEEPER)
    assert until > chain.node.head()[1] + 29 * DAY


def test_a_keeper_can_trade_through_every_kind_of_venue(chain: LocalChain) -> None:
    """WETH doubles; the keeper sells one through each kind of venue."""
    prices = {token.symbol: token.spec.price for token in chain.deployment.tokens}
    chain.market.step(prices | {"WETH": prices["WETH"] * 2}, at=chain.node.head()[1] + DAY)
    treasury = chain.deployment.treasuries[0]
    weth = chain.deployment.token("WETH")
    assets, venues = chain.node.rpc.view(treasury.address, SNAPSHOT)[-2:]
    swaps = []
    for kind in VenueKind:
        index = next(
            number
            for number, venue in enumerate(venues)
            if venue[1] == kind and weth.address.lower() in (assets[venue[2]][0], assets[venue[3]][0])
        )
        swaps.append((index, assets[venues[index][2]][0] == weth.address.lower(), 10**18, 1))
    arguments = (swaps, 1, chain.node.head()[1] + 600, b"\x11" * 32)
    receipt = chain.node.execute([Tx.call("rebalance", accounts.KEEPER, treasury.address, REBALANCE, *arguments)])[0]
    paid, got = transfers(receipt, treasury.address)
    assert paid == [(weth.address, 10**18)] * 4
    assert len(got) == 4
    assert all(amount > 0 for _, amount in got)
    assert len([log for log in receipt["logs"] if log["topics"][0] == SWAPPED]) == 4


def test_finality_follows_two_blocks_behind(chain: LocalChain) -> None:
    for _ in range(3):
        chain.node.mine()
    newest, final = chain.node.rpc.batch(
        [("eth_getBlockByNumber", ["latest", False]), ("eth_getBlockByNumber", ["finalized", False])]
    )
    assert int(newest["number"], 16) - int(final["number"], 16) == 2


def test_a_revert_leaves_no_hole_whatever_is_being_mined(chain: LocalChain) -> None:
    """Anvil alone leaves one about once in a hundred times: this catches a revert that does not wait, not at once."""
    node, before = chain.node, chain.node.head()
    payment = {"from": accounts.OWNER, "to": accounts.OWNER, "value": "0x1"}
    for _ in range(5):
        snapshot = node.snapshot()
        node.automine()
        node.rpc.try_batch([("eth_sendTransaction", [payment])] * 20)  # answered before they are mined, some refused
        node.revert(snapshot)
        assert node.head() == before
        assert node.rpc.call("txpool_status") == {"pending": "0x0", "queued": "0x0"}
    node.mine()
    blocks = [("eth_getBlockByNumber", [hex(number), False]) for number in range(node.head()[0] + 1)]
    assert all(node.rpc.batch(blocks))


def test_a_revert_to_another_chain_is_an_error(chain: LocalChain) -> None:
    snapshot = replace(chain.node.snapshot(), head="0x" + "00" * 32)
    with pytest.raises(RpcError, match="the newest block is 0x"):
        chain.node.revert(snapshot)


def test_keystore_opens_with_its_password_and_environment_survives_a_shell(chain: LocalChain, tmp_path: Path) -> None:
    folder = tmp_path / "it's a folder"
    folder.mkdir()
    environment = chain.keeper_environment(folder)
    password = Path(environment["KEYSTORE_PASSWORD_FILE"])
    assert stat.S_IMODE(password.stat().st_mode) == 0o400
    key = Account.decrypt(json.loads(Path(environment["KEYSTORE_FILE"]).read_text()), password.read_text())
    assert Account.from_key(key).address == accounts.KEEPER == environment["KEEPER_ADDRESS"]
    file = folder / "env"
    file.write_text(environment_lines(environment))
    script = 'set -a; . "$1"; exec env -0'
    read_back = subprocess.run(["bash", "-c", script, "bash", str(file)], capture_output=True, check=True, env={})
    variables = dict(item.split("=", 1) for item in read_back.stdout.decode().split("\0") if item)
    assert environment.items() <= variables.items()
