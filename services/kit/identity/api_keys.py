"""API keys for what has no person: `rk_<prefix>_<secret>`, of which only a hash is kept.

Owns their form, their table (in the schema of the subject keys: one row for all services, so one
revocation ends it everywhere) and a short cache. A secret of 256 random bits needs no slow hash.
Customers have none: their ids would rest in clear.
"""

from __future__ import annotations

import hmac
import re
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256
from pathlib import Path
from time import monotonic
from typing import Any, Final

from services.kit.db import UNREACHABLE, Database
from services.kit.identity.denial import unauthenticated, unsure
from services.kit.identity.principal import Principal, Role
from services.kit.sql import Queries

QUERIES: Final = Queries(Path(__file__).parent / "queries.sql")
MARK: Final = "rk_"
KEY_ROLES: Final = (Role.BACKEND, Role.AGENT, Role.SUPERVISOR, Role.OPS)
_FORM: Final = re.compile(r"rk_([a-z0-9]{12})_([A-Za-z0-9_-]{43})")
_ALPHABET: Final = "abcdefghijklmnopqrstuvwxyz0123456789"
_CACHE_SIZE: Final = 10_000


@dataclass(frozen=True, slots=True)
class NewKey:
    """A key as it is wished for; without `scopes` it may do all that its role may."""

    name: str
    role: Role
    subject: str
    scopes: tuple[str, ...]
    days: int


def draw() -> tuple[str, str]:
    """A new key and its prefix."""
    prefix = "".join(secrets.choice(_ALPHABET) for _ in range(12))
    return f"{MARK}{prefix}_{secrets.token_urlsafe(32)}", prefix


def hashed(key: str) -> bytes:
    """What is kept of a key."""
    return sha256(key.encode()).digest()


async def create(db: Database, wanted: NewKey) -> tuple[str, datetime]:
    """Make a key; the text is never to be had again. Answers when it expires too."""
    key, prefix = draw()
    (row,) = await db.fetch(
        QUERIES["create_api_key"],
        prefix,
        hashed(key),
        wanted.name,
        wanted.role.value,
        wanted.subject,
        list(wanted.scopes),
        wanted.days,
    )
    return key, row["expires_at"]


async def listed(db: Database) -> Sequence[Mapping[str, Any]]:
    """All keys, newest first, without their hashes."""
    return await db.fetch(QUERIES["list_api_keys"])


async def revoke(db: Database, prefix: str) -> bool:
    """End a key; False where there is none that is alive."""
    return await db.execute(QUERIES["revoke_api_key"], prefix) == "UPDATE 1"


class ApiKeys:
    """The keys as a service checks them. A revoked one is refused after `fresh_s` at the latest."""

    def __init__(self, db: Database, fresh_s: float = 10) -> None:
        self._db = db
        self._fresh_s = fresh_s
        self._cache: dict[str, tuple[Mapping[str, Any] | None, float]] = {}

    async def principal(self, key: str) -> Principal:
        """Who a key stands for. Raises `Denied`."""
        form = _FORM.fullmatch(key)
        row = await self._row(form[1]) if form else None
        # Compared in any case, so that an unknown prefix takes as long as a wrong secret.
        known = row["hash"] if row else bytes(32)
        if not hmac.compare_digest(known, hashed(key)) or row is None:
            raise unauthenticated("key_unknown")
        if row["over"] is not None:
            raise unauthenticated(row["over"])
        scopes = frozenset(row["scopes"])
        return Principal(Role(row["role"]), row["subject"], scopes=scopes, narrowed=bool(scopes))

    async def _row(self, prefix: str) -> Mapping[str, Any] | None:
        found = self._cache.get(prefix)
        if found is not None and found[1] > monotonic() - self._fresh_s:
            return found[0]
        try:
            row = await self._db.fetchrow(QUERIES["use_api_key"], prefix)
        except UNREACHABLE:
            raise unsure() from None
        if len(self._cache) >= _CACHE_SIZE:
            self._cache.clear()
        self._cache[prefix] = (row, monotonic())
        return row
