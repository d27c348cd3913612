"""The list of a fund's first holders: a CSV text -> who gets how many shares, or every mistake in it at once."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import sha256
from typing import Final

from eth_utils.address import to_checksum_address

from keeper.core.csv_records import records, shown
from keeper.core.mistakes import ConfigurationError
from keeper.core.units import ZERO_ADDRESS, Address, BaseUnits, Hash32

SHARE_DECIMALS: Final = 18
DEAD_SHARES: Final = 10**6
"""Base units that `seed` burns: the supply can never shrink to a handful of units."""
DEAD: Final = Address("0x000000000000000000000000000000000000dEaD")
MOST: Final = 20_000
"""Investors of one launch: a hundred batches, and events of 12 MB that are read again before each."""
COLUMNS: Final = ("address", "shares")
_ADDRESS: Final = re.compile(r"0x[0-9a-fA-F]{40}")
_SHARES: Final = re.compile(r"([0-9]+)(?:\.([0-9]+))?")
_LARGEST: Final = 2**256 - 1
_LONGEST: Final = 60
"""Characters of a number; 2^256 base units are 59 digits of whole shares."""


@dataclass(frozen=True, slots=True)
class Investor:
    """`shares` are base units of the share token, 18 decimals."""

    address: Address
    shares: BaseUnits


@dataclass(frozen=True, slots=True)
class InvestorList:
    """Investors in the order of their addresses, so that the order of the file means nothing."""

    investors: tuple[Investor, ...]

    @property
    def total(self) -> BaseUnits:
        return BaseUnits(sum(investor.shares for investor in self.investors))

    @property
    def issue(self) -> BaseUnits:
        """What the seed issues: after the airdrop the deployer holds nothing."""
        return BaseUnits(self.total + DEAD_SHARES)

    @property
    def digest(self) -> Hash32:
        """SHA-256 over the lines `address,base units`: of what is paid to whom, however the file writes it."""
        lines = "".join(f"{investor.address},{investor.shares}\n" for investor in self.investors)
        return Hash32("0x" + sha256(lines.encode()).hexdigest())


def read_investors(text: str, refused: Mapping[Address, str] | None = None) -> InvestorList:
    """The list in a CSV text with the columns `address` and `shares` (whole shares, as decimal text).

    `refused` are addresses that may not stand on it, with what they are. Raises ConfigurationError with every mistake.
    """
    forbidden = {ZERO_ADDRESS: "the zero address", DEAD: "where shares are burned", **(refused or {})}
    problems: list[str] = []
    found: dict[Address, tuple[int, BaseUnits]] = {}
    for line, cells in records(text, COLUMNS, problems):
        address = _address(cells["address"], line, problems)
        shares = _shares(cells["shares"], line, problems)
        if address is None:
            continue
        if address in forbidden:
            problems.append(f"line {line}: {address} is {forbidden[address]}")
        elif address in found:
            problems.append(f"line {line}: {address} stands on line {found[address][0]} already")
        else:
            found[address] = (line, shares or BaseUnits(0))
    investors = tuple(Investor(address, found[address][1]) for address in sorted(found, key=str.lower))
    if not investors and not problems:
        problems.append("there is no investor in it")
    if len(investors) > MOST:
        problems.append(f"{len(investors)} investors: one launch pays at most {MOST}")
    if InvestorList(investors).issue > _LARGEST:
        problems.append("all shares together are more than a token can count")
    if problems:
        raise ConfigurationError(problems)
    return InvestorList(investors)


def _address(text: str, line: int, problems: list[str]) -> Address | None:
    """An address whose capitals, where it has both kinds, are the checksum of EIP-55."""
    if not text:
        problems.append(f"line {line}: the address is empty")
    elif not _ADDRESS.fullmatch(text):
        problems.append(f"line {line}: {shown(text)} is not an address (0x and 40 hex digits)")
    else:
        address = Address(to_checksum_address(text))
        digits = text[2:]
        if text == address or digits in (digits.lower(), digits.upper()):
            return address
        problems.append(f"line {line}: {text} has a wrong checksum: it was mistyped")
    return None


def _shares(text: str, line: int, problems: list[str]) -> BaseUnits | None:
    match = _SHARES.fullmatch(text)
    whole, part = (match[1], (match[2] or "").rstrip("0")) if match else ("", "")
    if not text:
        fault = "the number of shares is empty"
    elif text.startswith("-"):
        fault = f"{shown(text)} shares: must be more than 0"
    elif match is None:
        fault = f"{shown(text)} is not a number of shares (digits, and at most one point)"
    elif len(part) > SHARE_DECIMALS:
        fault = f"{shown(text)} shares: a share has {SHARE_DECIMALS} decimals"
    elif len(whole) > _LONGEST:
        fault = f"{shown(text)} shares: more than a token can count"
    else:
        shares = BaseUnits(int(whole) * 10**SHARE_DECIMALS + int(part.ljust(SHARE_DECIMALS, "0")))
        if shares:
            return shares
        fault = f"{shown(text)} shares: must be more than 0"
    problems.append(f"line {line}: {fault}")
    return None
