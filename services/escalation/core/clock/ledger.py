"""What may happen to a clock: each entry gives a new clock, or the same and why not.

Owns: pause, resume, stop, reopen, extend and their limits. Never does: due instants, except to
refuse an extension that comes after the due one, which its caller hands in.
"""

from dataclasses import replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final, NamedTuple

from services.escalation.core.clock.budget import Budget
from services.escalation.core.clock.model import (
    ANY_REASON,
    Clock,
    ClockSpec,
    ClockState,
    Extension,
    Pause,
    open_pause,
    state_at,
    to_utc,
)

CLOSED: Final = "closed"
"""Reason of the pause that a reopened clock shows for the time it was stopped."""


class Entry(StrEnum):
    """What an attempt came to."""

    PAUSED = "paused"
    RESUMED = "resumed"
    STOPPED = "stopped"
    REOPENED = "reopened"
    EXTENDED = "extended"
    ALREADY_PAUSED = "already_paused"
    NOT_PAUSED = "not_paused"
    NOT_PAUSABLE = "not_pausable"
    PAUSE_CAP_REACHED = "pause_cap_reached"
    ALREADY_STOPPED = "already_stopped"
    NOT_STOPPED = "not_stopped"
    EXTENSION_BOUND = "extension_bound"
    AFTER_DUE = "after_due"


class Change(NamedTuple):
    """The clock after an attempt; unchanged where `entry` is a refusal."""

    clock: Clock
    entry: Entry


def start(
    spec: ClockSpec, at: datetime, calendar_digest: str, consumed: timedelta = timedelta(0)
) -> Clock:
    """A running clock. `consumed` is budget used before, for imports; time units only."""
    if consumed and not spec.budget.is_time:
        raise ValueError(f"{spec.name} counts dates: import it with its original start instead")
    return Clock(spec, at, calendar_digest, consumed)


def pause(
    clock: Clock, at: datetime, reason: str, actor: str, until: datetime | None = None
) -> Change:
    """Stops the clock for a while, at most until `until` and the rest of the cap."""
    refusal = _pause_refusal(clock, at, reason)
    if refusal is not None:
        return Change(clock, refusal)
    left = _pause_left(clock)
    if left is not None:
        cap = to_utc(at) + left
        until = cap if until is None else min(until, cap)
    entry = Pause(at, reason, actor, until=until)
    return Change(replace(clock, pauses=(*clock.pauses, entry)), Entry.PAUSED)


def _pause_refusal(clock: Clock, at: datetime, reason: str) -> Entry | None:
    spec = clock.spec
    if clock.stopped_at is not None:
        return Entry.ALREADY_STOPPED
    if spec.pausable_for != ANY_REASON and reason not in spec.pausable_for:
        return Entry.NOT_PAUSABLE
    if open_pause(clock, at):
        return Entry.ALREADY_PAUSED
    left = _pause_left(clock)
    return Entry.PAUSE_CAP_REACHED if left is not None and left <= timedelta(0) else None


def _pause_left(clock: Clock) -> timedelta | None:
    """Elapsed time that pauses may still last; None without a cap."""
    if clock.spec.pause_cap is None:
        return None
    counted = (entry for entry in clock.pauses if entry.reason != CLOSED and entry.ends)
    used = sum((entry.ends - entry.start for entry in counted if entry.ends), timedelta(0))
    return clock.spec.pause_cap - used


def resume(clock: Clock, at: datetime) -> Change:
    """Lets a paused clock run again."""
    if state_at(clock, at) is not ClockState.PAUSED:
        return Change(clock, Entry.NOT_PAUSED)
    return Change(replace(clock, pauses=ended_pauses(clock.pauses, at)), Entry.RESUMED)


def ended_pauses(pauses: tuple[Pause, ...], at: datetime) -> tuple[Pause, ...]:
    """The pauses with those that are open at an instant ended there."""
    return tuple(
        replace(entry, end=at) if entry.end is None and entry.start <= at else entry
        for entry in pauses
    )


def stop(clock: Clock, at: datetime, reason: str) -> Change:
    """Ends the clock: met, missed and answered, withdrawn, merged."""
    if clock.stopped_at is not None:
        return Change(clock, Entry.ALREADY_STOPPED)
    stopped = replace(
        clock, pauses=ended_pauses(clock.pauses, at), stopped_at=at, stop_reason=reason
    )
    return Change(stopped, Entry.STOPPED)


def reopen(clock: Clock, at: datetime, actor: str) -> Change:
    """Lets a stopped clock run on; the time it was stopped is given back."""
    if clock.stopped_at is None:
        return Change(clock, Entry.NOT_STOPPED)
    closed = Pause(clock.stopped_at, CLOSED, actor, end=at)
    running = replace(clock, pauses=(*clock.pauses, closed), stopped_at=None, stop_reason=None)
    return Change(running, Entry.REOPENED)


def extend(clock: Clock, extension: Extension, due_at: datetime | None) -> Change:
    """Adds budget, within the bound and before `due_at`, the instant due until now."""
    if clock.stopped_at is not None:
        return Change(clock, Entry.ALREADY_STOPPED)
    if due_at is not None and extension.at >= due_at:
        return Change(clock, Entry.AFTER_DUE)
    if not _may_extend(clock, extension.by):
        return Change(clock, Entry.EXTENSION_BOUND)
    extended = replace(clock, extensions=(*clock.extensions, extension))
    return Change(extended, Entry.EXTENDED)


def _may_extend(clock: Clock, by: Budget) -> bool:
    bound, zero = clock.spec.extension_max, Budget(clock.spec.budget.unit)
    if bound is None or by.unit is not zero.unit or not by.exceeds(zero):
        return False
    total = by
    for extension in clock.extensions:
        total = total.plus(extension.by)
    return not total.exceeds(bound)
