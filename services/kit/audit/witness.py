"""Stands between the guard and a service: no answer with private data goes out that is not noted.

Owns when it is noted (before the first byte), by whom it was asked, and what happens if it cannot
be noted: the data is not given. Which routes show what is said by their rules.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from secrets import token_hex
from typing import Final
from uuid import UUID

import structlog
from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import HTTPConnection
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from services.kit.audit.reading import Reading, begin
from services.kit.db import Database
from services.kit.http import invalid, problem
from services.kit.identity.access import Found, found_in
from services.kit.identity.denial import Denied
from services.kit.identity.principal import Role, caller
from services.kit.identity.things import Ownership

_log = structlog.get_logger(__name__)
PURPOSE: Final = "Recourse-Purpose"
PURPOSE_PATTERN: Final = r"^[A-Za-z0-9][A-Za-z0-9_.:/#-]{0,99}$"
ACTOR: Final = "Recourse-Actor"
REQUEST_ID: Final = "X-Request-Id"
_WORD: Final = re.compile(PURPOSE_PATTERN)
_UNASKED: Final = "unasked"
"""The role of whoever reads while identity is off; the actor is then who they say they are."""


class Witness:
    """An ASGI application around a service and inside its guard, which has found the rule."""

    def __init__(self, app: ASGIApp, db: Database, ownership: Ownership) -> None:
        self._app = app
        self._db = db
        self._ownership = ownership

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on; note what it is shown."""
        found = found_in(scope)
        if scope["type"] != "http" or found is None or not found.shows:
            await self._app(scope, receive, send)
            return
        reading = self._reading(scope, found)
        begin(HTTPConnection(scope), reading)
        refused = False

        async def tell(message: Message) -> None:
            nonlocal refused
            if message["type"] == "http.response.start" and _shows(found, message["status"]):
                refused = not await _noted(reading)
                MutableHeaders(scope=message)[REQUEST_ID] = reading.request
                if refused:
                    await _unnoted()(scope, receive, send)
            if not refused:
                await send(message)

        await self._app(scope, receive, tell)

    def _reading(self, scope: Scope, found: Found) -> Reading:
        headers = Headers(scope=scope)
        purpose = headers.get(PURPOSE)
        if purpose is not None and not _WORD.match(purpose):
            detail = "letters, digits and _ . : / # - only: a ticket, not a text"
            raise Denied(invalid([{"pointer": f"/{PURPOSE}", "in": "header", "detail": detail}]))
        role, actor = self._who(scope, headers)
        named = headers.get(REQUEST_ID, "")
        return Reading(
            db=self._db,
            request=named if _WORD.match(named) else token_hex(16),
            role=role,
            actor=actor,
            route=found.route,
            shows=found.shows,
            purpose=purpose,
            cases=_case_of(found.parameters),
        )

    def _who(self, scope: Scope, headers: Headers) -> tuple[str, str]:
        """A customer's own id is personal: their opaque subject stands for it."""
        principal = caller(scope)
        if principal is None:
            stated = headers.get(ACTOR, "")
            return _UNASKED, stated if _WORD.match(stated) else _UNASKED
        if principal.role is Role.CUSTOMER:
            return principal.role, str(self._ownership.subject_of(principal))
        return principal.role, principal.id


def _shows(found: Found, status: int) -> bool:
    return status < 400 and (status != 201 or found.rule is None or found.rule.shows_new)


async def _noted(reading: Reading) -> bool:
    try:
        await reading.note()
    except Exception as error:
        _log.exception("audit_failed", route=reading.route, error=type(error).__name__)
        return False
    return True


def _unnoted() -> ASGIApp:
    title = "The reading cannot be audited now"
    return problem(503, "unavailable", title, reason="unaudited")


def _case_of(parameters: Mapping[str, str]) -> set[UUID]:
    try:
        return {UUID(parameters["case_id"])}
    except (KeyError, ValueError):
        return set()
