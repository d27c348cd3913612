"""What a cycle may reach: the ports, bound once in wiring."""

from collections.abc import Callable
from dataclasses import dataclass, field

from keeper.app.alarms import Told
from keeper.core.ledger import Mode
from keeper.core.model import Fund
from keeper.core.units import Address
from keeper.core.universe import ChainNames
from keeper.market_ports import CoinFacts, MarketData
from keeper.ports import Alerts, Books, Chain, Clock, Lease, Signer, TreasuryCodec


@dataclass(slots=True)
class Alone:
    """The lease of a process that nobody can take the database from: a file that it has locked."""

    lost: str | None = None

    def held(self) -> bool:
        return True


@dataclass(frozen=True, slots=True)
class Universe:
    """Who describes the market to an index. Without `facts` the listing says by itself what a coin is; with them
    `place` is what they call the chain."""

    market: MarketData
    facts: CoinFacts | None = None
    place: ChainNames | None = None


@dataclass(frozen=True, slots=True)
class World:
    """`signer_of` gives the key of a fund, or None when this process has none (a dry run); it raises SignerUnavailable.
    `market_data` is asked for the prices of coins, None for nobody. `universe` is whom indexes choose from, or why they
    cannot. `weigher` sends new targets; None: each fund's own signer. `poll_seconds` is how often the node is asked for
    a new head or a receipt.
    """

    chain: Chain
    codec: TreasuryCodec
    books: Books
    alerts: Alerts
    clock: Clock
    signer_of: Callable[[Fund], Signer | None]
    mode: Mode
    code_version: str
    poll_seconds: float
    cycle_timeout_seconds: float
    heartbeat_seconds: float
    told: Told = field(default_factory=Told)
    lease: Lease = field(default_factory=Alone)
    market_data: MarketData | None = None
    universe: Universe | str = "nobody describes the market to an index"
    weigher: Address | None = None
