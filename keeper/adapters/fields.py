"""Fields that several validated models share."""

from typing import Annotated

from eth_utils.address import is_checksum_address, is_checksum_formatted_address, is_hex_address, to_checksum_address
from pydantic import BeforeValidator


def any_address(value: object) -> str:
    """An address in its checksummed form. Raises ValueError."""
    if not isinstance(value, str) or not is_hex_address(value):
        raise ValueError("is not an address (0x and 40 hex digits)")
    return str(to_checksum_address(value))


def checked_address(value: object) -> str:
    """The same; mixed case is a checksum (EIP-55), and one that is wrong is a mistyped address."""
    address = any_address(value)
    if is_checksum_formatted_address(value) and not is_checksum_address(value):
        raise ValueError("is mistyped: it does not have the checksum that its capitals say (EIP-55)")
    return address


AddressField = Annotated[str, BeforeValidator(any_address)]
