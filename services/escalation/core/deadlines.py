"""Which instants a case's ladder waits for, earliest first. All derived from state and policy.

Owns: the due instant of each record, and the order of what is due at the same time. Never
changes a state.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta
from enum import IntEnum
from functools import lru_cache
from operator import itemgetter
from typing import Final, NamedTuple

from msgspec import Struct

from schemas.pack_clocks import Budget, EndRule, Roll
from services.escalation.core.calendar import BusinessTime
from services.escalation.core.clock import Clock, Due, Pause, due, offset_from, thresholds
from services.escalation.core.policy import Policy, clock_spec, share_of, spent_at
from services.escalation.core.records import ClockRecord, OfferState, PauseRecord, Place
from services.escalation.core.state import LadderState


class DeadlineKind(IntEnum):
    """What happens at a deadline; at one instant the lower number happens first."""

    PAUSE_ENDS = 1
    ACKNOWLEDGEMENT_EXPIRES = 2
    WARNING = 3
    CLOCK = 4
    OFFER_EXPIRES = 5
    ACTION_EXPIRES = 6
    ASSIGNMENT = 7


VISIBLE = frozenset({DeadlineKind.CLOCK, DeadlineKind.OFFER_EXPIRES})
"""What the customer gets to see; held while the stream of cases is stale (design rule 8)."""


class Deadline(NamedTuple):
    """One instant, and what to do then. `wake_at` is earlier where the calendar may still move."""

    at: datetime
    kind: DeadlineKind
    position: int
    """Place of the clock, offer or action in its list; ties are broken by it."""
    percent: int = 0
    earliest: datetime | None = None


_ORDER: Final = itemgetter(0, 1, 2, 3)
"""Everything but the earliest instant, which may be missing."""


def clock_of(record: ClockRecord, state: LadderState, policy: Policy) -> Clock | None:
    """The record as a clock with its ledger; None for a promise, which has no budget."""
    if record.budget is None:
        return None
    return _clock(_ledger(record, record.budget, state, policy))


def pauses_of(record: ClockRecord, state: LadderState) -> Iterator[Pause]:
    """The pauses that this clock honours, as the arithmetic of clocks wants them."""
    for pause in honoured_pauses(record, state):
        actor = pause.actor or "customer"
        yield Pause(pause.started_at, pause.cause, actor, end=pause.ended_at, until=pause.until)


def honoured_pauses(record: ClockRecord, state: LadderState) -> Iterator[PauseRecord]:
    """The pauses of the clock's own episode that it allows, except those that began at its end."""
    for pause in state.pauses:
        over = record.ended_at is not None and pause.started_at >= record.ended_at
        if pause.episode == record.episode and pause.cause in record.pauses and not over:
            yield pause


def is_paused(record: ClockRecord, state: LadderState) -> bool:
    """Whether a pause that goes on holds this clock."""
    return (
        bool(state.pauses)
        and record.runs
        and any(pause.ended_at is None and pause.cause in record.pauses for pause in state.pauses)
    )


def due_of(record: ClockRecord, state: LadderState, policy: Policy) -> Due:
    """When a clock runs out; `at` is None while a pause without an end holds it."""
    if record.budget is None:
        return Due(record.by_when, record.by_when, provisional=False, earliest=None)
    return _derived(_ledger(record, record.budget, state, policy)).due


class _Ledger(Struct, frozen=True):
    """All that a due instant follows from."""

    time: BusinessTime
    budget: Budget
    percents: tuple[int, ...]
    end: EndRule
    roll: Roll
    started_at: datetime
    consumed: timedelta
    pauses: tuple[Pause, ...]


def _ledger(record: ClockRecord, budget: Budget, state: LadderState, policy: Policy) -> _Ledger:
    return _Ledger(
        policy.calendars[budget.calendar],
        budget,
        record.warn_at_percent,
        record.end_rule,
        record.roll,
        record.started_at,
        record.consumed,
        tuple(pauses_of(record, state)) if state.pauses else (),
    )


class _Derived(NamedTuple):
    """What follows from a ledger: when it runs out, and when it warns."""

    due: Due
    thresholds: tuple[tuple[int, datetime], ...]


# One decision asks for the same instants several times, and so does the next one of the case.
@lru_cache(maxsize=8192)
def _derived(ledger: _Ledger) -> _Derived:
    return _undisturbed(ledger) or _worked_out(ledger)


def forget_instants() -> None:
    """Have everything worked out anew: for whoever measures what that costs."""
    _derived.cache_clear()
    spent_at.cache_clear()


def _worked_out(ledger: _Ledger) -> _Derived:
    clock = _clock(ledger)
    return _Derived(due(clock, ledger.time), thresholds(clock, ledger.time))


def _undisturbed(ledger: _Ledger) -> _Derived | None:
    """The short way for a clock that has only a start and a budget; None where it is another."""
    if ledger.pauses or ledger.consumed or ledger.end != "same_time" or ledger.roll != "none":
        return None
    at = spent_at(ledger.time, ledger.budget, ledger.started_at)
    if ledger.time.is_provisional(at):
        return None
    warns = []
    for percent in ledger.percents:
        share = share_of(ledger.budget, percent)
        if share is None:
            return None
        warns.append((percent, offset_from(ledger.started_at, share, ledger.time)))
    return _Derived(Due(at, at, provisional=False, earliest=None), tuple(warns))


def _clock(ledger: _Ledger) -> Clock:
    spec = clock_spec(ledger.budget, ledger.percents, ledger.end, ledger.roll)
    digest = ledger.time.calendar.digest
    return Clock(spec, ledger.started_at, digest, ledger.consumed, ledger.pauses)


def deadlines(state: LadderState, policy: Policy) -> list[Deadline]:
    """Everything the ladder waits for, in the order in which it happens; empty when stopped."""
    if state.stopped is not None:
        return []
    found: list[Deadline] = []
    for position, pause in enumerate(state.pauses):
        if pause.ended_at is None and pause.until is not None:
            found.append(Deadline(pause.until, DeadlineKind.PAUSE_ENDS, position))
    for position, record in enumerate(state.clocks):
        if record.end is None:
            _of_clock(found, position, record, state, policy)
    found.extend(_of_place(state.place))
    if state.offers or state.actions:
        found.extend(_of_answers(state))
    return sorted(found, key=_ORDER)


def _of_place(place: Place) -> Iterator[Deadline]:
    if place.acknowledged_until is not None:
        yield Deadline(place.acknowledged_until, DeadlineKind.ACKNOWLEDGEMENT_EXPIRES, 0)
    if place.assign_at is not None:
        yield Deadline(place.assign_at, DeadlineKind.ASSIGNMENT, 0)


def _of_answers(state: LadderState) -> Iterator[Deadline]:
    """Until when the customer, or another backend, may still answer."""
    for position, offer in enumerate(state.offers):
        if offer.state is OfferState.OPEN:
            yield Deadline(offer.expires_at, DeadlineKind.OFFER_EXPIRES, position)
    for position, action in enumerate(state.actions):
        if action.open:
            yield Deadline(action.expires_at, DeadlineKind.ACTION_EXPIRES, position)


def _of_clock(
    found: list[Deadline], position: int, record: ClockRecord, state: LadderState, policy: Policy
) -> None:
    if record.budget is None:
        if record.by_when is not None:
            found.append(Deadline(record.by_when, DeadlineKind.CLOCK, position))
        return
    out, warns = _derived(_ledger(record, record.budget, state, policy))
    if out.at is not None:
        found.append(Deadline(out.at, DeadlineKind.CLOCK, position, 0, out.earliest))
    for percent, at in warns:
        if percent not in record.warned:
            found.append(Deadline(at, DeadlineKind.WARNING, position, percent))


def wake_at(waiting: Iterable[Deadline], now: datetime) -> datetime | None:
    """The least of the deadlines; the earliest possible instant of one that may still move."""
    instants = (
        found.earliest if found.earliest is not None and found.earliest > now else found.at
        for found in waiting
    )
    return min(instants, default=None)


def next_due(waiting: Iterable[Deadline], state: LadderState, *, promised: bool) -> datetime | None:
    """The next deadline of a running clock: of those promised to the customer, or of all."""
    instants = (
        found.at
        for found in waiting
        if found.kind is DeadlineKind.CLOCK
        and (state.clocks[found.position].promised_to_customer or not promised)
    )
    return min(instants, default=None)
