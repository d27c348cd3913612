"""Checks the keeper's books against the chain, with nothing of the keeper's code: amounts, status, gas, drift."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

from eth_utils.address import to_checksum_address
from eth_utils.crypto import keccak

from scripts.localchain import tokens
from scripts.localchain.books import SwapRow
from scripts.localchain.config import FEED_DECIMALS
from scripts.localchain.fund import Treasury
from scripts.localchain.node import Node

_TRANSFER = "0x" + keccak(text="Transfer(address,address,uint256)").hex()
Movement = tuple[str, int]  # token, base units


@dataclass(frozen=True, slots=True)
class Rebalanced:
    """A transaction of the keeper, and how far the weights were off just before and after it (largest, of 1)."""

    tx_hash: str
    block: int
    drift_before: Fraction
    drift_after: Fraction


def rebalances(node: Node, treasury: Treasury, swaps: Sequence[SwapRow]) -> list[Rebalanced]:
    """One for every transaction in the books, in order."""
    blocks = {swap.tx_hash: swap.block for swap in swaps if swap.block is not None}
    return [
        Rebalanced(tx_hash, block, largest_drift(node, treasury, block - 1), largest_drift(node, treasury, block))
        for tx_hash, block in blocks.items()
    ]


def largest_drift(node: Node, treasury: Treasury, block: int) -> Fraction:
    """Greatest `|value - target| / target` of all assets with a target, at one block, by the treasury's feeds."""
    at = hex(block)
    prices = tokens.prices(node, treasury.tokens, at)
    amounts = tokens.balances_of(node, treasury.tokens, treasury.address, at)
    values = {
        token.symbol: Fraction(amount, 10**token.spec.decimals) * Fraction(prices[token.symbol])
        for token, amount in zip(treasury.tokens, amounts, strict=True)
    }
    nav = sum(values.values(), Fraction(0))
    aims = {symbol: nav * bps / 10_000 for symbol, bps in treasury.spec.targets.items() if bps}
    return max(abs(values[symbol] / aim - 1) for symbol, aim in aims.items())


def nav(node: Node, treasury: Treasury) -> Fraction:
    """USD by the feeds, computed here and not asked of the treasury: it refuses when a feed is old."""
    prices = tokens.prices(node, treasury.tokens)
    amounts = tokens.balances_of(node, treasury.tokens, treasury.address)
    return sum(
        (
            Fraction(amount, 10**token.spec.decimals) * Fraction(prices[token.symbol])
            for token, amount in zip(treasury.tokens, amounts, strict=True)
        ),
        Fraction(0),
    ).limit_denominator(10**FEED_DECIMALS)


def faults(node: Node, treasury: Treasury, swaps: Sequence[SwapRow]) -> list[str]:
    """Everything in which books and chain differ, a line each; empty when they agree to the last unit."""
    by_transaction: dict[str, list[SwapRow]] = defaultdict(list)
    for swap in swaps:
        by_transaction[swap.tx_hash].append(swap)
    receipts = node.rpc.batch([("eth_getTransactionReceipt", [tx_hash]) for tx_hash in by_transaction])
    return [
        f"{tx_hash}: {fault}"
        for (tx_hash, rows), receipt in zip(by_transaction.items(), receipts, strict=True)
        for fault in _differences(receipt, rows, treasury.address)
    ]


def _differences(receipt: dict[str, Any] | None, rows: Sequence[SwapRow], treasury: str) -> Iterable[str]:
    if receipt is None:
        yield "in the books, not on the chain"
        return
    if int(receipt["status"], 16) != 1:
        yield "reverted"
    for row in rows:
        if row.status != "completed":
            yield f"a swap of {row.token_in} is {row.status}"
        written = (row.block, row.gas_used, row.gas_price_wei)
        if written != (real := tuple(int(receipt[k], 16) for k in ("blockNumber", "gasUsed", "effectiveGasPrice"))):
            yield f"block, gas and gas price are {written} in the books, {real} in the receipt"
    paid, got = transfers(receipt, treasury)
    for side, written_side, real_side in (
        ("paid", [(row.token_in, row.amount_in) for row in rows], paid),
        ("got", [(row.token_out, row.amount_out) for row in rows], got),
    ):
        if written_side != real_side:
            yield f"{side} {written_side} by the books, {real_side} by the Transfer logs"


def transfers(receipt: dict[str, Any], treasury: str) -> tuple[list[Movement], list[Movement]]:
    """What left and what reached the treasury, in order, by the tokens' own logs."""
    paid: list[Movement] = []
    got: list[Movement] = []
    for log in receipt["logs"]:
        if log["topics"][0] != _TRANSFER or len(log["topics"]) != 3:
            continue
        sender, recipient = (to_checksum_address(topic[-40:]) for topic in log["topics"][1:])
        movement = (to_checksum_address(log["address"]), int(log["data"], 16))
        if sender == treasury:
            paid.append(movement)
        if recipient == treasury:
            got.append(movement)
    return paid, got
