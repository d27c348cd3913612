"""Creation code from the built artifacts, and deployment at an address that follows from what is deployed.

Everything goes through the deterministic deployment proxy that Anvil and most chains carry (CREATE2, salt 0). The
address of a contract is then a function of its code and constructor arguments: on a fork of another local chain
"is it there?" is one `eth_getCode`, and nothing has to be remembered between runs.
The proxy is `msg.sender` of every constructor, so it mints the tokens and sets the feeds; Anvil speaks for it.
"""

import json
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from typing import Any

from eth_utils.address import to_checksum_address
from eth_utils.crypto import keccak

from scripts.localchain.accounts import LIQUIDITY_PROVIDER
from scripts.localchain.anvil import ROOT
from scripts.localchain.node import Node, Tx
from scripts.localchain.rpc import encode_arguments

DEPLOYER = "0x4e59b44847b379578588920cA78FbF26c0B4956C"
_SALT = bytes(32)
_NPM = ROOT / "contracts/node_modules/@uniswap"
_UNISWAP = {
    "WETH9": "v2-periphery/build/WETH9.json",
    "UniswapV2Factory": "v2-core/build/UniswapV2Factory.json",
    "UniswapV2Router02": "v2-periphery/build/UniswapV2Router02.json",
    "UniswapV3Factory": "v3-core/artifacts/contracts/UniswapV3Factory.sol/UniswapV3Factory.json",
    "SwapRouter": "v3-periphery/artifacts/contracts/SwapRouter.sol/SwapRouter.json",
    "QuoterV2": "v3-periphery/artifacts/contracts/lens/QuoterV2.sol/QuoterV2.json",
    "NonfungiblePositionManager": (
        "v3-periphery/artifacts/contracts/NonfungiblePositionManager.sol/NonfungiblePositionManager.json"
    ),
}


@dataclass(frozen=True, slots=True)
class Deployable:
    """A contract with its constructor arguments. `label` is what people call it."""

    label: str
    creation_code: bytes

    @classmethod
    def of(cls, label: str, contract: str, types: str = "()", *args: Any) -> "Deployable":
        """`contract` names an artifact of `abis/` or of Uniswap; `types` are its constructor's, as `(string,uint8)`."""
        return cls(label, _creation_code(contract) + encode_arguments(types, *args))

    @property
    def address(self) -> str:
        """EIP-1014: the last 20 bytes of keccak(0xff, proxy, salt, keccak(creation code))."""
        preimage = b"\xff" + bytes.fromhex(DEPLOYER[2:]) + _SALT + keccak(self.creation_code)
        return to_checksum_address(keccak(preimage)[12:])

    def deployment(self) -> Tx:
        return Tx(self.label, LIQUIDITY_PROVIDER, DEPLOYER, "0x" + (_SALT + self.creation_code).hex())


@cache
def _creation_code(contract: str) -> bytes:
    path = _NPM / _UNISWAP[contract] if contract in _UNISWAP else ROOT / "abis" / f"{contract}.json"
    return bytes.fromhex(json.loads(path.read_text())["bytecode"].removeprefix("0x"))


def deploy_missing(node: Node, wanted: Iterable[Deployable]) -> tuple[list[str], list[str]]:
    """Deploys what has no code yet. Returns the labels of what was deployed and of what was there."""
    contracts = list(wanted)
    present = node.code_at([contract.address for contract in contracts])
    missing = [contract for contract, there in zip(contracts, present, strict=True) if not there]
    if missing:
        node.execute([contract.deployment() for contract in missing])
    reused = [contract.label for contract, there in zip(contracts, present, strict=True) if there]
    return [contract.label for contract in missing], reused
