"""What requests want of cases, granted many at a time: report, contact, command.

Owns that the wishes of a group are decided in order, each for itself, under the locks of all, and
written together. The core decides; evidence has a transaction of its own (`handlers`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from uuid import UUID

from schemas.report import CaseAddress, Contact, Report
from services.intake.core.arrive import arrive, at_impossible_time, spoke
from services.intake.core.commands import Command, Merge
from services.intake.core.decide import decide
from services.intake.handlers import Done, done, known, or_fault, take
from services.intake.working import Desk, Working
from services.kit.idempotency import Answer
from services.kit.unit import Unit


def anybody(_: UUID) -> None:
    """Whoever asks may."""


@dataclass(frozen=True, slots=True)
class Wish:
    """What one request wants of some cases: named first, so that a group locks them all at once.

    `decide` reads nothing but the cases at hand, has its outcome written with those of the group,
    and raises a fault where it is refused. Before it, `may` is asked about every data subject that
    the wish concerns, and raises where the caller may not.
    """

    decide: Callable[[Working], Done]
    answer: Callable[[Done], Answer]
    reports: tuple[Report, ...] = ()
    ids: tuple[UUID, ...] = ()
    may: Callable[[UUID], None] = anybody


@dataclass(frozen=True, slots=True)
class Wishes:
    """Grants the wishes of a group in one transaction; satisfies the kit's `GroupLogic`."""

    desk: Desk

    async def answer(self, unit: Unit, wishes: Sequence[Wish]) -> Sequence[Answer | Exception]:
        """One answer or fault per wish, in order; a wish may build on one before it."""
        work = await self.desk.begin(
            unit,
            reports=[report for wish in wishes for report in wish.reports],
            ids=[id_ for wish in wishes for id_ in wish.ids],
        )
        answers = [_granted(work, wish) for wish in wishes]
        await work.write()
        return answers


def _granted(work: Working, wish: Wish) -> Answer | Exception:
    try:
        for subject in _concerned(work, wish):
            wish.may(subject)
        return wish.answer(wish.decide(work))
    except Exception as error:
        return error


def _concerned(work: Working, wish: Wish) -> Iterator[UUID]:
    for report in wish.reports:
        yield work.blind.subject_of(report)
        known_case = work.find(CaseAddress(source=report.source, external_id=report.external_id))
        if known_case is not None:
            yield known_case.subject
    for case_id in wish.ids:
        if case_id in work.cases:
            yield work.cases[case_id].subject


def to_admit(report: Report, answer: Callable[[Done], Answer]) -> Wish:
    """Admit one report, or bring in a case of another system."""

    def admit(work: Working) -> Done:
        identity = work.blind.identity(report.source, report.external_id)
        # A report has no id of its own by HTTP; its identity is what triggers, once and for ever.
        return done(work, or_fault(work.admit(UUID(bytes=identity[:16], version=5), report)))

    return Wish(admit, answer, reports=(report,))


def to_hear(case_id: UUID, contact: Contact, answer: Callable[[Done], Answer]) -> Wish:
    """One more contact of a case; without an instant it happens now."""

    def hear(work: Working) -> Done:
        case = known(work, case_id)
        now = work.now(case)
        occurred_at = contact.occurred_at or now
        refused = at_impossible_time(occurred_at, "/occurred_at", now)
        outcome = refused or arrive(case, spoke(contact, occurred_at), work.policies.of(case), now)
        return take(work, case, or_fault(outcome))

    return Wish(hear, answer, ids=(case_id,))


def to_obey(case_id: UUID, command: Command, answer: Callable[[Done], Answer]) -> Wish:
    """Decide a command under the case's lock; a merge also locks the case it names."""
    into = (command.into,) if isinstance(command, Merge) else ()

    def obey(work: Working) -> Done:
        case = known(work, case_id)
        target = work.cases.get(into[0]) if into else None
        outcome = decide(case, command, work.policies, work.now(case), target)
        return take(work, case, or_fault(outcome))

    return Wish(obey, answer, ids=(case_id, *into))
