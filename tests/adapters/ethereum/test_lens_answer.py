"""The fast reader of the Lens's answer agrees with eth_abi, the slow one, on anything the ABI can say."""

from typing import Any

import pytest
from eth_abi.abi import decode, encode
from eth_utils.abi import get_abi_output_types
from eth_utils.address import to_checksum_address
from hypothesis import given
from hypothesis import strategies as st

from keeper.adapters.ethereum.abi import artifact
from keeper.adapters.ethereum.lens_answer import read_observation, read_symbols
from keeper.adapters.ethereum.wire import Malformed
from keeper.core.model import Asset, FeedAnswer, Treasury, V2State, V2Sums, V3State, V3Sums, Venue
from keeper.core.units import Address

pytestmark = pytest.mark.property

ENTRY = artifact("Lens").entry("function", "observe")
TYPES = get_abi_output_types(ENTRY)  # type: ignore[arg-type]


def uint(bits: int) -> st.SearchStrategy[int]:
    return st.integers(0, 2**bits - 1)


ADDRESSES = st.binary(min_size=20, max_size=20).map(to_checksum_address)
BOOLS = st.booleans()
SIGNED = st.integers(-(2**255), 2**255 - 1)
FEEDS = st.tuples(BOOLS, uint(8), SIGNED, uint(256))
LIMITS = st.tuples(*[uint(16)] * 8, uint(32), uint(32))
BUDGETS = st.tuples(uint(256), uint(256), uint(256))
ASSETS = st.tuples(
    ADDRESSES, ADDRESSES, uint(8), uint(8), uint(32), uint(16), BOOLS, BOOLS, uint(128), uint(128),
    BOOLS, uint(256), BOOLS, SIGNED, uint(256), st.binary(min_size=32, max_size=32),
)  # fmt: skip
VENUES = st.tuples(
    ADDRESSES, st.integers(0, 3), uint(8), uint(8), uint(24), BOOLS, ADDRESSES, BOOLS, uint(256), uint(256), uint(256),
    BOOLS, uint(256), uint(256),
)  # fmt: skip
FUNDS = st.tuples(
    ADDRESSES, BOOLS, ADDRESSES, ADDRESSES, ADDRESSES, uint(64), uint(256), BOOLS, uint(64), uint(64), uint(256),
    st.one_of(st.just("0x" + "00" * 20), ADDRESSES), BOOLS, SIGNED, uint(256),
    LIMITS, BUDGETS, st.lists(ASSETS, max_size=4), st.lists(VENUES, max_size=4),
)  # fmt: skip
ANSWERS = st.tuples(uint(64), uint(64), uint(64), FEEDS, st.lists(FUNDS, max_size=3))


def as_abi(treasury: Treasury | None, words: Any) -> Any:
    """A treasury back in the form that eth_abi gives, so far as our nouns keep it: what is not kept is taken as is."""
    if treasury is None:
        return (words[0], False, *words[2:])
    limits = treasury.limits
    return (
        treasury.address.lower(), True, treasury.owner.lower(), treasury.guardian.lower(), treasury.weigher.lower(),
        treasury.keeper_until, treasury.keeper_balance, treasury.paused, treasury.last_id, treasury.last_rebalance,
        treasury.total_supply, *sequencer_as_abi(treasury, words),
        (limits.max_slip, limits.loss_cap, limits.turnover_cap, limits.per_trade, limits.max_cost, limits.min_drift,
         limits.max_weight, limits.shift_cap, limits.cooldown_seconds, limits.window_seconds),
        (treasury.budgets.loss, treasury.budgets.turnover, treasury.budgets.shift),
        tuple(asset_as_abi(a, w) for a, w in zip(treasury.assets, words[17], strict=True)),
        tuple(venue_as_abi(v, w) for v, w in zip(treasury.venues, words[18], strict=True)),
    )  # fmt: skip


def sequencer_as_abi(treasury: Treasury, words: Any) -> Any:
    state = treasury.sequencer
    if state is None:
        assert int(words[11], 16) == 0
        return words[11:15]
    assert (state.answer is None) == (state.since is None) == (not words[12])
    return (state.feed.lower(), words[12], words[13] if state.answer is None else state.answer,
            words[14] if state.since is None else state.since)  # fmt: skip


def asset_as_abi(asset: Asset, words: Any) -> Any:
    assert (asset.balance is None) == (not words[10])
    assert (asset.answer is None) == (not words[12])
    answer = asset.answer or FeedAnswer(words[13], words[3], words[14])
    return (
        asset.token.lower(), asset.feed.lower(), asset.decimals, answer.decimals, asset.max_age_seconds, asset.target,
        asset.buyable, asset.retired, asset.min_answer, asset.max_answer, words[10],
        words[11] if asset.balance is None else asset.balance, words[12], answer.answer, answer.updated_at,
        bytes.fromhex(asset.code_hash[2:]),
    )  # fmt: skip


def venue_as_abi(venue: Venue, words: Any) -> Any:
    assert (venue.state is None) == (not words[7])
    match venue.state:
        case None:
            state = words[8:11]
        case V2State(reserve0, reserve1):
            assert words[1] in (0, 2)
            state = (reserve0, reserve1, words[10])
        case V3State(price, tick, liquidity):
            assert words[1] in (1, 3)
            state = (price, tick % 2**256, liquidity)
    return (
        venue.target.lower(), int(venue.kind), venue.asset0, venue.asset1, venue.fee_pips, venue.enabled,
        venue.pool.lower(), words[7], *state, *sums_as_abi(venue, words),
    )  # fmt: skip


def sums_as_abi(venue: Venue, words: Any) -> Any:
    """Of a pool that did not answer its sums say nothing."""
    assert (venue.sums is None) == (not (words[7] and words[11]))
    match venue.sums:
        case None:
            return words[11:]
        case V2Sums(price0, price1, at):
            assert words[1] in (0, 2)
            assert at == words[10]
            return (True, price0, price1)
        case V3Sums(then, now):
            assert words[1] in (1, 3)
            return (True, then % 2**256, now % 2**256)


@given(ANSWERS)
def test_words_and_eth_abi_read_the_same(values: Any) -> None:
    raw = encode(TYPES, values)
    chain_id, number, timestamp, native, funds = decode(TYPES, raw)
    asked = [Address(to_checksum_address(fund[0])) for fund in funds]

    answer = read_observation(raw, asked, {})

    assert (answer.chain_id, answer.block_number, answer.timestamp) == (chain_id, number, timestamp)
    assert answer.native == (FeedAnswer(native[2], native[1], native[3]) if native[0] else None)
    assert tuple(as_abi(t, f) for t, f in zip(answer.treasuries, funds, strict=True)) == funds
    for treasury in answer.treasuries:
        if treasury:
            assert [asset.index for asset in treasury.assets] == list(range(len(treasury.assets)))
            assert [venue.index for venue in treasury.venues] == list(range(len(treasury.venues)))


@given(ANSWERS, st.data())
def test_a_damaged_answer_is_refused_or_read_but_never_breaks(values: Any, data: st.DataObject) -> None:
    raw = bytearray(encode(TYPES, values))
    asked = [Address(to_checksum_address(fund[0])) for fund in values[4]]
    for _ in range(data.draw(st.integers(1, 3))):
        raw[data.draw(st.integers(0, len(raw) - 1))] ^= data.draw(st.integers(1, 255))
    cut = data.draw(st.integers(0, len(raw)))
    for damaged in (bytes(raw), bytes(raw[:cut])):
        try:
            read_observation(damaged, asked, {})
        except Malformed:
            continue


@given(ANSWERS)
def test_an_answer_cut_short_is_refused(values: Any) -> None:
    raw = encode(TYPES, values)
    asked = [Address(to_checksum_address(fund[0])) for fund in values[4]]
    with pytest.raises(Malformed):
        read_observation(raw[:-1], asked, {})
    if values[4] and values[4][-1][1]:  # of a treasury that did not answer, the lists are not read
        with pytest.raises(Malformed):
            read_observation(raw[:-32], asked, {})


def test_treasuries_that_were_not_asked_for_are_refused() -> None:
    first, second = (Address(to_checksum_address(bytes([n]) * 20)) for n in (1, 2))
    fund = (first, False, *[first] * 3, 0, 0, False, 0, 0, 0, first, False, 0, 0, (0,) * 10, (0,) * 3, [], [])
    raw = encode(TYPES, (1, 2, 3, (False, 0, 0, 0), [fund]))
    assert read_observation(raw, [first], {}).treasuries == (None,)
    for asked in ([second], [], [first, second]):
        with pytest.raises(Malformed, match="other treasuries"):
            read_observation(raw, asked, {})


def test_symbols_are_printable_short_and_never_empty() -> None:
    tokens = [Address(to_checksum_address(bytes([n]) * 20)) for n in range(1, 7)]
    told = [b"WETH", b"", b"\x1b[31mRED\n", b"\xff\xfeDAI", b"A" * 200, "US₮".encode()]
    raw = encode(["(bool,uint8,bytes,bytes32)[]"], [[(True, 18, symbol, bytes(32)) for symbol in told]])
    symbols = read_symbols(raw, tokens)
    assert list(symbols.values()) == ["WETH", "0x020202...", "[31mRED", "��DAI", "A" * 16, "US₮"]
    with pytest.raises(Malformed):
        read_symbols(raw, tokens[:-1])
    with pytest.raises(Malformed):
        read_symbols(raw[:-40], tokens)
