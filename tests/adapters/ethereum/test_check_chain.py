"""At the start every configured node must be of the configured chain, as far as it answers at all."""

from collections.abc import Sequence
from typing import Any

import pytest
from structlog.testing import capture_logs

from keeper.ports import ChainUnavailable
from keeper.settings import ConfigurationError, Settings
from keeper.wiring.places import check_chain, open_chain
from tests.adapters.ethereum.fake_node import FakeNode, answering, drop, fake_node

pytestmark = pytest.mark.adapter

KEY = "Zr7s3cretApiKey9"
TREASURY = "0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed"


def of(chain_id: int, code: str = "0x60") -> Any:
    return answering({"eth_chainId": hex(chain_id), "eth_getCode": code})


async def check(first: FakeNode, fallbacks: Sequence[FakeNode] = (), **variables: str) -> None:
    if fallbacks:
        variables["rpc_fallback_urls"] = ", ".join(node.url(f"/{KEY}") for node in fallbacks)
    settings = Settings.load(
        _env_file=None,
        chain_id=1,
        rpc_url=first.url(f"/{KEY}"),
        treasury_address=TREASURY,
        rpc_timeout_seconds=1.6,
        **variables,
    )
    async with open_chain(settings) as chain:
        await check_chain(settings, chain)


async def test_all_are_of_the_chain() -> None:
    async with fake_node(of(1)) as first, fake_node(of(1)) as second, fake_node(of(1)) as relay:
        with capture_logs() as lines:
            await check(first, [second], private_rpc_url=relay.url(f"/{KEY}"))
        assert lines == []
        assert [len(node.bodies) for node in (first, second, relay)] == [2, 1, 1]


async def test_one_of_another_chain_stops_the_start() -> None:
    async with fake_node(of(1)) as first, fake_node(of(5)) as second:
        with pytest.raises(ConfigurationError) as caught:
            await check(first, [second])
        assert caught.value.problems == [
            f"CHAIN_ID is 1, but the node at {second.url('')} (RPC_FALLBACK_URLS) is of chain 5"
        ]
        with pytest.raises(ConfigurationError) as caught:
            await check(second, [first])
        assert caught.value.problems == [f"CHAIN_ID is 1, but the node at {second.url('')} (RPC_URL) is of chain 5"]
        with pytest.raises(ConfigurationError) as caught:
            await check(second)
        assert caught.value.problems == ["CHAIN_ID is 1, but the node at RPC_URL is of chain 5"]
        with pytest.raises(ConfigurationError) as caught:
            await check(first, private_rpc_url=second.url(f"/{KEY}"))
        assert caught.value.problems == [
            f"CHAIN_ID is 1, but the node at {second.url('')} (PRIVATE_RPC_URL) is of chain 5"
        ]


async def test_one_that_does_not_answer_is_a_warning_while_another_does() -> None:
    async with fake_node(drop) as first, fake_node(of(1)) as second:
        for order in ((first, second), (second, first)):
            with capture_logs() as lines:
                await check(order[0], order[1:])
            (line,) = [line for line in lines if line["event"] == "rpc endpoint does not answer"]
            assert line["log_level"] == "warning"
            assert line["reason"].startswith(f"RPC {first.url('')}: eth_chainId: ")
            assert KEY not in str(lines)


async def test_one_that_did_not_answer_and_is_of_another_chain_is_found_out_later() -> None:
    async with fake_node(of(1)) as first, fake_node(drop) as second:
        settings = Settings.load(
            _env_file=None, chain_id=1, rpc_url=first.url(), rpc_fallback_urls=second.url(), rpc_timeout_seconds=1.6
        )
        async with open_chain(settings) as chain:
            await check_chain(settings, chain)
            first.respond, second.respond = drop, of(5)
            with pytest.raises(ChainUnavailable, match=f"RPC {second.url('')}: is of chain 5, not of 1"):
                await chain.code_at(TREASURY)  # type: ignore[arg-type]


async def test_none_that_answers_is_an_outage_of_all() -> None:
    async with fake_node(drop) as first, fake_node(drop) as second, fake_node(of(1)) as relay:
        with pytest.raises(ChainUnavailable) as outage:
            await check(first, [second], private_rpc_url=relay.url())
        assert str(outage.value).count("eth_chainId") == 2
        assert KEY not in str(outage.value)


async def test_there_is_code_at_the_treasury() -> None:
    async with fake_node(of(1, code="0x")) as first:
        with pytest.raises(ConfigurationError, match=f"there is no contract at {TREASURY} on chain 1"):
            await check(first)
