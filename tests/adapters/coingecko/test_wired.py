"""CoinGecko out of the environment: asked where, with which key and how often the settings say."""

from collections.abc import Iterator
from pathlib import Path

import pytest
import structlog

from keeper.adapters.clock import SystemClock
from keeper.adapters.coingecko.chains import CHAINS, WRAPPED
from keeper.adapters.logs import configure
from keeper.adapters.price_file import PriceFile
from keeper.core.prices import TEST_CHAINS
from keeper.core.quotes import Fault, FaultKind, Quote, coin_id
from keeper.core.units import Timestamp
from keeper.core.universe import ChainNames
from keeper.settings import ConfigurationError, Settings
from keeper.wiring.market_data import coingecko, facts_of, place_of
from tests.adapters.coingecko.conftest import ALPHA, AT, BETA, KEY, SECRET_PATH
from tests.adapters.coingecko.fake_gecko import PRICES, fake_gecko, saying

pytestmark = pytest.mark.adapter


@pytest.fixture(autouse=True)
def _logs_as_before() -> Iterator[None]:
    yield
    structlog.reset_defaults()


async def test_settings_say_how_it_is_asked(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """No proxy of the environment is: the key would go there."""
    for name in Settings.model_fields:
        monkeypatch.delenv(name.upper(), raising=False)
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:1")
    async with fake_gecko(saying(PRICES)) as server:
        settings = Settings.load(
            _env_file=None,
            chain_id=31337,
            rpc_url="http://127.0.0.1:8545",
            coingecko_api_key=KEY,
            coingecko_plan="pro",
            coingecko_url=server.url(f"/{SECRET_PATH}"),
            coingecko_calls_per_minute=1,
            coingecko_cache_seconds=0,
            coingecko_max_age_seconds=60,
        )
        configure("json", "debug", settings.secrets())
        async with coingecko(settings, SystemClock()) as gecko:
            first = await gecko.quotes([ALPHA, BETA], AT)
            second = await gecko.quotes([ALPHA, BETA], AT)
            assert isinstance(first[ALPHA], Quote)
            stale, limited = first[BETA], second[ALPHA]
            assert isinstance(stale, Fault)
            assert isinstance(limited, Fault)
            assert (stale.kind, limited.kind) == (FaultKind.STALE, FaultKind.LIMITED)
            assert "1 calls a minute are used up" in limited.reason
            server.respond = saying(f'{{"error":"{KEY} at {SECRET_PATH}"}}', 500)
        async with coingecko(settings, SystemClock()) as gecko:
            await gecko.quotes([ALPHA], Timestamp(0))
        assert [request.headers["x-cg-pro-api-key"] for request in server.asked] == [KEY, KEY]
        assert server.asked[0].path == f"/{SECRET_PATH}/simple/price"
    logged = capsys.readouterr().err
    assert "coingecko refused" in logged
    assert KEY not in logged
    assert SECRET_PATH not in logged


def chain(monkeypatch: pytest.MonkeyPatch, chain_id: int, **names: str) -> Settings:
    for name in Settings.model_fields:
        monkeypatch.delenv(name.upper(), raising=False)
    return Settings.load(_env_file=None, chain_id=chain_id, rpc_url="http://127.0.0.1:8545", **names)


def test_what_coingecko_calls_a_chain(monkeypatch: pytest.MonkeyPatch) -> None:
    assert place_of(chain(monkeypatch, 1)) == ChainNames("ethereum", "eth", WRAPPED)
    assert place_of(chain(monkeypatch, 10)) == ChainNames("optimistic-ethereum", "optimism", WRAPPED)
    fork = chain(monkeypatch, 31337, coingecko_platform="base", coingecko_network="base")
    assert place_of(fork) == ChainNames("base", "base", WRAPPED)
    assert place_of(chain(monkeypatch, 1, coingecko_network="eth-2")) == ChainNames("ethereum", "eth-2", WRAPPED)
    with pytest.raises(ConfigurationError) as unknown:
        place_of(chain(monkeypatch, 31337))
    assert unknown.value.problems == [
        "COINGECKO_PLATFORM: is not set, and what CoinGecko calls chain 31337 is not known here",
        "COINGECKO_NETWORK: is not set, and what CoinGecko calls chain 31337 is not known here",
    ]


def test_the_names_of_chains_can_be_put_into_a_question_and_are_of_no_test_chain() -> None:
    assert not TEST_CHAINS & CHAINS.keys()
    for names in CHAINS.values():
        assert coin_id(names.platform)
        assert coin_id(names.network)
    assert len({names.platform for names in CHAINS.values()}) == len(CHAINS)
    assert len({names.network for names in CHAINS.values()}) == len(CHAINS)


@pytest.mark.parametrize("name", ["Eth", "a/b", "eth?x=1", "-eth", "", " "])
def test_a_name_of_a_chain_goes_into_a_path(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    with pytest.raises(ConfigurationError, match=r"^COINGECKO_NETWORK: must be lower case letters"):
        chain(monkeypatch, 31337, coingecko_network=name)


async def test_a_file_says_by_itself_what_its_coins_are(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    assert facts_of(PriceFile(tmp_path / "prices.csv", None)) is None
    async with coingecko(chain(monkeypatch, 1), SystemClock()) as gecko:
        assert facts_of(gecko) is gecko
