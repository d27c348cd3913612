"""How a dry run of `keeper deploy` writes a call down."""

import pytest

from keeper.core.model import VenueKind
from keeper.core.setup.calls import Call
from keeper.core.units import Address
from keeper.entrypoints.cli.deploy import _words

pytestmark = pytest.mark.unit


def test_a_call_is_written_in_the_files_words() -> None:
    pool = Address("0x" + "1" * 40)
    venue = Call(pool, "addVenue", ((pool, VenueKind.V2_PAIR, 0, 2, 3000, True),), b"", "", "")
    assert _words(venue) == f"addVenue([{pool}, v2_pair, 0, 2, 3000, True])"
    assert _words(Call(pool, "setTargets", ([4000, 6000],), b"", "", "")) == "setTargets([4000, 6000])"
