"""Who is there when: absences and hours together, at their edges."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

import pytest

from services.escalation.core.availability import (
    is_absent,
    is_at_work,
    may_take,
    next_at_work,
    staffed,
)
from tests.support.people import FRIDAY_TEN, SHANGHAI_OFFICE, agent, away, roster_of

MINUTE = timedelta(minutes=1)


def november(text: str) -> datetime:
    """The instant of "20T10:00" of November 2026 in Shanghai."""
    return datetime.fromisoformat(f"2026-11-{text}:00+08:00")


def test_an_absence_holds_from_its_first_instant_until_its_last() -> None:
    ill = agent(absences=[away("20T10:00", "20T12:00")])
    asked = ("20T09:59", "20T10:00", "20T11:59", "20T12:00")
    assert [is_absent(ill, november(at)) for at in asked] == [False, True, True, False]
    gone = agent(absences=[away("20T10:00")])
    assert not is_absent(gone, november("20T09:59"))
    assert is_absent(gone, november("20T10:00") + timedelta(days=10_000))
    assert is_absent(agent(absent=True), FRIDAY_TEN)


def test_hours_and_absences_are_taken_together() -> None:
    office = agent(working_hours=SHANGHAI_OFFICE, absences=[away("20T10:00", "20T11:00")])
    asked = ("20T08:59", "20T09:00", "20T10:00", "20T11:00", "20T12:00", "20T13:00", "21T10:00")
    there = [False, True, False, True, False, True, False]
    assert [is_at_work(office, november(at)) for at in asked] == there


@pytest.mark.parametrize(
    ("fields", "asked", "following"),
    [
        ({}, "20T03:00", "20T03:00"),
        ({"absent": True}, "20T10:00", None),
        ({"working_hours": SHANGHAI_OFFICE}, "20T10:00", "20T10:00"),
        ({"working_hours": SHANGHAI_OFFICE}, "20T12:00", "20T13:00"),
        ({"working_hours": SHANGHAI_OFFICE}, "20T18:00", "23T09:00"),
        ({"working_hours": SHANGHAI_OFFICE, "absent": True}, "20T18:00", None),
        ({"absences": [away("20T10:00")]}, "20T10:00", None),
        ({"absences": [away("20T10:00")]}, "20T09:00", "20T09:00"),
        # Absences that touch or overlap are one; the way leads over several openings.
        ({"absences": [away("20T09:00", "20T11:00"), away("20T11:00", "20T12:00")]},
         "20T10:00", "20T12:00"),
        ({"absences": [away("20T09:00", "20T15:00"), away("20T10:00", "20T11:00")]},
         "20T10:30", "20T15:00"),
        ({"working_hours": SHANGHAI_OFFICE,
          "absences": [away("20T17:00", "23T12:00"), away("23T13:00", "24T11:00")]},
         "20T17:30", "24T11:00"),
        ({"working_hours": SHANGHAI_OFFICE,
          "absences": [away("20T17:00", "23T12:00"), away("23T13:00")]},
         "20T17:30", None),
        # Shifts by date that are over: never again, although nobody said so.
        ({"working_hours": {"time_zone": "UTC", "shifts": {"2026-11-19": [["08:00", "09:00"]]}}},
         "20T10:00", None),
    ],
)  # fmt: skip
def test_the_next_instant_at_work(
    fields: dict[str, Any], asked: str, following: str | None
) -> None:
    somebody = agent(**fields)
    found = next_at_work(somebody, november(asked))
    assert found == (None if following is None else november(following))
    assert found is None or is_at_work(somebody, found)


def test_instants_are_compared_across_a_repeated_hour() -> None:
    berlin = {"time_zone": "Europe/Berlin", "weekly": {"sun": [["01:00", "04:00"]]}}
    # In the second of the two hours from 02:00 to 03:00 of 25 October 2026.
    back = "2026-10-25T02:30:00+01:00"
    ill = agent(
        working_hours=berlin,
        absences=[{"from_at": "2026-10-25T00:00:00+02:00", "until_at": back}],
    )
    asked = datetime.fromisoformat("2026-10-25T02:15:00+02:00")
    assert next_at_work(ill, asked) == datetime.fromisoformat(back)


def test_who_is_barred_may_not_take_the_case() -> None:
    assert may_take(agent("A1"), ["A2"])
    assert not may_take(agent("A1"), {"A1"})


@pytest.mark.parametrize(
    ("agents", "barred", "until", "expected"),
    [
        ([agent("A1")], [], FRIDAY_TEN, True),
        ([agent("A1")], ["A1"], None, False),
        ([agent("A1"), agent("A2")], ["A1"], FRIDAY_TEN, True),
        ([agent("A1", absent=True)], [], None, False),
        ([agent("A1", absences=[away("20T10:00", "20T12:00")])], [], november("20T11:59"), False),
        ([agent("A1", absences=[away("20T10:00", "20T12:00")])], [], november("20T12:00"), True),
        ([agent("A1", absences=[away("20T10:00", "28T12:00")])], [], None, True),
        # Nobody is listed for the group: the roster does not speak of it.
        ([agent("A1", groups=["senior"])], [], None, True),
        ([], [], None, True),
    ],
)
def test_a_group_is_staffed_while_somebody_could_come(
    agents: Sequence[Any], barred: list[str], until: datetime | None, expected: bool
) -> None:
    people = roster_of(*agents)
    assert staffed(people, "frontline", barred, FRIDAY_TEN, until) is expected
    loose = roster_of(*agents, binding=False)
    assert staffed(loose, "frontline", barred, FRIDAY_TEN, until), "it does not bind"
