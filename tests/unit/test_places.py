"""What a start does when the chain moves on between two of its questions."""

from typing import Any

import pytest

from keeper.core.model import Block
from keeper.ports import AnotherBlock, ChainUnavailable, Observation
from keeper.settings import ConfigurationError
from keeper.wiring.places import LOOKS, check_treasury
from tests import factories as f

pytestmark = pytest.mark.unit


class Chain:
    """Says so many times that it ran elsewhere, then what it has."""

    def __init__(self, elsewhere: int, outage: type[ChainUnavailable] = AnotherBlock, there: bool = True) -> None:
        self.left, self.outage, self.asked = elsewhere, outage, 0
        self.treasury = f.market().treasury if there else None

    async def head(self) -> Block:
        return f.block(number=100 + self.asked)

    async def observe(self, block: Block, _funds: Any) -> Observation:
        assert block.number == 100 + self.asked, "at the newest head"
        self.asked += 1
        if self.asked <= self.left:
            raise self.outage("ran at another block")
        return Observation(31_337, block, None, None, (self.treasury,))


async def look(chain: Chain) -> None:
    await check_treasury("TREASURY_ADDRESS", f.fund(), chain)  # type: ignore[arg-type]


async def test_a_block_between_two_questions_is_no_reason_not_to_start() -> None:
    chain = Chain(LOOKS - 1)
    await look(chain)
    assert chain.asked == LOOKS


async def test_a_node_that_never_answers_for_the_block_asked_about_is_an_outage() -> None:
    chain = Chain(LOOKS)
    with pytest.raises(AnotherBlock):
        await look(chain)
    assert chain.asked == LOOKS


async def test_any_other_outage_ends_at_once() -> None:
    chain = Chain(1, ChainUnavailable)
    with pytest.raises(ChainUnavailable):
        await look(chain)
    assert chain.asked == 1


async def test_what_is_no_treasury_is_said() -> None:
    with pytest.raises(ConfigurationError, match="does not answer as a treasury"):
        await look(Chain(1, there=False))
