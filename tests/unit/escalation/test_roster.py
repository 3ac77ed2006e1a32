"""The roster as people write it: what it takes, and what it refuses and where."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest
from pydantic import ValidationError

from services.escalation.core.availability import known_agents
from services.escalation.core.roster import Group
from services.escalation.staff import EXAMPLE_ROSTER, load_roster
from services.yaml_files import InvalidFileError
from tests.support.people import SHANGHAI_OFFICE, agent, roster_of

NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)
ROSTER = """agents:
  - staff_number: A1
    name: Ada
    groups: [frontline]
    absences:
      - {from_at: "2026-12-24T00:00:00+01:00", until_at: "2026-12-27T00:00:00+01:00"}
      - from_at: "2027-02-01T00:00:00+01:00"
    working_hours:
      time_zone: Europe/Berlin
      weekly:
        mon: [["09:00", "12:00"], ["13:00", "17:00"]]
        sun: [["22:00", "06:00"]]
      holidays: ["2026-12-28", "--12-25"]
      shifts: {2026-12-31: [["08:00", "10:00"]]}
"""


def write(folder: Path, text: str) -> Path:
    file = folder / "roster.yaml"
    file.write_text(text, encoding="utf-8")
    return file


def test_a_file_gives_hours_and_absences(tmp_path: Path) -> None:
    (ada,) = load_roster(write(tmp_path, ROSTER)).roster.agents
    assert [absence.until_at is None for absence in ada.absences] == [False, True]
    assert ada.working_hours is not None
    assert ada.working_hours.time.zone.key == "Europe/Berlin"
    assert load_roster(EXAMPLE_ROSTER).roster.agents


@pytest.mark.parametrize(
    ("wrong", "instead", "line", "said"),
    [
        ("Europe/Berlin", "Berlin", 9, "not an IANA time zone"),
        ('"12:00"]', '"25:00"]', 11, "'25:00' is not a time of day"),
        ('["13:00"', '["11:00"', 11, "overlaps"),
        ("sun:", "sunday:", 12, "'sun'"),
        ('"2026-12-28"', '"2026-02-30"', 8, "'2026-02-30' is not a date"),
        ("2026-12-31:", "31.12.:", 8, "'31.12.' is not a date"),
        ("2026-12-27T", "2026-12-23T", 6, "until_at is not after from_at"),
        ('00:00:00+01:00"\n', '00:00:00"\n', 7, "timezone info"),
        ("until_at:", "reason: ill, until_at:", 6, "Extra inputs are not permitted"),
    ],
)
def test_what_is_wrong_in_a_file_is_named_by_line(
    tmp_path: Path, wrong: str, instead: str, line: int, said: str
) -> None:
    assert wrong in ROSTER
    file = write(tmp_path, ROSTER.replace(wrong, instead))
    with pytest.raises(InvalidFileError) as found:
        load_roster(file)
    (first, *_) = found.value.lines
    assert first.startswith(f"{file}:{line}: ")
    assert said in str(found.value)


def test_hours_in_which_nobody_works_are_refused() -> None:
    with pytest.raises(ValidationError, match="nobody works in no hours"):
        agent(working_hours={"time_zone": "UTC", "weekly": {"mon": []}})


def test_equal_hours_are_compiled_once() -> None:
    one, other = agent("A1", working_hours=SHANGHAI_OFFICE), agent(working_hours=SHANGHAI_OFFICE)
    assert one.working_hours is not None
    assert other.working_hours is not None
    assert one.working_hours.time is other.working_hours.time
    assert one.working_hours == type(other.working_hours).model_validate(SHANGHAI_OFFICE)


def test_members_and_supervisors_are_found_by_group() -> None:
    people = roster_of(
        agent("A2", groups=["frontline", "senior", "senior"], supervisor="S2"),
        agent("A1", supervisor="S1"),
        groups={"email": Group(name="email", supervisor="S1"), "social": Group(name="social")},
    )
    assert [each.staff_number for each in people.members("frontline")] == ["A1", "A2"]
    assert [each.staff_number for each in people.members("senior")] == ["A2"]
    assert people.members("email") == ()
    assert people.supervised_by("S1") == ("email", "frontline")
    assert people.supervised_by("S2") == ("frontline", "senior")
    assert people.supervised_by("A1") == ()


def test_who_is_named_is_known_only_if_listed() -> None:
    known = known_agents(roster_of(agent("A1")), ["A1", "A9"], NOON)
    assert (dict(known.names), known.knows("A1"), known.knows("A9")) == (
        {"A1": "Agent A1"},
        True,
        False,
    )
    assert known_agents(roster_of(agent("A1"), binding=False), ["A9"], NOON).knows("A9")


def test_who_is_named_may_be_absent() -> None:
    people = roster_of(agent("A1", absent=True), agent("A2"))
    assert known_agents(people, ["A1", "A2"], NOON).absent == {"A1"}
