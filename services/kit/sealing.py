"""Sealing of private data: AES-256-GCM under one key per data subject.

Owns the keys' table, the blob's format and blind indexes. A key is committed before its first
use, wrapped by the master key; an erased subject leaves a tombstone, after which what was sealed
is absent, never an error. Never logs a key, a plaintext or a subject's name.
Who asks for an erasure, and what else it takes, is in `erasure`.

Blob: one version byte, 12 bytes of nonce, ciphertext with its tag. The associated data binds it
to the row or event it belongs to, so that a blob copied elsewhere does not open.
"""

from __future__ import annotations

import base64
import hmac
import os
from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from time import monotonic
from typing import Any, Final
from uuid import UUID

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from services.kit.db import Database

BLANK: Final = b""
"""Stands where something was sealed whose subject was erased: there was something, no more."""
_VERSION: Final = b"\x01"
_CACHE_S: Final = 300.0
_CACHE_SIZE: Final = 50_000
_NONCE: Final = 12
_NONCES: Final = 256
# Each use is noted in the statement that fetches the key; WITH parts that write must be outermost.
_USE = """used AS (INSERT INTO key_use (subject, service, hour)
    SELECT unnest($1::uuid[]), $2, date_trunc('hour', clock_timestamp()) ON CONFLICT DO NOTHING)"""
_FOUND = "SELECT subject, wrapped FROM subject_key WHERE subject = ANY($1::uuid[])"
_LOAD = f"WITH {_USE} {_FOUND}"
_MAKE = f"""WITH made AS (INSERT INTO subject_key (subject, wrapped)
    SELECT * FROM unnest($1::uuid[], $3::bytea[]) ON CONFLICT DO NOTHING
    RETURNING subject, wrapped), {_USE}
SELECT subject, wrapped FROM made UNION ALL {_FOUND}"""  # noqa: S608 (constants)
_ANY = "SELECT subject FROM subject_key WHERE wrapped IS NOT NULL LIMIT 1"
_STANDING = "SELECT wrapped IS NULL AS erased FROM subject_key WHERE subject = $1"
_OLD_USES = "FROM key_use WHERE service = $1 AND hour < $2 ORDER BY hour LIMIT $3"
_COUNT_USES = f"""SELECT count(*) AS due, min(hour) AS oldest
FROM (SELECT hour {_OLD_USES}) AS due"""  # noqa: S608 (constants)
_FORGET_USES = f"""DELETE FROM key_use WHERE ctid = ANY(ARRAY(
    SELECT ctid {_OLD_USES} FOR UPDATE SKIP LOCKED))"""  # noqa: S608 (constants)
_ERASE = """UPDATE subject_key SET wrapped = NULL, erased_at = clock_timestamp()
WHERE subject = $1 AND wrapped IS NOT NULL"""


class UnsealError(ValueError):
    """A blob was changed, or belongs to another row, event or key."""


class Sealer:
    """Seals and opens under subject keys, which it fetches in batches and caches for a while.

    `random_bytes` makes keys and nonces; only a simulation may pass anything that repeats itself.
    """

    def __init__(
        self,
        keys: Database,
        master_key: bytes,
        service: str,
        random_bytes: Callable[[int], bytes] = os.urandom,
    ) -> None:
        if len(master_key) != 32:
            raise ValueError("the master key must be base64 of exactly 32 bytes")
        self.keys = keys
        self._service = service
        self._random_bytes = random_bytes
        self._nonces: list[bytes] = []
        self._master = AESGCM(_derive(master_key, b"recourse wrap"))
        self._index_key = _derive(master_key, b"recourse blind index")
        self._store = AESGCM(_derive(master_key, b"recourse store"))
        self._cache: dict[UUID, tuple[AESGCM | None, float]] = {}

    async def load(self, subjects: Iterable[UUID], *, create: bool = False) -> None:
        """Have the keys of these subjects at hand; `create` makes the missing ones (committed)."""
        self._make_room()
        wanted = self._not_at_hand(subjects)
        if wanted and create:
            wrapped = [self._wrap(subject, self._random_bytes(32)) for subject in wanted]
            self._keep(await self.keys.fetch(_MAKE, wanted, self._service, wrapped))
            # One that somebody else made at the same time is seen by the next statement only.
            wanted = self._not_at_hand(wanted)
        if wanted:
            self._keep(await self.keys.fetch(_LOAD, wanted, self._service))

    def _make_room(self) -> None:
        """Forget the half that was not asked for lately; never a key that is about to be used."""
        if len(self._cache) > _CACHE_SIZE:
            for subject in list(self._cache)[: _CACHE_SIZE // 2]:
                del self._cache[subject]

    def _not_at_hand(self, subjects: Iterable[UUID]) -> list[UUID]:
        """Those whose key is missing or too old, sorted; the others count as asked for just now."""
        cache, oldest, wanted = self._cache, monotonic() - _CACHE_S, []
        for subject in set(subjects):
            found = cache.pop(subject, None)
            if found is None or found[1] < oldest:
                wanted.append(subject)
            else:
                cache[subject] = found
        return sorted(wanted)

    def _keep(self, rows: Iterable[Mapping[str, Any]]) -> None:
        for row in rows:
            wrapped: bytes | None = row["wrapped"]
            key = None if wrapped is None else AESGCM(self._unwrap(row["subject"], wrapped))
            self._cache[row["subject"]] = (key, monotonic())

    def seal(self, subject: UUID, plaintext: bytes, bound_to: bytes) -> bytes | None:
        """The blob, or None where the subject was erased. The key must have been loaded."""
        key = self._key(subject)
        return None if key is None else self._seal(key, plaintext, bound_to)

    def open(self, subject: UUID, blob: bytes, bound_to: bytes) -> bytes | None:
        """The plaintext, or None where the subject was erased. Raises `UnsealError`."""
        if blob == BLANK or subject not in self._cache:
            return None  # no key was ever made, or its table was lost: absent, never poison
        key = self._key(subject)
        return None if key is None else _open(key, blob, bound_to)

    async def seal_bytes(self, subject: UUID, plaintext: bytes, bound_to: bytes) -> bytes | None:
        """`seal`, making and loading the key first."""
        await self.load([subject], create=True)
        return self.seal(subject, plaintext, bound_to)

    async def open_bytes(self, subject: UUID, blob: bytes, bound_to: bytes) -> bytes | None:
        """`open`, loading the key first."""
        await self.load([subject])
        return self.open(subject, blob, bound_to)

    def seal_raw(self, plaintext: bytes, bound_to: bytes) -> bytes:
        """Seal what belongs to no known subject (dead letters), under the master key."""
        return self._seal(self._store, plaintext, bound_to)

    def open_raw(self, blob: bytes, bound_to: bytes) -> bytes:
        """The opposite of `seal_raw`. Raises `UnsealError`."""
        return _open(self._store, blob, bound_to)

    def blind(self, kind: str, text: str) -> bytes:
        """A keyed blind index of a value: equal texts of a kind give equal bytes, no more."""
        return hmac.digest(self._index_key, f"{kind}\x00{text}".encode(), "sha256")

    def subject_of(self, kind: str, text: str) -> UUID:
        """The stable opaque id of a data subject."""
        content = bytearray(self.blind(f"subject:{kind}", text)[:16])
        # Version 8 (RFC 9562: own layout) by hand: `uuid` of Python 3.11 refuses to set it.
        content[6] = content[6] & 0x0F | 0x80
        content[8] = content[8] & 0x3F | 0x80
        return UUID(bytes=bytes(content))

    async def any_subject(self) -> UUID | None:
        """Some subject that has a key; None if none has. Loading it shows whether it opens."""
        row = await self.keys.fetchrow(_ANY)
        return row["subject"] if row else None

    async def was_erased(self, subject: UUID) -> bool | None:
        """Whether a subject's key was destroyed; None if there was never one."""
        row = await self.keys.fetchrow(_STANDING, subject)
        return row["erased"] if row else None

    async def forget_uses(self, before: datetime, most: int) -> int:
        """Let go of old notes of which key this service has fetched; answers how many went."""
        tag = await self.keys.execute(_FORGET_USES, self._service, before, most)
        return int(tag.rpartition(" ")[2])

    async def old_uses(self, before: datetime, most: int) -> Mapping[str, Any]:
        """How many such notes there are (at most so many are counted), and the oldest."""
        row = await self.keys.fetchrow(_COUNT_USES, self._service, before, most)
        return row or {"due": 0, "oldest": None}

    async def erase(self, subject: UUID) -> bool:
        """Destroy a subject's key for good; False if there was none."""
        self._cache.pop(subject, None)
        return (await self.keys.execute(_ERASE, subject)) == "UPDATE 1"

    def forget(self, subjects: Iterable[UUID]) -> None:
        """These were erased, here or elsewhere: their keys are not used any more."""
        for subject in subjects:
            if subject in self._cache:
                self._cache[subject] = (None, monotonic())

    def is_erased(self, subject: UUID) -> bool:
        """Whether the subject is known to be erased; looked up by `load`."""
        found = self._cache.get(subject)
        return found is not None and found[0] is None

    def _key(self, subject: UUID) -> AESGCM | None:
        return self._cache[subject][0]

    def _seal(self, key: AESGCM, plaintext: bytes, bound_to: bytes) -> bytes:
        nonce = self._nonce()
        return _VERSION + nonce + key.encrypt(nonce, plaintext, bound_to)

    def _nonce(self) -> bytes:
        """A nonce that nobody else has; many are drawn at once, for a system call costs as much as
        the cipher. Taking one is atomic, whichever thread asks."""
        try:
            return self._nonces.pop()
        except IndexError:
            drawn = self._random_bytes(_NONCES * _NONCE)
            self._nonces += [drawn[at : at + _NONCE] for at in range(0, len(drawn), _NONCE)]
            return self._nonces.pop()

    def _wrap(self, subject: UUID, key: bytes) -> bytes:
        return self._seal(self._master, key, subject.bytes)

    def _unwrap(self, subject: UUID, wrapped: bytes) -> bytes:
        return _open(self._master, wrapped, subject.bytes)


def master_key_from(text: str) -> bytes:
    """The 32 bytes behind the setting `master_key`. Raises `ValueError` saying what is wrong."""
    try:
        return base64.b64decode(text, validate=True)
    except ValueError as error:
        raise ValueError("RECOURSE_MASTER_KEY is not base64") from error


def _derive(master: bytes, purpose: bytes) -> bytes:
    return HKDF(algorithm=SHA256(), length=32, salt=None, info=purpose).derive(master)


def _open(key: AESGCM, blob: bytes, bound_to: bytes) -> bytes:
    if blob[:1] != _VERSION:
        raise UnsealError("unknown version of a sealed blob")
    try:
        return key.decrypt(blob[1:13], blob[13:], bound_to)
    except InvalidTag as error:
        raise UnsealError(
            "a sealed blob does not open: changed, or bound to something else"
        ) from error
