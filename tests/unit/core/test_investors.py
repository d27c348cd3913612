"""The list of a fund's first holders: what is read, and every way in which a file can be wrong."""

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from keeper.core.mistakes import ConfigurationError
from keeper.core.setup import investors
from keeper.core.setup.investors import DEAD, DEAD_SHARES, read_investors
from keeper.core.units import Address, scaled

pytestmark = pytest.mark.unit

ONE = Address("0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed")  # the examples of EIP-55
TWO = Address("0xfB6916095ca1df60bB79Ce92cE3Ea74c37c5d359")
THREE = Address("0xdbF03B407c01E7cD3CBea99509d93f8DDDC8C6FB")
TREASURY = Address("0xD1220A0cf47c7B9Be7A2E6BA89F429762e7b9aDb")


def problems(text: str) -> list[str]:
    with pytest.raises(ConfigurationError) as refused:
        read_investors(text, {TREASURY: "the treasury itself"})
    return refused.value.problems


def test_reads_whole_and_broken_shares_in_the_order_of_addresses() -> None:
    found = read_investors(f"address,shares\n{TWO},0.000000000000000001\n{ONE},12.50\n")
    assert [(line.address, line.shares) for line in found.investors] == [(ONE, 12_500_000_000_000_000_000), (TWO, 1)]
    assert found.total == 12_500_000_000_000_000_001
    assert found.issue == found.total + DEAD_SHARES


@pytest.mark.parametrize(
    "text",
    [
        f"address,shares\n{ONE},1\n{TWO},2\n",
        f"\ufeffaddress,shares\r\n{ONE},1\r\n{TWO},2\r\n",
        f'"address","shares"\n"{ONE}","1"\n"{TWO}","2"',
        f" Address , SHARES \n\n {TWO} , 2.0\n{ONE},01.000\n\n",
        f"shares,address\n2,{TWO.lower()}\n1,0x{ONE[2:].upper()}\n",
        f"address,shares\r{ONE},1\r{TWO},2\r",
    ],
)
def test_how_a_file_is_written_does_not_matter(text: str) -> None:
    plain = read_investors(f"address,shares\n{ONE},1\n{TWO},2\n")
    assert read_investors(text) == plain
    assert read_investors(text).digest == plain.digest


@pytest.mark.parametrize("changed", [f"{ONE},1\n{TWO},3", f"{ONE},1\n{THREE},2", f"{ONE},1"])
def test_another_list_has_another_digest(changed: str) -> None:
    plain = read_investors(f"address,shares\n{ONE},1\n{TWO},2\n")
    assert read_investors(f"address,shares\n{changed}\n").digest != plain.digest


def test_every_mistake_is_told_at_once_with_its_line() -> None:
    text = "\n".join(
        [
            "address,shares",
            f"{ONE},1",
            "0x5aAeb6053F3E94C9b9A09f33669435E7Ef1Beaed,1",  # a small letter too many
            "0x1234,1",
            ",1",
            f"{ONE.lower()},1",
            f"{TWO},0",
            f"{THREE},-5",
            "0x0000000000000000000000000000000000000000,1",
            f"{TREASURY},1",
            f"{DEAD},1",
            "0x52908400098527886E0F7030069857D2E4169EE7,1.0000000000000000001",
            "0x8617E340B3D01FA5F11F306F4090FD50E238070D,",
            "0xde709f2102306220921060314715629080e2fb77,1e3",
            "0x27b1fdb04752bbc536007a920d24acb045561c26,1,000",
        ]
    )
    assert problems(text) == [
        "line 3: 0x5aAeb6053F3E94C9b9A09f33669435E7Ef1Beaed has a wrong checksum: it was mistyped",
        "line 4: '0x1234' is not an address (0x and 40 hex digits)",
        "line 5: the address is empty",
        f"line 6: {ONE} stands on line 2 already",
        "line 7: '0' shares: must be more than 0",
        "line 8: '-5' shares: must be more than 0",
        "line 9: 0x0000000000000000000000000000000000000000 is the zero address",
        f"line 10: {TREASURY} is the treasury itself",
        f"line 11: {DEAD} is where shares are burned",
        "line 12: '1.0000000000000000001' shares: a share has 18 decimals",
        "line 13: the number of shares is empty",
        "line 14: '1e3' is not a number of shares (digits, and at most one point)",
        "line 15: 3 cells where 2 belong",
    ]


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("", "it is empty: the first line must be `address,shares`"),
        ("\n\n", "it is empty: the first line must be `address,shares`"),
        ("address,shares\n", "there is no investor in it"),
        (f"{ONE},1\n", f"line 1: '{ONE.lower()}' is not a column (address, shares)"),
        ("address,shares,note\n", "line 1: 'note' is not a column (address, shares)"),
        ("address;shares\n", "line 1: 'address;shares' is not a column (address, shares)"),
        ("address\n", "line 1: there is no column shares"),
        ("address,shares,shares\n", "line 1: there are two columns shares"),
        (f'address,shares\n"{ONE},1\n', "line 2: cannot be read (unexpected end of data)"),
        (f"address,shares\n{ONE},{'9' * 61}\n", f"line 2: '{'9' * 57}...' shares: more than a token can count"),
        (f"address,shares\n{ONE},{'9' * 60}\n", "all shares together are more than a token can count"),
        (
            f"address,shares\n{ONE},\u0661\n",
            "line 2: '\u0661' is not a number of shares (digits, and at most one point)",
        ),
        (
            f"address,shares\n{ONE},\x1b[31m\n",
            "line 2: '?[31m' is not a number of shares (digits, and at most one point)",
        ),
        (f"address,shares\n{ONE},0.0\n", "line 2: '0.0' shares: must be more than 0"),
        (f"address,shares\n{ONE},1.\n", "line 2: '1.' is not a number of shares (digits, and at most one point)"),
    ],
)
def test_a_file_that_is_no_list(text: str, problem: str) -> None:
    assert problem in problems(text)


def test_more_than_a_launch_pays(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(investors, "MOST", 2)
    lines = "".join(f"0x{number + 1:040x},1\n" for number in range(3))
    assert problems("address,shares\n" + lines) == ["3 investors: one launch pays at most 2"]


def test_lines_are_those_of_the_file_where_a_cell_spans_several() -> None:
    assert problems(f'address,shares\n"{ONE}\n",1\n{TWO},x\n')[-1].startswith("line 4: 'x'")


@given(st.lists(st.integers(1, 10**30), min_size=1, max_size=30))
def test_every_amount_is_read_exactly(amounts: list[int]) -> None:
    addresses = [f"0x{number + 1:040x}" for number in range(len(amounts))]
    lines = [f"{a},{scaled(n, 18):f}" for a, n in zip(addresses, amounts, strict=True)]
    found = read_investors("address,shares\n" + "\n".join(reversed(lines)))
    assert [investor.shares for investor in found.investors] == amounts
    assert found.total == sum(amounts)


@given(st.text(max_size=300))
def test_no_text_makes_it_fall_over(text: str) -> None:
    for candidate in (text, f"address,shares\n{text}"):
        with contextlib.suppress(ConfigurationError):
            assert read_investors(candidate).investors
