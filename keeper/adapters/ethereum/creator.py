"""`Creator`: a treasury's creation as bytes, through the deterministic deployment proxy where it stands."""

from typing import Any

from keeper.adapters.ethereum import setup_codec
from keeper.core.setup.config import FundConfig
from keeper.core.units import Address


class TreasuryCreator:
    proxy = setup_codec.PROXY

    def encode(self, function: str, arguments: tuple[Any, ...], /) -> bytes:
        return setup_codec.encode_call(function, arguments)

    def code(self, config: FundConfig, owner: Address) -> bytes:
        return setup_codec.creation_code(config, owner)

    def arguments(self, config: FundConfig, owner: Address) -> tuple[Any, ...]:
        return setup_codec.constructor_arguments(config, owner)

    def address(self, salt: bytes, code: bytes) -> Address:
        return setup_codec.create2_address(salt, code)

    def plain_address(self, deployer: Address, nonce: int) -> Address:
        return setup_codec.create_address(deployer, nonce)
