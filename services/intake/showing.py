"""Whom an answer of intake shows, where the case is not in its path: for the audit.

Owns how that is read off an answer; the witness notes it.
"""

from __future__ import annotations

from typing import Any
from uuid import UUID

from fastapi import Request
from fastapi.responses import Response

from services.kit.audit.reading import shown


def show_lines(request: Request, found: dict[str, Any]) -> dict[str, Any]:
    """A page of a list shows every case of it."""
    shown(request, [UUID(line["id"]) for line in found["items"]])
    return found


def show_known(request: Request, answer: Response) -> Response:
    """A case that was there shows more than its reporter has said."""
    if answer.status_code == 200:
        shown(request, [UUID(answer.headers["location"].rpartition("/")[2])])
    return answer
