"""Erasing a customer: one person asks, another confirms, and the key is destroyed.

Owns the steps. What no key seals is searched before the key is destroyed, while the cases still
say by what to recognise it, and once more after it; each service lets go of the rest by itself.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from schemas.topics import SERVICES
from services.intake.core.erasures import AskErasure, customer_named, known_by
from services.intake.core.state import Case
from services.intake.reads import END_OF_TIME, seen_until
from services.intake.store import QUERIES
from services.kit.erasure.ledger import QUERIES as OF_ERASURE
from services.kit.erasure.ledger import Erasure, Ledger, Wanted
from services.kit.erasure.letting_go import About, blank
from services.kit.erasure.needles import Needles
from services.kit.faults import NotFound, Refused
from services.kit.http import decode_cursor, page
from services.kit.sorting import Reader
from services.kit.unit import QUERIES as OF_ENTITIES
from services.kit.unit import Entities
from services.kit.wire import unpack

Body = dict[str, Any]
_ALL: Final = frozenset(SERVICES)


@dataclass(frozen=True, slots=True)
class Erasing:
    """What ops may do about data subjects. `reader` knows what an event of ours looks like."""

    entities: Entities
    ledger: Ledger
    reader: Reader

    async def ask(self, wanted: AskErasure) -> Body:
        """Ask for an erasure. Raises `NotFound`, or `Refused` with the cases that are open."""
        subject = await self._subject(wanted)
        cases = await self._cases(subject)
        await self._check_open(cases, force=wanted.force_open_cases)
        asked = Wanted(subject, wanted.reason, wanted.force_open_cases, wanted.by.id)
        return _shown(await self.ledger.ask(asked), cases)

    async def confirm(self, id: UUID, person: str) -> Body:
        """Destroy the key, as another person than the one who asked."""
        erasure = await self.ledger.one(id)
        erasure.may_be_confirmed_by(person)
        cases = await self._cases(erasure.subject)
        await self._check_open(cases, force=erasure.force_open_cases)
        about = await self._recognising(erasure.subject, cases)
        await self._blank(about)
        after = await self.ledger.confirm(id, person)
        self.entities.sealer.forget([erasure.subject])
        await self._blank(about)  # what came while the first search was under way
        return _shown(after, cases)

    async def one(self, id: UUID) -> Body:
        """One request, what became of it, and the cases."""
        erasure = await self.ledger.one(id)
        return _shown(erasure, await self._cases(erasure.subject))

    async def page(self, cursor: str | None, limit: int) -> Body:
        """Requests, newest first."""
        seen = decode_cursor(cursor)
        before = END_OF_TIME if seen is None else seen_until(seen)
        found = await self.ledger.page(before, limit + 1)
        last = found[limit - 1] if len(found) > limit else None
        following = [last.asked_at.isoformat(), str(last.id)] if last else None
        return page([_line(erasure) for erasure in found[:limit]], following)

    async def _subject(self, wanted: AskErasure) -> UUID:
        if wanted.customer is not None:
            return self.entities.sealer.subject_of("customer", wanted.customer)
        if wanted.subject is not None:
            return wanted.subject
        row = await self.entities.db.fetchrow(OF_ENTITIES["owner"], wanted.case_id)
        if row is None or row["subject"] is None:
            raise NotFound("no such case")
        subject: UUID = row["subject"]
        return subject

    async def _cases(self, subject: UUID) -> list[UUID]:
        rows = await self.entities.db.fetch(OF_ERASURE["entities_of"], subject)
        return [row["id"] for row in rows]

    async def _check_open(self, cases: Sequence[UUID], *, force: bool) -> None:
        rows = await self.entities.db.fetch(QUERIES["open_cases"], cases)
        if rows and not force:
            detail = "erasing ends these cases without an answer: close them, or force it"
            still = {"open_cases": [str(row["case_id"]) for row in rows]}
            raise Refused("open_cases", detail, still)

    async def _recognising(self, subject: UUID, cases: Sequence[UUID]) -> About:
        read = [await self.entities.read(id) for id in cases]
        documents = [entity.state for entity in read if entity and entity.state]
        known = {text for each in documents for text in known_by(Case.from_bytes(each))}
        needles = Needles({str(subject), *map(str, cases), *known})
        subject_of = self.entities.sealer.subject_of

        def about(raw: bytes) -> bool:
            if not needles.in_(raw):
                return False
            # A family may share a telephone: what names another customer is theirs.
            named = customer_named(unpack("", 0, 0, raw).value or b"")
            return named is None or subject_of("customer", named) == subject

        return about

    async def _blank(self, about: About) -> None:
        async with self.entities.transaction() as unit:
            await blank(unit, self.reader, about, ())


def _shown(erasure: Erasure, cases: Sequence[UUID]) -> Body:
    return {**_line(erasure), "cases": [str(id) for id in cases]}


def _line(erasure: Erasure) -> Body:
    return {
        "id": str(erasure.id),
        "subject": str(erasure.subject),
        "status": _status(erasure),
        "reason": erasure.reason,
        "force_open_cases": erasure.force_open_cases,
        "asked_by": erasure.asked_by,
        "asked_at": erasure.asked_at.isoformat(),
        "expires_at": erasure.expires_at.isoformat(),
        "confirmed_by": erasure.confirmed_by,
        "confirmed_at": _text(erasure.confirmed_at),
        "services": {
            step.service: {"at": step.at.isoformat(), "cases": step.cases} for step in erasure.steps
        },
    }


def _status(erasure: Erasure) -> str:
    """`done` once every service has let go."""
    if erasure.confirmed_at is None:
        return "expired" if erasure.expired else "asked"
    return "done" if {step.service for step in erasure.steps} >= _ALL else "confirmed"


def _text(at: datetime | None) -> str | None:
    return at.isoformat() if at is not None else None
