"""The Lens's answer read word by word: `ILens.observe` and `ILens.tokens` into our nouns.

eth_abi takes five times as long, before a noun is built; a test holds the two equal. Offsets and layout are the ABI
encoding of `ILens`: every struct inside an array is static, so only funds, their assets and their venues are found by
an offset.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from struct import iter_unpack
from typing import Final, TypeAlias

from eth_abi.abi import decode
from eth_abi.exceptions import DecodingError

from keeper.adapters.ethereum import wire
from keeper.adapters.ethereum.wire import Malformed
from keeper.core.model import (
    Asset,
    Budgets,
    FeedAnswer,
    Limits,
    SequencerAnswer,
    Treasury,
    V2State,
    V2Sums,
    V3State,
    V3Sums,
    Venue,
    VenueKind,
)
from keeper.core.units import Address, BaseUnits, Bps, Hash32, Timestamp, Wei

WORD: Final = 32
_BEFORE_LIMITS: Final = 15
_LIMIT_WORDS: Final = 10
_BUDGET_WORDS: Final = 3
_FUND_WORDS: Final = _BEFORE_LIMITS + _LIMIT_WORDS + _BUDGET_WORDS + 2
_ASSET_WORDS: Final = 16
_VENUE_WORDS: Final = 14
_SYMBOL_LENGTH: Final = 16
_V2: Final = frozenset({VenueKind.V2_PAIR, VenueKind.V2_ROUTER})
_KINDS: Final = {int(kind): kind for kind in VenueKind}

_Met: TypeAlias = dict[tuple[int, bytes], Venue]
"""Of one answer, by place in a fund's list and words: funds share pools, and what was read is not read again."""


@dataclass(frozen=True, slots=True)
class LensAnswer:
    """One answer: where it was computed, and what was seen. A treasury that did not answer is None."""

    chain_id: int
    block_number: int
    timestamp: int
    native: FeedAnswer | None
    treasuries: tuple[Treasury | None, ...]


def read_observation(raw: bytes, asked: Sequence[Address], symbols: Mapping[Address, str]) -> LensAnswer:
    """The answer for the treasuries `asked`. A token that `symbols` does not name gets "". Raises Malformed."""
    try:
        if len(raw) % WORD:
            raise Malformed("a Lens answer that is not made of words")
        chain_id, number, timestamp, ok, decimals, answer, updated_at, funds_at = _slice(raw, 0, 8)
        native = FeedAnswer(_signed(answer), decimals, Timestamp(updated_at)) if ok else None
        treasuries = _funds(raw, funds_at, symbols)
    except (OverflowError, KeyError):
        raise Malformed("a Lens answer with a value out of its range") from None
    if [address for address, _ in treasuries] != list(asked):
        raise Malformed("a Lens answer for other treasuries")
    return LensAnswer(chain_id, number, timestamp, native, tuple(treasury for _, treasury in treasuries))


def read_symbols(raw: bytes, tokens: Sequence[Address]) -> dict[Address, str]:
    """What the tokens call themselves, fit to be printed; one that does not say is named by its address."""
    try:
        # `bytes` where the ABI says `string`: one token whose symbol is no UTF-8 must not cost the others theirs.
        (states,) = decode(["(bool,uint8,bytes,bytes32)[]"], raw)
    except DecodingError:
        raise Malformed("symbols that do not decode") from None
    if len(states) != len(tokens):
        raise Malformed("symbols of other tokens")
    return {token: _symbol(state[2], token) for token, state in zip(tokens, states, strict=True)}


def _funds(raw: bytes, at: int, symbols: Mapping[Address, str]) -> list[tuple[Address, Treasury | None]]:
    (count,) = _slice(raw, at, 1)
    heads, met = at + WORD, dict[tuple[int, bytes], Venue]()
    return [_fund(raw, heads + offset, symbols, met) for offset in _slice(raw, heads, count)]


def _fund(raw: bytes, at: int, symbols: Mapping[Address, str], met: _Met) -> tuple[Address, Treasury | None]:
    head = _slice(raw, at, _FUND_WORDS)
    (treasury, ok, owner, guardian, weigher, keeper_until, keeper_balance, paused, last_id, last_rebalance,
     total_supply, uptime_feed, uptime_ok, uptime_answer, uptime_since) = head[:_BEFORE_LIMITS]  # fmt: skip
    limits, (*budgets, assets_at, venues_at) = head[_BEFORE_LIMITS:-5], head[-5:]
    address = _address(treasury)
    if not ok:
        return address, None
    return address, Treasury(
        address=address,
        owner=_address(owner),
        guardian=_address(guardian),
        weigher=_address(weigher),
        keeper_until=Timestamp(keeper_until),
        keeper_balance=Wei(keeper_balance),
        paused=bool(paused),
        last_id=last_id,
        last_rebalance=Timestamp(last_rebalance),
        total_supply=total_supply,
        limits=Limits(*map(Bps, limits[:-2]), *limits[-2:]),
        budgets=Budgets(*budgets),
        assets=_assets(raw, at + assets_at, symbols),
        venues=_venues(raw, at + venues_at, met),
        sequencer=_sequencer(uptime_feed, uptime_ok, uptime_answer, uptime_since),
    )


def _sequencer(feed: int, ok: int, answer: int, since: int) -> SequencerAnswer | None:
    """None where the treasury has none. `since` of a feed that lies may be any of 256 bits."""
    if not feed:
        return None
    return SequencerAnswer(_address(feed), _signed(answer) if ok else None, Timestamp(since) if ok else None)


def _assets(raw: bytes, at: int, symbols: Mapping[Address, str]) -> tuple[Asset, ...]:
    (count,) = _slice(raw, at, 1)
    starts = range(at + WORD, at + WORD + count * _ASSET_WORDS * WORD, _ASSET_WORDS * WORD)
    return tuple(_asset(_slice(raw, start, _ASSET_WORDS), index, symbols) for index, start in enumerate(starts))


def _asset(words: list[int], index: int, symbols: Mapping[Address, str]) -> Asset:
    (token, feed, token_decimals, feed_decimals, max_age, target, buyable, retired, min_price,
     max_price, balance_ok, balance, feed_ok, answer, updated_at, codehash) = words  # fmt: skip
    address = _address(token)
    return Asset(
        index=index,
        token=address,
        symbol=symbols.get(address, ""),
        decimals=token_decimals,
        feed=_address(feed),
        max_age_seconds=max_age,
        target=Bps(target),
        buyable=bool(buyable),
        retired=bool(retired),
        min_answer=min_price,
        max_answer=max_price,
        balance=BaseUnits(balance) if balance_ok else None,
        answer=FeedAnswer(_signed(answer), feed_decimals, Timestamp(updated_at)) if feed_ok else None,
        code_hash=Hash32(f"0x{codehash:064x}"),
    )


def _venues(raw: bytes, at: int, met: _Met) -> tuple[Venue, ...]:
    (count,) = _slice(raw, at, 1)
    venues = []
    for index in range(count):
        start = at + WORD + index * _VENUE_WORDS * WORD
        key = index, raw[start : start + _VENUE_WORDS * WORD]
        if (venue := met.get(key)) is None:
            venue = met[key] = _venue(_slice(raw, start, _VENUE_WORDS), index)
        venues.append(venue)
    return tuple(venues)


def _venue(words: list[int], index: int) -> Venue:
    target, number, asset0, asset1, fee_pips, enabled, pool, ok, a, b, c, sums_ok, sum0, sum1 = words
    kind = _KINDS[number]
    state: V2State | V3State | None = None
    sums: V2Sums | V3Sums | None = None
    if ok:
        state = V2State(BaseUnits(a), BaseUnits(b)) if kind in _V2 else V3State(a, _signed(b), c)
    if ok and sums_ok:
        sums = V2Sums(sum0, sum1, c) if kind in _V2 else V3Sums(_signed(sum0), _signed(sum1))
    return Venue(
        index=index,
        kind=kind,
        target=_address(target),
        pool=_address(pool),
        asset0=asset0,
        asset1=asset1,
        fee_pips=fee_pips,
        enabled=bool(enabled),
        state=state,
        sums=sums,
    )


def _slice(raw: bytes, at: int, count: int) -> list[int]:
    """`count` words from byte offset `at`."""
    end = at + count * WORD
    if at % WORD or end > len(raw):
        raise Malformed("a Lens answer that is cut short")
    return [int.from_bytes(word) for (word,) in iter_unpack("32s", raw[at:end])]


def _address(word: int) -> Address:
    return wire.checksummed(word)


def _signed(word: int) -> int:
    """Two's complement of 256 bits."""
    return word - (1 << 256) if word >> 255 else word


def _symbol(told: bytes, token: Address) -> str:
    """Anyone can deploy a token: its words are cut to a line's worth of printable text."""
    text = "".join(char for char in told.decode(errors="replace") if char.isprintable()).strip()[:_SYMBOL_LENGTH]
    return text or f"{token[:8]}..."
