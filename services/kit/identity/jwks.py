"""The issuer's public keys: fetched, cached, refreshed when an unknown one is named.

Owns when the issuer is asked: at most once in a while, by one request at a time, never by a
request that a key at hand can answer. What was fetched keeps being good while the issuer is away.
"""

from __future__ import annotations

import asyncio
from time import monotonic
from typing import Any, Final

import httpx
import structlog
from jwt import PyJWK, PyJWTError

_log = structlog.get_logger(__name__)
_MAX_BYTES: Final = 1 << 20
_KINDS: Final = frozenset({"RSA", "EC", "OKP"})


class KeysUnavailable(Exception):
    """The issuer does not answer, and there is no key at hand to judge by."""


class KeySet:
    """The keys of one issuer, by their id.

    `fresh_s` is how long they are used unasked, `pause_s` the least time between two questions.
    """

    def __init__(
        self,
        client: httpx.AsyncClient,
        issuer: str,
        jwks_url: str | None,
        *,
        fresh_s: float = 600,
        pause_s: float = 10,
    ) -> None:
        self._client = client
        self._issuer = issuer.rstrip("/")
        self._url = jwks_url
        self._fresh_s = fresh_s
        self._pause_s = pause_s
        self._keys: dict[str, PyJWK] = {}
        self._fetched_at = self._asked_at = -float("inf")
        self._asking = asyncio.Lock()

    async def key(self, kid: str) -> PyJWK | None:
        """The key of this id; None if the issuer has none. Raises `KeysUnavailable`."""
        if kid not in self._keys or monotonic() > self._fetched_at + self._fresh_s:
            await self._refresh(kid)
        if not self._keys:
            raise KeysUnavailable(self._issuer)
        return self._keys.get(kid)

    async def _refresh(self, kid: str) -> None:
        started = monotonic()
        async with self._asking:
            waited_for_it = kid in self._keys and self._fetched_at > started
            if waited_for_it or monotonic() < self._asked_at + self._pause_s:
                return
            self._asked_at = monotonic()
            try:
                self._keys = _usable(await self._json(await self._address()))
                self._fetched_at = monotonic()
            except (httpx.HTTPError, ValueError, TypeError, KeyError) as error:
                _log.warning("issuer_keys_unavailable", error=type(error).__name__)

    async def _address(self) -> str:
        if self._url is None:
            found = await self._json(f"{self._issuer}/.well-known/openid-configuration")
            self._url = str(found["jwks_uri"])
        return self._url

    async def _json(self, url: str) -> dict[str, Any]:
        answer = await self._client.get(url, timeout=5)
        answer.raise_for_status()
        if len(answer.content) > _MAX_BYTES:
            raise ValueError("larger than any set of keys")
        found: dict[str, Any] = answer.json()
        return found


def _usable(document: dict[str, Any]) -> dict[str, PyJWK]:
    """Public keys for signatures; what is secret, for encryption or unknown to us is left out."""
    usable = {}
    for each in document["keys"]:
        if each.get("kty") in _KINDS and each.get("use", "sig") == "sig" and each.get("kid"):
            try:
                usable[str(each["kid"])] = PyJWK(each)
            except PyJWTError:
                _log.warning("issuer_key_not_usable", kty=each.get("kty"))
    return usable
