"""Vectors about statutory deadlines: each regime's clocks derived by the product and compared.

Owns: reading the file's calendars, what a clause adds to the facts, the comparison. What is of low
confidence is reported, and fails nothing.
"""

import re
from collections.abc import Iterator, Mapping
from datetime import datetime
from functools import cache
from typing import Any, Final
from zoneinfo import ZoneInfo

from schemas.regime import Regime
from services.escalation.core.calendar import BusinessTime, compile_calendar, parse_calendar
from services.escalation.core.calendar.model import WEEKDAYS
from services.escalation.core.statutes import Act, Finding, Status, Story, derive
from services.regimes import in_force, shipped_regimes
from tests.oracles.runner import Result, Verdict
from tests.oracles.vector import Vector

WHOLE_DAY: Final = [["00:00", "24:00"]]
_TRANSFER: Final = re.compile(r"4\(a\)|Annex [38]\b|on-us|T\+1\b")
NO_DATE: Final = frozenset({Status.WAITING, Status.HELD})
NOT_BINDING: Final = NO_DATE | {Status.POSSIBLE, Status.NOT_REQUIRED, Status.COLLAPSED}


class UnknownRegimeError(Exception):
    """The product ships no such regime, or none that is in force on the day of receipt."""


def run(document: Mapping[str, Any]) -> list[Result]:
    """The verdict on every vector of a file of statutory deadlines."""
    return [_judge(plain, document["calendars"]) for plain in document["vectors"]]


def _judge(plain: Mapping[str, Any], calendars: Mapping[str, Any]) -> Result:
    vector = _as_vector(plain)
    try:
        wrong = list(_mismatches(plain, found_for(plain, calendars)))
    except UnknownRegimeError as error:
        return Result(vector, Verdict.SKIPPED, f"no counterpart: regime {error}")
    except Exception as error:  # one broken vector must not hide the others
        wrong = [f"{type(error).__name__}: {error}"]
    if not wrong:
        return Result(vector, Verdict.PASSED)
    if plain.get("confidence") == "low":
        return Result(vector, Verdict.SKIPPED, f"confidence low: got {'; '.join(wrong)}")
    return Result(vector, Verdict.FAILED, "; ".join(wrong))


def found_for(plain: Mapping[str, Any], calendars: Mapping[str, Any]) -> dict[str, Finding]:
    """What the product derives for a vector. Raises `UnknownRegimeError`."""
    zone = ZoneInfo(plain["tz"])
    received_at = datetime.fromisoformat(plain["received_at"])
    day = received_at.astimezone(zone).date()
    regime = in_force(_regimes(), plain["regime"], day)
    if regime is None:
        raise UnknownRegimeError(plain["regime"])
    acts = tuple(
        Act(event["type"], datetime.fromisoformat(event["at"])) for event in plain["events"]
    )
    story = Story(received_at, {**_of_clause(plain), **plain["facts"]}, acts, zone)
    return derive(regime, story, _time(plain["tz"], calendars[plain["calendar"]]))


@cache
def _regimes() -> tuple[Regime, ...]:
    return tuple(shipped_regimes())


def _time(zone: str, calendar: Mapping[str, Any]) -> BusinessTime:
    hours = {
        name: WHOLE_DAY for number, name in enumerate(WEEKDAYS) if number not in calendar["weekend"]
    }
    return compile_calendar(
        parse_calendar(
            {
                "timezone": zone,
                "hours": hours,
                "holidays": calendar["closed"],
                "make_up_days": dict.fromkeys(calendar["open"], WHOLE_DAY),
            }
        )
    )


def _of_clause(plain: Mapping[str, Any]) -> dict[str, str | bool]:
    """Facts that only a vector's clause tells: which limb of the rule it is about."""
    clause = plain.get("clause", "")
    if plain["regime"] == "IN-RBI-TAT":
        return {"failed_payment": "upi_transfer" if _TRANSFER.search(clause) else "upi_merchant"}
    if plain["regime"] == "UK-FOS-OPEN" and "1.6.2R" in clause and "1.6.2AR" not in clause:
        return {"payment_services": False}
    return {}


def _mismatches(plain: Mapping[str, Any], found: Mapping[str, Finding]) -> Iterator[str]:
    got = by_every_name(found)
    for expected in plain["expected"]:
        name = expected["clock"]
        if name not in got:
            yield f"{name}: no such clock"
        elif not _agrees(expected, name, got[name]):
            yield f"{name}: {_shown(name, got[name])}"


def by_every_name(found: Mapping[str, Finding]) -> dict[str, Finding]:
    """The findings by their clock's name and by the names of its other two dates."""
    others = {
        name: finding
        for finding in found.values()
        for name in (finding.rule.rolled_as, finding.rule.target_as)
        if name
    }
    return {**others, **found}


def _agrees(expected: Mapping[str, Any], name: str, got: Finding) -> bool:
    if "value" in expected:
        return _same_value(expected["value"], got)
    if expected["due_local_date"] is None:
        return got.status in NOT_BINDING
    if expected["due_local_date"] != date_named(name, got):
        return False
    end = expected.get("end_utc_exclusive")
    rolled = name == got.rule.rolled_as
    instant = got.rolled_ends_at if rolled else got.ends_at
    given = end is not None and name != got.rule.target_as and got.rule.end == "end_of_day"
    return not given or datetime.fromisoformat(str(end)) == instant


def _same_value(value: object, got: Finding) -> bool:
    """A fact or an amount; of a clock with a date it is asked whether the clock exists."""
    found = got.status not in NOT_BINDING if got.rule.role.has_date else got.value
    return found == value and isinstance(value, bool) == isinstance(found, bool)


def date_named(name: str, got: Finding) -> str | None:
    day = got.strict
    if name == got.rule.rolled_as:
        day = got.rolled
    if name == got.rule.target_as:
        day = got.target
    return day.isoformat() if day else None


def _shown(name: str, got: Finding) -> str:
    if not got.rule.role.has_date:
        return f"value {got.value}"
    return f"{date_named(name, got)} ({got.status.value}), ends {got.ends_at}"


def _as_vector(plain: Mapping[str, Any]) -> Vector:
    expected = {
        each["clock"]: each.get("due_local_date", each.get("value")) for each in plain["expected"]
    }
    return Vector(
        id=plain["id"],
        kind=plain["regime"],
        calendar=None,
        input={},
        expected=expected,
        quirk=False,
        quirk_reason="",
    )
