"""Clocks as plain dicts of strings, for the case's state document and for exports.

Owns: the round trip. Unset fields are left out; instants keep their offset.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from services.escalation.core.calendar import Roll
from services.escalation.core.clock.budget import (
    Unit,
    format_duration,
    parse_budget,
    parse_duration,
)
from services.escalation.core.clock.model import Clock, ClockSpec, EndRule, Extension, Kind, Pause


def to_json(clock: Clock) -> dict[str, Any]:
    """The whole clock; `from_json` gives an equal one."""
    return _without_unset(
        spec=spec_to_json(clock.spec),
        started_at=clock.started_at.isoformat(),
        calendar_digest=clock.calendar_digest,
        consumed=format_duration(clock.consumed) if clock.consumed else None,
        pauses=[_pause_to_json(pause) for pause in clock.pauses],
        extensions=[_extension_to_json(extension) for extension in clock.extensions],
        stopped_at=_text(clock.stopped_at),
        stop_reason=clock.stop_reason,
    )


def from_json(document: Mapping[str, Any]) -> Clock:
    """The clock that `to_json` wrote."""
    spec = spec_from_json(document["spec"])
    return Clock(
        spec=spec,
        started_at=datetime.fromisoformat(document["started_at"]),
        calendar_digest=document["calendar_digest"],
        consumed=parse_duration(document.get("consumed", "PT0S")),
        pauses=tuple(_pause_from_json(entry) for entry in document.get("pauses", ())),
        extensions=tuple(
            _extension_from_json(entry, spec.budget.unit)
            for entry in document.get("extensions", ())
        ),
        stopped_at=_instant(document.get("stopped_at")),
        stop_reason=document.get("stop_reason"),
    )


def spec_to_json(spec: ClockSpec) -> dict[str, Any]:
    """What the pack says of the clock."""
    return _without_unset(
        name=spec.name,
        kind=spec.kind.value,
        budget=spec.budget.to_text(),
        unit=spec.budget.unit.value,
        end=spec.end.value,
        roll=spec.roll.value,
        pausable_for=sorted(spec.pausable_for),
        pause_cap=format_duration(spec.pause_cap) if spec.pause_cap is not None else None,
        thresholds=list(spec.thresholds),
        extension_max=spec.extension_max.to_text() if spec.extension_max else None,
        starts_on=list(spec.starts_on),
        stops_on=list(spec.stops_on),
        restarts_on=list(spec.restarts_on),
        must_send=spec.must_send,
        citation=spec.citation,
        verified=spec.verified,
    )


def spec_from_json(document: Mapping[str, Any]) -> ClockSpec:
    """The spec that `spec_to_json` wrote; `end`, `roll` and lists may be left out."""
    unit = Unit(document["unit"])
    cap, bound = document.get("pause_cap"), document.get("extension_max")
    return ClockSpec(
        name=document["name"],
        budget=parse_budget(document["budget"], unit),
        kind=Kind(document.get("kind", Kind.SERVICE)),
        end=EndRule(document.get("end", EndRule.SAME_TIME)),
        roll=Roll(document.get("roll", Roll.NONE)),
        pausable_for=frozenset(document.get("pausable_for", ())),
        pause_cap=parse_duration(cap) if cap else None,
        thresholds=tuple(document.get("thresholds", ())),
        extension_max=parse_budget(bound, unit) if bound else None,
        starts_on=tuple(document.get("starts_on", ())),
        stops_on=tuple(document.get("stops_on", ())),
        restarts_on=tuple(document.get("restarts_on", ())),
        must_send=document.get("must_send"),
        citation=document.get("citation"),
        verified=document.get("verified"),
    )


def _pause_to_json(pause: Pause) -> dict[str, Any]:
    return _without_unset(
        start=pause.start.isoformat(),
        end=_text(pause.end),
        until=_text(pause.until),
        reason=pause.reason,
        actor=pause.actor,
    )


def _pause_from_json(document: Mapping[str, Any]) -> Pause:
    return Pause(
        start=datetime.fromisoformat(document["start"]),
        reason=document["reason"],
        actor=document["actor"],
        end=_instant(document.get("end")),
        until=_instant(document.get("until")),
    )


def _extension_to_json(extension: Extension) -> dict[str, Any]:
    return {
        "at": extension.at.isoformat(),
        "by": extension.by.to_text(),
        "reason": extension.reason,
        "approver": extension.approver,
    }


def _extension_from_json(document: Mapping[str, Any], unit: Unit) -> Extension:
    return Extension(
        at=datetime.fromisoformat(document["at"]),
        by=parse_budget(document["by"], unit),
        reason=document["reason"],
        approver=document["approver"],
    )


def _text(at: datetime | None) -> str | None:
    return None if at is None else at.isoformat()


def _instant(text: str | None) -> datetime | None:
    return None if text is None else datetime.fromisoformat(text)


def _without_unset(**fields: Any) -> dict[str, Any]:
    return {name: value for name, value in fields.items() if value is not None and value != []}
