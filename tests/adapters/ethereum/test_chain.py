"""Rehearse, send, receive, against a real node with the real Uniswap."""

import asyncio
import re
from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest
from eth_account import Account as Accounts

from keeper.adapters.ethereum.chain import EthereumChain
from keeper.adapters.ethereum.codec import AbiCodec
from keeper.adapters.ethereum.signer import LocalSigner
from keeper.core.ledger import Call, Receipt
from keeper.core.model import Block, Fund, PlannedSwap, Treasury
from keeper.core.replies import ReplyKind
from keeper.core.units import Address, BaseUnits, Hash32, Timestamp, UsdE18, Wei
from keeper.ports import Account, Reply, SignedTransaction, Simulated, SimulatedRevert
from scripts.localchain import accounts
from scripts.localchain.chain import LocalChain
from scripts.localchain.node import Tx
from scripts.localchain.tokens import set_answer

pytestmark = [pytest.mark.adapter, pytest.mark.xdist_group("ethereum")]

DECISION = Hash32("0x" + "d1" * 32)
GWEI = 10**9
ACCEPTED = Reply("accepted", ReplyKind.ACCEPTED)
KEEPER = LocalSigner.from_raw_key("0x" + accounts.keeper_key().key.hex(), 31337)


def orders(treasury: Treasury, count: int = 1) -> list[PlannedSwap]:
    """Sells a hundredth of what each of the first `count` venues trades against USDC, of which the funds lack some."""
    found = []
    for venue in treasury.venues[:count]:
        forward = treasury.assets[venue.asset1].symbol == "USDC"
        asset_in, asset_out = (venue.asset0, venue.asset1) if forward else (venue.asset1, venue.asset0)
        sold = treasury.assets[asset_in]
        assert treasury.assets[asset_out].symbol == "USDC"
        assert sold.balance is not None
        found.append(
            PlannedSwap(
                venue=venue.index,
                zero_for_one=forward,
                asset_in=asset_in,
                asset_out=asset_out,
                amount_in=BaseUnits(sold.balance // 100),
                expected_out=BaseUnits(0),
                min_out=BaseUnits(1),
                value_in=UsdE18(0),
                value_out=UsdE18(0),
                fee_pips=venue.fee_pips,
                impact=Decimal(0),
            )
        )
    return found


async def look(chain: EthereumChain, fund: Fund) -> tuple[Block, Treasury]:
    head = await chain.head()
    (treasury,) = (await chain.observe(head, [fund])).treasuries
    assert treasury is not None
    return head, treasury


def encode(treasury: Treasury, head: Block, swaps: list[PlannedSwap], **changes: Any) -> Call:
    given: dict[str, Any] = {"treasury_id": treasury.last_id + 1, "deadline": Timestamp(head.timestamp + 600)}
    given |= changes
    return AbiCodec().rebalance(treasury.address, swaps, decision=DECISION, **given)


def signed(call: Call, account: Account, gas: int, **changes: Any) -> SignedTransaction:
    given: dict[str, Any] = {"nonce": account.nonce, "max_fee": Wei(100 * GWEI), "max_tip": Wei(GWEI)}
    return KEEPER.sign(call, gas_limit=gas, chain_id=31337, **given | changes)


async def test_a_rebalance_from_rehearsal_to_receipt(chain: EthereumChain, funds: list[Fund]) -> None:
    head, before = await look(chain, funds[0])
    asked = chain.requests
    swaps = orders(before, 4)
    call = encode(before, head, swaps)
    simulated, account = await chain.rehearse(call, KEEPER.address, head)
    assert chain.requests == asked + 1
    assert isinstance(simulated, Simulated)
    assert account == await chain.account(KEEPER.address)
    assert account.nonce == account.pending_nonce
    assert account.balance == before.keeper_balance
    assert account.tip > 0

    transaction = signed(call, account, simulated.gas * 12 // 10)
    assert await chain.send(transaction.raw) == ACCEPTED
    receipt = await mined_receipt(chain, transaction.hash, before.address)
    assert receipt.succeeded
    assert receipt.revert_reason is None
    assert 21_000 < receipt.gas_used <= simulated.gas
    assert receipt.l1_fee is None
    mined = await chain.block(receipt.block_number)
    assert mined is not None
    assert (mined.hash, mined.parent_hash) == (receipt.block_hash, head.hash)
    assert receipt.effective_gas_price == mined.base_fee + GWEI

    _, after = await look(chain, funds[0])
    check_fills(receipt, before, after, swaps)
    assert after.last_id == before.last_id + 1
    assert receipt.event is not None
    assert (receipt.event.id, receipt.event.keeper, receipt.event.decision) == (after.last_id, KEEPER.address, DECISION)
    assert receipt.event.turnover == sum(fill.value_in for fill in receipt.fills)
    assert receipt.event.nav_after < receipt.event.nav_before
    assert (await chain.account(KEEPER.address)).nonce == account.nonce + 1


async def mined_receipt(chain: EthereumChain, tx_hash: Hash32, treasury: Address) -> Receipt:
    """A node takes bytes first and mines them a moment later, whatever its mining mode."""
    async with asyncio.timeout(20):
        while (receipt := (await chain.receipts([tx_hash], treasury))[0]) is None:
            await asyncio.sleep(0.01)
    return receipt


def check_fills(receipt: Receipt, before: Treasury, after: Treasury, swaps: list[PlannedSwap]) -> None:
    """What the treasury says moved is what the tokens say moved, and what the balances became."""
    at = before.address
    assert [fill.venue for fill in receipt.fills] == [swap.venue for swap in swaps]
    assert [fill.amount_in for fill in receipt.fills] == [swap.amount_in for swap in swaps]
    outgoing = [(log.token, log.amount) for log in receipt.transfers if log.sender == at]
    incoming = [(log.token, log.amount) for log in receipt.transfers if log.recipient == at]
    assert outgoing == [(fill.token_in, fill.amount_in) for fill in receipt.fills]
    assert incoming == [(fill.token_out, fill.amount_out) for fill in receipt.fills]
    assert all(at in (log.sender, log.recipient) for log in receipt.transfers)
    for old, new in zip(before.assets, after.assets, strict=True):
        moved = sum(amount for token, amount in incoming if token == old.token)
        moved -= sum(amount for token, amount in outgoing if token == old.token)
        assert old.balance is not None
        assert new.balance == old.balance + moved


REFUSED: dict[str, tuple[dict[str, Any], dict[str, Any], str, str]] = {
    "min out": ({"min_out": BaseUnits(2**111)}, {}, "MinOut", rf"MinOut: venue 0, got \d+, minimum {2**111}"),
    "no such venue": ({"venue": 500}, {}, "BadVenue", "BadVenue: venue 500"),
    "id used": ({}, {"treasury_id": 0}, "BadId", "BadId: given 0, expected 1"),
    "too late": ({}, {"deadline": Timestamp(5)}, "Expired", r"Expired: timestamp \d+, deadline 5"),
}


@pytest.mark.parametrize("case", REFUSED.values(), ids=REFUSED.keys())
async def test_what_the_treasury_would_refuse_is_told_with_measure_and_limit(
    chain: EthereumChain, funds: list[Fund], case: tuple[dict[str, Any], dict[str, Any], str, str]
) -> None:
    of_swap, of_call, guard, detail = case
    head, treasury = await look(chain, funds[1])
    call = encode(treasury, head, [replace(orders(treasury)[0], **of_swap)], **of_call)
    refused, account = await chain.rehearse(call, KEEPER.address, head)
    assert isinstance(refused, SimulatedRevert)
    assert refused.guard == guard
    assert re.fullmatch(detail, refused.detail)
    assert account.balance > 0


async def test_a_stranger_is_refused_by_name(chain: EthereumChain, funds: list[Fund]) -> None:
    head, treasury = await look(chain, funds[1])
    stranger = Address(Accounts.create().address)
    refused, account = await chain.rehearse(encode(treasury, head, orders(treasury)), stranger, head)
    assert refused == SimulatedRevert("NotKeeper", f"NotKeeper: caller {stranger}, until 0")
    assert account == replace(account, nonce=0, pending_nonce=0, balance=Wei(0))


async def test_slippage_is_told_in_dollars(local: LocalChain, chain: EthereumChain, funds: list[Fund]) -> None:
    weth = local.deployment.token("WETH")
    local.node.execute([set_answer(weth, Decimal(4_000))])
    head, treasury = await look(chain, funds[1])
    refused, _ = await chain.rehearse(encode(treasury, head, orders(treasury)), KEEPER.address, head)
    assert isinstance(refused, SimulatedRevert)
    assert refused.detail.startswith("Slippage: venue 0, valueOut ")
    assert refused.detail.endswith(" USD")


async def test_the_rehearsal_is_of_its_block_even_when_newer_ones_came(
    local: LocalChain, chain: EthereumChain, funds: list[Fund]
) -> None:
    head, treasury = await look(chain, funds[1])
    call = encode(treasury, head, orders(treasury))
    at = funds[1].treasury
    local.node.execute([Tx.call("appoint", accounts.OWNER, at, "setGuardian(address)", accounts.GUARDIAN)])
    local.node.execute([Tx.call("pause", accounts.GUARDIAN, at, "pause()")])
    then, _ = await chain.rehearse(call, KEEPER.address, head)
    assert isinstance(then, Simulated)
    now, _ = await chain.rehearse(call, KEEPER.address, await chain.head())
    assert now == SimulatedRevert("IsPaused", "IsPaused")


async def test_a_reverted_transaction_says_why(chain: EthereumChain, funds: list[Fund]) -> None:
    head, treasury = await look(chain, funds[1])
    call = encode(treasury, head, orders(treasury), treasury_id=9)
    transaction = signed(call, await chain.account(KEEPER.address), 500_000)
    assert await chain.send(transaction.raw) == ACCEPTED
    receipt = await mined_receipt(chain, transaction.hash, treasury.address)
    assert not receipt.succeeded
    assert receipt.revert_reason == "BadId: given 9, expected 1"
    assert (receipt.fills, receipt.event, receipt.transfers) == ((), None, ())


async def test_out_of_gas_is_told(chain: EthereumChain, funds: list[Fund]) -> None:
    head, treasury = await look(chain, funds[1])
    transaction = signed(encode(treasury, head, orders(treasury)), await chain.account(KEEPER.address), 60_000)
    assert await chain.send(transaction.raw) == ACCEPTED
    receipt = await mined_receipt(chain, transaction.hash, treasury.address)
    assert not receipt.succeeded
    assert receipt.revert_reason == "OutOfGas: the call needs more gas than it was given"


async def test_replies_to_sending_are_told_as_they_are(
    local: LocalChain, chain: EthereumChain, funds: list[Fund]
) -> None:
    local.node.mine_every(0)
    head, treasury = await look(chain, funds[1])
    account = await chain.account(KEEPER.address)
    transaction = signed(encode(treasury, head, orders(treasury)), account, 500_000)
    assert await chain.send(transaction.raw) == ACCEPTED
    assert await chain.receipts([transaction.hash], treasury.address) == [None]
    assert (await chain.account(KEEPER.address)).pending_nonce == account.nonce + 1
    assert await chain.send(transaction.raw) == Reply("error: transaction already imported", ReplyKind.KNOWN)
    local.node.mine()
    late = await chain.send(transaction.raw)
    assert late.text.startswith("error: nonce too low")
    assert late.kind is ReplyKind.NONCE_LOW
    broken = await chain.send(b"\x02\xc0")
    assert broken.text.startswith("error: ")
    assert broken.kind is ReplyKind.FATAL
    assert (await mined_receipt(chain, transaction.hash, treasury.address)).succeeded


async def test_a_cancellation_has_a_receipt_too(local: LocalChain, chain: EthereumChain, funds: list[Fund]) -> None:
    """A transfer of nothing to oneself, asked for together with the trade whose nonce it took."""
    local.node.mine_every(0)
    head, treasury = await look(chain, funds[1])
    account = await chain.account(KEEPER.address)
    trade = signed(encode(treasury, head, orders(treasury)), account, 500_000)
    nothing = Call(KEEPER.address, b"", 0, Timestamp(0))
    cancel = signed(nothing, account, 21_000, max_fee=Wei(200 * GWEI), max_tip=Wei(2 * GWEI))
    assert await chain.send(trade.raw) == ACCEPTED
    assert await chain.send(cancel.raw) == ACCEPTED
    local.node.mine()
    await mined_receipt(chain, cancel.hash, treasury.address)
    gone, receipt = await chain.receipts([trade.hash, cancel.hash], treasury.address)
    assert gone is None
    assert receipt is not None
    assert receipt.succeeded
    assert (receipt.gas_used, receipt.fills, receipt.event, receipt.transfers) == (21_000, (), None, ())


async def test_a_nonce_is_spent_elsewhere_once_that_is_final_and_no_hash_has_a_receipt(
    local: LocalChain, chain: EthereumChain, funds: list[Fund]
) -> None:
    account = await chain.account(KEEPER.address)
    foreign = signed(Call(KEEPER.address, b"", 0, Timestamp(0)), account, 21_000)
    ours = Hash32("0x" + "77" * 32)
    assert await chain.send(foreign.raw) == ACCEPTED
    await mined_receipt(chain, foreign.hash, funds[1].treasury)
    assert not await chain.spent_elsewhere(KEEPER.address, account.nonce, [ours])
    for _ in range(3):
        local.node.mine()
    assert await chain.spent_elsewhere(KEEPER.address, account.nonce, [ours])
    assert not await chain.spent_elsewhere(KEEPER.address, account.nonce, [ours, foreign.hash])
    assert not await chain.spent_elsewhere(KEEPER.address, account.nonce + 1, [ours])
    async with EthereumChain(local.url, 31337, finality=50) as deep:
        assert not await deep.spent_elsewhere(KEEPER.address, account.nonce, [ours])
    async with EthereumChain(local.url, 31337, finality=1) as shallow:
        assert await shallow.spent_elsewhere(KEEPER.address, account.nonce, [ours])
        assert await shallow.finalized() == (await shallow.head()).number - 1


async def test_heads_blocks_and_finality(local: LocalChain, chain: EthereumChain) -> None:
    head = await chain.head()
    assert await chain.block(head.number) == head
    assert await chain.block(head.number + 1) is None
    before = chain.rpc.requests
    assert await chain.blocks_at([head.number + 1, head.number, head.number]) == {
        head.number: head,
        head.number + 1: None,
    }
    assert chain.rpc.requests == before + 1
    assert await chain.blocks_at([]) == {}
    local.node.mine()
    after = await chain.head()
    assert (after.number, after.parent_hash) == (head.number + 1, head.hash)
    assert after.timestamp >= head.timestamp
    assert await chain.finalized() == after.number - 2


async def test_what_a_doctor_asks(chain: EthereumChain, funds: list[Fund]) -> None:
    assert await chain.chain_id() == 31337
    assert len(await chain.code_at(funds[0].treasury)) > 1_000
    assert await chain.code_at(KEEPER.address) == b""


async def test_a_trading_cycle_takes_few_requests(chain: EthereumChain, funds: list[Fund]) -> None:
    await look(chain, funds[1])
    before = chain.requests
    head, treasury = await look(chain, funds[1])
    call = encode(treasury, head, orders(treasury))
    simulated, account = await chain.rehearse(call, KEEPER.address, head)
    assert isinstance(simulated, Simulated)
    await chain.send(signed(call, account, simulated.gas * 2).raw)
    assert chain.requests - before == 4
