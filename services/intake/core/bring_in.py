"""Whether a case of another system may come in, and as what.

Owns the rules of imports. A report's identity is that of an import too, so the same one never
opens a second case; but an import never becomes a contact of another case, except a `fresh` one,
which is a report like any other.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Final
from uuid import UUID

from schemas.imports import Import
from schemas.pack_clocks import ClockRule, resumable
from schemas.vocabulary import ImportMode, Status
from services.intake.core.admit import (
    admit,
    impossible_time,
    open_case,
    opening,
    unvouched,
)
from services.intake.core.arrive import at_impossible_time
from services.intake.core.matching import Choice, choose
from services.intake.core.outcome import Outcome, Reason, Refusal, Refused
from services.intake.core.state import Case, Policies

_STATUSES: Final[Mapping[ImportMode, tuple[Status, ...]]] = {
    ImportMode.HISTORICAL: tuple(status for status in Status if status is not Status.MERGED),
    ImportMode.RESUME: (Status.OPEN, Status.WAITING_CUSTOMER, Status.WAITING_THIRD_PARTY),
    ImportMode.FRESH: (Status.OPEN,),
}


def bring_in(
    order: Import,
    *,
    subject: UUID,
    known: Case | None,
    candidates: Sequence[Case],
    policies: Policies,
    now: datetime,
) -> Outcome | Refused:
    """The case after the import; arguments as of `admit`."""
    refused = unvouched(order)
    if refused is not None:
        return refused
    if known is not None:
        return Outcome(Reason.KNOWN, known)
    chosen = choose(order, policies.offered)
    refused = next(_refusals(order, chosen, now), None)
    if refused is not None:
        return refused
    if order.mode is ImportMode.FRESH:
        return admit(
            order, subject=subject, known=None, candidates=candidates, policies=policies, now=now
        )
    event = opening(order, subject, chosen)
    started_at = min(event.started_at, order.opened_at)
    event = event.model_copy(
        update={
            "status": order.status,
            "import_mode": order.mode,
            "opened_at": order.opened_at,
            "started_at": started_at,
            "consumed": order.consumed,
        }
    )
    return open_case(order, event, chosen.policy, now)


def _refusals(order: Import, chosen: Choice, now: datetime) -> Iterator[Refused]:
    for refused in (
        impossible_time(order, now),
        at_impossible_time(order.opened_at, "/opened_at", now),
    ):
        if refused is not None:
            yield refused
    allowed = _STATUSES[order.mode]
    if order.status not in allowed:
        detail = f"a {order.mode} import cannot be {order.status}: {', '.join(allowed)}"
        yield Refused(Refusal.STATUS_NOT_IMPORTED, detail, pointer="/status")
    if order.consumed and order.mode is not ImportMode.RESUME:
        detail = f"a {order.mode} import brings no used budget along"
        yield Refused(Refusal.NOT_RESUMED, detail, pointer="/consumed")
    rules = {rule.name: rule for rule in _clocks(chosen)}
    for name in order.consumed:
        refused = _unusable(name, rules)
        if refused is not None:
            yield refused


def _clocks(chosen: Choice) -> tuple[ClockRule, ...]:
    lane = chosen.policy.pack.lanes.get(chosen.triage.lane)
    return lane.clocks if lane is not None else ()


def _unusable(name: str, rules: Mapping[str, ClockRule]) -> Refused | None:
    rule, pointer = rules.get(name), f"/consumed/{name}"
    if rule is None:
        detail = f"the case has no clock {name}: {', '.join(sorted(rules)) or 'it has none'}"
        return Refused(Refusal.UNKNOWN_CLOCK, detail, pointer=pointer)
    if not resumable(rule):
        detail = f"{name} runs from its own start, opened_at: leave it out"
        return Refused(Refusal.RUNS_FROM_ITS_START, detail, pointer=pointer)
    return None
