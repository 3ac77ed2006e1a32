"""Identity for tests: an issuer asked without a network, a service behind its guard.

Owns no rule; takes the services' own.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager

import httpx
from fastapi import APIRouter, FastAPI

from services.kit import http
from services.kit.db import Database
from services.kit.identity import wiring
from services.kit.identity.access import Access
from services.kit.identity.api_keys import ApiKeys
from services.kit.identity.buckets import Buckets
from services.kit.identity.doorman import Doorman
from services.kit.identity.guard import Bounds
from services.kit.identity.jwks import KeySet
from services.kit.identity.tokens import Claims, Tokens
from services.kit.unit import Entities
from services.local.issuer import AUDIENCE, Issuer

URL = "https://issuer.test"
BOUNDS = Bounds(body_max_bytes=256 * 1024, timeout_s=30)


def client_of(answer: Callable[[httpx.Request], httpx.Response]) -> httpx.AsyncClient:
    """A client whose every request is answered here."""
    return httpx.AsyncClient(transport=httpx.MockTransport(answer))


def tokens_of(issuer: Issuer, leeway_s: float = 30) -> Tokens:
    """How a service checks this issuer's tokens."""
    client = client_of(lambda _: httpx.Response(200, json=issuer.jwks()))
    keys = KeySet(client, issuer.url, f"{issuer.url}/jwks")
    return Tokens(keys, issuer.url, AUDIENCE, Claims(), leeway_s)


def doorman_of(issuer: Issuer, keys: Database, rate: float = 0) -> Doorman:
    """Identity as a service has it; limits only where a rate is given."""
    limits = Buckets(rate, rate), Buckets(rate, rate), Buckets(0, 1)
    return Doorman(tokens_of(issuer), ApiKeys(keys, fresh_s=0), *limits)


@asynccontextmanager
async def guarded(
    routers: Sequence[APIRouter],
    access: Access,
    entities: Entities,
    doorman: Doorman | None,
    bounds: Bounds = BOUNDS,
) -> AsyncIterator[httpx.AsyncClient]:
    """A client of a service that stands behind its guard."""
    app = FastAPI()
    http.install(app)
    for router in routers:
        app.include_router(router)
    guard = wiring.guarded(app, access, entities, bounds, doorman)
    transport = httpx.ASGITransport(guard, raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://service") as client:
        yield client


def bearer(token: str) -> dict[str, str]:
    """The header that carries a token or a key."""
    return {"Authorization": f"Bearer {token}"}
