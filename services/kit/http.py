"""HTTP as every service speaks it: problem documents (RFC 9457), pages with cursors.

Owns the shape of errors. Details never quote what the caller sent: it may be personal.
"""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Callable, Sequence
from typing import Any
from uuid import UUID

import structlog
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException

from services.kit.db import RETRYABLE_ERRORS, UNKEEPABLE_ERRORS
from services.kit.faults import (
    Behind,
    Erased,
    Forbidden,
    Invalid,
    NotFound,
    Refused,
    TooLarge,
    Unavailable,
    Unsupported,
)

_log = structlog.get_logger(__name__)
_TYPE = "https://recourse.invalid/problems/"


class Problem(JSONResponse):
    """`application/problem+json`."""

    media_type = "application/problem+json"


def problem(status: int, kind: str, title: str, **members: Any) -> Problem:
    """A problem document; `kind` ends its type URI, `members` are further members."""
    content = {"type": _TYPE + kind, "title": title, "status": status}
    return Problem({**content, **{k: v for k, v in members.items() if v}}, status_code=status)


def pointer(location: Sequence[str | int], body: Any) -> str:
    """The JSON pointer of a validation error's location.

    pydantic puts the tag of a tagged union into the location; what is not in the body is left out,
    except the last part, which may be the missing field itself.
    """
    parts: list[str] = []
    current = body
    for number, part in enumerate(location):
        last = number == len(location) - 1
        inside = _has(current, part)
        if inside or last:
            parts.append(str(part).replace("~", "~0").replace("/", "~1"))
        if inside:
            current = current[part]
    return "/" + "/".join(parts) if parts else ""


def _has(current: Any, part: str | int) -> bool:
    if isinstance(current, list):
        return isinstance(part, int) and part < len(current)
    return isinstance(current, dict) and part in current


def invalid(errors: Sequence[dict[str, Any]]) -> Problem:
    """422 with `errors: [{"pointer", "detail"}]`."""
    return problem(422, "invalid", "The request is not valid", errors=list(errors))


def validation_errors(error: RequestValidationError) -> list[dict[str, Any]]:
    """Each error of a request with its pointer; parameters are named with where they stand."""
    found = []
    for one in error.errors():
        where, *location = one["loc"] or ("body",)
        if where == "body":
            broken = one["type"] == "json_invalid"
            place = {"pointer": "" if broken else pointer(location, error.body)}
        else:
            place = {"pointer": "/" + "/".join(map(str, location)), "in": str(where)}
        found.append({**place, "detail": one["msg"].removeprefix("Value error, ")})
    return found


def forbidden(reason: str, detail: str = "") -> Problem:
    """403: who asks is known, and may not do this."""
    return problem(403, "forbidden", "Not allowed", reason=reason, detail=detail)


def erased() -> Problem:
    """410: whom it is about was erased."""
    return problem(410, "erased", "Whom this is about was erased", reason="erased")


def install(app: FastAPI) -> None:
    """Give an application the answers to every fault."""

    def on(kind: type[Exception], answer: Callable[[Any], Problem]) -> None:
        async def handle(_: Request, error: Exception) -> Problem:
            return answer(error)

        app.add_exception_handler(kind, handle)

    on(RequestValidationError, lambda e: invalid(validation_errors(e)))
    on(Invalid, lambda e: invalid([{"pointer": e.pointer, "detail": e.detail}]))
    on(Forbidden, lambda e: forbidden(e.reason, e.detail))
    on(NotFound, lambda e: problem(404, "not-found", "Not found", detail=str(e)))
    on(Erased, lambda _: erased())
    on(
        Refused,
        lambda e: problem(409, "refused", "Not now", reason=e.reason, detail=e.detail, **e.extra),
    )
    on(
        Behind,
        lambda e: problem(503, "behind", "Not there yet", reason="behind", wanted=e.wanted),
    )
    on(TooLarge, lambda e: problem(413, "too-large", f"More than {e.limit} bytes"))
    on(
        Unsupported,
        lambda e: problem(
            415, "unsupported-type", "This kind of file is not taken", found=e.found, taken=e.taken
        ),
    )
    on(
        Unavailable,
        lambda e: problem(503, "unavailable", str(e).capitalize(), reason="unavailable"),
    )
    on(HTTPException, lambda e: problem(e.status_code, "http", str(e.detail)))
    for unkeepable in UNKEEPABLE_ERRORS:
        on(unkeepable, lambda _: invalid([{"pointer": "", "detail": "holds a character NUL"}]))
    for kind in RETRYABLE_ERRORS:
        on(kind, _unavailable)  # type: ignore[arg-type] # every entry is an Exception
    on(TimeoutError, _unavailable)


def _unavailable(error: Exception) -> Problem:
    _log.warning("unavailable", error=type(error).__name__)
    return problem(503, "unavailable", "The database does not answer", reason="unavailable")


def page(items: Sequence[Any], following: Any | None) -> dict[str, Any]:
    """`{"items": [...], "next": cursor or null}`; `following` is JSON-ready."""
    return {"items": list(items), "next": None if following is None else encode_cursor(following)}


def encode_cursor(following: Any) -> str:
    """An opaque cursor."""
    return base64.urlsafe_b64encode(json.dumps(following).encode()).decode().rstrip("=")


def decode_cursor(cursor: str | None) -> Any:
    """What the cursor stands for; None for none. Raises `Invalid`."""
    if cursor is None:
        return None
    try:
        return json.loads(base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))
    except (ValueError, binascii.Error) as error:
        raise Invalid("/cursor", "not a cursor that a list of ours has given") from error


def position_in(cursor: str | None, first: int) -> int:
    """The position that a cursor stands for; `first` for none. Raises `Invalid`."""
    position = decode_cursor(cursor)
    if position is None:
        return first
    if not isinstance(position, int) or isinstance(position, bool) or not 0 <= position < 2**63:
        raise Invalid("/cursor", "not a cursor that a list of ours has given")
    return position


def id_in(cursor: str | None) -> UUID:
    """The id that a cursor stands for; the one before all others for none. Raises `Invalid`."""
    following = decode_cursor(cursor)
    try:
        return UUID(following) if following is not None else UUID(int=0)
    except (ValueError, AttributeError, TypeError) as error:
        raise Invalid("/cursor", "not a cursor that a list of ours has given") from error
