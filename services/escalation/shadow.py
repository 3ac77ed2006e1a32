"""A pack in the shadow of the real one: every case opened since is followed under it, too.

Owns the loop that reads the journal, moves the shadows and says on `escalations-shadow` where they
would have gone. It reads what was decided and touches no real case: nobody is told, no clock of a
real case waits for it, and when it fails only the shadow stands still.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import groupby
from operator import itemgetter
from typing import Any, Final
from uuid import UUID, uuid5

import structlog

from schemas.pack import Pack
from schemas.shadow import ShadowStepped
from schemas.topics import SHADOW
from services.escalation.core.policy import Policy
from services.escalation.core.rehearsal.course import Step
from services.escalation.core.rehearsal.history import OPENING
from services.escalation.core.rehearsal.play import Rehearsal, Resting
from services.escalation.journal import triggered
from services.escalation.store import QUERIES, PolicyBook
from services.kit.rows import columns
from services.kit.unit import Entities, Unit

_log = structlog.get_logger(__name__)
_AT_ONCE: Final = 500
_REST_S: Final = 0.5
_REST_AFTER_FAILURE_S: Final = 5.0


@dataclass(frozen=True, slots=True)
class _Mark:
    """How far all is known, once every transaction of that moment has ended."""

    now: datetime
    newest: int
    next: int
    """The first transaction that did not exist then."""


class Shadow:
    """One shadow policy. Any number of replicas may follow; one at a time does."""

    def __init__(self, entities: Entities, book: PolicyBook, policy: Policy) -> None:
        self.policy = policy
        self._entities = entities
        self._book = book
        self._mark: _Mark | None = None
        self._known_until: datetime | None = None

    async def begin(self) -> None:
        """Follow the cases that are opened from now on, if this policy is not followed yet."""
        now = (await self._entities.now()).real
        await self._entities.db.execute(QUERIES["shadow_begin"], self.policy.digest, now)

    async def step(self) -> float:
        """Follow a batch; answers the seconds to rest. A defect of the shadow is nobody else's."""
        try:
            more = await self._step()
        except (KeyError, ValueError) as error:
            _log.error("shadow_failed", error=repr(error)[:300])
            return _REST_AFTER_FAILURE_S
        return 0 if more else _REST_S

    async def _step(self) -> bool:
        """Whether there is more to do at once."""
        async with self._entities.transaction() as unit:
            turn = await unit.conn.fetchrow(QUERIES["shadow_turn"], self.policy.digest)
            if turn is None:
                return False
            span = (self.policy.digest, turn["read_to"], OPENING, _AT_ONCE)
            news = await unit.conn.fetch(QUERIES["shadow_news"], *span)
            await self._keep(unit, self._follow(news))
            if len(news) == _AT_ONCE:
                return True
            woken = await self._wake(unit)
            await self._look_ahead(unit, turn)
            return woken == _AT_ONCE

    async def busy(self, now: datetime) -> list[str]:
        """For the quiet report: whether something was decided, or is due, that is not followed."""
        if self._known_until is None or self._known_until < now:
            return ["the shadow has not read everything"]
        due = await self._entities.db.fetch(QUERIES["shadow_due"], self.policy.digest, now, 1)
        return ["the shadow has cases that are due"] if due else []

    def _follow(self, news: Sequence[Any]) -> list[_Moved]:
        """Let happen to the shadows what happened to their cases."""
        by_case = itemgetter("case_id")
        cases = groupby(sorted(news, key=itemgetter("case_id", "pos")), key=by_case)
        found = [self._follow_one(case_id, list(rows)) for case_id, rows in cases]
        return [each for each in found if each is not None]

    def _follow_one(self, case_id: UUID, rows: Sequence[Any]) -> _Moved | None:
        rehearsal = self._resumed(rows[0])
        try:
            for row in rows:
                rehearsal.take(case_id, triggered(row), self._real_pack(row))
            return _Moved(case_id, rehearsal, rows[-1]["pos"])
        except ValueError as error:
            _log.warning("shadow_lost", case_id=str(case_id), error=str(error)[:300])
            return None

    def _resumed(self, row: Any) -> Rehearsal:
        if row["document"] is None:
            return Rehearsal(self.policy)
        return Rehearsal.of(self.policy, Resting(row["document"], row["wake_at"], row["now"]))

    def _real_pack(self, row: Any) -> Pack:
        """The pack that says what the case's category meant."""
        pin = json.loads(row["data"]).get("policy") if row["name"] == OPENING else None
        digest = pin["digest"] if pin else self._book.current[0]
        return (self._book.find(digest) or self.policy).pack

    async def _wake(self, unit: Unit) -> int:
        """Wake the shadows that are due, as far as everything before is known."""
        if self._known_until is None:
            return 0
        rows = await unit.conn.fetch(
            QUERIES["shadow_due"], self.policy.digest, self._known_until, _AT_ONCE
        )
        moved = []
        for row in rows:
            rehearsal = self._resumed(row)
            rehearsal.wake_until(self._known_until)
            moved.append(_Moved(row["case_id"], rehearsal, row["read_to"]))
        await self._keep(unit, moved)
        return len(rows)

    async def _keep(self, unit: Unit, moved: Sequence[_Moved]) -> None:
        if not moved:
            return
        resting = [(each, each.rehearsal.resting()) for each in moved]
        rows = [
            (each.case_id, rest.document, rest.wake_at, rest.now, each.read_to)
            for each, rest in resting
        ]
        await unit.conn.execute(QUERIES["shadow_keep"], self.policy.digest, *columns(rows))
        steps = [(each.case_id, step) for each in moved for step in each.rehearsal.course.steps]
        if steps:
            rows_of = [_row(case_id, step) for case_id, step in steps]
            await unit.conn.execute(QUERIES["shadow_steps"], self.policy.digest, *columns(rows_of))
        for case_id, step in steps:
            self._tell(unit, case_id, step)

    def _tell(self, unit: Unit, case_id: UUID, step: Step) -> None:
        told = ShadowStepped(
            case_id=case_id,
            policy=self.policy.pin,
            episode=step.episode,
            rung=step.rung,
            visit=step.visit,
            at=step.at,
            owner_group=step.group,
            offered=step.offered,
        )
        what = f"{self.policy.digest}:{step.episode}:{step.rung}:{step.visit}:{step.offered}"
        unit.emit_loose(SHADOW, told, uuid5(case_id, what))

    async def _look_ahead(self, unit: Unit, turn: Any) -> None:
        """Note how far all is known.

        A number that was drawn early may be seen late, so a position counts as read only when
        every transaction from before its reading has ended.
        """
        mark = self._mark
        if mark is not None and turn["oldest"] < mark.next:
            return
        if mark is not None:
            self._known_until = mark.now
            read_to = max(mark.newest, turn["read_to"])
            await unit.conn.execute(QUERIES["shadow_read_to"], self.policy.digest, read_to)
        row = await unit.conn.fetchrow(QUERIES["shadow_newest"], turn["read_to"])
        self._mark = _Mark(unit.now, row["newest"], row["next"])


@dataclass(frozen=True, slots=True)
class _Moved:
    """A shadow that something happened to; `read_to` is its last journal entry."""

    case_id: UUID
    rehearsal: Rehearsal
    read_to: int


def _row(case_id: UUID, step: Step) -> tuple[Any, ...]:
    return (
        case_id, step.episode, step.rung, step.visit, step.at, step.group, step.offered,
        step.escalation,
    )  # fmt: skip
