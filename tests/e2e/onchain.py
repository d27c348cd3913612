"""What really happened on a chain: receipts, transfers and events, decoded by web3 and not by the keeper."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from web3 import HTTPProvider, Web3
from web3.logs import DISCARD

from scripts.localchain.anvil import ROOT
from scripts.localchain.chain import LocalChain

ERC20 = [
    {
        "type": "event",
        "name": "Transfer",
        "anonymous": False,
        "inputs": [
            {"name": "from", "type": "address", "indexed": True},
            {"name": "to", "type": "address", "indexed": True},
            {"name": "value", "type": "uint256", "indexed": False},
        ],
    }
]
Movement = tuple[str, int]  # token, base units


@dataclass(frozen=True, slots=True)
class Rebalanced:
    """The treasury's event."""

    id: int
    keeper: str
    decision: str
    tx_hash: str


class Witness:
    """A second pair of eyes on a chain."""

    def __init__(self, chain: LocalChain, treasury: str | None = None) -> None:
        self.web3 = Web3(HTTPProvider(chain.url))
        abi = json.loads((ROOT / "abis" / "Treasury.json").read_text())["abi"]
        address = treasury or chain.deployment.treasuries[0].address
        self.treasury: Any = self.web3.eth.contract(self.web3.to_checksum_address(address), abi=abi)
        self._token: Any = self.web3.eth.contract(abi=ERC20)

    def receipt(self, tx_hash: str) -> Any:
        return self.web3.eth.get_transaction_receipt(tx_hash)  # type: ignore[arg-type]

    def moved(self, tx_hash: str) -> tuple[list[Movement], list[Movement]]:
        """What left the treasury and what reached it, in order, by the tokens' Transfer logs."""
        events = self._token.events.Transfer().process_receipt(self.receipt(tx_hash), errors=DISCARD)
        here = self.treasury.address
        paid = [(event.address, event.args["value"]) for event in events if event.args["from"] == here]
        got = [(event.address, event.args["value"]) for event in events if event.args["to"] == here]
        return paid, got

    def rebalances(self) -> Sequence[Rebalanced]:
        """Every `Rebalanced` of the treasury, oldest first."""
        logs = self.treasury.events.Rebalanced().get_logs(from_block=0)
        return [
            Rebalanced(log.args.id, log.args.keeper, "0x" + log.args.decision.hex(), log.transactionHash.to_0x_hex())
            for log in logs
        ]

    def last_id(self) -> int:
        return int(self.treasury.functions.snapshot().call()[4])
