"""Why a ladder is where it is: for each clock and each rung the rule, the events, the arithmetic.

Owns: the body of `GET /v1/ladders/{id}/explain`. Reproducible offline: it follows from the journal
and the policy alone, whatever time it is (design rule 11; see `replay`).
"""

from __future__ import annotations

from typing import Any

from services.escalation.core.clock import Clock, Due, format_duration
from services.escalation.core.clock import explain as explain_clock
from services.escalation.core.deadlines import clock_of, due_of, honoured_pauses
from services.escalation.core.policy import Policy
from services.escalation.core.records import (
    ACKNOWLEDGEMENT,
    ACTION_PREFIX,
    HOLDER_CLOCK,
    RUNG_CLOCK,
    ActionRecord,
    ClockRecord,
    OfferRecord,
    RungRecord,
)
from services.escalation.core.state import LadderState
from services.escalation.core.views import clock_view, holder_view, in_zone, rung_view


def explain(state: LadderState, policy: Policy) -> dict[str, Any]:
    """The whole explanation, JSON-ready. A pause that goes on has no end in the arithmetic."""
    return {
        "case_id": str(state.case_id),
        "policy": policy.pin.model_dump(mode="json"),
        "lane": state.lane.value,
        "clocks": [_clock(record, state, policy) for record in state.clocks],
        "earlier_runs_in_the_log": dict(state.dropped_cycles),
        "rungs": [_rung(record, state, policy) for record in state.history],
        "offers": [_offer(record, policy) for record in state.offers],
        "actions": [_action(record, policy) for record in state.actions],
        "holders": [holder_view(record, policy) for record in state.holders],
    }


def _clock(record: ClockRecord, state: LadderState, policy: Policy) -> dict[str, Any]:
    calendar = record.budget.calendar if record.budget else None
    digest = policy.calendars[calendar].calendar.digest if calendar else None
    return {
        **clock_view(record, state, policy),
        "episode": record.episode,
        "rule": _rule_of_clock(record, state, policy),
        "pack_digest": policy.digest,
        "calendar": {"name": calendar, "digest": digest} if calendar else None,
        "events": _events_of(record, state),
        "extensions": [
            extension.model_dump(mode="json", exclude={"reason"}) for extension in record.extensions
        ],
        "segments": _segments(record, state, policy),
    }


def _events_of(record: ClockRecord, state: LadderState) -> list[dict[str, str]]:
    """What counted: the start, every pause and its end, the answer."""
    counted = [("started", record.started_by)]
    for pause in honoured_pauses(record, state):
        counted.append((f"paused: {pause.cause.value}", pause.started_by))
        if pause.ended_by is not None:
            counted.append(("resumed", pause.ended_by))
    counted += [("extended", extension.cause) for extension in record.extensions]
    if record.restored_by is not None:
        counted.append(("restored", record.restored_by))
    if record.ended_by is not None:
        counted.append(("ended", record.ended_by))
    return [{"what": what, "id": str(event_id)} for what, event_id in counted]


def _segments(record: ClockRecord, state: LadderState, policy: Policy) -> list[dict[str, Any]]:
    clock = clock_of(record, state, policy)
    if clock is None or record.budget is None:
        return _promised(record, policy)
    time = policy.calendars[record.budget.calendar]
    return (
        _consumed(record, policy)
        + [
            {
                "from": in_zone(step.start, policy),
                "to": in_zone(step.end, policy),
                "counted": step.counted,
                "why": step.why,
            }
            for step in explain_clock(clock, time)
        ]
        + _held(clock, due_of(record, state, policy), policy)
    )


def _consumed(record: ClockRecord, policy: Policy) -> list[dict[str, Any]]:
    if not record.consumed:
        return []
    start = in_zone(record.started_at, policy)
    counted = format_duration(record.consumed)
    return [{"from": start, "to": start, "counted": counted, "why": "used up before the import"}]


def _held(clock: Clock, due: Due, policy: Policy) -> list[dict[str, Any]]:
    """The pause that goes on without an end; the arithmetic cannot go beyond it."""
    if due.at is not None:
        return []
    reason = next(pause.reason for pause in clock.pauses if pause.ends is None)
    since = in_zone(clock.pauses[-1].start, policy)
    return [{"from": since, "to": None, "counted": "PT0S", "why": f"paused: {reason}"}]


def _promised(record: ClockRecord, policy: Policy) -> list[dict[str, Any]]:
    if record.by_when is None:
        return []
    return [
        {
            "from": in_zone(record.started_at, policy),
            "to": in_zone(record.by_when, policy),
            "counted": format_duration(record.by_when - record.started_at),
            "why": "the end that the regime gives; see statute.because"
            if record.kind == "statutory"
            else "the instant that was promised",
        }
    ]


def _rule_of_clock(record: ClockRecord, state: LadderState, policy: Policy) -> dict[str, Any]:
    rule = policy.clock_rule(state.lane, record.name)
    if record.name in policy.statutes:
        return _rule_of_regime(record, policy)
    if rule is not None:
        where = f"lanes.{state.lane.value}.clocks.{rule.name}"
        return {"where": where, **rule.model_dump(mode="json")}
    if record.name.startswith(ACTION_PREFIX):
        return {"where": f"actions.{record.name.removeprefix(ACTION_PREFIX)}.answer_within"}
    if record.name in (RUNG_CLOCK, ACKNOWLEDGEMENT, HOLDER_CLOCK):
        budget = record.budget.model_dump(mode="json") if record.budget else None
        return {"where": "ladder.rungs", "budget": budget}
    return {"where": "promise"}


def _rule_of_regime(record: ClockRecord, policy: Policy) -> dict[str, Any]:
    regime, _, clock = record.name.partition(":")
    rule = policy.pack.regime_files[regime].clock(clock)
    return {"where": f"regimes.{regime}.clocks.{clock}", **rule.model_dump(mode="json")}


def _rung(record: RungRecord, state: LadderState, policy: Policy) -> dict[str, Any]:
    return {
        **rung_view(record, policy),
        "rule": _rule_of_rung(record, state, policy),
        "pack_digest": policy.digest,
        "because_of": str(record.cause),
        "clock_cycle": record.clock_cycle,
        "lateness_ms": record.lateness_ms,
        "retracted_by": str(record.retracted_by) if record.retracted_by else None,
    }


def _rule_of_rung(record: RungRecord, state: LadderState, policy: Policy) -> dict[str, Any]:
    rule = policy.clock_rule(state.lane, record.clock) if record.clock else None
    if rule is not None and record.clock and record.clock in policy.statutes:
        where = f"regimes.{record.clock.partition(':')[0]}.on_breach"
        return {"where": where, **rule.on_breach.model_dump(mode="json")}
    if rule is not None:
        where = f"lanes.{state.lane.value}.clocks.{rule.name}.on_breach"
        return {"where": where, **rule.on_breach.model_dump(mode="json")}
    if record.from_rung is None:
        ladder = policy.pack.ladder
        return {"where": "ladder", "entry": ladder.entry, "reopen_entry": ladder.reopen_entry}
    then = policy.rungs[record.from_rung].then
    return {"where": f"ladder.rungs.{record.from_rung}", "then": then}


def _offer(record: OfferRecord, policy: Policy) -> dict[str, Any]:
    rung = policy.rungs[record.rung]
    expiry = rung.offer.expires_after.model_dump(mode="json") if rung.offer else None
    return {
        "id": str(record.id),
        "rung": record.rung,
        "visit": record.visit,
        "episode": record.episode,
        "state": record.state.value,
        "made_at": in_zone(record.made_at, policy),
        "expires_at": in_zone(record.expires_at, policy),
        "reason": record.reason.value,
        "because_of": str(record.made_by),
        "rule": {"where": f"ladder.rungs.{record.rung}.offer", "expires_after": expiry},
        "pack_digest": policy.digest,
    }


def _action(record: ActionRecord, policy: Policy) -> dict[str, Any]:
    """What was asked and came of it; ids, amounts and words of other backends stay out."""
    rule = policy.pack.actions.get(record.action)
    return {
        "id": str(record.id),
        "action": record.action.value,
        "state": record.state.value,
        "requested_at": in_zone(record.requested_at, policy),
        "requested_by": record.requested_by,
        "because_of": str(record.cause),
        "clock": {"name": record.clock, "cycle": record.cycle},
        "accepted_at": in_zone(record.accepted_at, policy),
        "expires_at": in_zone(record.expires_at, policy),
        "ended_at": in_zone(record.ended_at, policy),
        "ended_by": str(record.ended_by) if record.ended_by else None,
        "rule": {
            "where": f"actions.{record.action}",
            "late_to": rule.late_to if rule else None,
            "refused_to": rule.refused_to if rule else None,
        },
        "pack_digest": policy.digest,
    }
