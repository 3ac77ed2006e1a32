"""`Idempotency-Key`: the same request again gets the same answer, in the effect's transaction.

Owns the stored answers (sealed). The key is claimed before the work, so that two requests at once
do it once; a refused command stores nothing and is decided anew.
"""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Any, NamedTuple, TypeVar
from uuid import UUID

import asyncpg
from fastapi import Request
from fastapi.responses import JSONResponse, Response
from pydantic_core import to_json

from services.kit.faults import Invalid
from services.kit.http import erased, problem
from services.kit.identity.principal import caller, check_own
from services.kit.sealing import Sealer
from services.kit.unit import QUERIES, Entities, Unit

_Result = TypeVar("_Result")
TRIES = 5
ROLLED_BACK: tuple[type[Exception], ...] = (
    asyncpg.DeadlockDetectedError,
    asyncpg.SerializationError,
    asyncpg.LockNotAvailableError,
)
"""What a transaction may meet though nothing is wrong with it: it is tried again."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What a POST answers. `subject` is whose key seals it at rest."""

    status: int
    body: Mapping[str, Any]
    headers: Mapping[str, str] = field(default_factory=dict)
    subject: UUID | None = None


class Asked(NamedTuple):
    """A POST, as far as its repetition goes."""

    scope: str
    key: str | None
    digest: bytes

    @property
    def bound_to(self) -> bytes:
        """What the stored answer is bound to."""
        return f"{self.scope}\0{self.key}".encode()


async def read_asked(request: Request, sealer: Sealer) -> Asked:
    """What tells a request from another. Raises `Invalid` for a key that is none."""
    key = request.headers.get("idempotency-key")
    if key is not None and not 1 <= len(key) <= 255:
        raise Invalid("/Idempotency-Key", "must have 1 to 255 characters")
    digest = sha256(request.method.encode() + b"\0" + await request.body()).digest()
    return Asked(_scope_of(request, sealer), key, digest)


async def run_once(
    request: Request, entities: Entities, work: Callable[[Unit], Awaitable[Answer]]
) -> Response:
    """Do the work of a POST in one transaction, once per `Idempotency-Key`."""
    asked = await read_asked(request, entities.sealer)

    async def owned(unit: Unit) -> Answer:
        answer = await work(unit)
        check_own(request, answer.subject)
        return answer

    return await tried_again(entities, lambda unit: _in(unit, asked, owned))


async def tried_again(entities: Entities, work: Callable[[Unit], Awaitable[_Result]]) -> _Result:
    """Do work in one transaction; one that was rolled back through no fault of its own, again."""
    for left in reversed(range(TRIES)):
        try:
            async with entities.transaction() as unit:
                return await work(unit)
        except ROLLED_BACK:
            if not left:
                raise
    raise AssertionError("unreachable")


def _scope_of(request: Request, sealer: Sealer) -> str:
    """Where a key is one and the same: the path, and once callers are known, each for themselves.

    A caller's id may be personal, so that only its blind index rests here.
    """
    who = caller(request.scope)
    if who is None:
        return request.url.path
    return f"{sealer.blind('caller', f'{who.role}:{who.id}').hex()} {request.url.path}"


async def _in(unit: Unit, asked: Asked, work: Callable[[Unit], Awaitable[Answer]]) -> Response:
    if asked.key is None:
        return respond(await work(unit))
    if await unit.conn.fetchrow(QUERIES["claim_key"], *asked) is None:
        row = await unit.conn.fetchrow(QUERIES["recall"], [asked.scope], [asked.key])
        if row is not None and row["subject"] is not None:
            await unit.sealer.load([row["subject"]])
        return replay(asked, row, unit.sealer)
    answer = await work(unit)
    if answer.subject is not None:
        await unit.sealer.load([answer.subject], create=True)
    blob = to_rest(asked, answer, unit.sealer)
    settled = (asked.scope, asked.key, answer.subject, answer.status, blob)
    await unit.conn.execute(QUERIES["settle_key"], *settled)
    return respond(answer)


def to_rest(asked: Asked, answer: Answer, sealer: Sealer) -> bytes | None:
    """The answer as it rests, sealed; its subject's key must have been loaded."""
    plaintext = to_json({"body": answer.body, "headers": answer.headers})
    if answer.subject is None:
        return sealer.seal_raw(plaintext, asked.bound_to)
    return sealer.seal(answer.subject, plaintext, asked.bound_to)


def replay(asked: Asked, row: Mapping[str, Any] | None, sealer: Sealer) -> Response:
    """The answer once given under the same key; its subject's key must have been loaded."""
    if row is None or row["request_hash"] != asked.digest:
        return problem(
            422, "idempotency-key-reused", "The Idempotency-Key was used for another request",
            errors=[{"pointer": "/Idempotency-Key", "detail": "use a new key for a new request"}],
        )  # fmt: skip
    subject, blob = row["subject"], row["answer"]
    if subject is None:
        plaintext: bytes | None = sealer.open_raw(blob, asked.bound_to)
    else:
        plaintext = None if blob is None else sealer.open(subject, blob, asked.bound_to)
    if plaintext is None:
        return erased()
    stored = json.loads(plaintext)
    return JSONResponse(stored["body"], row["status"], stored["headers"])


def respond(answer: Answer) -> Response:
    """The answer, as it is sent."""
    content = to_json(answer.body)
    return Response(content, answer.status, dict(answer.headers), "application/json")
