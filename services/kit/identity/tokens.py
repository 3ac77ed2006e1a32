"""Bearer tokens of an OIDC issuer: whether one is good, and who it says is asking.

Owns the checks (signature by a pinned algorithm, issuer, audience, time) and the mapping of claims.
Never logs a token or a claim.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import jwt

from services.kit.identity.denial import Denied, unauthenticated, unsure
from services.kit.identity.jwks import KeySet, KeysUnavailable
from services.kit.identity.principal import Principal, Role

ALGORITHMS: Final = ("RS256", "ES256", "EdDSA")
_MAX_CHARS: Final = 16_384


@dataclass(frozen=True, slots=True)
class Claims:
    """Where a token says what; a dot goes one level deeper (`realm_access.roles`)."""

    role: str = "role"
    staff_number: str = "staff_number"
    customer: str = "customer_id"
    groups: str = "groups"


class Tokens:
    """The tokens of one issuer, meant for us."""

    def __init__(
        self, keys: KeySet, issuer: str, audience: str, claims: Claims, leeway_s: float
    ) -> None:
        self._keys = keys
        self._issuer = issuer
        self._audience = audience
        self._claims = claims
        self._leeway_s = leeway_s

    async def principal(self, token: str) -> Principal:
        """Who a token stands for. Raises `Denied`."""
        if len(token) > _MAX_CHARS:
            raise unauthenticated("token_malformed")
        key = await self._key(token)
        try:
            claims = jwt.decode(
                token,
                key,
                algorithms=list(ALGORITHMS),
                issuer=self._issuer,
                audience=self._audience,
                leeway=self._leeway_s,
                options={"require": ["exp", "iss", "aud", "sub"]},
            )
        except jwt.PyJWTError as error:
            raise _judged(error) from None
        return read_claims(claims, self._claims)

    async def _key(self, token: str) -> jwt.PyJWK:
        try:
            header = jwt.get_unverified_header(token)
        except jwt.PyJWTError:
            raise unauthenticated("token_malformed") from None
        if header.get("alg") not in ALGORITHMS:
            raise unauthenticated("algorithm_not_allowed")
        try:
            key = await self._keys.key(str(header.get("kid", "")))
        except KeysUnavailable:
            raise unsure() from None
        if key is None:
            raise unauthenticated("key_unknown")
        return key


_REASONS: Final[Mapping[type[jwt.PyJWTError], str]] = {
    jwt.ExpiredSignatureError: "token_expired",
    jwt.ImmatureSignatureError: "token_not_yet_valid",
    jwt.InvalidIssuerError: "issuer_wrong",
    jwt.InvalidAudienceError: "audience_wrong",
    jwt.MissingRequiredClaimError: "claim_missing",
    jwt.InvalidAlgorithmError: "algorithm_not_allowed",
    jwt.InvalidSignatureError: "signature_wrong",
}


def _judged(error: jwt.PyJWTError) -> Denied:
    return unauthenticated(_REASONS.get(type(error), "token_malformed"))


def read_claims(claims: Mapping[str, Any], names: Claims) -> Principal:
    """The principal of verified claims. Raises `Denied` where they name no single role or no id."""
    role = _role(_at(claims, names.role))
    where = {
        Role.AGENT: names.staff_number,
        Role.SUPERVISOR: names.staff_number,
        Role.CUSTOMER: names.customer,
    }.get(role, "sub")
    id = _at(claims, where)
    if not isinstance(id, str) or not 1 <= len(id) <= 200 or not id.isprintable():
        raise unauthenticated("claim_missing")
    name = claims.get("name")
    return Principal(
        role,
        id,
        name if isinstance(name, str) and 1 <= len(name) <= 500 else None,
        frozenset(_texts(claims.get("scope"))),
        frozenset(_texts(_at(claims, names.groups))),
    )


def _role(found: Any) -> Role:
    """One role; the staff's two are one person's, any other pair is a mistake of the issuer."""
    roles = {role for role in Role if role in _texts(found)}
    if roles == {Role.AGENT, Role.SUPERVISOR}:
        return Role.SUPERVISOR
    if len(roles) != 1:
        raise unauthenticated("role_unclear")
    return roles.pop()


def _at(claims: Mapping[str, Any], path: str) -> Any:
    found: Any = claims
    for part in path.split("."):
        found = found.get(part) if isinstance(found, Mapping) else None
    return found


def _texts(found: Any) -> list[str]:
    if isinstance(found, str):
        return found.split()
    return [each for each in found if isinstance(each, str)] if isinstance(found, list) else []
