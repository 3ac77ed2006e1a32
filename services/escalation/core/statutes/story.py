"""What is known of one complaint, as far as a regime asks: when it came, facts, acts.

Owns: the local dates of it. Never does: what follows from them.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import NamedTuple
from zoneinfo import ZoneInfo

from schemas.regime import RECEIVED, FactValue


class Act(NamedTuple):
    """Something that was done, and when."""

    name: str
    at: datetime


@dataclass(frozen=True, slots=True)
class Story:
    """A complaint until `as_of`; without it, all that ever happened."""

    received_at: datetime
    facts: Mapping[str, FactValue]
    acts: tuple[Act, ...]
    zone: ZoneInfo
    as_of: datetime | None = None

    @property
    def received_on(self) -> date:
        """The local date of receipt."""
        return self.local_date(self.received_at)

    def local_date(self, at: datetime) -> date:
        """The date on which an instant falls in the regime's zone."""
        return at.astimezone(self.zone).date()

    def times(self, act: str) -> tuple[datetime, ...]:
        """When an act was done, earliest first."""
        if act == RECEIVED:
            return (self.received_at,)
        return tuple(sorted(at for name, at in self.acts if name == act))

    def date_of(self, name: str) -> date | None:
        """The local date of receipt, of an act's first time, or of a fact that is a date."""
        times = self.times(name)
        if times:
            return self.local_date(times[0])
        value = self.facts.get(name)
        return _day(value) if isinstance(value, str) else None

    def first_known(self, names: tuple[str, ...]) -> tuple[str, date] | None:
        """The first of these names that has a date, with it."""
        return next(self._dated(names), None)

    def _dated(self, names: tuple[str, ...]) -> Iterator[tuple[str, date]]:
        for name in names:
            day = self.date_of(name)
            if day is not None:
                yield name, day


def _day(text: str) -> date | None:
    """The date at the beginning of an ISO date or instant; None where there is none."""
    try:
        return date.fromisoformat(text[:10])
    except ValueError:
        return None
