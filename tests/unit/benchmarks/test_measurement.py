"""What the benchmarks print is what was measured, or it is not printed."""

from __future__ import annotations

from datetime import date, datetime, timedelta

import pytest

from benchmarks.business_time import walk, windows_of
from benchmarks.measurement import Better, NotMeasured, Row, Samples, percentile, shown
from tests.support.calendars import at, office


def row(ours: list[float], goal: float | None, better: Better = Better.LOWER) -> Row:
    return Row("x", "s", Samples.of(ours), "bare", Samples.of([2.0]), better, goal)


def test_nothing_is_printed_that_was_not_measured() -> None:
    with pytest.raises(NotMeasured):
        Samples.of([])


def test_median_spread_and_ratio() -> None:
    found = row([3, 1, 8], None)
    assert (found.ours.text(), found.ratio) == ("3.00 (1.00-8.00)", 1.5)
    assert Samples.of([1234.5]).text() == "1,234"


@pytest.mark.parametrize(
    ("ours", "better", "said"),
    [
        ([2.9], Better.LOWER, "<= 3.00 met"),
        ([3.1], Better.LOWER, "<= 3.00 MISSED"),
        ([3.1], Better.HIGHER, ">= 3.00 met"),
        ([2.9], Better.HIGHER, ">= 3.00 MISSED"),
    ],
)
def test_the_goal_is_judged_by_the_median(ours: list[float], better: Better, said: str) -> None:
    assert row(ours, 3.0, better).goal_text() == said


def test_numbers_keep_three_digits() -> None:
    assert [shown(value) for value in (0.123, 12.34, 123.4, 12_345.6)] == [
        "0.12",
        "12.3",
        "123",
        "12,346",
    ]


def test_the_naive_walk_is_right_on_a_weekend() -> None:
    windows = windows_of(office(), date(2026, 9, 28), 14)
    found = walk(windows, at("2026-10-02 17:00"), timedelta(hours=2))
    assert found == datetime.fromisoformat("2026-10-05T10:00:00+08:00")


@pytest.mark.parametrize(("percent", "value"), [(50, 2.0), (99, 4.0), (100, 4.0), (1, 1.0)])
def test_a_percentile_is_a_value_that_was_measured(percent: int, value: float) -> None:
    assert percentile(Samples.of([4.0, 1.0, 3.0, 2.0]), percent) == Samples.of([value])
