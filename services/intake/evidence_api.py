"""Files by HTTP: `/v1/cases/{case_id}/evidence`. Bodies come and go as streams.

Owns how long a sender may take, what the form's texts mean, and the answers.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Final
from uuid import UUID

from fastapi import APIRouter, HTTPException, Request
from fastapi.responses import Response, StreamingResponse
from pydantic import TypeAdapter, ValidationError
from starlette.requests import ClientDisconnect

from schemas.report import Actor, FactName
from services.intake import metrics
from services.intake.authorship import actor_in
from services.intake.core import views
from services.intake.evidence import Evidence, Told
from services.intake.receiving import FORM_OVERHEAD_BYTES, Received
from services.kit.faults import Invalid, TooLarge, Unavailable, Unsupported

_FACT: TypeAdapter[str] = TypeAdapter(FactName)
_BYTES: Final = {"type": "string", "format": "binary"}
_FILE: Final[dict[int | str, dict[str, Any]]] = {200: {"content": {"*/*": {"schema": _BYTES}}}}
_REFUSED: Final[dict[int | str, dict[str, Any]]] = {415: {}}
_FORM: Final = {
    "required": True,
    "content": {
        "multipart/form-data": {
            "schema": {
                "type": "object",
                "required": ["file"],
                "properties": {
                    "file": _BYTES,
                    "fact": {"type": "string", "pattern": "^[a-z][a-z0-9_.]{0,79}$"},
                    "by": {"type": "string", "description": "JSON: role, id, name"},
                },
            },
            "example": {"file": "receipt.png", "fact": "evidence.payment_receipt"},
        }
    },
}
_DOWNLOAD: Final = {
    "Content-Disposition": "attachment",
    "X-Content-Type-Options": "nosniff",
    "Cache-Control": "no-store",
}


@dataclass(frozen=True, slots=True)
class Patience:
    """How long a sender may take in all, and without a byte."""

    whole_s: float
    idle_s: float


def evidence_router(evidence: Evidence, patience: Patience) -> APIRouter:
    """The routes of files."""
    router = APIRouter(prefix="/v1/cases", tags=["evidence"])

    @router.post(
        "/{case_id}/evidence",
        status_code=201,
        openapi_extra={"requestBody": _FORM},
        responses=_REFUSED,
    )
    async def add_evidence(request: Request, case_id: UUID) -> dict[str, Any]:
        """Send a file (multipart: `file`, and optionally `fact` and `by`).

        The same file again changes nothing, so this needs no `Idempotency-Key`: a repeated
        form has another boundary, and would look like another request.
        """
        received = await _received(evidence, request, case_id, patience)
        try:
            fact, by = _fact(received), _by(request, received)
        except Exception:
            await evidence.discard([received.kept.name])
            raise
        return _answer(await evidence.tell(case_id, received, fact, by))

    @router.get("/{case_id}/evidence/{sha256}", response_class=Response, responses=_FILE)
    async def read_evidence(case_id: UUID, sha256: str) -> Response:
        """A file that was sent, as it was; never to be shown inside a page."""
        return await given(evidence, case_id, sha256)

    return router


async def given(evidence: Evidence, case_id: UUID, sha256: str) -> StreamingResponse:
    """The answer that gives a file back. Raises `NotFound`."""
    file = await evidence.give(case_id, sha256)
    headers = {**_DOWNLOAD, "Content-Length": str(file.size)}
    return StreamingResponse(file.content, headers=headers, media_type=file.record.media_type)


async def _received(
    evidence: Evidence, request: Request, case_id: UUID, patience: Patience
) -> Received:
    with _refusals_counted():
        _check_length(request, evidence.receiver.limits.max_bytes)
        kind = request.headers.get("content-type", "")
        return await evidence.receive(case_id, kind, _arriving(request, patience))


def _answer(told: Told) -> dict[str, Any]:
    return {
        **views.summary(told.done.case, told.done.position, told.done.policy),
        "fact": told.file.fact,
        "sha256": told.file.sha256,
        "media_type": told.file.media_type,
        "size": told.size,
    }


async def _arriving(request: Request, patience: Patience) -> AsyncIterator[bytes]:
    """The body as it comes. 408 for a sender who takes too long, 400 for one who left."""
    pieces = request.stream()
    loop = asyncio.get_running_loop()
    until = loop.time() + patience.whole_s
    try:
        while True:
            async with asyncio.timeout_at(min(until, loop.time() + patience.idle_s)):
                piece = await anext(pieces, None)
            if piece is None:
                return
            yield piece
    except TimeoutError:
        raise HTTPException(408, "The request did not arrive in time") from None
    except ClientDisconnect:
        raise HTTPException(400, "The sender left") from None


def _check_length(request: Request, max_bytes: int) -> None:
    """Refuse what says of itself that it is too large, before a byte of it."""
    length = request.headers.get("content-length", "")
    if length.isdecimal() and int(length) > max_bytes + FORM_OVERHEAD_BYTES:
        raise TooLarge(max_bytes)


@contextmanager
def _refusals_counted() -> Iterator[None]:
    try:
        yield
    except (TooLarge, Unsupported, Unavailable, Invalid) as error:
        metrics.EVIDENCE_REFUSED.labels(reason=_REASONS[type(error)]).inc()
        if isinstance(error, Unavailable):
            metrics.EVIDENCE_STORE_UP.set(0)
        raise
    except HTTPException as error:
        reason = "slow" if error.status_code == 408 else "left"
        metrics.EVIDENCE_REFUSED.labels(reason=reason).inc()
        raise


_REASONS: Final = {
    TooLarge: "too_large",
    Unsupported: "unsupported_type",
    Unavailable: "store_away",
    Invalid: "invalid_form",
}


def _fact(received: Received) -> str | None:
    fact = received.fields.get("fact")
    try:
        return None if fact is None else _FACT.validate_python(fact)
    except ValidationError as error:
        raise Invalid("/fact", "not the name of a fact") from error


def _by(request: Request, received: Received) -> Actor | None:
    """Who sends it: whoever the form says, which must be the caller where callers are known."""
    stated = received.fields.get("by")
    try:
        named = None if stated is None else Actor.model_validate_json(stated)
    except ValidationError as error:
        raise Invalid("/by", "not an actor such as {role, id, name}") from error
    return actor_in(request, named)
