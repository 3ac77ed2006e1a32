"""Keeping the deadlines of a pack's regimes in a case: beginning, moving and ending their clocks.

Owns the ledger of acts, and which statutory clocks run. What a regime says of the case is derived
anew from receipt, facts and acts each time (`statutes`); here it becomes the runs of clocks.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import Final

from schemas.pack import RegimeRule
from schemas.regime import Regime
from services.escalation.core.overdue import answer
from services.escalation.core.policy import Policy
from services.escalation.core.records import ClockEnd, ClockRecord
from services.escalation.core.state import LadderState
from services.escalation.core.statutes import Act, Finding, Status, Story, derive
from services.escalation.core.statutory_rules import Statute
from services.escalation.core.timekeeping import announce, begin, end
from services.escalation.core.turn import Turn

_BINDING: Final = Status.APPLIES
"""What collapsed has no run of its own: the clock that it falls to was missed already."""


def findings_of(
    state: LadderState, policy: Policy, as_of: datetime
) -> Iterator[tuple[RegimeRule, Regime, Story, dict[str, Finding]]]:
    """What each regime under which the case falls says of it."""
    for rule in policy.pack.regimes:
        regime = policy.pack.regime_files[rule.use]
        story = _story(rule, regime, state, policy, as_of)
        if story is not None and regime.in_force_on(story.received_on.isoformat()):
            time = policy.calendars[regime.calendar]
            yield rule, regime, story, derive(regime, story, time)


def keep_statutes(turn: Turn, as_of: datetime) -> None:
    """Has every statutory clock of the case run as its regime says at an instant."""
    for rule, regime, _, found in list(findings_of(turn.state, turn.policy, as_of)):
        for finding in found.values():
            statute = Statute(rule, regime, finding.rule)
            if statute.name in turn.policy.statutes:
                _keep(turn, statute.name, finding)


def is_statute(record: ClockRecord) -> bool:
    """Whether a clock is one of a regime."""
    return record.kind == "statutory" and record.by_when is not None


def act_that_met(finding: Finding, state: LadderState) -> datetime | None:
    """When the first act was done that meets a clock, if one was."""
    since = state.received_at or state.started_at
    done = (act.at for act in state.acts if act.act in finding.rule.met_by and act.at >= since)
    return min(done, default=None)


def known_until(state: LadderState) -> datetime:
    """The last instant of which the state tells: what is shown follows from it, not from now."""
    told = [state.received_at or state.started_at, state.place.entered_at]
    told += [act.at for act in state.acts]
    told += [at for record in state.clocks for at in (record.missed_at, record.ended_at) if at]
    return max(told)


def _keep(turn: Turn, name: str, finding: Finding) -> None:
    record = turn.state.clock(name)
    met_at = act_that_met(finding, turn.state)
    if met_at is not None:
        _meet(turn, record, met_at)
    elif finding.status is not _BINDING or finding.ends_at is None:
        if record is not None and record.runs:
            end(turn, record, ClockEnd.STOPPED)
    elif record is None or (not record.runs and record.by_when != finding.ends_at):
        _begin(turn, name, _since(turn.state, finding), finding.ends_at)
    elif record.runs and record.by_when != finding.ends_at:
        record.by_when = finding.ends_at
        announce(turn, record)


def _begin(turn: Turn, name: str, started_at: datetime, by_when: datetime) -> None:
    record = ClockRecord(
        name=name,
        kind="statutory",
        episode=turn.state.episode,
        started_at=started_at,
        started_by=turn.cause,
        by_when=by_when,
    )
    begin(turn, record)


def _meet(turn: Turn, record: ClockRecord | None, met_at: datetime) -> None:
    """Ends a clock that an act met. In time is in time, however late the act was recorded."""
    if record is None or record.ended_at is not None:
        return
    if record.by_when is not None and met_at < record.by_when:
        record.end = record.missed_at = None
    answer(turn, record.name)


def _since(state: LadderState, finding: Finding) -> datetime:
    """The instant of the trigger, as far as the ledger has it."""
    names = {name for way in finding.rule.ways for name in way.since}
    acts = [act.at for act in state.acts if act.act in names]
    return min(acts, default=state.received_at or state.started_at)


def _story(
    rule: RegimeRule, regime: Regime, state: LadderState, policy: Policy, as_of: datetime
) -> Story | None:
    """The case as a regime sees it; None while it does not fall under it."""
    if rule.categories and state.category not in rule.categories:
        return None
    acts = tuple(Act(act.act, act.at) for act in state.acts)
    received_at = state.received_at or state.started_at
    if rule.begins_on is not None:
        begun = [act.at for act in acts if act.name == rule.begins_on]
        if not begun:
            return None
        received_at = min(begun)
    zone = policy.calendars[regime.calendar].zone
    return Story(received_at, state.statutory, acts, zone, as_of)
