"""Receives a file: from the form that arrives to a sealed object, never whole and never in clear.

Owns the way of the bytes: counted, hashed, looked at, sealed, written, piece by piece. When it
ends the object is durable and nobody names it yet; when it fails nothing is left.
"""

from __future__ import annotations

import os
from collections.abc import AsyncIterator
from dataclasses import dataclass
from hashlib import sha256
from uuid import UUID

from services.intake.core.form import Form, NotAForm
from services.intake.core.media import Sniffer
from services.intake.evidence_store import KeptObject
from services.kit.depot import Depot, Writing
from services.kit.faults import Invalid, NotFound, TooLarge, Unsupported
from services.kit.sealed_stream import KEY_BYTES, Sealing
from services.kit.sealing import Sealer

FORM_OVERHEAD_BYTES = 64 * 1024
"""The most that a form may have beside its file."""


@dataclass(frozen=True, slots=True)
class Limits:
    """What a file may be."""

    max_bytes: int
    taken: frozenset[str]


@dataclass(frozen=True, slots=True)
class Received:
    """A file that lies sealed in an object, what it is, and the texts that came with it."""

    kept: KeptObject
    sha256: str
    media_type: str
    filename: str | None
    fields: dict[str, str]


class _Measuring:
    """What is learned of a file while it passes. Raises `TooLarge`, `Unsupported`."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._digest = sha256()
        self._sniffer = Sniffer()
        self.size = 0

    def pass_by(self, content: bytes) -> None:
        self.size += len(content)
        if self.size > self._limits.max_bytes:
            raise TooLarge(self._limits.max_bytes)
        self._digest.update(content)
        self._sniffer.feed(content)
        if self._sniffer.refused(self._limits.taken):
            raise Unsupported(self._sniffer.found(), self._limits.taken)

    def finish(self) -> tuple[str, str]:
        """SHA-256 and type."""
        if not self.size:
            raise Invalid("/file", "the file is empty")
        media_type = self._sniffer.finish()
        if media_type not in self._limits.taken:
            raise Unsupported(media_type, self._limits.taken)
        return self._digest.hexdigest(), media_type


@dataclass(frozen=True, slots=True)
class Receiver:
    """Takes forms with a file."""

    depot: Depot
    sealer: Sealer
    limits: Limits

    async def receive(
        self, case_id: UUID, subject: UUID, content_type: str, body: AsyncIterator[bytes]
    ) -> Received:
        """Keep the file of a form. Raises `Invalid`, `TooLarge`, `Unsupported`, `Unavailable`."""
        name, key = self.depot.name(os.urandom(16)), os.urandom(KEY_BYTES)
        bound_to = bound(case_id, name)
        file_key = await self.sealer.seal_bytes(subject, key, bound_to)
        if file_key is None:
            raise NotFound(f"no case {case_id}")  # its subject was erased just now
        measuring = _Measuring(self.limits)
        try:
            form = Form(content_type)
            async with self.depot.writing(name) as writing:
                sealing = Sealing(key, bound_to, os.urandom)
                await self._pour(body, form, measuring, sealing, writing)
                form.finish()
                digest, media_type = measuring.finish()
                await writing.write(sealing.finish())
        except NotAForm as error:
            raise Invalid("/file", str(error)) from error
        kept = KeptObject(name, file_key, measuring.size)
        return Received(kept, digest, media_type, form.filename or None, form.fields)

    async def _pour(
        self,
        body: AsyncIterator[bytes],
        form: Form,
        measuring: _Measuring,
        sealing: Sealing,
        writing: Writing,
    ) -> None:
        arrived = 0
        async for piece in body:
            arrived += len(piece)
            content = form.feed(piece)
            if content:
                measuring.pass_by(content)
                await writing.write(sealing.feed(content))
            if arrived > self.limits.max_bytes + FORM_OVERHEAD_BYTES:
                raise TooLarge(self.limits.max_bytes)


def bound(case_id: UUID, name: str) -> bytes:
    """What an object and its key are bound to: copied to another case or name, they do not open."""
    return case_id.bytes + name.encode()
