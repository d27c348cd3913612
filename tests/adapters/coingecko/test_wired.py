"""CoinGecko out of the environment: asked where, with which key and how often the settings say."""

from collections.abc import Iterator

import pytest
import structlog

from keeper.adapters.clock import SystemClock
from keeper.adapters.logs import configure
from keeper.core.quotes import Fault, FaultKind, Quote
from keeper.core.units import Timestamp
from keeper.settings import Settings
from keeper.wiring.market_data import coingecko
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
