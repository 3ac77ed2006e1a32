"""One published vector, and how an outcome is compared with it.

Owns: reading the file and the comparison (instants as instants, numbers within a microsecond).
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

from services.escalation.core.calendar import BusinessTime, compile_calendar, parse_calendar

Outcome = Mapping[str, Any]
ALWAYS_OPEN = {
    day: [["00:00", "24:00"]] for day in ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
}


class NoCounterpartError(Exception):
    """The product has nothing that corresponds to what a vector asks."""


@dataclass(frozen=True)
class Vector:
    """An input and the published outcome."""

    id: str
    kind: str
    calendar: Mapping[str, Any] | None
    input: Mapping[str, Any]
    expected: Mapping[str, Any]
    quirk: bool
    quirk_reason: str

    @property
    def time(self) -> BusinessTime:
        """Business time of the vector's calendar; around the clock where it names none."""
        return business_time(self.calendar or {"timezone": "UTC", "hours": ALWAYS_OPEN})

    def instant(self, name: str) -> datetime:
        """An instant of the input."""
        return datetime.fromisoformat(self.input[name])

    def seconds(self, name: str) -> timedelta:
        """A duration of the input."""
        return timedelta(seconds=self.input[name])


def business_time(plain: Mapping[str, Any]) -> BusinessTime:
    """Business time of a vector's calendar."""
    return compile_calendar(parse_calendar(plain))


def read(path: Path) -> list[Vector]:
    """All vectors of a file."""
    return vectors_of(json.loads(path.read_text(encoding="utf-8")))


def vectors_of(document: list[Mapping[str, Any]]) -> list[Vector]:
    """All vectors of a file that was read."""
    return [_vector(plain) for plain in document]


def _vector(plain: Mapping[str, Any]) -> Vector:
    reason = plain.get("quirk_reason", "")
    if isinstance(reason, Mapping):
        reason = ", ".join(f"{name}={value}" for name, value in reason.items())
    return Vector(
        id=plain["id"],
        kind=plain["kind"],
        calendar=plain.get("calendar"),
        input=plain["input"],
        expected=plain["expected"],
        quirk=bool(plain.get("quirk")),
        quirk_reason=str(reason),
    )


def plain(value: object) -> object:
    """An outcome as the vectors write it, for printing."""
    if isinstance(value, (date, datetime)):
        return value.isoformat()
    if isinstance(value, timedelta):
        return value / timedelta(seconds=1)
    if isinstance(value, Mapping):
        return {str(name): plain(item) for name, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(item) for item in value]
    return value


def agrees(expected: object, got: object) -> bool:
    """Whether an outcome is the expected one; fields that are not expected are not asserted."""
    if isinstance(expected, Mapping):
        return isinstance(got, Mapping) and all(
            name in got and agrees(value, got[name]) for name, value in expected.items()
        )
    if isinstance(expected, list):
        same = isinstance(got, list) and len(got) == len(expected)
        return same and all(map(agrees, expected, got if isinstance(got, list) else ()))
    if isinstance(expected, str) and isinstance(got, str):
        return expected == got or _same_instant(expected, got)
    if isinstance(expected, (int, float)) and isinstance(got, (int, float)):
        return isinstance(expected, bool) == isinstance(got, bool) and abs(expected - got) < 1e-6
    return expected == got


def _same_instant(one: str, other: str) -> bool:
    try:
        return datetime.fromisoformat(one) == datetime.fromisoformat(other)
    except (ValueError, TypeError):
        return False
