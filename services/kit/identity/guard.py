"""Stands before a service: nothing reaches it that its table of rules does not allow.

Owns the order: who, may they at all, the body within bounds, is it theirs, do they speak for
themselves. With identity off only the bounds remain.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from services.kit.identity.access import Access, Found, Rule, keep_found
from services.kit.identity.bodies import check_depth, parsed, read_body, replayed
from services.kit.identity.denial import (
    Denied,
    forbidden,
    not_found,
    out_of_time,
    wrong_method,
)
from services.kit.identity.doorman import Doorman
from services.kit.identity.principal import Principal
from services.kit.identity.things import Ownership, Visit

_BODILESS: Final = frozenset({"GET", "HEAD", "OPTIONS"})
_UNRULED: Final = Rule()


@dataclass(frozen=True, slots=True)
class Bounds:
    """The most that a request may take."""

    body_max_bytes: int
    timeout_s: float


class Guard:
    """An ASGI application around a service. `doorman` None: identity is off."""

    def __init__(
        self,
        app: ASGIApp,
        access: Access,
        bounds: Bounds,
        ownership: Ownership,
        doorman: Doorman | None,
    ) -> None:
        self._app = app
        self._access = access
        self._bounds = bounds
        self._ownership = ownership
        self._doorman = doorman

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, or answer why not."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        try:
            await self._pass(scope, receive, send)
        except Denied as denied:
            await denied.answer(scope, receive, send)

    async def _pass(self, scope: Scope, receive: Receive, send: Send) -> None:
        found = self._access.find(scope["method"], scope["path"])
        keep_found(scope, found)
        principal = await _admitted(self._doorman, scope, found) if self._doorman else None
        rule = found.rule or _UNRULED
        whole = rule.bounded and scope["method"] not in _BODILESS
        body = await self._read(receive) if whole else b""
        if body is None:
            return  # the client left
        if principal is not None:
            body = await self._entitled(scope, rule, found.parameters, principal, body)
        await self._within_time(rule, scope, replayed(body, receive) if whole else receive, send)

    async def _read(self, receive: Receive) -> bytes | None:
        body = await read_body(receive, self._bounds.body_max_bytes, self._bounds.timeout_s)
        check_depth(body or b"")
        return body

    async def _entitled(
        self,
        scope: Scope,
        rule: Rule,
        parameters: Mapping[str, str],
        principal: Principal,
        body: bytes,
    ) -> bytes:
        """The body as the caller may send it; the query is narrowed in the scope."""
        visit = Visit(
            principal,
            parameters,
            scope["query_string"].decode("latin-1"),
            parsed(body) if body else None,
            scope,
            self._ownership,
        )
        if rule.thing is not None and principal.role in rule.owners:
            await rule.thing.check(visit)
            scope["query_string"] = visit.query.encode("latin-1")
        _check_command(visit, rule)
        return _signed(visit, body) if rule.acts else body

    async def _within_time(self, rule: Rule, scope: Scope, receive: Receive, send: Send) -> None:
        if rule.streams:
            await self._app(scope, receive, send)
            return
        started = False

        async def tell(message: Message) -> None:
            nonlocal started
            started = True
            await send(message)

        try:
            async with asyncio.timeout(self._bounds.timeout_s):
                await self._app(scope, receive, tell)
        except TimeoutError:
            if started:
                raise
            raise out_of_time() from None


async def _admitted(doorman: Doorman, scope: Scope, found: Found) -> Principal | None:
    """Who asks, where it has to be known; their role and scopes allow the route."""
    if found.rule is not None and found.rule.public:
        return None
    principal = await doorman.principal(scope)
    if found.rule is None:
        raise wrong_method(found.methods) if found.methods else not_found()
    _check_role(principal, found.rule)
    scope.setdefault("state", {})["principal"] = principal
    return principal


def _check_role(principal: Principal, rule: Rule) -> None:
    if principal.role not in rule.anyones | rule.owners:
        raise forbidden("role_not_allowed", f"not for the role {principal.role}")
    if principal.narrowed and rule.scope not in principal.scopes:
        raise forbidden("scope_missing", f"needs the scope {rule.scope}")
    if rule.needs is not None and rule.needs not in principal.scopes:
        raise forbidden("scope_missing", f"needs the scope {rule.needs}")


def _check_command(visit: Visit, rule: Rule) -> None:
    allowed = rule.commands.get(visit.principal.role)
    named = visit.body.get("command") if isinstance(visit.body, dict) else None
    if allowed is not None and isinstance(named, str) and named not in allowed:
        raise forbidden("command_not_allowed", f"not for the role {visit.principal.role}")


def _signed(visit: Visit, body: bytes) -> bytes:
    """The body with the caller as its `by`; what is not a JSON object is left to the route."""
    content = {} if not body else visit.body
    if not isinstance(content, dict):
        return body
    actor = visit.principal.actor(content.get("by"))
    if actor is None:
        raise forbidden("by_is_not_you", "by must be the holder of the credential, or left out")
    signed = json.dumps({**content, "by": actor}).encode()
    headers = [each for each in visit.scope["headers"] if each[0] != b"content-length"]
    if not body:
        headers = [each for each in headers if each[0] != b"content-type"]
        headers.append((b"content-type", b"application/json"))
    visit.scope["headers"] = [*headers, (b"content-length", str(len(signed)).encode())]
    return signed
