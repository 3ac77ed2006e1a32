"""A stretch of a calendar, laid out as sorted open intervals with running totals.

Owns: building the table for a range of dates and joining two neighbouring tables. All instants
are integers in microseconds (see `zone`). Never does: decide how far a table must reach.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from itertools import accumulate

from services.escalation.core.calendar.days import DayRules
from services.escalation.core.calendar.zone import local_us

Interval = tuple[int, int]


@dataclass(frozen=True, slots=True)
class Table:
    """Open time between two instants.

    Totals are counted from the table's own beginning: only differences within one table mean
    anything.
    """

    first_day: int
    """Ordinal of the first date laid out."""
    end_day: int
    """Ordinal of the date after the last one laid out."""
    known_from: int
    """Instant from which nothing is missing (an overnight window may begin a day before)."""
    known_until: int
    """Instant up to which nothing is missing."""
    opens: Sequence[int]
    closes: Sequence[int]
    totals: Sequence[int]
    """Open microseconds before `opens[i]`."""
    open_days: Sequence[int]
    """Ordinals of the dates on which some open time starts."""


def build(rules: DayRules, first_day: int, end_day: int) -> Table:
    """The table of the dates `[first_day, end_day)`, given as ordinals."""
    zone = rules.calendar.zone
    intervals: list[Interval] = []
    open_days: list[int] = []
    for ordinal in range(first_day, end_day):
        day = date.fromordinal(ordinal)
        opened = [
            (local_us(day, window.opens_s, zone), local_us(day, window.closes_s, zone))
            for window in rules.open_windows(day)
        ]
        # A window that begins inside a skipped hour may end before it begins: it is no time.
        opened = [interval for interval in opened if interval[0] < interval[1]]
        if opened:
            open_days.append(ordinal)
            intervals += opened
    return _table(
        (first_day, end_day),
        local_us(date.fromordinal(first_day + 1), 0, zone),
        local_us(date.fromordinal(end_day), 0, zone),
        intervals,
        open_days,
    )


def join(earlier: Table, later: Table) -> Table:
    """One table of two that meet at a date."""
    return _table(
        (earlier.first_day, later.end_day),
        earlier.known_from,
        later.known_until,
        [
            *zip(earlier.opens, earlier.closes, strict=True),
            *zip(later.opens, later.closes, strict=True),
        ],
        [*earlier.open_days, *later.open_days],
    )


def _table(
    days: tuple[int, int],
    known_from: int,
    known_until: int,
    intervals: Iterable[Interval],
    open_days: Sequence[int],
) -> Table:
    opens, closes = _merged(intervals)
    lengths = (closed - opened for opened, closed in zip(opens, closes, strict=True))
    totals = list(accumulate(lengths, initial=0))[: len(opens)]
    return Table(*days, known_from, known_until, opens, closes, totals, open_days)


def _merged(intervals: Iterable[Interval]) -> tuple[list[int], list[int]]:
    opens: list[int] = []
    closes: list[int] = []
    for opened, closed in sorted(intervals):
        if closes and opened <= closes[-1]:
            closes[-1] = max(closes[-1], closed)
        else:
            opens.append(opened)
            closes.append(closed)
    return opens, closes
