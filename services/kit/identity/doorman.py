"""Who is asking: the credential of a request, checked, within the rate that its caller has.

Owns the choice between token and API key, and the limits. Never logs a credential.
"""

from __future__ import annotations

from dataclasses import dataclass

from starlette.types import Scope

from services.kit.identity.api_keys import MARK, ApiKeys
from services.kit.identity.buckets import Buckets
from services.kit.identity.denial import Denied, too_many, unauthenticated
from services.kit.identity.principal import Principal, Role
from services.kit.identity.tokens import Tokens


@dataclass(frozen=True, slots=True)
class Doorman:
    """`people` and `machines` limit callers, `strangers` limits bad credentials by address."""

    tokens: Tokens | None
    api_keys: ApiKeys
    people: Buckets
    machines: Buckets
    strangers: Buckets

    async def principal(self, scope: Scope) -> Principal:
        """The caller. Raises `Denied`: 401, 429, or 503 where nothing can be said."""
        address = str((scope.get("client") or ("unknown",))[0])
        wait_s = self.strangers.wait_of(address)
        try:
            found = await self._checked(scope)
        except Denied as denied:
            if denied.answer.status_code == 401:
                self.strangers.take(address)
            raise (too_many(wait_s) if wait_s else denied) from None
        self._count(found)
        return found

    async def _checked(self, scope: Scope) -> Principal:
        given = [value for name, value in scope["headers"] if name == b"authorization"]
        if not given:
            raise unauthenticated("credential_missing")
        scheme, _, credential = given[0].decode("latin-1").strip().partition(" ")
        if len(given) > 1 or scheme.lower() != "bearer" or not credential:
            raise unauthenticated("credential_malformed")
        if credential.startswith(MARK):
            return await self.api_keys.principal(credential)
        if self.tokens is None:
            raise unauthenticated("tokens_not_taken")
        return await self.tokens.principal(credential)

    def _count(self, principal: Principal) -> None:
        machine = principal.role in {Role.BACKEND, Role.OPS}
        buckets = self.machines if machine else self.people
        wait_s = buckets.take(f"{principal.role}:{principal.id}")
        if wait_s:
            raise too_many(wait_s)
