"""The local chain's arithmetic: arbitrage by its closed form, calldata and addresses by published vectors."""

from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scripts.localchain import contracts, rpc, uniswap
from scripts.localchain.arbitrage import v2_input_to_price
from scripts.localchain.audit import transfers
from scripts.localchain.tokens import answer_of

pytestmark = pytest.mark.unit


@given(
    reserve_in=st.integers(10**12, 10**30),
    reserve_out=st.integers(10**12, 10**30),
    excess=st.fractions(Fraction(1001, 1000), 100),
)
def test_input_to_price_ends_at_the_price(reserve_in: int, reserve_out: int, excess: Fraction) -> None:
    """Against the pair's own formula: Router02's getAmountOut. Within a millionth of the price."""
    price = Fraction(reserve_out, reserve_in) / excess
    paid = v2_input_to_price(reserve_in, reserve_out, price)
    got = paid * 997 * reserve_out // (reserve_in * 1000 + paid * 997)
    assert abs(Fraction(reserve_out - got, reserve_in + paid) / price - 1) < Fraction(1, 10**6)


def test_sqrt_price_of_one_is_2_to_the_96() -> None:
    assert uniswap.sqrt_price_x96(Fraction(1)) == 2**96
    assert uniswap.sqrt_price_x96(Fraction(1, 4)) == 2**95


def test_calldata_and_results_by_signature() -> None:
    to = "0x" + "11" * 20
    words = "0" * 24 + "11" * 20 + "0" * 63 + "5"
    assert rpc.encode("transfer(address,uint256)", to, 5) == "0xa9059cbb" + words
    assert rpc.encode("totalSupply()") == "0x18160ddd"
    assert rpc.decode("f()(uint8,bool)", "0x" + "7".rjust(64, "0") + "1".rjust(64, "0")) == (7, True)
    assert rpc.decode("f()(uint8)", "0x" + "7".rjust(64, "0")) == 7


def test_bytecode_is_the_one_that_uniswap_published() -> None:
    """The hash by which every V2 router on every chain finds its pairs: of the pair that the factory carries."""
    factory = contracts.Deployable.of("factory", "UniswapV2Factory", "(address)", uniswap.NO_ADDRESS)
    router = contracts.Deployable.of(
        "router", "UniswapV2Router02", "(address,address)", uniswap.NO_ADDRESS, uniswap.NO_ADDRESS
    )
    published = bytes.fromhex("96e8ac4277198ff8b6f785478aa9a39f403cb768dd02cbee326c3e7da348845f")
    assert published in router.creation_code
    assert factory.address != router.address


def test_create2_address_by_the_vector_of_eip_1014(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(contracts, "DEPLOYER", "0x" + "00" * 20)
    assert contracts.Deployable("", b"\x00").address == "0x4D1A2e2bB4F88F0250f26Ffff098B0b30B26BF38"


@pytest.mark.parametrize(
    ("price", "answer"),
    [("3000", 300_000_000_000), ("0.00000001", 1), ("0.000000001", 1), ("1.000000015", 100_000_002)],
)
def test_answers_have_eight_decimals_and_are_never_zero(price: str, answer: int) -> None:
    assert answer_of(Decimal(price)) == answer


def test_transfers_are_told_by_direction() -> None:
    topic = "0xddf252ad1be2c89b69c2b068fc378daa952ba7f163c4a11628f55a4df523b3ef"
    treasury, pool, token = ("0x" + digit * 40 for digit in "123")

    def log(sender: str, recipient: str, amount: int, first_topic: str = topic) -> dict[str, object]:
        padded = ["0x" + "0" * 24 + party[2:] for party in (sender, recipient)]
        return {"address": token, "topics": [first_topic, *padded], "data": hex(amount)}

    logs = [log(treasury, pool, 7), log(pool, treasury, 9), log(pool, pool, 1), log(treasury, pool, 3, "0x" + "0" * 64)]
    assert transfers({"logs": logs}, treasury) == ([(token, 7)], [(token, 9)])
