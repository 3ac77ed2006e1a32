"""What people read of a ladder: the body of `GET /v1/ladders/{id}`; its line is in `queue_line`.

Owns: names and shapes of `walkthrough.md` section 2; instants are in the policy's zone.
Everything is derived from state and policy, nothing decided.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from schemas.pack_clocks import ClockRule
from services.escalation.core.clock import format_duration
from services.escalation.core.deadlines import (
    DeadlineKind,
    deadlines,
    due_of,
    is_paused,
    pauses_of,
)
from services.escalation.core.firing import target_of
from services.escalation.core.holder_record import HolderRecord
from services.escalation.core.policy import Policy, clock_budget
from services.escalation.core.queue_line import next_to_run_out, run_state
from services.escalation.core.records import (
    ClockEnd,
    ClockRecord,
    OfferRecord,
    RungRecord,
)
from services.escalation.core.state import LadderState
from services.escalation.core.statutory_views import statute_of, statutes_view


def ladder_view(state: LadderState, policy: Policy) -> dict[str, Any]:
    """The whole ladder as an agent reads it, JSON-ready."""
    place = state.place
    return {
        "case_id": str(state.case_id),
        "episode": state.episode,
        "rung": place.rung,
        "visit": place.visit,
        "path": policy.rungs[place.rung].path,
        "owner_group": place.owner_group,
        **_people_view(state, policy),
        "state": run_state(state).value,
        "stopped": state.stopped.value if state.stopped else None,
        "import_mode": state.import_mode.value if state.import_mode else None,
        "incident": str(state.incident) if state.incident else None,
        "category": state.category.value,
        "severity": state.severity.value,
        "lane": state.lane.value,
        "policy": policy.pin.model_dump(mode="json"),
        "clocks": [
            clock_view(record, state, policy)
            for record in state.clocks
            if record is state.clock(record.name)
        ],
        "statutes": statutes_view(state, policy),
        "next": _next_view(state, policy),
        "offers": [_offer_view(offer, state, policy) for offer in state.open_offers()],
        "history": [rung_view(record, policy) for record in state.history],
        "open_actions": [
            {
                "action_id": str(record.id),
                "action": record.action.value,
                "state": record.state.value,
            }
            for record in state.actions
            if record.open
        ],
    }


def _people_view(state: LadderState, policy: Policy) -> dict[str, Any]:
    """Who has the case, who had it, and who never will."""
    place = state.place
    return {
        "holder": place.holder.plain() if place.holder else None,
        "brief": place.brief,
        "assign_at": in_zone(place.assign_at, policy),
        "holders": [holder_view(record, policy) for record in state.holders],
        "recused": list(state.recused),
        "complained_about": list(state.complained_about),
    }


def clock_view(record: ClockRecord, state: LadderState, policy: Policy) -> dict[str, Any]:
    """One run of a clock."""
    rule = policy.clock_rule(state.lane, record.name)
    statute = statute_of(record, state, policy)
    found = due_of(record, state, policy)
    budget = clock_budget(record.budget) if record.budget else None
    return {
        "name": record.name,
        "kind": record.kind,
        "state": clock_state(record, state),
        "started_at": in_zone(record.started_at, policy),
        "budget": budget.to_text() if budget else None,
        "unit": budget.unit.value if budget else "instant",
        "due_at": in_zone(found.at, policy),
        "provisional": found.provisional,
        "paused": [
            {
                "reason": str(pause.reason),
                "actor": pause.actor,
                "from": in_zone(pause.start, policy),
                "to": in_zone(pause.end, policy),
                "until": in_zone(pause.until, policy),
            }
            for pause in pauses_of(record, state)
            if pause.end is None or pause.end > record.started_at
        ],
        "missed_at": in_zone(record.missed_at, policy),
        "ended_at": in_zone(record.ended_at, policy),
        "cycle": record.cycle,
        "citation": rule.citation if rule else None,
        "verified": _verified(rule, statute),
        "must_send": rule.must_send if rule else None,
        "consumed": format_duration(record.consumed) if record.consumed else None,
        "statute": statute,
    }


def _verified(rule: ClockRule | None, statute: dict[str, Any] | None) -> str | None:
    if statute is not None:
        return str(statute["verified"])
    return rule.verified if rule else None


def clock_state(record: ClockRecord, state: LadderState) -> str:
    """running, paused, met, missed or stopped."""
    if record.end is not None:
        return ClockEnd(record.end).value
    return "paused" if is_paused(record, state) else "running"


def rung_view(record: RungRecord, policy: Policy) -> dict[str, Any]:
    """One entry into a rung."""
    return {
        "episode": record.episode,
        "rung": record.rung,
        "visit": record.visit,
        "path": policy.rungs[record.rung].path,
        "entered_at": in_zone(record.entered_at, policy),
        "reason": record.reason.value,
        "from": record.from_rung,
        "clock": record.clock,
        "due_at": in_zone(record.due_at, policy),
        "by_role": record.by_role.value,
        "passed": list(record.passed),
        "retracted": record.retracted_by is not None,
    }


def holder_view(record: HolderRecord, policy: Policy) -> dict[str, Any]:
    """A time during which an agent held the case."""
    return {
        "staff_number": record.staff_number,
        "episode": record.episode,
        "rung": record.rung,
        "visit": record.visit,
        "since": in_zone(record.since, policy),
        "reason": record.reason.value,
        "again": record.again,
        "until": in_zone(record.until, policy),
        "left": record.left.value if record.left else None,
    }


def in_zone(at: datetime | None, policy: Policy) -> str | None:
    """ISO 8601 with the offset of the policy's zone."""
    return at.astimezone(policy.zone).isoformat() if at is not None else None


def _offer_view(offer: OfferRecord, state: LadderState, policy: Policy) -> dict[str, Any]:
    rung = policy.rungs[offer.rung]
    consent_to = rung.offer.consent_to if rung.offer else None
    return {
        "id": str(offer.id),
        "rung": offer.rung,
        "path": rung.path,
        "visit": offer.visit,
        "made_at": in_zone(offer.made_at, policy),
        "expires_at": in_zone(offer.expires_at, policy),
        "consent_to": consent_to,
        "consent_given": state.consents.get(consent_to or "", False),
        "wording": dict(rung.offer.wording) if rung.offer else {},
        "reason": offer.reason.value,
    }


def _next_view(state: LadderState, policy: Policy) -> dict[str, Any] | None:
    following = next_to_run_out(deadlines(state, policy))
    if following is None:
        return None
    if following.kind is DeadlineKind.OFFER_EXPIRES:
        offer = state.offers[following.position]
        what, then = f"offer:{offer.rung}", policy.rungs[offer.rung].then
    else:
        record = state.clocks[following.position]
        what, then = record.name, target_of(record, state, policy)[0]
    return {"at": in_zone(following.at, policy), "what": what, "then": then}
