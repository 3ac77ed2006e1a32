"""Wiring: the front as one process. Owns which client goes where; decides nothing."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Mapping

import httpx
import uvicorn

from services.front.routing import Front
from services.front.settings import FrontSettings
from services.kit import telemetry
from services.kit.identity.exposure import refuse_to_stand_open
from services.kit.settings import read_settings


@contextlib.asynccontextmanager
async def clients(
    urls: Mapping[str, str], auth: httpx.Auth | None = None
) -> AsyncIterator[dict[str, httpx.AsyncClient]]:
    """An HTTP client per service, with the service's address as its base URL."""
    limits = httpx.Limits(max_connections=None, max_keepalive_connections=100)
    async with contextlib.AsyncExitStack() as opened:
        yield {
            service: await opened.enter_async_context(
                httpx.AsyncClient(base_url=url, limits=limits, trust_env=False, auth=auth)
            )
            for service, url in urls.items()
        }


async def serve(settings: FrontSettings) -> None:
    """Serve until SIGTERM or SIGINT; open streams are cut then."""
    telemetry.set_up_logging("front", settings.log_level)
    async with clients(settings.urls()) as services:
        config = uvicorn.Config(
            Front(services).app(),
            host=settings.http_host,
            port=settings.http_port,
            log_config=None,
            access_log=False,
            lifespan="off",
            ws="none",
            server_header=False,
            timeout_graceful_shutdown=3,
        )
        await uvicorn.Server(config).serve()


def main() -> None:
    """Run the front until it is told to stop."""
    settings = read_settings(FrontSettings)
    refuse_to_stand_open(settings)
    asyncio.run(serve(settings))
