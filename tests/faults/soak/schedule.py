"""What a soak will do, cycle by cycle, from one seed. Pure: timing cannot be replayed, the schedule can."""

from dataclasses import dataclass, field, replace
from decimal import Decimal
from random import Random
from typing import Final, Generic, TypeVar

from tests.faults.kit.families import FAMILIES, Family
from tests.faults.kit.killing import When
from tests.faults.kit.node_rules import EIGHTH, TENTH
from tests.faults.soak import happenings, rpc_faults
from tests.faults.steps import SEND, SIGN, books, inside

T = TypeVar("T")

PRICES: Final = {"WETH": Decimal(3000), "WBTC": Decimal(60_000), "LINK": Decimal(15), "UNI": Decimal(8)}
"""USD at the start of the local chain."""
_LOWEST, _HIGHEST, _LEAST_MOVE = 75, 135, 14
"""Percent of the first price between which a price moves, and by how many at least: a trade is then due."""
_HOURS: Final = (5, 9)
_FAULT, _SECOND_FAULT, _HAPPENING, _KILL = 0.65, 0.25, 0.45, 0.4
"""How likely a cycle has each."""
_BUMPS: Final = (TENTH, EIGHTH)
_AT_STEP = 0.65
"""How likely a kill is one at a step."""
_REVERTS_IN_A_ROW: Final = 3
"""In less than a day they open the circuit breaker."""

POINTS: Final[tuple[tuple[str, When], ...]] = (
    (SIGN, "before"),
    (SEND, "before"),
    (SEND, "after"),
    (books("commit_cycle"), "before"),
    (books("commit_cycle"), "after"),
    (inside("commit_cycle"), "after"),
    (books("save_attempt"), "after"),
    (inside("save_attempt"), "after"),
    (books("mark_sent"), "after"),
    (inside("mark_sent"), "after"),
    (books("settle"), "before"),
    (books("settle"), "after"),
    (inside("settle"), "after"),
    (books("set_intent_state"), "before"),
    (books("set_intent_state"), "after"),
    (inside("set_intent_state"), "after"),
)
"""Steps of the keeper and the side of them on which it dies."""


@dataclass(frozen=True, slots=True)
class Fault:
    """A rule of the proxy: of the calls of `method` the first `skip` pass, the next `times` are broken."""

    kind: str
    method: str
    times: int
    skip: int


@dataclass(frozen=True, slots=True)
class AtStep:
    """The keeper kills itself there."""

    step: str
    when: When

    @property
    def kind(self) -> str:
        return f"kill {self.when} {self.step.rpartition(':')[2].rpartition('.')[2]}{'' if 'Sql' in self.step else '*'}"


@dataclass(frozen=True, slots=True)
class AtState:
    """It is killed from outside, so many seconds after its transaction was seen in that state; None: after the market
    moved."""

    state: str | None
    after: float

    @property
    def kind(self) -> str:
        return "kill at random" if self.state is None else f"kill when {self.state}"


@dataclass(frozen=True, slots=True)
class Cycle:
    """One move of the market and what goes wrong meanwhile. `family` is in whose words the node refuses,
    `bump_bps` what it wants a replacement to offer more."""

    number: int
    hours: int
    symbol: str
    price: Decimal
    family: Family = field(repr=False)
    bump_bps: int
    faults: tuple[Fault, ...] = ()
    happening: str | None = None
    kill: AtStep | AtState | None = None


def schedule(seed: int, cycles: int, *, faults: bool) -> list[Cycle]:
    """The same for the same arguments."""
    chance = Random(seed)
    market = _Market(chance)
    rpc = _Deck(chance, tuple(rpc_faults.KINDS))
    events = _Deck(chance, tuple(happenings.KINDS))
    points = _Deck(chance, tuple(AtStep(*point) for point in POINTS))
    states = _Deck(chance, (None, "sent", "sent", "mined_ok"))
    made: list[Cycle] = []
    reverts = 0
    for number in range(cycles):
        symbol, price = market.move()
        cycle = Cycle(number, chance.randint(*_HOURS), symbol, price, chance.choice(FAMILIES), chance.choice(_BUMPS))
        if not faults:
            made.append(cycle)
            continue
        happening = events.next() if chance.random() < _HAPPENING else None
        if happening == happenings.MOVED_BACK and not reverts:
            reverts = _REVERTS_IN_A_ROW
        if reverts:  # and nothing else, or it would not come to so many in a row
            reverts -= 1
            made.append(replace(cycle, happening=happenings.MOVED_BACK))
            continue
        broken = tuple(_fault(chance, rpc) for odds in (_FAULT, _SECOND_FAULT) if chance.random() < odds)
        kill: AtStep | AtState | None = None
        if chance.random() < _KILL:
            within = chance.random() < _AT_STEP
            kill = points.next() if within else AtState(states.next(), round(chance.uniform(0, 0.2), 3))
        made.append(replace(cycle, faults=broken, happening=happening, kill=kill))
    return made


def _fault(chance: Random, deck: "_Deck[str]") -> Fault:
    kind = deck.next()
    method = chance.choice(rpc_faults.KINDS[kind].methods)
    times = chance.randint(*rpc_faults.KINDS[kind].times)
    return Fault(kind, method, times, chance.randint(0, rpc_faults.SKIPPED[method]))


class _Deck(Generic[T]):
    """Cards in a random order, shuffled again when all were dealt: each comes as often as the others."""

    def __init__(self, chance: Random, cards: tuple[T, ...]) -> None:
        self._chance, self._cards, self._left = chance, cards, list[T]()

    def next(self) -> T:
        if not self._left:
            self._left = self._chance.sample(self._cards, len(self._cards))
        return self._left.pop()


class _Market:
    """One asset at a time goes to another price, far enough for a trade and never far from where it began."""

    def __init__(self, chance: Random) -> None:
        self._chance = chance
        self._percent = dict.fromkeys(PRICES, 100)

    def move(self) -> tuple[str, Decimal]:
        symbol = self._chance.choice(sorted(PRICES))
        old = self._percent[symbol]
        far = [new for new in range(_LOWEST, _HIGHEST + 1) if abs(new - old) >= _LEAST_MOVE * old / 100]
        self._percent[symbol] = self._chance.choice(far)
        return symbol, PRICES[symbol] * self._percent[symbol] / 100
