"""Reading cases: one, and searches by blind keys with cursors. Writes nothing."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final
from uuid import UUID

from schemas.topics import CASES
from schemas.vocabulary import Category, Status
from services.intake import store
from services.intake.core import views
from services.intake.core.state import Case
from services.kit.faults import Erased, Invalid, NotFound
from services.kit.http import decode_cursor, page
from services.kit.unit import Entities

END_OF_TIME: Final = (datetime(9999, 12, 31, tzinfo=UTC), UUID(int=2**128 - 1))


@dataclass(frozen=True, slots=True)
class Wanted:
    """What `GET /v1/cases` was asked for; all that is given must fit."""

    customer: str | None = None
    phone: str | None = None
    email: str | None = None
    transaction: str | None = None
    status: Status | None = None
    category: Category | None = None
    opened_after: datetime | None = None
    opened_before: datetime | None = None
    cursor: str | None = None
    limit: int = 50


@dataclass(frozen=True, slots=True)
class Shelf:
    """The cases, for readers."""

    entities: Entities
    blind: store.Blind
    book: store.PolicyBook

    async def case(self, case_id: UUID) -> dict[str, Any]:
        """The whole case. Raises `NotFound`."""
        case, position = await self.read(case_id)
        policies = await self.book.covering(self.entities.db, [case])
        return views.whole(case, position, policies.of(case))

    async def find(self, wanted: Wanted) -> dict[str, Any]:
        """A page of cases, newest first. Raises `Invalid` for a cursor that is not ours."""
        search = store.Search(
            keys=tuple(self._keys(wanted)),
            status=wanted.status,
            category=wanted.category,
            before=_before(wanted),
            since=wanted.opened_after,
            limit=wanted.limit + 1,
        )
        rows = await store.search(self.entities.db, search)
        shown = rows[: wanted.limit]
        more = len(rows) > wanted.limit
        following = (
            [shown[-1]["opened_at"].isoformat(), str(shown[-1]["case_id"])] if more else None
        )
        return page([views.line(row) for row in shown], following)

    def _keys(self, wanted: Wanted) -> list[bytes]:
        blind = self.blind
        keys = {
            blind.transaction: wanted.transaction,
            blind.customer: wanted.customer,
            blind.phone: wanted.phone,
            blind.email: wanted.email,
        }
        return [key(text) for key, text in keys.items() if text is not None]

    async def read(self, case_id: UUID) -> tuple[Case, str]:
        """A case, and where its stream stands. Raises `NotFound`."""
        entity = await self.entities.read(case_id)
        if entity is not None and entity.erased:
            raise Erased
        if entity is None or entity.state is None:
            raise NotFound(f"no case {case_id}")
        return Case.from_bytes(entity.state), f"{CASES}:{entity.position(CASES)}"


def _before(wanted: Wanted) -> tuple[datetime, UUID]:
    limits = [END_OF_TIME]
    if wanted.opened_before is not None:
        limits.append((wanted.opened_before, UUID(int=0)))
    cursor = decode_cursor(wanted.cursor)
    if cursor is not None:
        limits.append(seen_until(cursor))
    return min(limits)


def seen_until(cursor: Any) -> tuple[datetime, UUID]:
    """The last one that a page of a list showed, by instant and id. Raises `Invalid`."""
    try:
        at, case_id = cursor
        seen = datetime.fromisoformat(at), UUID(case_id)
    except (TypeError, ValueError, AttributeError) as error:
        raise Invalid("/cursor", "not a cursor that a list of ours has given") from error
    if seen[0].tzinfo is None:
        raise Invalid("/cursor", "not a cursor that a list of ours has given")
    return seen
