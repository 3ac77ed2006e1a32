"""Where a simulated clock goes: targets asked for, and the stops on the way."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest

from services.local.clock import BadClockRequest, ClockGoesBack, clock_target, next_stop

CHINA = timezone(timedelta(hours=8))
NOW = datetime(2026, 11, 20, 9, 50, tzinfo=CHINA)


def later(minutes: float) -> datetime:
    return NOW + timedelta(minutes=minutes)


@pytest.mark.parametrize(
    ("body", "minutes"),
    [
        ({"advance": "PT15M"}, 15),
        ({"advance": "P1DT30S"}, 24 * 60 + 0.5),
        ({"advance": "PT0S"}, 0),
        ({"to": "2026-11-20T10:10:00+08:00"}, 20),
        ({"to": "2026-11-20T02:10:00Z"}, 20),
    ],
)
def test_a_duration_or_an_instant_names_the_target(body: Any, minutes: float) -> None:
    assert clock_target(body, NOW) == later(minutes)


def test_the_answer_has_the_offset_of_the_clock_when_advanced() -> None:
    assert clock_target({"advance": "PT1M"}, NOW).isoformat() == "2026-11-20T09:51:00+08:00"


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        ({"advance": "15"}, "/advance"),
        ({"advance": 900}, "/advance"),
        ({"advance": "PT"}, "/advance"),
        ({"advance": "P999999999D"}, "/advance"),
        ({"to": "2026-11-20T10:10:00"}, "/to"),
        ({"to": 1795346122}, "/to"),
        ({"to": "tomorrow"}, "/to"),
        ({"by": "PT1M"}, "/by"),
        ({}, ""),
        ([], ""),
        (None, ""),
        ({"advance": "PT1M", "to": "2026-11-20T10:10:00+08:00"}, ""),
    ],
)
def test_a_bad_body_is_refused_and_its_field_named(body: Any, pointer: str) -> None:
    with pytest.raises(BadClockRequest) as refused:
        clock_target(body, NOW)
    assert [error["pointer"] for error in refused.value.errors] == [pointer]
    assert all(error["detail"] for error in refused.value.errors)


@pytest.mark.parametrize("body", [{"advance": "-PT1S"}, {"to": "2026-11-20T09:49:59+08:00"}])
def test_the_clock_never_goes_back(body: Any) -> None:
    with pytest.raises(ClockGoesBack):
        clock_target(body, NOW)


def test_the_next_stop_is_the_earliest_due_instant_on_the_way() -> None:
    assert next_stop(NOW, later(60), [later(20), None, later(5), later(90)]) == later(5)


def test_instants_of_different_offsets_are_compared_as_instants() -> None:
    due = later(5).astimezone(UTC)
    assert next_stop(NOW, later(60), [due, later(6)]) == due


def test_what_is_due_now_or_earlier_is_no_stop() -> None:
    assert next_stop(NOW, later(60), [NOW, later(-5)]) == later(60)


def test_without_anything_due_between_the_next_stop_is_the_target() -> None:
    assert next_stop(NOW, later(60), [None, later(60), later(61)]) == later(60)


def test_a_clock_that_has_arrived_has_no_next_stop() -> None:
    assert next_stop(later(60), later(60), [later(61)]) is None
