"""CoinGecko's plans: which host is asked, and under which name the key goes with the question."""

from enum import StrEnum


class Plan(StrEnum):
    DEMO = "demo"
    PRO = "pro"
    NONE = "none"
    """Without a key."""

    @property
    def url(self) -> str:
        host = "pro-api" if self is Plan.PRO else "api"
        return f"https://{host}.coingecko.com/api/v3"

    def headers(self, key: str | None) -> dict[str, str]:
        """The key is a header: in the URL every proxy would write it down."""
        return {} if key is None or self is Plan.NONE else {f"x-cg-{self}-api-key": key}
