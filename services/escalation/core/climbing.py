"""Taking a case up: which rung it really comes to, entered or offered.

Owns: passing over rungs whose visits are used up or whose groups have nobody, and going on after
an offer. Never decides whether a case goes up: it is told why.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime

from schemas.escalation import NobodyAvailable, OfferExpired
from schemas.pack import Rung
from schemas.vocabulary import RungReason, Side
from services.escalation.core.holders import barred
from services.escalation.core.ladder import enter
from services.escalation.core.offers import offer, offer_fields
from services.escalation.core.policy import instant_after
from services.escalation.core.records import OfferRecord, OfferState
from services.escalation.core.turn import Turn
from services.escalation.core.undo import Why


def climb(turn: Turn, target: str, why: Why) -> None:
    """Takes the case to a rung: entered when it is the operator's, offered when the customer's.

    A rung whose visits are used up is passed over for the one that follows it. So is one whose
    group has nobody, and that is said; only where no higher rung of the operator has anybody the
    case goes where it was headed, for somebody's queue must have it.
    """
    rungs = rungs_from(turn, target)
    if not rungs:
        return
    if rungs[0].side is Side.CUSTOMER:
        offer(turn, rungs[0], why)
        return
    rung, passed = staffed_rung(turn, rungs)
    say_nobody(turn, passed)
    if rung is not rungs[0]:
        why = replace(why, reason=RungReason.NOBODY_AVAILABLE)
    enter(turn, rung.name, replace(why, passed=passed) if passed else why)


def rungs_from(turn: Turn, target: str) -> list[Rung]:
    """A rung and those that follow it, as far as the case may still visit them."""
    found: list[Rung] = []
    name: str | None = target
    while name is not None:
        rung = turn.policy.rungs[name]
        if turn.state.visits.get(name, 0) < rung.max_visits:
            found.append(rung)
        name = rung.then
    return found


def staffed_rung(turn: Turn, rungs: list[Rung]) -> tuple[Rung, tuple[str, ...]]:
    """The first of the operator's rungs with anybody, and the names of those without.

    If none has anybody it is the first rung.
    """
    passed: list[str] = []
    for rung in rungs:
        if rung.side is Side.CUSTOMER:
            break
        if _is_staffed(turn, rung):
            return rung, tuple(passed)
        passed.append(rung.name)
    return rungs[0], tuple(passed)


def _is_staffed(turn: Turn, rung: Rung) -> bool:
    state = turn.state
    if rung.when_nobody == "wait":
        return True
    group = turn.policy.group(rung.name, state.category)
    others = barred(state, turn.policy, rung.name)
    there = turn.staffing(group, others, turn.now, _given_up_at(turn, rung))
    turn.absent_groups.append(None if there else group)
    return there


def say_nobody(turn: Turn, passed: Iterable[str]) -> None:
    """Tells of each rung whose group had nobody."""
    for rung in passed:
        group = turn.policy.group(rung, turn.state.category)
        turn.emit(NobodyAvailable, group=group, passed_rung=rung)


def _given_up_at(turn: Turn, rung: Rung) -> datetime | None:
    """When the case would leave the rung if nobody did anything; None if it would stay."""
    lane = turn.state.lane
    limits = (
        turn.policy.acknowledge_within(rung.name, lane),
        turn.policy.rung_budget(rung.name, lane),
    )
    ends = [instant_after(turn.policy, limit, turn.now) for limit in limits if limit is not None]
    return min(ends, default=None)


def expire(turn: Turn, record: OfferRecord) -> None:
    """Ends an offer that the customer left unanswered, and opens the next one."""
    record.state = OfferState.EXPIRED
    turn.emit(OfferExpired, **offer_fields(turn.policy, record))
    why = Why(RungReason.OFFER_EXPIRED, offer=record, due_at=record.expires_at)
    offer_next(turn, record.rung, why)


def offer_next(turn: Turn, rung: str, why: Why) -> None:
    """Goes on after an offer is over; where nothing follows, the case stays with its rung."""
    following = turn.policy.rungs[rung].then
    if following is not None:
        climb(turn, following, why)
