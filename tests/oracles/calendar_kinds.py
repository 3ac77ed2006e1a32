"""Vectors about calendars: each kind's question put to the product."""

from collections.abc import Callable, Mapping
from datetime import date, datetime, timedelta
from itertools import islice
from math import floor
from typing import Any, Final

from services.escalation.core.calendar import (
    BusinessTime,
    Edge,
    InvalidCalendarError,
    Roll,
    Why,
    intersection,
    parse_calendar,
    segments,
)
from services.escalation.core.calendar.model import WEEKDAYS
from services.escalation.core.calendar.window import parse_window
from tests.oracles.vector import NoCounterpartError, Outcome, Vector, business_time

HOUR: Final = timedelta(hours=1)
MINUTE: Final = timedelta(minutes=1)
ONE_DAY: Final = timedelta(days=1)
MOMENT: Final = timedelta(microseconds=1)
DAYS_BY_NUMBER: Final = dict(zip("0123456", ("sun", *WEEKDAYS), strict=False))


def add_business_time(vector: Vector) -> Outcome:
    end = _moved(vector.time, vector.instant("start"), vector)
    if vector.input.get("same_day_only"):
        start = vector.instant("start").astimezone(vector.time.zone)
        end = end if end.date() == start.date() else None  # type: ignore[assignment] # null
    return {"end": end, "end_epoch": end and end.timestamp()}


def _moved(time: BusinessTime, start: datetime, vector: Vector) -> datetime:
    amount = vector.seconds("seconds")
    backward = vector.input["direction"] == "backward"
    return time.subtract(start, amount) if backward else time.add(start, amount)


def add_equivalence(vector: Vector) -> Outcome:
    starts = [datetime.fromisoformat(start) for start in vector.input["starts"]]
    ends = {_moved(vector.time, start, vector) for start in starts}
    return {"same_end": len(ends) == 1}


def business_time_between(vector: Vector) -> Outcome:
    counted = vector.time.between(vector.instant("start"), vector.instant("end"))
    day = timedelta(seconds=vector.input.get("day_seconds", 86_400))
    return {
        "seconds": counted,
        "minutes_rounded": floor(counted / MINUTE + 0.5),
        "hours_truncated": counted // HOUR,
        "days": counted / day,
        "days_truncated": counted // day,
    }


def closed_time_between(vector: Vector) -> Outcome:
    start, end = vector.instant("start"), vector.instant("end")
    return {"seconds": max(end - start, timedelta(0)) - vector.time.between(start, end)}


def is_open(vector: Vector) -> Outcome:
    return {"open": vector.time.is_open(vector.instant("at"))}


def is_on_break(vector: Vector) -> Outcome:
    at = vector.instant("at")
    return {"on_break": segments(vector.time, at, at + MOMENT)[0].why == Why.BREAK}


def is_holiday(vector: Vector) -> Outcome:
    time = vector.time
    return {"holiday": time.calendar.is_holiday(vector.instant("at").astimezone(time.zone).date())}


def is_business_day(vector: Vector) -> Outcome:
    day = date.fromisoformat(vector.input["date"])
    return {"business_day": vector.time.days.is_business_day(day)}


def snap(vector: Vector) -> Outcome:
    forward = vector.input["direction"] == "forward"
    move = vector.time.snap_forward if forward else vector.time.snap_backward
    return {"at": move(vector.instant("at"))}


def transition(vector: Vector) -> Outcome:
    edge = {"open": Edge.OPEN, "close": Edge.CLOSED, "any": None}[vector.input["which"]]
    time = vector.time
    forward = vector.input["direction"] == "next"
    find = time.next_transition if forward else time.previous_transition
    found = find(vector.instant("at"), edge)
    return {"at": found and found.at, "becomes": found and found.becomes.value}


def current_period(vector: Vector) -> Outcome:
    period = vector.time.current_period(vector.instant("at"))
    return {"start": period and period.start, "end": period and period.end}


def open_periods(vector: Vector) -> Outcome:
    until = vector.instant("until") if "until" in vector.input else None
    forward = vector.input["direction"] == "forward"
    time = vector.time
    found = (time.periods_after if forward else time.periods_before)(vector.instant("from"), until)
    return {"periods": _listed(islice(found, vector.input.get("count")))}


def _listed(periods: Any) -> list[list[datetime]]:
    return [list(period) for period in periods]


def schedule_intersection(vector: Vector) -> Outcome:
    other = business_time(vector.input["other"])
    common = intersection(vector.time, other, vector.instant("from"))
    return {"periods": _listed(islice(common, vector.input["count"]))}


def open_dates(vector: Vector) -> Outcome:
    days = vector.time.days
    if "after" in vector.input:
        start = date.fromisoformat(vector.input["after"])
        return {"dates": [days.date_after(start, n + 1) for n in range(vector.input["count"])]}
    day, before = (date.fromisoformat(vector.input[name]) for name in ("from", "before"))
    span = (day + timedelta(days=n) for n in range((before - day).days))
    return {"dates": [each for each in span if days.is_business_day(each)]}


def local_to_instant(vector: Vector) -> Outcome:
    return {"at": vector.time.local_to_instant(vector.instant("local"))}


def add_business_days(vector: Vector) -> Outcome:
    days, text, count = vector.time.days, vector.input["start"], vector.input["days"]
    backward = vector.input["direction"] == "backward"
    if len(text) == len("2026-11-22"):
        move = days.date_before if backward else days.date_after
        return {"end": move(date.fromisoformat(text), count)}
    start = datetime.fromisoformat(text)
    end = days.subtract(start, count) if backward else days.add(start, count)
    return {"end": days.close_of_business(end.date()) if vector.input.get("end_of_day") else end}


def business_days_between(vector: Vector) -> Outcome:
    first, last = (date.fromisoformat(vector.input[name][:10]) for name in ("start", "end"))
    interval = vector.input["count"]
    first += ONE_DAY * interval.startswith("(")
    last -= ONE_DAY * interval.endswith(")")
    return {"days": vector.time.days.count(first, last)}


def nearest_business_day(vector: Vector) -> Outcome:
    forward = vector.input["direction"] == "forward"
    roll = Roll.FOLLOWING if forward else Roll.PRECEDING
    return {"at": vector.time.days.nearest(vector.instant("at"), roll)}


def config_validation(vector: Vector) -> Outcome:
    try:
        _check_config(vector.input)
    except InvalidCalendarError:
        return {"valid": False}
    return {"valid": True}


def _check_config(config: Mapping[str, Any]) -> None:
    if "range" in config:
        parse_window(config["range"])
    elif "hours_by_day_number" in config:
        numbered = config["hours_by_day_number"].items()
        hours = {DAYS_BY_NUMBER.get(str(day), day): windows for day, windows in numbered}
        parse_calendar({"timezone": "UTC", "hours": hours})
    elif set(config) <= {"timezone", "hours", "holidays", "shifts", "breaks"}:
        parse_calendar({"timezone": "UTC", **config})
    else:
        raise NoCounterpartError(f"calendars have no {', '.join(sorted(config))}")


KINDS: Final[Mapping[str, Callable[[Vector], Outcome]]] = {
    kind.__name__: kind
    for kind in (
        add_business_time,
        add_equivalence,
        business_time_between,
        closed_time_between,
        is_open,
        is_on_break,
        is_holiday,
        is_business_day,
        snap,
        transition,
        current_period,
        open_periods,
        schedule_intersection,
        open_dates,
        local_to_instant,
        add_business_days,
        business_days_between,
        nearest_business_day,
        config_validation,
    )
}
