"""Reverts in words: every error of the treasury by its name and arguments, wherever a node put the bytes."""

import pytest
from eth_abi.abi import encode
from eth_utils.address import to_checksum_address

from keeper.adapters.ethereum import reverts
from keeper.adapters.ethereum.abi import artifact, input_types, selector
from keeper.adapters.ethereum.provider import RpcError

pytestmark = pytest.mark.unit

VALUES = {
    "address": "0x" + "5a" * 20,
    "uint256": 123,
    "uint64": 7,
    "uint16": 3,
    "uint8": 2,
    "int256": -5,
}


def raw_error(name: str, *values: object) -> bytes:
    entry = artifact("Treasury").entry("error", name)
    return selector(entry) + encode(input_types(entry), values)


def error(data: object = None, message: str = "execution reverted", code: int = 3) -> RpcError:
    return RpcError("eth_call", code, message, data)


def test_slippage_reads_as_measured_value_and_limit() -> None:
    revert = reverts.explain(raw_error("Slippage", 3, 990 * 10**18, 995 * 10**18))
    assert revert.guard == "Slippage"
    assert revert.detail == "Slippage: venue 3, valueOut 990.000000 USD, minimum 995.000000 USD"


def test_arguments_that_are_no_dollars_stay_integers() -> None:
    assert reverts.explain(raw_error("MinOut", 1, 99, 100)).detail == "MinOut: venue 1, got 99, minimum 100"
    assert reverts.explain(raw_error("IsPaused")).detail == "IsPaused"
    stale = reverts.explain(raw_error("StalePrice", "0x" + "ab" * 20, 5, 9))
    assert stale.detail == f"StalePrice: token {to_checksum_address('0x' + 'ab' * 20)}, updatedAt 5, oldest 9"


BPS_OF_NAV = 10**14


@pytest.mark.parametrize(
    ("name", "values", "detail"),
    [
        (
            "LossBudget",
            (612_345_678_901_234, 125 * BPS_OF_NAV // 100),
            "wanted 6.1235 bps of NAV, left 1.25 bps of NAV",
        ),
        ("TurnoverBudget", (3_000 * BPS_OF_NAV, 0), "wanted 3000 bps of NAV, left 0 bps of NAV"),
        (
            "ShiftBudget",
            (5_000 * BPS_OF_NAV, 2_500 * BPS_OF_NAV),
            "wanted 5000 bps of the whole weight, left 2500 bps of the whole weight",
        ),
        (
            "NoProgress",
            (200 * 10**18, 190 * 10**18, 3 * 10**17, 15 * 10**16),
            "teBefore 200.000000 USD, teAfter 190.000000 USD, loss 0.300000 USD, maximum 0.150000 USD",
        ),
        ("WeightTooBig", (2, 6_000, 5_000), "asset 2, bps 6000 bps, maximum 5000 bps"),
        ("BadTargets", (9_999,), "sumBps 9999 bps"),
        ("BadWindow", (60, 3_600, 2_592_000), "given 60 s, minimum 3600 s, maximum 2592000 s"),
        ("SequencerDown", (1, 1_700_000_000), "answer 1, since 1700000000"),
        ("IsRetired", ("0x" + "ab" * 20,), f"token {to_checksum_address('0x' + 'ab' * 20)}"),
    ],
)
def test_the_arguments_of_the_treasurys_rules_are_told_in_their_units(
    name: str, values: tuple[object, ...], detail: str
) -> None:
    revert = reverts.explain(raw_error(name, *values))
    assert (revert.guard, revert.detail) == (name, f"{name}: {detail}")


def test_every_argument_with_a_unit_is_one_that_the_contract_has() -> None:
    """A renamed argument would silently lose its unit."""
    for name, units in reverts._UNITS.items():
        declared = {argument["name"] for argument in artifact("Treasury").entry("error", name)["inputs"]}  # type: ignore[attr-defined]
        assert set(units) <= declared, name


@pytest.mark.parametrize("entry", artifact("Treasury").entries("error"), ids=lambda entry: str(entry["name"]))
def test_every_error_of_the_treasury_is_known_by_name(entry: dict[str, object]) -> None:
    values = [VALUES[kind] for kind in input_types(entry)]
    revert = reverts.explain(selector(entry) + encode(input_types(entry), values))
    assert revert.guard == entry["name"]
    for argument in entry["inputs"]:  # type: ignore[attr-defined]
        assert argument["name"] in revert.detail


@pytest.mark.parametrize(
    ("raw", "guard", "detail"),
    [
        (bytes.fromhex("08c379a0") + encode(["string"], ["UniswapV2: K"]), "Error", "Error: UniswapV2: K"),
        (bytes.fromhex("08c379a0") + encode(["string"], ["a\x1b[0m\nb"]), "Error", "Error: a [0m b"),
        (bytes.fromhex("08c379a0") + encode(["string"], [""]), "Error", "Error: no reason"),
        (bytes.fromhex("4e487b71") + encode(["uint256"], [0x11]), "Panic", "Panic: arithmetic overflow"),
        (bytes.fromhex("4e487b71") + encode(["uint256"], [0x99]), "Panic", "Panic: code 0x99"),
        (bytes.fromhex("deadbeef01"), "UnknownError", "unknown error 0xdeadbeef01"),
        (b"\x01", "UnknownError", "unknown error 0x01"),
    ],
)
def test_other_errors(raw: bytes, guard: str, detail: str) -> None:
    revert = reverts.explain(raw)
    assert (revert.guard, revert.detail) == (guard, detail)


def test_a_known_error_with_wrong_arguments_keeps_its_name() -> None:
    revert = reverts.explain(raw_error("Slippage", 3, 1, 2)[:20])
    assert revert.guard == "Slippage"
    assert "do not decode" in revert.detail


def test_a_text_that_is_not_utf8_does_not_break() -> None:
    raw = bytes.fromhex("08c379a0") + encode(["bytes"], [b"\xff\xfe"])
    assert reverts.explain(raw).guard == "Error"


@pytest.mark.parametrize(
    "shape",
    [
        lambda text: text,
        lambda text: "Reverted " + text,
        lambda text: {"data": text},
        lambda text: {"data": {"data": text}},
        lambda text: {"message": "reverted", "result": text},
    ],
)
@pytest.mark.parametrize("code", [3, -32000, -32015])
def test_the_bytes_are_found_wherever_a_node_puts_them(shape: object, code: int) -> None:
    data = shape("0x" + raw_error("IsPaused").hex())  # type: ignore[operator]
    revert = reverts.revert_of(error(data, "VM execution error.", code))
    assert revert is not None
    assert revert.guard == "IsPaused"


@pytest.mark.parametrize("data", [None, "0x", "", 7, [], {"data": None}])
@pytest.mark.parametrize(
    ("code", "message"),
    [
        (3, "execution reverted"),
        (-32000, "execution reverted"),
        (-32015, "VM execution error."),
    ],
)
def test_a_revert_without_bytes_is_still_one(code: int, message: str, data: object) -> None:
    revert = reverts.revert_of(error(data, message, code))
    assert revert is not None
    assert (revert.guard, revert.detail) == ("Reverted", message)


@pytest.mark.parametrize(
    ("code", "message", "data"),
    [
        (-32000, "header not found", None),
        (-32001, "Resource not found", None),
        (-32005, "daily request count exceeded", {"see": "https://example.com"}),
        (-32601, "the method eth_call does not exist", "no such method"),
        (-32602, "invalid params", "0xzz"),
    ],
)
def test_trouble_of_the_node_is_no_revert(code: int, message: str, data: object) -> None:
    assert reverts.revert_of(error(data, message, code)) is None


@pytest.mark.parametrize("message", ["out of gas", "EVM error OutOfGas", "Out of gas: gas required exceeds allowance"])
def test_out_of_gas_has_one_name_whatever_a_node_calls_it(message: str) -> None:
    revert = reverts.revert_of(error(None, message, -32000))
    assert revert is not None
    assert revert.guard == "OutOfGas"
