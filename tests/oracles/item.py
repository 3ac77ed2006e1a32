"""One item of a published story, with the product's clocks that run on it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from services.escalation.core.calendar import BusinessTime
from services.escalation.core.clock import Clock, ClockSpec, business, due, next_due


@dataclass
class Item:
    """One item and its clocks, as far as the story has gone."""

    time: BusinessTime
    created: datetime
    targets: dict[str, float]
    pausing: frozenset[str]
    single_due: bool
    levels: list[Mapping[str, Any]]
    clocks: dict[str, Clock] = field(default_factory=dict)
    exchanges: dict[str, timedelta] = field(default_factory=dict)
    """The longest finished exchange of each update clock."""
    escalated: dict[str, int] = field(default_factory=dict)
    replied_at: list[timedelta] = field(default_factory=list)
    """Wall-clock lengths of the customer's waits."""
    waiting: Clock | None = None
    paused: bool = False
    now: datetime | None = None

    def spec(self, name: str) -> ClockSpec:
        return ClockSpec(name, business(timedelta(seconds=self.targets[name])))

    @property
    def digest(self) -> str:
        return self.time.calendar.digest

    @property
    def next_due(self) -> datetime | None:
        return next_due(self.due_at(name) for name in self.clocks)

    def due_at(self, name: str) -> datetime | None:
        clock = self.clocks.get(name)
        if clock is None or clock.stopped_at is not None:
            return None
        return due(clock, self.time).at
