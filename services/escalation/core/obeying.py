"""What each command does to a ladder, or why it is refused.

Owns: who may command what, and the rules of moving and of offers. What was due before the
command has been acted upon when it comes here. Consent is recorded by intake.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final, assert_never

from schemas.escalation import OfferAccepted, OfferDeclined
from schemas.vocabulary import Role, RungReason
from services.escalation.core.action_commands import ask
from services.escalation.core.climbing import climb, offer_next, staffed_rung
from services.escalation.core.clock_commands import keep_time
from services.escalation.core.commands import (
    AcceptOffer,
    Acknowledge,
    CancelAction,
    Claim,
    CommandRefusedError,
    DeclineOffer,
    DeEscalate,
    Escalate,
    Extend,
    HandOver,
    OnLadder,
    Pause,
    Recuse,
    RefusalReason,
    Release,
    RequestAction,
    Resume,
)
from services.escalation.core.holding import hold
from services.escalation.core.ladder import enter
from services.escalation.core.offers import offer_fields
from services.escalation.core.records import OfferRecord, OfferState
from services.escalation.core.roster import KnownAgents
from services.escalation.core.turn import Turn
from services.escalation.core.undo import Why

_AT_OPERATOR: Final = frozenset({Role.AGENT, Role.SUPERVISOR})


def carrying_out(command: OnLadder, agents: KnownAgents) -> Callable[[Turn], None]:
    """The command as `engine.decide_command` wants it. It raises `CommandRefusedError`."""

    def carry_out(turn: Turn) -> None:
        if turn.state.stopped is not None:
            raise CommandRefusedError(
                RefusalReason.LADDER_STOPPED,
                f"the ladder stopped: the case is {turn.state.status.value}",
                case_status=turn.state.status.value,
            )
        _check_role(command)
        _obey(turn, command, agents)

    return carry_out


def _check_role(command: OnLadder) -> None:
    match command:
        case AcceptOffer() | DeclineOffer():
            allowed = frozenset({Role.CUSTOMER})
        case Escalate():
            allowed = frozenset(Role)
        case _:
            allowed = _AT_OPERATOR
    if command.by.role not in allowed:
        raise CommandRefusedError(
            RefusalReason.ROLE_NOT_ALLOWED,
            f"{command.command} is not for the role {command.by.role.value}",
            roles=sorted(allowed),
        )


def _obey(turn: Turn, command: OnLadder, agents: KnownAgents) -> None:
    match command:
        case Claim() | Release() | Acknowledge() | Recuse() | HandOver():
            hold(turn, command, agents)
        case Escalate():
            _escalate(turn, command)
        case DeEscalate():
            _de_escalate(turn, command)
        case Pause() | Resume() | Extend():
            keep_time(turn, command)
        case AcceptOffer() | DeclineOffer():
            _answer_offer(turn, command)
        case RequestAction() | CancelAction():
            ask(turn, command, replayed=agents.replayed)
        case _:
            assert_never(command)


def _escalate(turn: Turn, command: Escalate) -> None:
    state = turn.state
    target = command.to or turn.policy.rungs[state.place.rung].then
    if target is None:
        raise CommandRefusedError(RefusalReason.NO_HIGHER_RUNG, "there is no rung above this one")
    rung = turn.policy.rungs.get(target)
    if rung is None:
        names = sorted(turn.policy.rungs)
        raise CommandRefusedError(
            RefusalReason.UNKNOWN_RUNG, "the policy has no such rung", rungs=names
        )
    if turn.policy.height[target] <= turn.policy.height[state.place.rung]:
        raise CommandRefusedError(RefusalReason.NOT_HIGHER, f"the case is not below {target}")
    if any(offer.rung == target for offer in state.open_offers()):
        raise CommandRefusedError(
            RefusalReason.ALREADY_OFFERED, f"{target} is open to the customer already"
        )
    _check_visits(turn, target)
    by_customer = command.by.role is Role.CUSTOMER
    reason = RungReason.CUSTOMER_ASKED if by_customer else RungReason.AGENT_ASKED
    climb(turn, target, Why(reason, text=command.reason))


def _check_visits(turn: Turn, rung: str) -> None:
    most = turn.policy.rungs[rung].max_visits
    if turn.state.visits.get(rung, 0) >= most:
        raise CommandRefusedError(
            RefusalReason.VISITS_USED_UP, f"the case was on {rung} {most} times already"
        )


def _check_staffed(turn: Turn, rung: str) -> None:
    _, without = staffed_rung(turn, [turn.policy.rungs[rung]])
    if without:
        group = turn.policy.group(rung, turn.state.category)
        raise CommandRefusedError(
            RefusalReason.NOBODY_AVAILABLE, f"nobody of {group} is there to take it", group=group
        )


def _de_escalate(turn: Turn, command: DeEscalate) -> None:
    lower = turn.policy.below(turn.state.place.rung)
    if lower is None:
        raise CommandRefusedError(RefusalReason.NO_LOWER_RUNG, "this is the lowest rung")
    _check_visits(turn, lower)
    _check_staffed(turn, lower)
    enter(turn, lower, Why(RungReason.DE_ESCALATED, text=command.reason))


def _answer_offer(turn: Turn, command: AcceptOffer | DeclineOffer) -> None:
    if isinstance(command, AcceptOffer):
        _accept(turn, command)
    else:
        _decline(turn, command)


def _accept(turn: Turn, command: AcceptOffer) -> None:
    record = _open_offer(turn, command.rung)
    terms = turn.policy.rungs[record.rung].offer
    if terms is None or not turn.state.consents.get(terms.consent_to, False):
        raise CommandRefusedError(
            RefusalReason.CONSENT_MISSING,
            "the customer's recorded consent is needed first",
            consent_to=terms.consent_to if terms else None,
        )
    record.state = OfferState.ACCEPTED
    turn.emit(OfferAccepted, **offer_fields(turn.policy, record))
    enter(turn, record.rung, Why(RungReason.OFFER_ACCEPTED, offer=record), visit=record.visit)


def _decline(turn: Turn, command: DeclineOffer) -> None:
    record = _open_offer(turn, command.rung)
    record.state = OfferState.DECLINED
    turn.emit(OfferDeclined, **offer_fields(turn.policy, record), reason=command.reason)
    offer_next(turn, record.rung, Why(RungReason.OFFER_DECLINED, offer=record))


def _open_offer(turn: Turn, rung: str) -> OfferRecord:
    for record in turn.state.open_offers():
        if record.rung == rung:
            return record
    known: dict[str, Any] = {"offers": [record.rung for record in turn.state.open_offers()]}
    raise CommandRefusedError(
        RefusalReason.NO_SUCH_OFFER, "this rung is not open to the customer", **known
    )
