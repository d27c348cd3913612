"""What a private relay says of a transaction it was given. A hint for people: nothing is closed by it, because the
bytes stay valid until their nonce is used."""

import asyncio
from typing import Final

import httpx

from keeper.adapters.foreign import loads
from keeper.core.units import Hash32

STATUSES: Final = frozenset({"PENDING", "INCLUDED", "FAILED", "CANCELLED", "UNKNOWN"})
"""Flashbots Protect's; others speak the same."""
_LONGEST: Final = 64 << 10
"""Bytes of an answer."""


class RelayStatus:
    """`url` holds {hash} where the transaction's belongs. It may hold a key, so it is never shown."""

    def __init__(self, url: str, timeout_seconds: float) -> None:
        self._url = url
        self._timeout = timeout_seconds

    async def of(self, tx_hash: Hash32) -> str | None:
        """One of STATUSES. None for whatever else is said, and when nothing is within the time."""
        try:
            async with asyncio.timeout(self._timeout), httpx.AsyncClient(timeout=self._timeout) as client:
                body = await self._body(client, self._url.replace("{hash}", tx_hash))
            status = loads(body)["status"]
        except (httpx.HTTPError, httpx.InvalidURL, OSError, ValueError, KeyError, TypeError):
            return None
        return status if isinstance(status, str) and status in STATUSES else None

    async def _body(self, client: httpx.AsyncClient, url: str) -> bytes:
        async with client.stream("GET", url) as response:
            response.raise_for_status()
            body = b""
            async for chunk in response.aiter_bytes():
                body += chunk
                if len(body) > _LONGEST:
                    raise ValueError("too long")
            return body
