"""What a published story asserts of an item after a step."""

from datetime import datetime, timedelta
from typing import Any, Final

from services.escalation.core.clock import Clock, business, due, elapsed_time, offset_from
from tests.oracles.item import Item

MINUTE: Final = timedelta(minutes=1)


def checkpoint(item: Item, previous: datetime | None) -> dict[str, Any]:
    at, resolution = item.next_due, item.due_at("resolution")
    fires = {
        str(level["level"]): resolution and _fires_at(item, resolution, level["offset_seconds"])
        for level in item.levels
    }
    fields: dict[str, Any] = {
        "next_due": at,
        "due_set": at is not None,
        "relation": _relation(at, previous),
    }
    fields |= {"due": resolution, "level_fires_at": fires, "status": _status(item)}
    fields["fired_levels"] = [int(level) for level, when in fires.items() if _past(item, when)]
    for name in ("first_response", "next_update", "resolution"):
        fields |= _clock_fields(item, name)
    return fields | _wall_clock_fields(item)


def _fires_at(item: Item, due_at: datetime, offset_s: float) -> datetime:
    return offset_from(due_at, business(timedelta(seconds=offset_s)), item.time)


def _past(item: Item, at: datetime | None) -> bool:
    return at is not None and item.now is not None and at <= item.now


def _clock_fields(item: Item, name: str) -> dict[str, Any]:
    clock, measured = item.clocks.get(name), item.exchanges.get(name)
    if measured is None and clock is not None and clock.stopped_at is not None:
        measured = elapsed_time(clock, item.time, clock.stopped_at)
    minutes = None if measured is None else measured // MINUTE
    target = timedelta(seconds=item.targets.get(name, 0)) // MINUTE
    return {
        f"{name}_due": item.due_at(name),
        f"{name}_seconds": measured,
        f"{name}_minutes": minutes,
        f"{name}_margin_minutes": None if minutes is None else target - minutes,
    }


def _wall_clock_fields(item: Item) -> dict[str, Any]:
    waits = item.replied_at
    return {
        "average_response_seconds": sum(waits, timedelta(0)) / len(waits) if waits else None,
        "resolution_seconds_wall_clock": item.now and item.now - item.created,
        "resolution_seconds_without_customer_wait": sum(waits, timedelta(0)),
    }


def _relation(at: datetime | None, previous: datetime | None) -> str | None:
    if at is None or previous is None:
        return None
    return "same" if at == previous else "later" if at > previous else "earlier"


def _status(item: Item) -> str:
    """Helpdesk's words: a miss shows even while paused."""
    if any(_missed(item, clock) for clock in item.clocks.values()):
        return "failed"
    open_names = [name for name, clock in item.clocks.items() if clock.stopped_at is None]
    if not open_names:
        return "fulfilled"
    if item.paused:
        return "paused"
    return "first_response_due" if "first_response" in open_names else "resolution_due"


def _missed(item: Item, clock: Clock) -> bool:
    at = due(clock, item.time, item.now).at
    ended = clock.stopped_at or item.now
    return at is not None and ended is not None and ended > at
