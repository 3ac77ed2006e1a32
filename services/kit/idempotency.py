"""`Idempotency-Key`: the same request again gets the same answer, in the effect's transaction.

Owns the stored answers (sealed). The key is claimed before the work, so that two requests at once
do it once; a refused command stores nothing and is decided anew.
"""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Any
from uuid import UUID

import asyncpg
from fastapi import Request
from fastapi.responses import JSONResponse, Response

from services.kit.faults import Invalid
from services.kit.http import problem
from services.kit.unit import QUERIES, Entities, Unit

_TRIES = 5
_ROLLED_BACK = (
    asyncpg.DeadlockDetectedError,
    asyncpg.SerializationError,
    asyncpg.LockNotAvailableError,
)


@dataclass(frozen=True, slots=True)
class Answer:
    """What a POST answers. `subject` is whose key seals it at rest."""

    status: int
    body: Mapping[str, Any]
    headers: Mapping[str, str] = field(default_factory=dict)
    subject: UUID | None = None


async def run_once(
    request: Request, entities: Entities, work: Callable[[Unit], Awaitable[Answer]]
) -> Response:
    """Do the work of a POST in one transaction, once per `Idempotency-Key`."""
    key = request.headers.get("idempotency-key")
    if key is not None and not 1 <= len(key) <= 255:
        raise Invalid("/Idempotency-Key", "must have 1 to 255 characters")
    scope = request.url.path
    digest = sha256(request.method.encode() + b"\0" + await request.body()).digest()
    for left in reversed(range(_TRIES)):
        try:
            async with entities.transaction() as unit:
                return await _in(unit, scope, key, digest, work)
        except _ROLLED_BACK:
            if not left:
                raise
    raise AssertionError("unreachable")


async def _in(
    unit: Unit,
    scope: str,
    key: str | None,
    digest: bytes,
    work: Callable[[Unit], Awaitable[Answer]],
) -> Response:
    if key is None:
        return _response(await work(unit))
    if await unit.conn.fetchrow(QUERIES["claim_key"], scope, key, digest) is None:
        return await _replay(unit, scope, key, digest)
    answer = await work(unit)
    plaintext = json.dumps({"body": answer.body, "headers": dict(answer.headers)}, default=str)
    bound_to = f"{scope}\0{key}".encode()
    if answer.subject is None:
        blob: bytes | None = unit.sealer.seal_raw(plaintext.encode(), bound_to)
    else:
        blob = await unit.sealer.seal_bytes(answer.subject, plaintext.encode(), bound_to)
    await unit.conn.execute(QUERIES["settle_key"], scope, key, answer.subject, answer.status, blob)
    return _response(answer)


async def _replay(unit: Unit, scope: str, key: str, digest: bytes) -> Response:
    row = await unit.conn.fetchrow(QUERIES["recall"], scope, key)
    if row is None or row["request_hash"] != digest:
        return problem(
            422, "idempotency-key-reused", "The Idempotency-Key was used for another request",
            errors=[{"pointer": "/Idempotency-Key", "detail": "use a new key for a new request"}],
        )  # fmt: skip
    bound_to = f"{scope}\0{key}".encode()
    subject: UUID | None = row["subject"]
    if subject is None:
        plaintext: bytes | None = unit.sealer.open_raw(row["answer"], bound_to)
    else:
        plaintext = await unit.sealer.open_bytes(subject, row["answer"], bound_to)
    if plaintext is None:
        return problem(410, "erased", "The subject of this answer was erased")
    stored = json.loads(plaintext)
    return JSONResponse(stored["body"], row["status"], stored["headers"])


def _response(answer: Answer) -> Response:
    return JSONResponse(
        json.loads(json.dumps(answer.body, default=str)), answer.status, dict(answer.headers)
    )
