"""Regimes as data: what is wrong is said with its line, and what was not done yet stays open."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from schemas.regime import Regime, SourceStatus
from services.escalation.core.calendar import compile_calendar, parse_calendar
from services.escalation.core.statutes import Act, Finding, Status, Story, derive
from services.regimes import SHIPPED_REGIMES, in_force, load_regime, shipped_regimes
from services.yaml_files import InvalidFileError
from tests.support.calendars import WEEK

NEW_YORK = ZoneInfo("America/New_York")
PLAIN = """\
name: small
code: SMALL
title: {en: Small}
authority: Somebody
time_zone: UTC
calendar: every-day
next_venue: court
facts: {account_kind: word}
acts: [answered]
clocks:
  - name: reply
    title: {en: Reply}
    ways: [{count: [{amount: 3, unit: calendar_days}]}]
    citation: Act, section 1
    source_status: memory
"""


def reg_e(as_of: str, *acts: tuple[str, str]) -> dict[str, Finding]:
    """A complaint of 1 September 2026 as it stands at an instant."""
    plain = {
        "timezone": "America/New_York",
        "hours": {day: [["00:00", "24:00"]] for day in WEEK[:5]},
        "holidays": ["2026-09-07", "2026-10-12"],
    }
    story = Story(
        received_at=local("2026-09-01 10:00"),
        facts={},
        acts=tuple(Act(name, local(at)) for name, at in acts),
        zone=NEW_YORK,
        as_of=local(as_of),
    )
    regime = load_regime(SHIPPED_REGIMES / "us-reg-e.yaml")
    return derive(regime, story, compile_calendar(parse_calendar(plain)))


def local(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=NEW_YORK)


def test_the_extended_limit_is_only_possible_until_the_credit_is_given() -> None:
    before = reg_e("2026-09-16 23:59")["investigation_final"]
    assert (before.status, str(before.strict)) == (Status.POSSIBLE, "2026-10-16")
    assert not before.binding
    given = reg_e("2026-09-16 23:59", ("provisional_credit_posted", "2026-09-16 20:00"))
    assert given["investigation_final"].status is Status.APPLIES


def test_it_falls_to_the_inner_limit_once_that_has_passed_without_credit() -> None:
    after = reg_e("2026-09-17 00:00")["investigation_final"]
    assert (after.status, str(after.strict)) == (Status.COLLAPSED, "2026-09-16")


def test_credit_is_required_while_a_confirmation_may_still_come() -> None:
    asked = ("written_confirmation_requested", "2026-09-01 11:00")
    assert reg_e("2026-09-10 10:00", asked)["provisional_credit_required"].value is True
    late = reg_e("2026-09-17 00:00", asked)
    assert late["provisional_credit_required"].value is False
    assert late["determine_or_provisional_credit"].status is Status.NOT_REQUIRED
    assert late["investigation_final"].status is Status.APPLIES


def test_what_was_never_triggered_waits() -> None:
    correct = reg_e("2026-09-10 10:00")["correct_error"]
    assert correct.status is Status.WAITING
    assert correct.because == ("not known yet: error_determined",)


@pytest.mark.parametrize("regime", shipped_regimes(), ids=lambda regime: regime.name)
def test_what_rests_on_memory_is_never_exact(regime: Regime) -> None:
    for clock in regime.clocks:
        exact = clock.source_status.exact
        assert exact is (clock.source_status is not SourceStatus.MEMORY)
        assert exact or "not exact" in clock.source_status.wording
        assert clock.citation


def test_versions_of_a_rule_follow_the_day_of_receipt() -> None:
    names = {
        day: getattr(in_force(shipped_regimes(), "IN-RBIOS", local(day).date()), "name", None)
        for day in ("2026-06-30", "2026-07-01")
    }
    assert names == {"2026-06-30": "in-rbios-2021", "2026-07-01": "in-rbios-2026"}


@pytest.mark.parametrize(
    ("change", "line", "says"),
    [
        (("time_zone: UTC", "time_zone: Mars/North"), 5, "'Mars/North' is not an IANA time zone"),
        (("amount: 3", "amount: 0"), 13, "greater than or equal to 1"),
        (("unit: calendar_days", "unit: fortnights"), 13, "'business_days', 'calendar_days'"),
        (("ways: [{count", "ways: [{since: [asked], count"), 13, "'asked' is not an act"),
        (("citation:", "met_by: [paid]\n    citation:"), 11, "'paid' is not an act; known"),
        (
            ("citation:", "only_if: {fact: account_kind}\n    citation:"),
            14,
            "a condition on a fact needs `is: [...]`",
        ),
        (
            ("citation:", "only_if: {act: answered, fact: account_kind}\n    citation:"),
            14,
            "a condition is one of",
        ),
        (
            ("citation:", "only_if: {act: answered, by: reply}\n    citation:"),
            11,
            "the date of reply follows from itself",
        ),
        (("title: {en: Reply}", "title: {en: Reply}\n    role: fact"), 11, "with `holds`"),
        (("name: small", "name: tall"), 1, "name it small"),
    ],
)
def test_a_mistake_is_told_with_its_line(
    tmp_path: Path, change: tuple[str, str], line: int, says: str
) -> None:
    file = tmp_path / "small.yaml"
    file.write_text(PLAIN)
    assert load_regime(file).clock("reply").name == "reply"
    file.write_text(PLAIN.replace(*change))
    with pytest.raises(InvalidFileError) as caught:
        load_regime(file)
    assert any(
        told.startswith(f"{file}:{line}:") and says in told for told in caught.value.lines
    ), caught.value.lines
