"""Tokens and feeds of the local chain: what they are made of, who gets how much, what the feeds say."""

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction

from scripts.localchain import accounts
from scripts.localchain.config import FEED_DECIMALS, AssetSpec, TokenKind
from scripts.localchain.contracts import DEPLOYER, Deployable
from scripts.localchain.node import Node, Tx
from scripts.localchain.rpc import RpcError, decode, encode

MAX_UINT = 2**256 - 1
INVENTORY_USD = Decimal(10) ** 12  # what liquidity provider and arbitrageur hold of each asset: they never run out
ETHER = 10**18
FRESH_SECONDS = 3600
_ROUND = "latestRoundData()(uint80,int256,uint256,uint256,uint80)"


@dataclass(frozen=True, slots=True)
class Token:
    """An asset on the chain."""

    spec: AssetSpec
    address: str
    feed: str

    @property
    def symbol(self) -> str:
        return self.spec.symbol

    def units(self, usd: Decimal) -> int:
        """Base units worth `usd` at the price that the chain starts with, rounded down."""
        return int(Fraction(usd) / Fraction(self.spec.price) * 10**self.spec.decimals)


def answer_of(price: Decimal) -> int:
    """A price in USD as a feed gives it: an integer with 8 decimals, at least 1."""
    return max(1, int(price.scaleb(FEED_DECIMALS).to_integral_value()))


def contracts(specs: Sequence[AssetSpec], weth: str) -> tuple[list[Token], list[Deployable]]:
    """Where every token and feed is or will be, and what is to be deployed (WETH9 comes with Uniswap)."""
    tokens: list[Token] = []
    made_of: list[Deployable] = []
    for spec in specs:
        feed = Deployable.of(f"feed {spec.symbol}/USD", "DevFeed", "(string,uint8)", *_feed_arguments(spec))
        made_of.append(feed)
        if spec.kind is TokenKind.WRAPPED_NATIVE:
            tokens.append(Token(spec, weth, feed.address))
            continue
        arguments = (spec.name, spec.symbol, spec.decimals)
        token = Deployable.of(spec.symbol, spec.kind.value, "(string,string,uint8)", *arguments)
        made_of.append(token)
        tokens.append(Token(spec, token.address, feed.address))
    return tokens, made_of


def _feed_arguments(spec: AssetSpec) -> tuple[str, int]:
    symbol = "ETH" if spec.kind is TokenKind.WRAPPED_NATIVE else spec.symbol
    return f"{symbol} / USD", FEED_DECIMALS


def set_answer(token: Token, price: Decimal) -> Tx:
    return Tx.call(f"feed {token.symbol}", DEPLOYER, token.feed, "setAnswer(int256)", answer_of(price))


def fresh_answers(node: Node, tokens: Sequence[Token]) -> list[Tx]:
    """A first round for a feed that has none (it reverts, as Chainlink's do), and the same again for an old one."""
    data = encode("latestRoundData()")
    replies = node.rpc.try_batch([("eth_call", [{"to": token.feed, "data": data}, "latest"]) for token in tokens])
    _, now = node.head()
    txs = []
    for token, reply in zip(tokens, replies, strict=True):
        if isinstance(reply, RpcError):
            txs.append(set_answer(token, token.spec.price))
            continue
        _, answer, _, updated_at, _ = decode(_ROUND, reply)
        if updated_at < now - FRESH_SECONDS:
            txs.append(set_answer(token, Decimal(answer).scaleb(-FEED_DECIMALS)))
    return txs


def prices(node: Node, tokens: Sequence[Token], block: str = "latest") -> dict[str, Decimal]:
    """USD per whole token by symbol, as the feeds say."""
    rounds = node.rpc.views([(token.feed, _ROUND, ()) for token in tokens], block)
    return {t.symbol: Decimal(r[1]).scaleb(-FEED_DECIMALS) for t, r in zip(tokens, rounds, strict=True)}


def grant(token: Token, to: str, amount: int) -> Tx:
    """`amount` base units out of nothing; wrapped native coin is wrapped by its receiver."""
    if token.spec.kind is TokenKind.WRAPPED_NATIVE:
        return Tx.call(f"wrap for {to}", to, token.address, "deposit()", value=amount)
    return Tx.call(f"mint {token.symbol}", DEPLOYER, token.address, "mint(address,uint256)", to, amount)


def stock_up(node: Node, tokens: Sequence[Token], trader: str, spenders: Sequence[str]) -> list[Tx]:
    """Inventory in every token and allowances for the routers, as far as `trader` lacks them."""
    balances = balances_of(node, tokens, trader)
    allowance = "allowance(address,address)(uint256)"
    pairs = [(token, spender) for token in tokens for spender in spenders]
    allowed = node.rpc.views([(token.address, allowance, (trader, spender)) for token, spender in pairs])
    txs = [
        grant(token, trader, token.units(INVENTORY_USD))
        for token, balance in zip(tokens, balances, strict=True)
        if balance < token.units(INVENTORY_USD) // 2
    ]
    for (token, spender), current in zip(pairs, allowed, strict=True):
        if current == 0:
            approve = (spender, MAX_UINT)
            label = f"approve {token.symbol}"
            txs.append(Tx.call(label, trader, token.address, "approve(address,uint256)", *approve))
    return txs


def balances_of(node: Node, tokens: Sequence[Token], holder: str, block: str = "latest") -> list[int]:
    """Base units, in the order of `tokens`."""
    return node.rpc.views([(token.address, "balanceOf(address)(uint256)", (holder,)) for token in tokens], block)


def fund_accounts(node: Node) -> None:
    """Native coin for every role. On a fork of a public chain these well-known keys may carry foreign code: removed."""
    rich = hex(10**9 * ETHER)
    requests = [("anvil_setBalance", [account, rich]) for account in accounts.ALL if account != accounts.KEEPER]
    coded = [who for who, code in zip(accounts.ALL, node.code_at(accounts.ALL), strict=True) if code]
    node.rpc.batch([*requests, *(("anvil_setCode", [account, "0x"]) for account in coded)])
    node.speak_for(DEPLOYER, 10**6 * ETHER)
