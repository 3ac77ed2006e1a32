"""What the simulated services' database can do: transactions, statements, backups.

Owns the shape that the store in memory and the one on PostgreSQL share, and the simulated time that
both tell. Knows no statement.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Protocol

EPOCH = datetime(2026, 11, 20, 1, 58, tzinfo=UTC)


@dataclass(slots=True)
class Instant:
    """The clocks of a history: `real` is what every database tells, `elapsed_s` never jumps."""

    real: datetime = EPOCH
    elapsed_s: float = 0.0

    def pass_by(self, seconds: float) -> None:
        """Let time go on."""
        self.real += timedelta(seconds=seconds)
        self.elapsed_s += seconds

    def jump(self, seconds: float) -> None:
        """Set the databases' clock, as an operator or a bad time server does."""
        self.real += timedelta(seconds=seconds)

    def seconds(self) -> float:
        """The monotonic clock."""
        return self.elapsed_s


@dataclass(frozen=True, slots=True)
class Result:
    """What a statement answered: its rows, and how many it touched."""

    rows: Sequence[Mapping[str, Any]]
    touched: int


class Store(Protocol):
    """One schema of one service. A statement outside a transaction is one of its own."""

    async def begin(self) -> None: ...
    async def commit(self) -> None: ...
    async def rollback(self) -> None: ...
    async def run(self, statement: str, arguments: Sequence[Any]) -> Result: ...
    async def set_clock(self, domain: datetime) -> None: ...
    async def table(self, name: str) -> list[dict[str, Any]]: ...
    async def close(self) -> None: ...
