"""Minting and redeeming eight assets in kind, and the same transfers with nothing around them.

A fresh address is one that holds nothing yet: whatever it gets first is written where a zero stood.
"""

from collections.abc import Sequence

from scripts.benchmarks.metering import Meter, call, signature
from scripts.localchain import accounts, tokens
from scripts.localchain.chain import LocalChain
from scripts.localchain.contracts import Deployable, deploy_missing
from scripts.localchain.node import Tx
from scripts.localchain.tokens import MAX_UINT, Token

_SHARES = 1_234_567_890_123_456_789_012  # a bit more than 1,234 USD
_FRESH = tuple(f"0x{'fe' * 19}{number:02x}" for number in range(5))


class Shares:
    """Who mints is the arbitrageur, who holds every token; who redeems is the largest holder of shares."""

    def __init__(self, chain: LocalChain, meter: Meter) -> None:
        self._chain, self._meter = chain, meter
        self._fund = chain.deployment.treasuries[0]
        self._tokens = [token.address for token in self._fund.tokens]
        self._bare = Deployable.of("bare transfers", "DevTransfers")

    def measure(self) -> None:
        holder, treasury = accounts.ARBITRAGEUR, self._fund.address
        fresh = iter(_FRESH)
        self._prepare(holder)
        amounts = self._preview("previewMint")
        self._on_fund("mint to one who has shares", holder, "mint", _SHARES, holder, amounts)
        self._on_fund("mint to a fresh address", holder, "mint", _SHARES, next(fresh), self._preview("previewMint"))
        self._on_bare("8 transfers in one transaction, from an allowance", holder, "pull", treasury, amounts)
        self._one_by_one("8 transactions with a transfer, to one who holds all", holder, treasury, amounts)
        self._one_by_one("8 transactions with a transfer, to a fresh address", holder, next(fresh), amounts)
        for whom, first, second in (
            ("one who holds all", holder, holder),
            ("a fresh address", next(fresh), next(fresh)),
        ):
            least = self._preview("previewRedeem")
            self._on_fund(f"redeem to {whom}", accounts.HOLDERS[0], "redeem", _SHARES, first, least, 0)
            self._on_bare(f"8 transfers in one transaction, to {whom}", holder, "push", second, least)

    def _prepare(self, holder: str) -> None:
        """Allowances that do not run down, shares in the holder's hands, tokens where the bare transfers start."""
        deploy_missing(self._chain.node, [self._bare])
        plenty = [token.units(self._fund.spec.size_usd) for token in self._fund.tokens]
        for token, amount in zip(self._fund.tokens, plenty, strict=True):
            for spender in (self._fund.address, self._bare.address):
                self._meter.send(_erc20("approve(address,uint256)", token, holder, spender, MAX_UINT))
            self._meter.send(tokens.grant(token, holder, amount))
            self._meter.send(_erc20("transfer(address,uint256)", token, holder, self._bare.address, amount))
        self._meter.send(
            call("mint", holder, self._fund.address, "Treasury", "mint", _SHARES, holder, self._preview("previewMint"))
        )

    def _preview(self, function: str) -> list[int]:
        query = signature("Treasury", function)
        return list(self._chain.node.rpc.view(self._fund.address, query, _SHARES))

    def _on_fund(self, name: str, sender: str, function: str, *arguments: object) -> None:
        self._meter.measure(name, call(name, sender, self._fund.address, "Treasury", function, *arguments))

    def _on_bare(self, name: str, sender: str, function: str, to: str, amounts: Sequence[int]) -> None:
        arguments = (self._tokens, to, amounts)
        self._meter.measure(name, call(name, sender, self._bare.address, "DevTransfers", function, *arguments))

    def _one_by_one(self, name: str, sender: str, to: str, amounts: Sequence[int]) -> None:
        pairs = zip(self._fund.tokens, amounts, strict=True)
        self._meter.measure(name, *[_erc20("transfer(address,uint256)", token, sender, to, n) for token, n in pairs])


def _erc20(function: str, token: Token, sender: str, *arguments: object) -> Tx:
    return Tx.call(f"{function} {token.symbol}", sender, token.address, function, *arguments)
