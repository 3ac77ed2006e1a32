"""When a system of services is quiet."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from services.local.rounds import QuietReport, is_quiet, moved, outstanding, quiet_report

IDLE = QuietReport(busy=(), counters={"applied": 3})
BUSY = QuietReport(busy=("due: 1", "unpublished: 2"), counters={"applied": 3})
FURTHER = QuietReport(busy=(), counters={"applied": 4})


def test_two_equal_rounds_with_nobody_busy_are_quiet() -> None:
    assert is_quiet({"a": IDLE, "b": IDLE}, {"a": IDLE, "b": IDLE})


@pytest.mark.parametrize(
    ("before", "now"),
    [
        ({"a": BUSY, "b": IDLE}, {"a": IDLE, "b": IDLE}),
        ({"a": IDLE, "b": IDLE}, {"a": IDLE, "b": BUSY}),
        ({"a": IDLE, "b": IDLE}, {"a": FURTHER, "b": IDLE}),
    ],
)
def test_anybody_busy_or_anything_counted_between_is_not_quiet(
    before: dict[str, QuietReport], now: dict[str, QuietReport]
) -> None:
    assert not is_quiet(before, now)


def test_only_counters_tell_progress() -> None:
    assert moved({"a": IDLE}, {"a": FURTHER})
    assert not moved({"a": IDLE}, {"a": BUSY})


def test_what_is_outstanding_is_named_with_its_service() -> None:
    assert list(outstanding({"a": IDLE, "b": BUSY})) == ["b: due: 1", "b: unpublished: 2"]


def test_a_report_is_read_from_an_answer() -> None:
    body = {
        "busy": ["due: 1"],
        "counters": {"applied": 17},
        "next_due": "2026-11-20T10:13:00+08:00",
        "now": "2026-11-20T10:00:00+08:00",
    }
    report = quiet_report(body)
    assert report.busy == ("due: 1",)
    assert report.counters == {"applied": 17}
    assert report.next_due == datetime(2026, 11, 20, 2, 13, tzinfo=UTC)
    assert quiet_report({**body, "next_due": None}).next_due is None


def test_an_answer_without_its_fields_is_no_report() -> None:
    with pytest.raises(KeyError):
        quiet_report({"busy": []})
