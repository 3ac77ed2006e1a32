"""The open time of one calendar as far as anybody asked, on integer microseconds.

Owns: growing the table in both directions and the lookups by bisection. Growth is a cache: the
same question has the same answer whatever was asked before. Never does: datetimes.
"""

from bisect import bisect_left, bisect_right
from collections.abc import Callable, Sequence
from datetime import date
from typing import Final

from services.escalation.core.calendar.days import DayRules
from services.escalation.core.calendar.table import Table, build, join
from services.escalation.core.calendar.zone import SECOND_US

CHUNK_DAYS: Final = 400
BARREN_DAYS: Final = 366 * 60
"""After so long without a change none will come: rules repeat well within sixty years."""
EARLIEST_DAY: Final = date.min.toordinal() + 3
LATEST_DAY: Final = date.max.toordinal() - 3

_DAY_US: Final = 86_400 * SECOND_US
_EPOCH_DAY: Final = date(1970, 1, 1).toordinal()


class EndlessError(ValueError):
    """The calendar never changes again in the direction asked, so no answer exists."""


class NeverOpenError(EndlessError):
    """There is no more open time in the direction asked."""


class NeverClosedError(EndlessError):
    """There is no more closed time in the direction asked."""


class Timeline:
    """Lookups on the open intervals of one calendar; instants and durations in microseconds."""

    def __init__(self, rules: DayRules) -> None:
        self.rules = rules
        self._table: Table | None = None
        self._name = rules.calendar.name or "the calendar"
        self._first_exact = rules.calendar.first_exact_date.toordinal()
        self._last_exact = rules.calendar.last_exact_date.toordinal()

    def covering(self, earliest: int, latest: int) -> Table:
        """A table that knows everything between two instants."""
        table = self._table
        if table is not None and table.known_from <= earliest and latest < table.known_until:
            return table
        # Two days more on each side: zones differ from UTC, and windows run over midnight.
        first, end = earliest // _DAY_US + _EPOCH_DAY - 2, latest // _DAY_US + _EPOCH_DAY + 3
        if table is None:
            self._table = build(
                self.rules, max(first, EARLIEST_DAY), min(end + CHUNK_DAYS, LATEST_DAY)
            )
            return self._table
        if first < table.first_day:
            table = self._reach_back(table, first)
        return self._reach_forward(table, end) if end > table.end_day else table

    def later(self, table: Table) -> Table:
        """A table that reaches further into the future; `NeverOpenError` where that is in vain."""
        last_change = table.open_days[-1] if table.open_days else table.first_day
        if table.end_day > max(last_change, self._last_exact) + BARREN_DAYS:
            raise NeverOpenError(f"{self._name} is never open after {_text(last_change)}")
        return self._reach_forward(table, 2 * table.end_day - table.first_day)

    def sooner(self, table: Table) -> Table:
        """A table that reaches further into the past; `NeverOpenError` where that is in vain."""
        first_change = table.open_days[0] if table.open_days else table.end_day
        if table.first_day < min(first_change, self._first_exact) - BARREN_DAYS:
            raise NeverOpenError(f"{self._name} is never open before {_text(first_change)}")
        return self._reach_back(table, 2 * table.first_day - table.end_day)

    def _reach_forward(self, table: Table, end: int) -> Table:
        # At least a chunk: a clock that ticks on must not copy the table every day.
        end = min(max(end, table.end_day + CHUNK_DAYS), LATEST_DAY)
        if end <= table.end_day:
            raise NeverOpenError(f"{self._name} has no open time before the year 10000")
        self._table = join(table, build(self.rules, table.end_day, end))
        return self._table

    def _reach_back(self, table: Table, first: int) -> Table:
        first = max(min(first, table.first_day - CHUNK_DAYS), EARLIEST_DAY)
        if first >= table.first_day:
            raise NeverOpenError(f"{self._name} has no open time since the year 1")
        self._table = join(build(self.rules, first, table.first_day), table)
        return self._table

    def add(self, at: int, amount: int) -> int:
        """The instant at which `amount` > 0 of open time has passed since `at`."""
        table = self._table
        if table is None or not table.known_from <= at < table.known_until:
            table = self.covering(at, at)
        while True:
            target = total_at(table, at) + amount
            index = bisect_left(table.totals, target) - 1
            if index >= 0:
                found = table.opens[index] + target - table.totals[index]
                if found <= table.closes[index] and found <= table.known_until:
                    return found
            table = self.later(table)

    def subtract(self, at: int, amount: int) -> int:
        """The instant from which `amount` > 0 of open time passes until `at`."""
        table = self.covering(at, at)
        while True:
            target = total_at(table, at) - amount
            index = bisect_right(table.totals, target) - 1
            if target >= 0 and index >= 0:
                found = table.opens[index] + target - table.totals[index]
                if found >= table.known_from:
                    return found
            table = self.sooner(table)

    def between(self, start: int, end: int) -> int:
        """Open time in `[start, end)`; nothing where `end` is not after `start`."""
        if end <= start:
            return 0
        table = self.covering(start, end)
        return total_at(table, end) - total_at(table, start)

    def opening_after(self, at: int) -> int:
        """The first opening strictly after an instant."""
        return self._next_edge(at, lambda table: table.opens)

    def closing_after(self, at: int) -> int:
        """The first closing strictly after an instant."""
        return self._next_edge(at, lambda table: table.closes)

    def opening_before(self, at: int) -> int:
        """The last opening strictly before an instant."""
        return self._previous_edge(at, lambda table: table.opens)

    def closing_before(self, at: int) -> int:
        """The last closing strictly before an instant."""
        return self._previous_edge(at, lambda table: table.closes)

    def _next_edge(self, at: int, edges_of: Callable[[Table], Sequence[int]]) -> int:
        table = self.covering(at, at)
        while True:
            edges = edges_of(table)
            index = bisect_right(edges, at)
            if index < len(edges) and edges[index] < table.known_until:
                return edges[index]
            if table.opens and table.closes[-1] >= table.known_until:
                self._refuse_endless(max(at, table.opens[-1]), table.known_until)
            table = self.later(table)

    def _previous_edge(self, at: int, edges_of: Callable[[Table], Sequence[int]]) -> int:
        table = self.covering(at, at)
        while True:
            edges = edges_of(table)
            index = bisect_left(edges, at) - 1
            if index >= 0 and edges[index] > table.known_from:
                return edges[index]
            if table.opens and table.opens[0] <= table.known_from:
                self._refuse_endless(table.known_from, min(at, table.closes[0]))
            table = self.sooner(table)

    def _refuse_endless(self, opened: int, closed: int) -> None:
        if closed - opened > BARREN_DAYS * _DAY_US:
            raise NeverClosedError(f"{self._name} is always open")

    def is_open(self, at: int) -> bool:
        """Whether the instant lies in an open interval; the closing instant does not."""
        table = self.covering(at, at)
        index = bisect_right(table.opens, at) - 1
        return index >= 0 and at < table.closes[index]


def total_at(table: Table, at: int) -> int:
    """Open time from the table's beginning to an instant that it covers."""
    index = bisect_right(table.opens, at) - 1
    if index < 0:
        return 0
    return table.totals[index] + min(at, table.closes[index]) - table.opens[index]


def _text(ordinal: int) -> str:
    return date.fromordinal(ordinal).isoformat()
