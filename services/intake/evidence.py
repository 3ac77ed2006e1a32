"""Files that customers send: taken, told of, given back.

Owns the order of effects: an object is durable before the transaction that names it begins. What a
death in between leaves is the chore's (`orphans`). No transaction waits for the store.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable
from dataclasses import dataclass
from typing import NamedTuple
from uuid import UUID

import structlog
from fastapi import HTTPException

from schemas.report import Actor, EvidenceRef
from services.intake import evidence_store, metrics
from services.intake.core.state import EvidenceRecord
from services.intake.evidence_store import InDatabase, InObject
from services.intake.handlers import Done, Handlers
from services.intake.reads import Shelf
from services.intake.receiving import Received, Receiver, bound
from services.kit import faults
from services.kit.idempotency import tried_again
from services.kit.sealed_stream import Opening
from services.kit.sealing import UnsealError
from services.kit.unit import Entities, Unit

_log = structlog.get_logger(__name__)
_DECIDED = (
    faults.NotFound,
    faults.Erased,
    faults.Refused,
    faults.Invalid,
    faults.Forbidden,
    HTTPException,
)
"""What ends a transaction for sure; after anything else it may have been committed."""


class Told(NamedTuple):
    """What a file sent led to."""

    done: Done
    file: EvidenceRef
    size: int


class Given(NamedTuple):
    """A file that is given back."""

    record: EvidenceRecord
    size: int
    content: AsyncIterator[bytes]


@dataclass(frozen=True, slots=True)
class Evidence:
    """The files of cases."""

    entities: Entities
    shelf: Shelf
    handlers: Handlers
    receiver: Receiver

    async def receive(
        self, case_id: UUID, content_type: str, body: AsyncIterator[bytes]
    ) -> Received:
        """Keep the file of a form that arrives. To be told of, or let go by `discard`."""
        case, _ = await self.shelf.read(case_id)
        return await self.receiver.receive(case_id, case.subject, content_type, body)

    async def tell(
        self, case_id: UUID, received: Received, fact: str | None, by: Actor | None
    ) -> Told:
        """Name a durable file and tell of it. The same file again changes nothing."""

        async def work(unit: Unit) -> tuple[Done, EvidenceRef, bool]:
            return await self.handlers.evidence(unit, case_id, received, fact, by)

        try:
            done, file, named = await tried_again(self.entities, work)
        except _DECIDED:
            await self.discard([received.kept.name])
            raise
        if named:
            metrics.EVIDENCE_STORE_UP.set(1)
            metrics.EVIDENCE_BYTES.inc(received.kept.size)
        else:
            await self.discard([received.kept.name])
        return Told(done, file, received.kept.size)

    async def give(self, case_id: UUID, sha256: str) -> Given:
        """A file of the case. Raises `NotFound`, also where its subject was erased."""
        case, _ = await self.shelf.read(case_id)
        record = next((file for file in case.evidence if file.sha256 == sha256), None)
        name = self.shelf.blind.file(case_id, sha256)
        where = await evidence_store.find(self.entities.db, case_id, name) if record else None
        if record is None or where is None:
            raise _not_here()
        if isinstance(where, InDatabase):
            content = await self._open(where.subject, where.content, case_id.bytes + name)
            return Given(record, len(content), _in_one(content))
        return await self._given(case_id, record, where)

    async def _given(self, case_id: UUID, record: EvidenceRecord, where: InObject) -> Given:
        bound_to = bound(case_id, where.kept.name)
        key = await self._open(where.subject, where.kept.file_key, bound_to)
        opened = self._opened(where.kept.name, Opening(key, bound_to))
        # What is not there or does not open is known before the answer begins.
        first = await anext(opened, b"")
        return Given(record, where.kept.size, _from(first, opened))

    async def discard(self, names: Iterable[str]) -> None:
        """Delete objects that nothing names; those that cannot be now are the chore's."""
        try:
            await self.receiver.depot.delete(names)
        except faults.Unavailable:
            _log.warning("evidence_left_to_the_chore")

    async def _open(self, subject: UUID, blob: bytes, bound_to: bytes) -> bytes:
        content = await self.entities.sealer.open_bytes(subject, blob, bound_to)
        if content is None:
            raise _not_here()
        return content

    async def _opened(self, name: str, opening: Opening) -> AsyncIterator[bytes]:
        try:
            async for piece in self.receiver.depot.read(name):
                content = opening.feed(piece)
                if content:
                    yield content
            yield opening.finish()
        except faults.NotFound:
            _log.error("evidence_object_missing", object=name)
            raise _not_here() from None
        except UnsealError as error:
            _log.error("evidence_does_not_open", object=name)
            raise faults.Unavailable("the file is damaged") from error


def _not_here() -> faults.NotFound:
    return faults.NotFound("no such file is kept here")


async def _in_one(content: bytes) -> AsyncIterator[bytes]:
    yield content


async def _from(first: bytes, rest: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    yield first
    async for content in rest:
        yield content
