"""The contracts in py-evm, inside this process: what the codec encodes runs, what it decodes was said, roles hold.

No node and no state overrides here: the Lens is deployed, and its answer compared with the treasury's own.
"""

import ast
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import pytest
from eth_tester import EthereumTester, PyEVMBackend
from eth_tester.exceptions import TransactionFailed
from web3 import EthereumTesterProvider, Web3
from web3.contract import Contract

from keeper.adapters.ethereum import reverts
from keeper.adapters.ethereum.abi import Artifact, artifact
from keeper.adapters.ethereum.codec import AbiCodec
from keeper.adapters.ethereum.lens_answer import read_observation
from keeper.adapters.ethereum.receipts import read_receipt
from keeper.core.amm import v2
from keeper.core.ledger import Call, Receipt
from keeper.core.model import Budgets, Limits, PlannedSwap, Treasury, V2State
from keeper.core.spending import foresee
from keeper.core.units import Address, BaseUnits, Hash32, Px, Timestamp, UsdE18
from scripts.localchain.anvil import ROOT

pytestmark = [pytest.mark.adapter, pytest.mark.xdist_group("in_process")]

WETH, USDC = 10 * 10**18, 30_000 * 10**6
FEED_DECIMALS = 8
ZERO = "0x" + "00" * 20
DECISION = Hash32("0x" + "d1" * 32)


@dataclass(frozen=True, slots=True)
class World:
    """A treasury of WETH and USDC, half each though 40 : 60 is wanted, a pair a hundred times as deep, who is who."""

    w3: Web3
    treasury: Contract
    weth: Contract
    usdc: Contract
    pair: Contract
    owner: str
    keeper: str
    stranger: str

    def call(self, *swaps: PlannedSwap, identity: int = 1, decision: Hash32 = DECISION) -> Call:
        deadline = Timestamp(self.w3.eth.get_block("latest")["timestamp"] + 600)
        return AbiCodec().rebalance(Address(self.treasury.address), swaps, identity, deadline, decision)

    def sell_weth(self, share: int = 100, min_out: int = 1) -> PlannedSwap:
        sold_is_first = int(self.weth.address, 16) < int(self.usdc.address, 16)
        return PlannedSwap(
            venue=0,
            zero_for_one=sold_is_first,
            asset_in=0,
            asset_out=1,
            amount_in=BaseUnits(WETH // share),
            expected_out=BaseUnits(0),
            min_out=BaseUnits(min_out),
            value_in=UsdE18(0),
            value_out=UsdE18(0),
            fee_pips=3_000,
            impact=Decimal(0),
        )

    def send(self, call: Call, sender: str | None = None) -> Receipt:
        sent = self.w3.eth.send_transaction(
            {"from": sender or self.keeper, "to": call.to, "data": call.data, "gas": 2_000_000}
        )
        return self.receipt(sent)

    def receipt(self, tx_hash: Any) -> Receipt:
        """What the adapter makes of the receipt, given as JSON-RPC spells it."""
        receipt = read_receipt(
            as_json(self.w3.eth.wait_for_transaction_receipt(tx_hash)),
            Hash32("0x" + bytes(tx_hash).hex()),
            Address(self.treasury.address),
        )
        assert receipt is not None
        return receipt

    def seen(self) -> tuple[Treasury, int]:
        """By the Lens, and when: seconds of chain time."""
        lens = deploy(self.w3, artifact("Lens"))
        at = Address(self.treasury.address)
        data = lens.encode_abi("observe", args=[[(at, self.keeper)], ZERO])
        raw = bytes(self.w3.eth.call({"to": lens.address, "data": data, "gas": 29_000_000}))
        answer = read_observation(raw, [at], {})
        (treasury,) = answer.treasuries
        assert treasury is not None
        return treasury, answer.timestamp

    def refusal(self, call: Call, sender: str | None = None) -> str:
        """Why the treasury would not run `call`, in the adapter's words."""
        with pytest.raises(TransactionFailed) as error:
            self.w3.eth.call({"from": sender or self.keeper, "to": call.to, "data": call.data})
        return reverts.explain(raw_of(error.value)).detail


def raw_of(error: TransactionFailed) -> bytes:
    """Revert bytes, which eth-tester gives as Python writes bytes."""
    raw = ast.literal_eval(str(error).removeprefix("execution reverted: "))
    assert isinstance(raw, bytes)
    return raw


def as_json(receipt: Any) -> dict[str, Any]:
    document: dict[str, Any] = json.loads(Web3.to_json(receipt))
    numbers = ("status", "blockNumber", "transactionIndex", "gasUsed", "effectiveGasPrice")
    return document | {name: hex(document[name]) for name in numbers}


def uniswap(name: str) -> Artifact:
    document = json.loads((ROOT / f"contracts/node_modules/@uniswap/v2-core/build/{name}.json").read_text())
    return Artifact(name, tuple(document["abi"]), bytes.fromhex(document["bytecode"]), b"")


def deploy(w3: Web3, built: Artifact, *arguments: Any) -> Contract:
    contract = w3.eth.contract(abi=built.abi, bytecode=built.bytecode)
    receipt = w3.eth.wait_for_transaction_receipt(contract.constructor(*arguments).transact())
    return w3.eth.contract(receipt["contractAddress"], abi=built.abi)


@pytest.fixture(scope="module")
def built() -> World:
    tester = EthereumTester(PyEVMBackend.from_mnemonic("test " * 11 + "junk"))
    w3 = Web3(EthereumTesterProvider(tester))
    owner, keeper, stranger = w3.eth.accounts[:3]
    w3.eth.default_account = owner
    factory = deploy(w3, uniswap("UniswapV2Factory"), owner)
    weth = deploy(w3, artifact("DevToken"), "Wrapped Ether", "WETH", 18)
    usdc = deploy(w3, artifact("DevTokenNoReturn"), "USD Coin", "USDC", 6)
    feeds = [deploy(w3, artifact("DevFeed"), f"{symbol} / USD", FEED_DECIMALS) for symbol in ("ETH", "USDC")]
    for feed, price in zip(feeds, (3_000, 1), strict=True):
        feed.functions.setAnswer(price * 10**FEED_DECIMALS).transact()
    factory.functions.createPair(weth.address, usdc.address).transact()
    pair = w3.eth.contract(
        factory.functions.getPair(weth.address, usdc.address).call(), abi=uniswap("UniswapV2Pair").abi
    )
    for token, amount in ((weth, WETH), (usdc, USDC)):
        token.functions.mint(pair.address, 100 * amount).transact()
        token.functions.mint(owner, amount).transact()
    pair.functions.mint(owner).transact()

    treasury = deploy(w3, artifact("Treasury"), "Two", "TWO", owner, factory.address, ZERO, ZERO)
    for token, feed, decimals in ((weth, feeds[0], 18), (usdc, feeds[1], 6)):
        listed = (token.address, feed.address, decimals, FEED_DECIMALS, 86_400, 0, True, False, 1, 10**15)
        treasury.functions.addAsset(listed).transact()
        token.functions.approve(treasury.address, 10**30).transact()
    first, second = (0, 1) if int(weth.address, 16) < int(usdc.address, 16) else (1, 0)
    treasury.functions.addVenue((pair.address, 0, first, second, 3_000, True)).transact()
    treasury.functions.setTargets([4_000, 6_000]).transact()
    treasury.functions.setLimits(rules()).transact()
    treasury.functions.seed([WETH, USDC], 60_000 * 10**18).transact()
    treasury.functions.setKeeper(keeper, w3.eth.get_block("latest")["timestamp"] + 86_400).transact()
    return World(w3, treasury, weth, usdc, pair, owner, keeper, stranger)


@pytest.fixture
def world(built: World) -> Iterator[World]:
    provider: Any = built.w3.provider
    snapshot = provider.ethereum_tester.take_snapshot()
    yield built
    provider.ethereum_tester.revert_to_snapshot(snapshot)


def rules(max_slip: int = 100, loss: int = 200, turnover: int = 10_000, cost: int = 10_000, min_drift: int = 0) -> Any:
    """`ITreasury.Limits`: trades of 5 % of NAV, no cooldown, buckets that fill in a day."""
    return (max_slip, loss, turnover, 500, cost, min_drift, 10_000, 10_000, 0, 86_400)


def test_the_encoded_call_runs_and_its_receipt_decodes(world: World) -> None:
    held = world.usdc.functions.balanceOf(world.treasury.address).call()
    receipt = world.send(world.call(world.sell_weth()))
    assert receipt.succeeded
    (fill,) = receipt.fills
    got = world.usdc.functions.balanceOf(world.treasury.address).call() - held
    # Uniswap's formula: the fee is taken from what goes in
    with_fee = fill.amount_in * 997
    assert fill.amount_out == got == with_fee * 100 * USDC // (100 * WETH * 1000 + with_fee)
    assert (fill.token_in, fill.token_out, fill.venue) == (world.weth.address, world.usdc.address, 0)
    assert (fill.amount_in, fill.value_in) == (WETH // 100, 300 * 10**18)
    assert fill.value_out == got * 10**12
    assert receipt.event is not None
    assert (receipt.event.id, receipt.event.keeper, receipt.event.decision) == (1, world.keeper, DECISION)
    assert receipt.event.nav_before == 60_000 * 10**18
    assert receipt.event.loss == fill.value_in - fill.value_out == receipt.event.nav_before - receipt.event.nav_after
    assert receipt.event.te_before == 6_000 * 10**18 > receipt.event.te_after
    assert [(log.token, log.amount) for log in receipt.transfers] == [
        (world.weth.address, fill.amount_in),
        (world.usdc.address, fill.amount_out),
    ]


def test_an_id_executes_once(world: World) -> None:
    call = world.call(world.sell_weth())
    world.send(call)
    assert world.refusal(call) == "BadId: given 1, expected 2"
    assert world.send(world.call(world.sell_weth(), identity=2)).succeeded


def test_refusals_are_told_with_measure_and_limit(world: World) -> None:
    large = world.call(world.sell_weth(share=5))
    assert world.refusal(large) == "TradeTooBig: venue 0, valueIn 6000.000000 USD, maximum 3000.000000 USD"
    greedy = world.call(world.sell_weth(min_out=300 * 10**6))
    assert re.fullmatch(r"MinOut: venue 0, got 299\d{6}, minimum 300000000", world.refusal(greedy))
    assert world.refusal(world.call()) == "EmptyBatch"
    world.treasury.functions.setLimits(rules(max_slip=10)).transact()
    costly = world.refusal(world.call(world.sell_weth()))
    assert re.fullmatch(r"Slippage: venue 0, valueOut 299\.\d{6} USD, minimum 299\.700000 USD", costly)
    world.treasury.functions.setLimits(rules(min_drift=1_500)).transact()
    assert world.refusal(world.call(world.sell_weth())) == "NoDrift: te 6000.000000 USD, minimum 9000.000000 USD"


def test_what_the_core_foresees_is_what_the_treasury_measures(world: World) -> None:
    """To the unit: the outcome, what it takes out of the budgets, and how they fill again."""
    before, _ = world.seen()
    sale = world.sell_weth(share=20)
    reserves = world.pair.functions.getReserves().call()
    weth_first = sale.zero_for_one
    out = v2.amount_out(sale.amount_in, reserves[1 - weth_first], reserves[weth_first], 3_000)
    effect = foresee(before, [Px(3_000 * 10**18), Px(10**30)], [(0, 1, sale.amount_in, out)])

    receipt = world.send(world.call(sale))
    event = receipt.event
    assert event is not None
    assert (event.nav_before, event.nav_after) == (effect.nav_before, effect.nav_after)
    assert (event.turnover, event.loss) == (effect.turnover, effect.loss)
    assert (event.te_before, event.te_after) == (effect.te_before, effect.te_after)
    after, now = world.seen()
    caps = (200 * 10**14, 10_000 * 10**14)
    assert (before.budgets.loss, before.budgets.turnover) == caps
    mined = world.w3.eth.get_block(receipt.block_number)["timestamp"]
    elapsed = now - mined
    for left, share, cap in zip(
        (after.budgets.loss, after.budgets.turnover), (effect.loss_share, effect.turnover_share), caps, strict=True
    ):
        assert left == cap - max(0, share - elapsed * cap // 86_400)


def test_the_treasurys_own_rules_of_a_batch(world: World) -> None:
    """Told with what was wanted, what was left, and in which unit."""
    sale = world.sell_weth(share=20)
    world.send(world.call(sale))
    again = world.call(world.sell_weth(share=20), identity=2)
    world.treasury.functions.setLimits(rules(loss=1)).transact()
    assert re.fullmatch(r"LossBudget: wanted 1\.1\d+ bps of NAV, left 0(\.\d+)? bps of NAV", world.refusal(again)), (
        "1 bp, less what was used of it"
    )
    world.treasury.functions.setLimits(rules(turnover=400)).transact()
    assert re.fullmatch(
        r"TurnoverBudget: wanted 2\d\d(\.\d+)? bps of NAV, left \d+(\.\d+)? bps of NAV", world.refusal(again)
    )
    world.treasury.functions.setLimits(rules(cost=30)).transact()
    assert re.fullmatch(
        r"NoProgress: teBefore \d+\.\d{6} USD, teAfter \d+\.\d{6} USD, loss \d\.\d{6} USD, maximum \d\.\d{6} USD",
        world.refusal(again),
    )
    world.treasury.functions.setLimits(rules(cost=60)).transact()
    assert world.send(again).succeeded


def test_a_pause_stops_and_says_so(world: World) -> None:
    world.treasury.functions.setGuardian(world.stranger).transact()
    world.treasury.functions.pause().transact({"from": world.stranger})
    assert world.refusal(world.call(world.sell_weth())) == "IsPaused"
    world.treasury.functions.unpause().transact()
    assert world.send(world.call(world.sell_weth())).succeeded


def test_a_price_grows_stale(world: World) -> None:
    tester = world.w3.provider.ethereum_tester  # type: ignore[attr-defined]
    tester.time_travel(world.w3.eth.get_block("latest")["timestamp"] + 2 * 86_400)
    tester.mine_block()
    world.treasury.functions.setKeeper(world.keeper, world.w3.eth.get_block("latest")["timestamp"] + 9_000).transact()
    assert world.refusal(world.call(world.sell_weth())).startswith(
        f"StalePrice: token {world.weth.address}, updatedAt "
    )


@pytest.mark.parametrize(
    ("function", "arguments", "error"),
    [
        ("setTargets", [[5_000, 5_000]], "NotWeigher"),
        ("pause", [], "NotGuardian"),
        ("setLimits", [rules()], "OwnableUnauthorizedAccount"),
        ("setKeeper", ["0x" + "11" * 20, 1], "OwnableUnauthorizedAccount"),
        ("seed", [[1, 1], 1], "OwnableUnauthorizedAccount"),
    ],
)
def test_the_keeper_can_do_nothing_else(world: World, function: str, arguments: list[Any], error: str) -> None:
    data = bytes.fromhex(world.treasury.encode_abi(function, args=arguments)[2:])
    told = world.refusal(Call(Address(world.treasury.address), data, 0, Timestamp(0)))
    assert re.fullmatch(rf"{error}: (caller|account) {world.keeper}", told)


def test_only_the_keeper_rebalances(world: World) -> None:
    call = world.call(world.sell_weth())
    for sender in (world.owner, world.stranger):
        assert world.refusal(call, sender) == f"NotKeeper: caller {sender}, until 0"
    world.treasury.functions.revokeKeeper(world.keeper).transact()
    assert world.refusal(call).startswith(f"NotKeeper: caller {world.keeper}, until ")


def test_the_deployed_lens_says_what_the_treasury_says(world: World) -> None:
    lens = deploy(world.w3, artifact("Lens"))
    at = world.treasury.address
    feed = world.treasury.functions.snapshot().call()[9][0][1]
    data = lens.encode_abi("observe", args=[[(at, world.keeper), (world.pair.address, world.keeper)], feed])
    raw = bytes(world.w3.eth.call({"to": lens.address, "data": data, "gas": 29_000_000}))
    block = world.w3.eth.get_block("latest")

    answer = read_observation(raw, [Address(at), Address(world.pair.address)], {Address(world.weth.address): "WETH"})

    assert answer.chain_id == world.w3.eth.chain_id
    assert answer.timestamp >= block["timestamp"]
    assert answer.native is not None
    assert (answer.native.answer, answer.native.decimals) == (3_000 * 10**FEED_DECIMALS, FEED_DECIMALS)
    treasury, not_one = answer.treasuries
    assert not_one is None
    assert treasury is not None
    assert treasury.owner == world.owner
    assert treasury.keeper_until == world.treasury.functions.keeperUntil(world.keeper).call()
    assert treasury.keeper_balance == world.w3.eth.get_balance(world.keeper)
    assert treasury.total_supply == 60_000 * 10**18
    assert [(a.symbol, a.decimals, a.balance, a.target) for a in treasury.assets] == [
        ("WETH", 18, WETH, 4_000),
        ("", 6, USDC, 6_000),
    ]
    assert treasury.limits == Limits(*rules())
    assert treasury.budgets == Budgets(*world.treasury.functions.budgets().call())
    (venue,) = treasury.venues
    assert venue.state == V2State(*world.pair.functions.getReserves().call()[:2])
    assert treasury.assets[venue.asset0].token == world.pair.functions.token0().call()
