"""Instants as integers: microseconds since 1970-01-01T00:00Z, and local wall time.

Owns: the only conversions between aware datetimes, wall time and integers. A wall time that a
clock change skips moves forward by the gap; of a repeated one the first is meant (PEP 495, fold 0).
"""

from datetime import UTC, date, datetime, timedelta
from functools import cache
from typing import Final
from zoneinfo import ZoneInfo

EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
MICROSECOND: Final = timedelta(microseconds=1)
SECOND_US: Final = 1_000_000


def to_us(instant: datetime) -> int:
    """Microseconds since the epoch of an aware datetime; a naive one is a `TypeError`."""
    return amount_us(instant - EPOCH)


def amount_us(amount: timedelta) -> int:
    """A duration in microseconds."""
    # Three times as fast as a division of timedeltas, and just as exact.
    return (amount.days * 86_400 + amount.seconds) * SECOND_US + amount.microseconds


def from_us(us: int, zone: ZoneInfo) -> datetime:
    """The aware datetime in `zone`."""
    return zone.fromutc(_epoch_marked(zone) + us * MICROSECOND)


@cache
def _epoch_marked(zone: ZoneInfo) -> datetime:
    """What `fromutc` takes: the wall time of UTC, marked with the zone to go to."""
    return EPOCH.replace(tzinfo=zone)


def local_us(day: date, second: int, zone: ZoneInfo) -> int:
    """The instant of a wall time, `second` seconds of wall clock after the date's midnight."""
    days, second_of_day = divmod(second, 86_400)
    minute, second_of_minute = divmod(second_of_day, 60)
    hour, minute_of_hour = divmod(minute, 60)
    at = date.fromordinal(day.toordinal() + days)
    wall = datetime(at.year, at.month, at.day, hour, minute_of_hour, second_of_minute, tzinfo=zone)
    return (wall - EPOCH) // MICROSECOND


def local_to_instant(wall: datetime, zone: ZoneInfo) -> datetime:
    """The instant at which clocks in `zone` show the naive `wall`."""
    if wall.tzinfo is not None:
        raise ValueError(f"{wall.isoformat()} is an instant already")
    return wall.replace(tzinfo=zone, fold=0).astimezone(UTC).astimezone(zone)
