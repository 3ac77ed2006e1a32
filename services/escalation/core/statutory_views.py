"""What people read of the regimes under which a case falls: every clock with how it was checked.

Owns the names and shapes of `statutes` in `GET /v1/ladders/{id}` and of `statute` in its clocks.
What rests on memory is never shown as exact. Derived from state and policy, whatever time it is.
"""

from __future__ import annotations

from datetime import date, datetime
from typing import Any

from schemas.pack import RegimeRule
from schemas.regime import Regime, Role
from services.escalation.core.policy import Policy
from services.escalation.core.records import ClockRecord
from services.escalation.core.state import LadderState
from services.escalation.core.statutes import Finding, Story
from services.escalation.core.statutory import act_that_met, findings_of, known_until


def statutes_view(state: LadderState, policy: Policy) -> list[dict[str, Any]]:
    """Each regime with its clocks, JSON-ready; inner dates stay inside."""
    found = findings_of(state, policy, known_until(state))
    return [_regime(rule, regime, story, clocks, state) for rule, regime, story, clocks in found]


def statute_of(record: ClockRecord, state: LadderState, policy: Policy) -> dict[str, Any] | None:
    """The clock of a regime behind a run; None for clocks of the operator's own."""
    regime_name, _, clock = record.name.partition(":")
    if record.name not in policy.statutes:
        return None
    for _, regime, story, found in findings_of(state, policy, known_until(state)):
        if regime.name == regime_name:
            return {"regime": regime.name, **_clock(regime, story, found[clock], state)}
    return None


def _regime(
    rule: RegimeRule,
    regime: Regime,
    story: Story,
    found: dict[str, Finding],
    state: LadderState,
) -> dict[str, Any]:
    shown = [each for each in found.values() if each.rule.role is not Role.INNER]
    return {
        "regime": regime.name,
        "code": regime.code,
        "title": dict(regime.title),
        "authority": regime.authority,
        "kept_by": regime.kept_by,
        "begins_on": rule.begins_on,
        "received_at": story.received_at.astimezone(story.zone).isoformat(),
        "effective_from": regime.effective_from,
        "effective_until": regime.effective_until,
        "calendar": regime.calendar,
        "clocks": [_clock(regime, story, each, state) for each in shown],
        "duties": [
            duty.model_dump(mode="json")
            for duty in regime.duties
            if (duty.effective_from or "") <= story.received_on.isoformat()
        ],
    }


def _clock(regime: Regime, story: Story, finding: Finding, state: LadderState) -> dict[str, Any]:
    rule = finding.rule
    return {
        "name": rule.name,
        "title": dict(rule.title),
        "role": rule.role.value,
        "status": finding.status.value,
        **_dates(finding, story),
        "value": finding.value,
        "kept": _kept(finding, state),
        "must_send": rule.must_send,
        "next_venue": rule.next_venue or regime.next_venue,
        **_checked(finding),
        "because": list(finding.because),
        "note": rule.note,
    }


def _dates(finding: Finding, story: Story) -> dict[str, Any]:
    """Strict and rolled side by side; the strict one is the one to work to."""
    return {
        "day_0": _day(finding.since),
        "strict": _day(finding.strict),
        "rolled": _day(finding.rolled),
        "target": _day(finding.target),
        "ends_at": _instant(finding.ends_at, story),
        "rolled_ends_at": _instant(finding.rolled_ends_at, story),
        "provisional": finding.provisional,
    }


def _checked(finding: Finding) -> dict[str, Any]:
    """How everything that counted was checked, at its weakest."""
    return {
        "citation": finding.rule.citation,
        "source_status": finding.checked.value,
        "exact": finding.checked.exact,
        "verified": finding.checked.wording,
    }


def _kept(finding: Finding, state: LadderState) -> bool | None:
    """Whether what meets it was done in time; None while it was not done."""
    met_at = act_that_met(finding, state)
    if met_at is None or finding.ends_at is None:
        return None
    return met_at < finding.ends_at


def _day(day: date | None) -> str | None:
    return day.isoformat() if day else None


def _instant(at: datetime | None, story: Story) -> str | None:
    return at.astimezone(story.zone).isoformat() if at else None
