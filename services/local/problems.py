"""Problem details (RFC 9457) that the front itself answers with."""

from __future__ import annotations

from typing import Any

from starlette.responses import JSONResponse


def problem(status: int, title: str, detail: str, **members: Any) -> JSONResponse:
    """A problem answer; `members` are extension members such as `errors` or `outstanding`."""
    body = {"type": "about:blank", "title": title, "status": status, "detail": detail} | members
    return JSONResponse(body, status_code=status, media_type="application/problem+json")
