"""Moving a running case to another policy: the one way in which a change reaches it (rule 9).

Owns what becomes of clocks, groups and offers. A running clock of the same name goes on from its
own start with the new budget, extensions lapse; one that the new policy does not have ends; of
those that only it has, the law's run from the case's start, service clocks from now, with their
full budget. Category, severity and lane stay as they were found; nothing that already happened is
taken back.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable

from schemas.escalation import PolicyMigrated
from schemas.pack_clocks import ClockRule
from schemas.report import Actor
from schemas.vocabulary import Role
from services.escalation.core.classifying import follow_group, follow_rules
from services.escalation.core.commands import CommandRefusedError, Migrate, RefusalReason
from services.escalation.core.policy import Policy
from services.escalation.core.records import ClockEnd
from services.escalation.core.state import LadderState, MigrationRecord
from services.escalation.core.statutory import is_statute, keep_statutes
from services.escalation.core.timekeeping import end, start_rule
from services.escalation.core.turn import Turn

_MAY: frozenset[Role] = frozenset({Role.SUPERVISOR, Role.OPS})


def migrating(command: Migrate, target: Policy | None, token: str) -> Callable[[Turn], None]:
    """The command as `engine.decide_command` wants it; `token` is what its simulation gave.

    It raises `CommandRefusedError`: every migration is simulated first, on the case as it is.
    """

    def carry_out(turn: Turn) -> None:
        check_role(command)
        found = check(turn, target)
        if command.simulation != token:
            raise CommandRefusedError(
                RefusalReason.NOT_SIMULATED,
                "simulate it on the case as it stands now: GET .../migration gives the token",
            )
        migrate(turn, found, command.by)

    return carry_out


def simulation_token(case_id: object, position: int, digest: str) -> str:
    """What a simulation gives and the command hands back: it holds until the case moves."""
    return hashlib.sha256(f"{case_id}|{position}|{digest}".encode()).hexdigest()[:32]


def check_role(command: Migrate) -> None:
    """Raises `CommandRefusedError` for who may not move cases."""
    if command.by.role not in _MAY:
        raise CommandRefusedError(
            RefusalReason.ROLE_NOT_ALLOWED, "supervisors and ops migrate", roles=sorted(_MAY)
        )


def check(turn: Turn, target: Policy | None) -> Policy:
    """The policy to which the case may be moved. Raises `CommandRefusedError`."""
    if turn.state.stopped is not None:
        raise CommandRefusedError(RefusalReason.LADDER_STOPPED, "nothing runs under any policy now")
    if target is None:
        raise CommandRefusedError(
            RefusalReason.UNKNOWN_POLICY, "no policy of this digest is stored: /v1/policies has all"
        )
    if target.digest == turn.policy.digest:
        raise CommandRefusedError(RefusalReason.SAME_POLICY, "the case runs under it already")
    _check_names(turn.state, target)
    return target


def _check_names(state: LadderState, target: Policy) -> None:
    """What the case's past names must still have a meaning, or nobody could explain it."""
    rungs = sorted(_rungs_of(state) - target.rungs.keys())
    if rungs:
        raise CommandRefusedError(
            RefusalReason.UNKNOWN_RUNG,
            "the policy lacks rungs on which the case is or was: keep them, with no way to them",
            rungs=rungs,
        )
    counted = {record.budget.calendar for record in state.clocks if record.budget}
    calendars = sorted(counted - target.calendars.keys())
    if calendars:
        raise CommandRefusedError(
            RefusalReason.UNKNOWN_CALENDAR,
            "the policy lacks calendars by which clocks of the case were counted: keep them",
            calendars=calendars,
        )


def _rungs_of(state: LadderState) -> set[str]:
    """Every rung that the case is on, was on, or was offered."""
    offered = (offer.rung for offer in state.offers)
    return {state.place.rung, *(entry.rung for entry in state.history), *offered}


def migrate(turn: Turn, target: Policy, by: Actor) -> None:
    """Puts the case under the policy."""
    state, old = turn.state, turn.policy
    known = {rule.name for rule in old.lane(state.lane).clocks}
    state.policy, turn.policy = target.pin, target
    state.migrations.append(
        MigrationRecord(at=turn.at, previous=old.pin, by=by.id, cause=turn.cause)
    )
    # What fired under the old policy is not judged by the new one.
    state.undos.clear()
    turn.emit(PolicyMigrated, previous=old.pin, policy=target.pin, by_role=by.role)
    turn.changed()
    follow_rules(turn)
    _follow_statutes(turn)
    _begin(turn, (rule for rule in target.lane(state.lane).clocks if rule.name not in known))
    follow_group(turn)


def _follow_statutes(turn: Turn) -> None:
    """Has the law's clocks run as the regimes of the policy say."""
    for record in turn.state.running():
        if is_statute(record) and record.name not in turn.policy.statutes:
            end(turn, record, ClockEnd.STOPPED)
    keep_statutes(turn, turn.at)


def _begin(turn: Turn, rules: Iterable[ClockRule]) -> None:
    """Starts the clocks that only the new policy has, where the case's opening starts them."""
    for rule in rules:
        if turn.state.clock(rule.name) is None and "case.opened" in rule.starts_on:
            lawful = rule.kind == "statutory"
            start_rule(
                turn, rule, turn.state.started_at if lawful else turn.now, from_opening=lawful
            )
