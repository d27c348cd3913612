"""The two files that a fund of the local chain is set up from: its configuration, and the list of its investors."""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, fields
from decimal import Decimal
from pathlib import Path

from keeper.core.setup.config import LimitsConfig
from keeper.core.setup.investors import DEAD_SHARES, SHARE_DECIMALS
from scripts.localchain import accounts
from scripts.localchain.anvil import CHAIN_ID
from scripts.localchain.config import FEED_DECIMALS, FundSpec, VenueKind
from scripts.localchain.tokens import Token, answer_of
from scripts.localchain.uniswap import Pool, Uniswap

FOLDER = "funds"
KEEPER_DAYS = 30  # the longest that the treasury grants
_OPENED = """\
# The contract's own budgets spread a large rebalance over days: 5 bps of losses a day pay for about 15 % of turnover
# through pools that take 0.3 %. A replay trades 13 to 36 % of drift in one go, so here they are wider."""


@dataclass(frozen=True, slots=True)
class Ground:
    """What stands on a chain before its funds do."""

    uniswap: Uniswap
    tokens: tuple[Token, ...]
    pools: tuple[Pool, ...]

    def of(self, spec: FundSpec) -> tuple[Token, ...]:
        """The fund's assets, in the order of its targets."""
        by_symbol = {token.symbol: token for token in self.tokens}
        return tuple(by_symbol[symbol] for symbol in spec.targets)


@dataclass(frozen=True, slots=True)
class FundFiles:
    """`config` as `keeper deploy` reads it, `investors` as `keeper launch` does."""

    config: Path
    investors: Path

    @classmethod
    def write(cls, spec: FundSpec, ground: Ground, folder: Path) -> "FundFiles":
        """In a folder of their own under `folder`, named after the fund's symbol."""
        home = folder / FOLDER
        home.mkdir(parents=True, exist_ok=True)
        files = cls(home / f"{spec.symbol.lower()}.toml", home / f"{spec.symbol.lower()}-investors.csv")
        files.config.write_text("\n".join(_configuration(spec, ground)) + "\n")
        files.investors.write_text(investors(spec))
        return files


def seed_amounts(spec: FundSpec, tokens: Sequence[Token]) -> list[int]:
    """Base units by token: the fund's size at the chain's first prices, each rounded down."""
    weights = spec.holdings or spec.targets
    return [token.units(spec.size_usd * Decimal(weights.get(token.symbol, 0)) / 10_000) for token in tokens]


def investors(spec: FundSpec) -> str:
    """A share per USD: three quarters to the first holder, the rest to the second but for what the seed burns."""
    whole = int(spec.size_usd) * 10**SHARE_DECIMALS
    first = whole * 3 // 4
    shares = zip(accounts.HOLDERS, (first, whole - first - DEAD_SHARES), strict=True)
    lines = (f"{holder},{whole_tokens(units, SHARE_DECIMALS)}\n" for holder, units in shares)
    return "address,shares\n" + "".join(lines)


def whole_tokens(units: int, decimals: int) -> str:
    """Base units as a decimal number of whole tokens, every digit of it: `Decimal` would round to 28."""
    whole, part = divmod(units, 10**decimals)
    return f"{whole}.{part:0{decimals}}".rstrip("0").rstrip(".") if part else str(whole)


def _configuration(spec: FundSpec, ground: Ground) -> Iterator[str]:
    yield "# A fund of the local chain, as `keeper deploy`, `launch` and `handover` read it."
    yield "# Every account is of Anvil's published mnemonic: everybody has its key."
    yield f"name = {_text(spec.name)}"
    yield f"symbol = {_text(spec.symbol)}"
    yield f"chain_id = {CHAIN_ID}"
    yield f"owner = {_text(accounts.OWNER)}"
    yield "\n[uniswap]"
    for name in ("v2_factory", "v2_router", "v3_factory", "v3_router"):
        yield f"{name} = {_text(getattr(ground.uniswap, name))}"
    yield "\n[roles]"
    yield f"guardian = {_text(accounts.GUARDIAN)}"
    yield f"weigher = {_text(accounts.WEIGHER)}"
    yield "keepers = ["
    yield from (f"    {{ address = {_text(keeper)}, days = {KEEPER_DAYS} }}," for keeper in spec.keepers)
    yield "]"
    yield from _limits(spec.limits)
    tokens = ground.of(spec)
    for token in tokens:
        yield from _asset(spec, token)
    for kind, pool in _venues(spec, ground):
        yield "\n[[venues]]"
        yield f'kind = "{kind.name.lower()}"'
        yield f"assets = [{_text(pool.symbol0)}, {_text(pool.symbol1)}]"
        yield f"fee_pips = {pool.fee_pips}"
    yield "\n[seed.amounts]"
    for token, amount in zip(tokens, seed_amounts(spec, tokens), strict=True):
        if amount:
            yield f'{_text(token.symbol)} = "{whole_tokens(amount, token.spec.decimals)}"'


def _limits(limits: LimitsConfig) -> Iterator[str]:
    """What differs from the contract's defaults."""
    usual = LimitsConfig()
    changed = {f.name: getattr(limits, f.name) for f in fields(limits)}
    changed = {name: value for name, value in changed.items() if value != getattr(usual, name)}
    if changed:
        yield "\n[limits]"
    if limits.turnover_cap_bps > usual.turnover_cap_bps:
        yield _OPENED
    for name, value in changed.items():
        yield f"{name} = {value}"


def _asset(spec: FundSpec, token: Token) -> Iterator[str]:
    answer = answer_of(token.spec.price)
    reach = 2 if token.spec.pegged else 1000
    yield "\n[[assets]]"
    yield f"symbol = {_text(token.symbol)}"
    yield f"token = {_text(token.address)}"
    yield f"feed = {_text(token.feed)}"
    yield f"max_age_seconds = {spec.max_age}"
    yield f'min_price = "{_usd(max(1, answer // reach))}"'
    yield f'max_price = "{_usd(answer * reach)}"'
    yield f"target_bps = {spec.targets[token.symbol]}"


def _venues(spec: FundSpec, ground: Ground) -> list[tuple[VenueKind, Pool]]:
    """Every pool of two of the fund's assets; each router once, for the first such pool of its version."""
    fitting = [pool for pool in ground.pools if {pool.symbol0, pool.symbol1} <= set(spec.targets)]
    direct = {2: VenueKind.V2_PAIR, 3: VenueKind.V3_POOL}
    venues = [(direct[pool.version], pool) for pool in fitting]
    for version, kind in ((2, VenueKind.V2_ROUTER), (3, VenueKind.V3_ROUTER)):
        venues += [(kind, pool) for pool in fitting if pool.version == version][:1]
    return [(kind, pool) for kind, pool in venues if kind in spec.venues]


def _usd(answer: int) -> str:
    return f"{Decimal(answer).scaleb(-FEED_DECIMALS).normalize():f}"


def _text(value: str) -> str:
    """As JSON, which TOML's basic strings and quoted keys are too."""
    return json.dumps(value, ensure_ascii=False)
