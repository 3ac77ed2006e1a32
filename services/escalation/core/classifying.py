"""What it means for a ladder that its case is found to be another one, or a worse one.

Owns: changing the lane and its budgets, the owner group, and going up because of severity; also
how running clocks follow other rules, which `migrating` asks for, too.
"""

from __future__ import annotations

from schemas.case import CaseClassified
from schemas.pack_clocks import ClockRule
from schemas.vocabulary import RungReason
from services.escalation.core.climbing import climb
from services.escalation.core.holders import give_to_group
from services.escalation.core.records import (
    ACTION_PREFIX,
    HOLDER_CLOCK,
    RUNG_CLOCK,
    ClockEnd,
    ClockRecord,
)
from services.escalation.core.timekeeping import RUNG_CLOCKS, announce, end, start_rule
from services.escalation.core.turn import Turn
from services.escalation.core.undo import Why


def classify(turn: Turn, event: CaseClassified) -> None:
    """Takes over category, severity and lane, with what follows from each."""
    state = turn.state
    changes_lane = event.lane is not state.lane
    changes_severity = event.severity is not state.severity
    state.category, state.severity, state.lane = event.category, event.severity, event.lane
    if state.stopped is not None:
        return
    if changes_lane:
        _change_lane(turn)
    follow_group(turn)
    if changes_severity:
        _climb_for_severity(turn)


def follow_group(turn: Turn) -> None:
    """Gives the case to the group that the policy names for its rung and category."""
    place = turn.state.place
    group = turn.policy.group(place.rung, turn.state.category)
    if group != place.owner_group:
        place.owner_group = group
        give_to_group(turn)


def _climb_for_severity(turn: Turn) -> None:
    target = turn.policy.pack.ladder.entry_by_severity.get(turn.state.severity)
    height = turn.policy.height
    if target is not None and height[target] > height[turn.state.place.rung]:
        climb(turn, target, Why(RungReason.SEVERITY_RAISED))


def _change_lane(turn: Turn) -> None:
    follow_rules(turn)
    for rule in turn.policy.lane(turn.state.lane).clocks:
        if turn.state.clock(rule.name) is None and "case.opened" in rule.starts_on:
            start_rule(turn, rule, turn.state.started_at, from_opening=True)


def follow_rules(turn: Turn) -> None:
    """Has every running clock counted by the rules that hold now, from its own start.

    A case in danger is late sooner. A clock that the rules do not have ends; promises and the
    law's clocks, which have an instant and no budget, stay as they are.
    """
    rules = {rule.name: rule for rule in turn.policy.lane(turn.state.lane).clocks}
    for record in turn.state.running():
        rule = rules.get(record.name)
        if rule is not None:
            adopt(record, rule)
            announce(turn, record)
        elif record.name in RUNG_CLOCKS:
            _change_rung_budget(turn, record)
        elif record.budget is not None and not record.name.startswith(ACTION_PREFIX):
            end(turn, record, ClockEnd.STOPPED)


def adopt(record: ClockRecord, rule: ClockRule) -> None:
    """Has a run counted by another rule, from its own start on."""
    record.budget, record.pauses, record.extensions = rule.budget, rule.pauses, ()
    record.warn_at_percent, record.warned = rule.warn_at_percent, ()
    record.end_rule, record.roll = rule.end, rule.roll


def _change_rung_budget(turn: Turn, record: ClockRecord) -> None:
    if record.name == HOLDER_CLOCK:
        return
    place, lane = turn.state.place, turn.state.lane
    own = record.name == RUNG_CLOCK
    read = turn.policy.rung_budget if own else turn.policy.acknowledge_within
    budget = read(place.rung, lane)
    if budget is not None and budget != record.budget:
        record.budget = budget
        announce(turn, record)
