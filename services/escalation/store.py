"""What escalation remembers beside its entities: fired rungs, queues, policies.

Owns the tables of `migrations/` but the roster's (see `staff`). Decides nothing; every statement
is named, every write set-based.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final, Protocol
from uuid import UUID

from schemas.actions import ActionRequested
from schemas.escalation import OfferMade, RungEntered
from schemas.pack import Pack
from services.escalation.core.calendar import Calendar
from services.escalation.core.policy import Policy, compile_policy
from services.escalation.core.queue_line import queue_row
from services.escalation.core.roster import NOBODY
from services.escalation.core.turn import Decision
from services.kit.sql import Queries
from services.packs import LoadedPack

QUERIES: Final = Queries(Path(__file__).with_name("queries.sql"))
MIGRATIONS: Final = Path(__file__).with_name("migrations")
_BEFORE_ALL: Final = datetime.min.replace(tzinfo=UTC)
_NEVER: Final = datetime.max.replace(tzinfo=UTC)


class Session(Protocol):
    """A connection or a pool."""

    async def fetch(self, statement: str, *args: Any) -> list[Any]: ...
    async def fetchrow(self, statement: str, *args: Any) -> Any: ...
    async def execute(self, statement: str, *args: Any) -> str: ...


async def write_rows(session: Session, decisions: Sequence[Decision]) -> None:
    """Write the rows of one transaction's decisions, in the order in which they were made.

    Raises asyncpg's `UniqueViolationError` when a rung, an offer or a deadline comes twice.
    """
    await _insert(session, "add_rungs", [row for each in decisions for row in _rungs(each)])
    await _insert(session, "add_offers", [row for each in decisions for row in _offers(each)])
    await _insert(session, "add_actions", [row for each in decisions for row in _actions(each)])
    await _insert(session, "add_firings", [row for each in decisions for row in _firings(each)])
    latest = {each.state.case_id: each for each in decisions}
    running = [each for each in latest.values() if each.state.stopped is None]
    stopped = latest.keys() - {each.state.case_id for each in running}
    lines = [_line(each) for each in running]
    await _insert(session, "save_queue", sorted(lines, key=lambda line: line[0]))
    if stopped:
        await session.execute(QUERIES["leave_queue"], sorted(stopped))


async def _insert(session: Session, name: str, rows: Sequence[tuple[Any, ...]]) -> None:
    if rows:
        columns = [list(column) for column in zip(*rows, strict=True)]
        await session.execute(QUERIES[name], *columns)


def _rungs(decision: Decision) -> Iterable[tuple[Any, ...]]:
    case_id = decision.state.case_id
    for event in decision.events:
        if isinstance(event, RungEntered):
            yield (
                case_id,
                event.episode,
                event.rung,
                event.visit,
                event.entered_at,
                event.reason.value,
                event.lateness_ms,
            )


def _offers(decision: Decision) -> Iterable[tuple[Any, ...]]:
    state = decision.state
    offers = {offer.id: offer for offer in state.offers}
    for event in decision.events:
        if isinstance(event, OfferMade):
            made = offers[event.offer_id]
            yield (state.case_id, made.episode, made.rung, made.visit, made.id, made.made_at)


def _actions(decision: Decision) -> Iterable[tuple[UUID, UUID]]:
    for request in decision.requests:
        if isinstance(request, ActionRequested):
            yield request.action_id, decision.state.case_id


def _firings(decision: Decision) -> Iterable[tuple[Any, ...]]:
    state = decision.state
    for firing in decision.firings:
        yield (
            state.case_id,
            firing.episode,
            firing.what,
            firing.cycle,
            firing.due_at,
            firing.fired_at,
            firing.lateness_ms,
        )


def _line(decision: Decision) -> tuple[Any, ...]:
    row = queue_row(decision.state, decision.waiting)
    return (
        decision.state.case_id,
        row.owner_group,
        row.holder,
        row.next_due,
        row.category.value,
        row.severity.value,
        row.rung,
        row.visit,
        row.episode,
        row.state.value,
        row.overdue_since,
        decision.state.policy.digest,
    )


async def queue(
    session: Session,
    group: str,
    holder: str | None,
    after: tuple[datetime | None, UUID] | None,
    limit: int,
) -> list[Any]:
    """A group's cases by their next deadline; `after` is the last one seen.

    All of them, or what one holder has, or what nobody has (`NOBODY`).
    """
    place = (None, _BEFORE_ALL, UUID(int=0)) if after is None else (after[0], _NEVER, after[1])
    if holder is None:
        return await session.fetch(QUERIES["queue"], group, *place, limit)
    if holder == NOBODY:
        return await session.fetch(QUERIES["queue_unheld"], group, *place, limit)
    return await session.fetch(QUERIES["queue_of_holder"], group, *place, limit, holder)


async def held_by(session: Session, staff_numbers: Sequence[str], limit: int) -> list[UUID]:
    """Some of the cases that these agents hold."""
    rows = await session.fetch(QUERIES["held_by"], staff_numbers, limit)
    return [row["case_id"] for row in rows]


async def cases_of_actions(session: Session, action_ids: Iterable[UUID]) -> dict[UUID, UUID]:
    """Which case asked for each of these actions; those that nobody asked for are left out."""
    rows = await session.fetch(QUERIES["cases_of_actions"], sorted(set(action_ids)))
    return {row["action_id"]: row["case_id"] for row in rows}


async def loads(session: Session, staff_numbers: Iterable[str]) -> dict[str, int]:
    """How many open cases each of these agents holds, those who hold none included."""
    wanted = sorted(set(staff_numbers))
    rows = await session.fetch(QUERIES["loads"], wanted)
    return dict.fromkeys(wanted, 0) | {row["holder"]: row["held"] for row in rows}


class PolicyBook:
    """The policies at hand, compiled: today's, and those that running cases are pinned to."""

    def __init__(self, offered: Sequence[LoadedPack]) -> None:
        self._offered = tuple(offered)
        self._known: dict[str, Policy] = {
            one.digest: compile_policy(one.pack, one.digest) for one in offered
        }

    async def open(self, session: Session) -> None:
        """Store today's policies whole, and read those that other cases are pinned to."""
        for one in self._offered:
            pin = (one.digest, one.pack.name, one.pack.version)
            await session.execute(QUERIES["keep_policy"], *pin, one.canonical_json)
        await self.refresh(session)

    async def refresh(self, session: Session) -> None:
        """Read the policies that another replica has stored since."""
        for row in await session.fetch(QUERIES["policies"], list(self._known)):
            pack = Pack.model_validate_json(row["document"])
            self._known[row["digest"]] = compile_policy(pack, row["digest"])

    @property
    def current(self) -> tuple[str, ...]:
        """The digests of the policies offered to new cases, in the order they are asked."""
        return tuple(one.digest for one in self._offered)

    def find(self, digest: str) -> Policy | None:
        """The policy of a digest; None when it is not stored here."""
        return self._known.get(digest)

    def calendars(self) -> dict[str, Calendar]:
        """Every calendar of every policy at hand, by digest."""
        times = (time for policy in self._known.values() for time in policy.calendars.values())
        return {time.calendar.digest: time.calendar for time in times}

    def counting_by(self, calendar: str) -> list[str]:
        """The digests of the policies that count by a calendar."""
        known = self._known.items()
        return sorted(d for d, policy in known if calendar in policy.calendar_digests().values())

    def assigning(self) -> frozenset[tuple[str, str]]:
        """The rungs of any policy that give cases to people, each with its groups."""
        return frozenset().union(*(policy.assigning for policy in self._known.values()))
