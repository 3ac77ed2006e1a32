"""Domain time is database time: read once per transaction, simulated where a row says so.

Owns the one statement that reads the time, and the arithmetic of lateness. Leases, retries and
signatures use `real`, never `domain`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final, Protocol

READ: Final = """
SELECT clock_timestamp() AS real, c.origin, c.speed, c."offset", c.moved_at
FROM (SELECT 1) one LEFT JOIN simulated_clock c ON true"""

EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MS: Final = timedelta(milliseconds=1)


class _Fetches(Protocol):
    async def fetchrow(self, query: str, *args: Any) -> Any: ...


@dataclass(frozen=True, slots=True)
class Now:
    """One reading. `moved_at` and `speed` are None where time is real."""

    domain: datetime
    real: datetime
    speed: float | None = None
    moved_at: datetime | None = None

    def lateness_ms(self, due_at: datetime, known_at: datetime | None) -> int:
        """Real milliseconds since the later of due and known; never negative."""
        known = known_at or due_at
        if self.speed is None:
            start = max(due_at, known)
        elif self.speed == 0 and self.moved_at is not None:
            start = max(self.moved_at, known_at or self.moved_at)
        else:
            start = self.real - (self.domain - due_at) / (self.speed or 1)
        return max(0, round((self.real - start) / _MS))


async def read(connection: _Fetches) -> Now:
    """The time now, as this database tells it."""
    return of_row(await connection.fetchrow(READ))


def of_row(row: Mapping[str, Any]) -> Now:
    """The time that a row with the columns of `READ` tells."""
    real: datetime = row["real"]
    if row["origin"] is None:
        return Now(domain=real, real=real)
    domain = row["origin"] + (real - row["origin"]) * row["speed"] + row["offset"]
    return Now(domain=domain, real=real, speed=row["speed"], moved_at=row["moved_at"])
