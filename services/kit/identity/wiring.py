"""Puts identity together from the settings, and before a service. Owns nothing but the order."""

from __future__ import annotations

import ssl
from collections.abc import Awaitable, Callable
from uuid import UUID

import httpx
from starlette.types import ASGIApp

from services.kit.audit.witness import Witness
from services.kit.db import Database
from services.kit.identity.access import OPERATIONS, Access
from services.kit.identity.api_keys import ApiKeys
from services.kit.identity.buckets import Buckets
from services.kit.identity.doorman import Doorman
from services.kit.identity.guard import Bounds, Guard
from services.kit.identity.jwks import KeySet
from services.kit.identity.principal import Principal
from services.kit.identity.things import Ownership
from services.kit.identity.tokens import Claims, Tokens
from services.kit.settings import Settings
from services.kit.unit import QUERIES, Entities

_BURST_S = 2
_STRANGERS_PER_S, _STRANGERS_BURST = 5, 20
Closing = list[Callable[[], Awaitable[None]]]


async def stand_before(
    app: ASGIApp, access: Access, entities: Entities, settings: Settings
) -> tuple[Guard, Closing]:
    """The service behind its guard, and what to close in the end."""
    doorman, closing = await _doorman(settings) if settings.identity == "on" else (None, [])
    bounds = Bounds(settings.body_max_bytes, settings.request_timeout_s)
    return guarded(app, access, entities, bounds, doorman), closing


def guarded(
    app: ASGIApp, access: Access, entities: Entities, bounds: Bounds, doorman: Doorman | None
) -> Guard:
    """The service behind its guard, with the witness of what it shows between them."""
    owned = ownership(entities)
    witness = Witness(app, entities.db, owned)
    return Guard(witness, access | OPERATIONS, bounds, owned, doorman)


def ownership(entities: Entities) -> Ownership:
    """Whose things are, by the data subject that each entity is about."""

    def subject_of(principal: Principal) -> UUID:
        return entities.sealer.subject_of(principal.role, principal.id)

    async def owner(id: UUID) -> UUID | None:
        row = await entities.db.fetchrow(QUERIES["owner"], id)
        return row["subject"] if row else None

    return Ownership(subject_of, owner)


async def _doorman(settings: Settings) -> tuple[Doorman, Closing]:
    keys = await Database.open(settings.keys_dsn, name="identity", size=2)
    context = ssl.create_default_context(cafile=settings.identity_ca_file)
    client = httpx.AsyncClient(verify=context, trust_env=False)
    rates = (settings.rate_per_s, settings.machine_rate_per_s)
    people, machines = (Buckets(rate, rate * _BURST_S) for rate in rates)
    strangers = Buckets(_STRANGERS_PER_S, _STRANGERS_BURST)
    doorman = Doorman(tokens_of(settings, client), ApiKeys(keys), people, machines, strangers)
    return doorman, [client.aclose, keys.close]


def tokens_of(settings: Settings, client: httpx.AsyncClient) -> Tokens | None:
    """How tokens are checked; None where no issuer is named."""
    issuer = settings.identity_issuer
    if issuer is None:
        return None
    claims = Claims(
        settings.identity_role_claim,
        settings.identity_staff_number_claim,
        settings.identity_customer_claim,
        settings.identity_groups_claim,
    )
    keys = KeySet(client, issuer, settings.identity_jwks_url)
    return Tokens(keys, issuer, settings.identity_audience, claims, settings.identity_leeway_s)
