"""A test identity provider: tokens for whoever is asked for, and the key to check them by.

Owns a signing key that lives as long as the stack. Never asks who wants a token: only for loopback.
"""

from __future__ import annotations

import json
import secrets
import time
from collections.abc import Generator, Mapping
from typing import Any, Final

import httpx
import jwt
from cryptography.hazmat.primitives.asymmetric import ec
from jwt.algorithms import ECAlgorithm
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from services.kit.http import problem
from services.kit.identity.principal import Role

AUDIENCE: Final = "recourse"
_ALGORITHM: Final = "ES256"
_LIFETIME_S: Final = 3600


class Issuer:
    """The provider at one address."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.kid = secrets.token_hex(8)
        self._key = ec.generate_private_key(ec.SECP256R1())

    def jwks(self) -> dict[str, Any]:
        """The public key."""
        public = ECAlgorithm(ECAlgorithm.SHA256).to_jwk(self._key.public_key(), as_dict=True)
        return {"keys": [{**public, "kid": self.kid, "use": "sig", "alg": _ALGORITHM}]}

    def token(self, role: str, sub: str, /, **claims: Any) -> str:
        """A token for an hour; `claims` add to it and override."""
        now = int(time.time())
        content: dict[str, Any] = {"iss": self.url, "aud": AUDIENCE, "sub": sub, "role": role}
        content |= {"staff_number": sub, "customer_id": sub}
        content |= {"iat": now, "nbf": now, "exp": now + _LIFETIME_S, **claims}
        return jwt.encode(content, self._key, _ALGORITHM, {"kid": self.kid})

    def routes(self) -> list[Route]:
        """What a provider serves, below `/local`."""
        return [
            Route("/local/.well-known/openid-configuration", self.show_configuration),
            Route("/local/jwks", self.show_jwks),
            Route("/local/token", self.give_token, methods=["POST"]),
        ]

    async def show_configuration(self, request: Request) -> Response:
        """Discovery, as far as whoever checks tokens needs it."""
        return JSONResponse({"issuer": self.url, "jwks_uri": f"{self.url}/jwks"})

    async def show_jwks(self, request: Request) -> Response:
        """The public key."""
        return JSONResponse(self.jwks())

    async def give_token(self, request: Request) -> Response:
        """A token for `{"role", "sub"}`; further members become claims."""
        try:
            wanted = _wanted(await request.json())
        except ValueError as error:
            errors = [{"pointer": "", "detail": str(error)}]
            return problem(422, "invalid", "No such token can be given", errors=errors)
        token = self.token(wanted.pop("role"), wanted.pop("sub"), **wanted)
        return JSONResponse(
            {"access_token": token, "token_type": "Bearer", "expires_in": _LIFETIME_S}
        )


def _wanted(body: Any) -> dict[str, Any]:
    if not isinstance(body, Mapping) or body.get("role") not in list(Role):
        raise ValueError(f"wanted: role ({', '.join(Role)}) and sub")
    if not isinstance(body.get("sub"), str) or not body["sub"]:
        raise ValueError("wanted: sub, the staff number or the customer's id")
    wanted: dict[str, Any] = json.loads(json.dumps(dict(body)))
    return wanted


class Signed(httpx.Auth):
    """Lets a client of the stack's own call the services, with a fresh token each time."""

    def __init__(self, issuer: Issuer, role: Role, sub: str) -> None:
        self._issuer = issuer
        self._role = role
        self._sub = sub

    def auth_flow(self, request: httpx.Request) -> Generator[httpx.Request, httpx.Response]:
        """Add the token."""
        token = self._issuer.token(self._role, self._sub)
        request.headers["Authorization"] = f"Bearer {token}"
        yield request
