"""Vectors about single clocks: each kind's question put to the product."""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Final

from services.escalation.core.clock import (
    Budget,
    Clock,
    ClockSpec,
    EndRule,
    Entry,
    Pause,
    Unit,
    business,
    due,
    elapsed_time,
    from_json,
    level_reached,
    next_due,
    offset_from,
    open_pause,
    pause,
    paused,
    percent_elapsed,
    raised,
    reopen,
    resume,
    start,
    stop,
    time_left,
    to_json,
)
from tests.oracles.vector import NoCounterpartError, Outcome, Vector

NOTHING: Final = timedelta(0)
AT_RISK_PERCENT: Final = 75
"""The source of the status vectors warns when a quarter of the target is left."""
STATUS_ORDER: Final = ("first_response", "resolution")


def clock_of(vector: Vector, budget: Budget, created: str = "created") -> Clock:
    """A clock of the vector's calendar with the vector's pauses."""
    end = EndRule.CLOSE_OF_BUSINESS if vector.input.get("end_of_day") else EndRule.SAME_TIME
    spec = ClockSpec(str(vector.input.get("clock", "clock")), budget, end=end)
    digest = vector.time.calendar.digest
    return Clock(
        spec, vector.instant(created), digest, pauses=_pauses(vector.input.get("pauses", ()))
    )


def _pauses(spans: Sequence[Sequence[str | None]]) -> tuple[Pause, ...]:
    return tuple(
        Pause(
            datetime.fromisoformat(str(began)),
            "waiting",
            "oracle",
            end=datetime.fromisoformat(ended) if ended else None,
        )
        for began, ended in spans
    )


def _target(plain: Mapping[str, Any]) -> Budget:
    if "target_days" in plain:
        return Budget(Unit.BUSINESS_DAYS, count=plain["target_days"])
    return business(timedelta(seconds=plain["target_seconds"]))


def sla_deadline(vector: Vector) -> Outcome:
    targets = {
        **{name: {"target_seconds": n} for name, n in vector.input.get("targets", {}).items()},
        **{name: {"target_days": n} for name, n in vector.input.get("targets_days", {}).items()},
    }
    clocks = {name: clock_of(vector, _target(target)) for name, target in targets.items()}
    return {"due": {name: due(clock, vector.time).at for name, clock in clocks.items()}}


def sla_pause(vector: Vector) -> Outcome:
    clock, time = clock_of(vector, _target(vector.input)), vector.time
    now = vector.instant("now") if "now" in vector.input else None
    at = due(clock, time, now).at
    if at is not None and "hold_seconds" in vector.input:
        at = offset_from(at, business(vector.seconds("hold_seconds")), time)
    last = max((one.end for one in clock.pauses if one.end), default=clock.started_at)
    return {
        "due": at,
        "paused_seconds": paused(clock, time, clock.started_at, max(last, at or last)),
        "active_seconds_at_due": at and elapsed_time(clock, time, at),
    }


def sla_reopen(vector: Vector) -> Outcome:
    clock, time = clock_of(vector, _target(vector.input)), vector.time
    for closed, reopened in vector.input["closed"]:
        clock = stop(clock, datetime.fromisoformat(closed), "resolved").clock
        clock = reopen(clock, datetime.fromisoformat(reopened), "customer").clock
    at = due(clock, time).at
    return {"due": at, "active_seconds_at_due": at and elapsed_time(clock, time, at)}


def sla_elapsed(vector: Vector) -> Outcome:
    target = vector.seconds("target_seconds") if "target_seconds" in vector.input else NOTHING
    clock = clock_of(vector, business(target), created="from")
    _, ends = vector.input.get("lifetime", (None, vector.input["to"]))
    measured = elapsed_time(
        clock, vector.time, min(vector.instant("to"), datetime.fromisoformat(ends))
    )
    return {"seconds": measured, "margin_seconds": target - measured}


def deadline_roundtrip(vector: Vector) -> Outcome:
    clock = clock_of(vector, _target(vector.input))
    at = due(clock, vector.time).at
    return {"elapsed_seconds_at_due": at and elapsed_time(clock, vector.time, at)}


def sla_remaining(vector: Vector) -> Outcome:
    return {"seconds": time_left(vector.time, vector.instant("now"), vector.instant("due"))}


def _measured(vector: Vector, started: str, due_at: datetime, paused_for: timedelta) -> Clock:
    """A clock known by its original due instant and the length of its pauses."""
    begins = vector.instant(started)
    clock = clock_of(vector, business(vector.time.between(begins, due_at)), created=started)
    if paused_for > NOTHING:
        held = pause(clock, begins, "waiting", "oracle").clock
        clock = resume(held, vector.time.add(begins, paused_for)).clock
    return clock


def percent(vector: Vector) -> Outcome:
    paused_for = vector.seconds("paused_seconds")
    clock = _measured(vector, "start", vector.instant("due"), paused_for)
    return {"percent": percent_elapsed(clock, vector.time, vector.instant("now"))}


def extend_for_pause(vector: Vector) -> Outcome:
    amount = business(vector.seconds("paused_seconds"))
    return {"due": offset_from(vector.instant("due"), amount, vector.time)}


def sla_status_at(vector: Vector) -> Outcome:
    given, now, time = vector.input, vector.instant("now"), vector.time
    if given.get("paused_since"):
        so_far = now - vector.instant("paused_since")
        return {
            "status": "paused",
            "paused_seconds": so_far + vector.seconds("paused_seconds_so_far"),
        }
    status, highest = "on_track", 0.0
    for name in reversed(STATUS_ORDER):
        if given["met"].get(name) is False:
            status = f"{name}_breached"
        if not given["due"].get(name) or given["done_at"].get(name):
            continue
        due_at = datetime.fromisoformat(given["due"][name])
        clock = _measured(vector, "started", due_at, vector.seconds("paused_seconds_so_far"))
        highest = max(highest, percent_elapsed(clock, time, now))
        if highest >= AT_RISK_PERCENT and not status.endswith("breached"):
            status = "at_risk"
        moved = due(clock, time).at
        if moved is not None and moved <= now:
            status = f"{name}_breached"
    return {"status": status, "percent": highest}


def escalation_offset(vector: Vector) -> Outcome:
    offset = vector.input["offset"]
    if vector.input["unit"] == "days":
        by = Budget(Unit.BUSINESS_DAYS, count=offset)
    else:
        by = business(timedelta(seconds=offset))
    return {"fires_at": offset_from(vector.instant("due"), by, vector.time)}


def escalation_threshold(vector: Vector) -> Outcome:
    given = vector.input
    level = level_reached(given["percent_elapsed"], given["thresholds"], given["current_level"])
    return {"level": level}


def escalate_to_level(vector: Vector) -> Outcome:
    current = vector.input["current_level"] or 0
    level = raised(current, vector.input["requested_level"])
    return {"level": level, "changed": level != current}


def pause_transition(vector: Vector) -> Outcome:
    given, now = vector.input, datetime.fromisoformat("2026-11-20T10:00:00+00:00")
    if not given["has_policy"]:
        return {"was_paused": False, "is_paused": False, "written": False}
    clock = start(ClockSpec("clock", business(timedelta(days=1))), now - timedelta(days=2), "")
    if given.get("paused_minutes_ago") is not None:
        since = now - timedelta(minutes=given["paused_minutes_ago"])
        clock = pause(clock, since, "waiting", "oracle").clock
    held = open_pause(clock, now)
    act = pause(clock, now, "waiting", "o") if given["action"] == "pause" else resume(clock, now)
    return {
        "was_paused": held is not None,
        "is_paused": open_pause(act.clock, now) is not None,
        "written": act.entry in (Entry.PAUSED, Entry.RESUMED),
        "pause_minutes": (now - held.start) // timedelta(minutes=1) if held else None,
    }


def next_due_of(vector: Vector) -> Outcome:
    instants = vector.input["due"].values()
    return {"next_due": next_due(at and datetime.fromisoformat(at) for at in instants)}


def invalid_input(vector: Vector) -> Outcome:
    clock = start(ClockSpec("clock", business(NOTHING)), datetime.fromisoformat(SOME_INSTANT), "")
    given, document = vector.input, to_json(clock)
    if given["operation"] == "parse_datetime":
        document["started_at"] = given["text"]
    elif "amount" in given:
        document["spec"]["unit"] = next(iter(given["amount"]))
    else:
        raise NoCounterpartError(f"no operation {given['operation']} takes such input")
    try:
        from_json(document)
    except ValueError:
        return {"error": True}
    return {"error": False}


SOME_INSTANT: Final = "2026-11-20T10:00:00+00:00"

KINDS: Final[Mapping[str, Callable[[Vector], Outcome]]] = {
    "sla_deadline": sla_deadline,
    "sla_pause": sla_pause,
    "sla_reopen": sla_reopen,
    "sla_elapsed": sla_elapsed,
    "sla_remaining": sla_remaining,
    "sla_status_at": sla_status_at,
    "percent_elapsed": percent,
    "deadline_roundtrip": deadline_roundtrip,
    "extend_for_pause": extend_for_pause,
    "escalation_offset": escalation_offset,
    "escalation_threshold": escalation_threshold,
    "escalate_to_level": escalate_to_level,
    "pause_transition": pause_transition,
    "next_due": next_due_of,
    "invalid_input": invalid_input,
}
