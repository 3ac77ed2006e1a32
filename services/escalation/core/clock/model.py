"""A clock as data: a budget and a ledger (design rule 6).

Owns: the frozen values. Nothing here is a due instant: that is derived (see `due`).
Instants are kept in UTC whatever zone they come in: Python compares two datetimes of one zone by
their wall time, which is wrong in the hour that a clock change repeats.
"""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Final

from services.escalation.core.calendar import Roll
from services.escalation.core.clock.budget import Budget

ANY_REASON: Final = frozenset({"*"})
"""`ClockSpec.pausable_for` of a clock that every pause stops."""


class Kind(StrEnum):
    """Whose promise a clock is."""

    SERVICE = "service"
    STATUTORY = "statutory"


class EndRule(StrEnum):
    """Where on its last date a clock ends."""

    SAME_TIME = "same_time"
    END_OF_DAY = "end_of_day"
    CLOSE_OF_BUSINESS = "close_of_business"


@dataclass(frozen=True, slots=True)
class ClockSpec:
    """What a pack says of a clock; the same for every case."""

    name: str
    budget: Budget
    kind: Kind = Kind.SERVICE
    end: EndRule = EndRule.SAME_TIME
    roll: Roll = Roll.NONE
    pausable_for: frozenset[str] = ANY_REASON
    """Pause reasons it honours. Statutory clocks name the few the law allows, mostly none."""
    pause_cap: timedelta | None = None
    """Elapsed time that all pauses together may last."""
    thresholds: tuple[int, ...] = ()
    """Percentages of the budget at which somebody is warned, ascending."""
    extension_max: Budget | None = None
    """What all extensions together may add; None: it cannot be extended."""
    starts_on: tuple[str, ...] = ()
    stops_on: tuple[str, ...] = ()
    restarts_on: tuple[str, ...] = ()
    must_send: str | None = None
    citation: str | None = None
    verified: str | None = None


def _keep_in_utc(value: "Pause | Extension | Clock", *names: str) -> None:
    for name in names:
        at = getattr(value, name)
        if at is not None:
            object.__setattr__(value, name, to_utc(at))


def to_utc(at: datetime) -> datetime:
    """The same instant in UTC; a naive one is a `ValueError`."""
    if at.tzinfo is None:
        raise ValueError(f"{at.isoformat()} has no time zone")
    return at.astimezone(UTC)


@dataclass(frozen=True, slots=True)
class Pause:
    """A stretch that is given back. `end` None: still paused, at most until `until`."""

    start: datetime
    reason: str
    actor: str
    end: datetime | None = None
    until: datetime | None = None

    def __post_init__(self) -> None:
        _keep_in_utc(self, "start", "end", "until")

    @property
    def ends(self) -> datetime | None:
        """When the clock runs again, as far as is known."""
        if self.end is None or self.until is None:
            return self.end or self.until
        return min(self.end, self.until)


@dataclass(frozen=True, slots=True)
class Extension:
    """Budget added by somebody who may."""

    at: datetime
    by: Budget
    reason: str
    approver: str

    def __post_init__(self) -> None:
        _keep_in_utc(self, "at")


@dataclass(frozen=True, slots=True)
class Clock:
    """One clock of one case."""

    spec: ClockSpec
    started_at: datetime
    calendar_digest: str
    """The calendar it is pinned to; `due` refuses another."""
    consumed: timedelta = timedelta(0)
    """Budget used up before `started_at`, for a case imported while its clock ran."""
    pauses: tuple[Pause, ...] = ()
    extensions: tuple[Extension, ...] = ()
    stopped_at: datetime | None = None
    stop_reason: str | None = None

    def __post_init__(self) -> None:
        _keep_in_utc(self, "started_at", "stopped_at")

    @property
    def budget(self) -> Budget:
        """The granted budget, extensions included."""
        total = self.spec.budget
        for extension in self.extensions:
            total = total.plus(extension.by)
        return total


class ClockState(StrEnum):
    """What a clock is doing."""

    RUNNING = "running"
    PAUSED = "paused"
    STOPPED = "stopped"


def open_pause(clock: Clock, at: datetime) -> Pause | None:
    """The pause that holds the clock at an instant."""
    for pause in clock.pauses:
        if pause.start <= at and (pause.ends is None or at < pause.ends):
            return pause
    return None


def state_at(clock: Clock, at: datetime) -> ClockState:
    """What the clock is doing at an instant."""
    if clock.stopped_at is not None and clock.stopped_at <= at:
        return ClockState.STOPPED
    return ClockState.PAUSED if open_pause(clock, at) else ClockState.RUNNING
