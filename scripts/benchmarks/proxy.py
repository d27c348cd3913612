"""A way to the node that counts: an HTTP proxy on the loopback which sees every request that the keeper makes."""

import contextlib
import json
from collections.abc import AsyncIterator
from dataclasses import dataclass, field

import aiohttp
from aiohttp import web


@dataclass(slots=True)
class Counted:
    """Each HTTP request as the methods it held: one, or those of a batch."""

    url: str = ""
    requests: list[list[str]] = field(default_factory=list)

    def take(self) -> list[list[str]]:
        """What was seen since the last time."""
        seen, self.requests = self.requests, []
        return seen


@contextlib.asynccontextmanager
async def counting_proxy(node_url: str) -> AsyncIterator[Counted]:
    """Passes bodies on and back untouched, on a free port."""
    counted = Counted()
    async with aiohttp.ClientSession() as session:

        async def forward(request: web.Request) -> web.Response:
            body = await request.read()
            asked = json.loads(body)
            calls = asked if isinstance(asked, list) else [asked]
            counted.requests.append([call["method"] for call in calls])
            async with session.post(node_url, data=body, headers={"Content-Type": "application/json"}) as reply:
                return web.Response(body=await reply.read(), status=reply.status, content_type="application/json")

        app = web.Application(client_max_size=2**26)
        app.router.add_post("/", forward)
        runner = web.AppRunner(app, access_log=None)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0)
        try:
            await site.start()
            counted.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
            yield counted
        finally:
            await runner.cleanup()
