"""Whether a report is one more contact of a case that is there already, and by what.

Owns collapse: several contacts of one customer about one transaction, or about one category where
neither names a transaction, within the pack's window are one case, unless the customer says that
this is another matter. Never looks for candidates, never locks.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Final, NamedTuple

from schemas.report import Report
from schemas.vocabulary import Category, Joined, Status
from services.intake.core.arrive import contact_at
from services.intake.core.lifecycle import is_over
from services.intake.core.matching import Choice, choose
from services.intake.core.state import Case, Policy, TriageReason

_ENDED: Final = frozenset({Status.CLOSED, Status.WITHDRAWN, Status.MERGED})
_OFF: Final = timedelta(0)


class Matter(NamedTuple):
    """What a report is about, as far as it may join a case: one of the two."""

    customer_id: str
    transaction_id: str | None
    category: Category | None


def matter_of(report: Report, offered: Sequence[Policy]) -> Matter | None:
    """What the report is about; None for one that can only open a case of its own."""
    if report.another_matter:
        return None
    if report.transaction is not None:
        return Matter(report.customer.id, report.transaction.id, None)
    if _names_transaction(report):
        return None
    if report.category is not None:
        return Matter(report.customer.id, None, report.category)
    return _by_category(report, choose(report, offered))


def matters_of(case: Case) -> Sequence[Matter]:
    """What reports that may join the case are about."""
    named = case.transaction_id()
    by = Matter(case.customer.id, named, None if named else case.category)
    return (by,)


def joins(report: Report, candidates: Sequence[Case], chosen: Choice) -> tuple[Case, Joined] | None:
    """The oldest case that takes the report as a contact, and what they have in common."""
    if report.another_matter:
        return None
    pack = chosen.policy.pack
    if report.transaction is not None:
        same = [case for case in candidates if _same_transaction(report, case)]
        case = _oldest_near(same, report, pack.collapse_window)
        return (case, Joined.SAME_TRANSACTION) if case else None
    window, matter = pack.collapse_category_window, _by_category(report, chosen)
    if window <= _OFF or matter is None:
        return None
    same = [case for case in candidates if _same_category(matter, case)]
    case = _oldest_near(same, report, window)
    return (case, Joined.SAME_CATEGORY) if case else None


def _by_category(report: Report, chosen: Choice) -> Matter | None:
    """None where nothing in the report says what it is about: no two of these are known alike."""
    guessed = chosen.triage.reasons["category"] == TriageReason.NOTHING_MATCHED
    if guessed or _names_transaction(report):
        return None
    return Matter(report.customer.id, None, chosen.triage.category)


def _names_transaction(report: Report) -> bool:
    return report.transaction is not None or bool(report.facts.get("transaction.id"))


def _same_transaction(report: Report, case: Case) -> bool:
    if report.transaction is None or case.transaction is None:
        return False
    # What joins a case without clocks would be forgotten.
    if case.status in _ENDED or case.stands_still():
        return False
    ours, theirs = (case.customer.id, case.transaction.id), report.transaction.id
    return ours == (report.customer.id, theirs)


def _same_category(matter: Matter, case: Case) -> bool:
    """A category is a weaker bond than a transaction: only a case that is worked on has it."""
    return not is_over(case.status) and not case.stands_still() and matter in matters_of(case)


def _oldest_near(same: Sequence[Case], report: Report, window: timedelta) -> Case | None:
    near = [case for case in same if _is_near(case, contact_at(report), window)]
    return min(near, key=lambda case: (case.opened_at, case.id), default=None)


def _is_near(case: Case, at: datetime, window: timedelta) -> bool:
    instants = [contact.occurred_at for contact in case.contacts]
    return min(instants) - window <= at <= max(instants) + window
