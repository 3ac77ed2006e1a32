"""What the roster leads to by itself: giving a case to somebody, taking it from who is absent.

Owns these orders and what they do to a ladder. Whom to choose is decided in `assignment`;
here it is carried out, or nothing is done where the case has moved on meanwhile.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import Annotated, Final, Literal

from pydantic import AwareDatetime, Field, TypeAdapter

from schemas.escalation import NobodyAvailable
from schemas.event import Model
from schemas.pack import AssignRule
from schemas.report import Identifier
from schemas.vocabulary import HolderReason
from services.escalation.core.assignment import Assigned, NobodyReason, choose
from services.escalation.core.holders import barred, give_to, seek, take_back
from services.escalation.core.policy import Policy
from services.escalation.core.records import Holder
from services.escalation.core.roster import Roster
from services.escalation.core.state import LadderState
from services.escalation.core.turn import Turn


class Assign(Model):
    """Give the case to an agent, or look again at `again_at`; `why` is the rule's own word."""

    command: Literal["assign"] = "assign"
    staff_number: Identifier | None = None
    why: str
    again_at: AwareDatetime | None = None


class Relieve(Model):
    """Take the case from an agent who is absent."""

    command: Literal["relieve"] = "relieve"
    staff_number: Identifier


class Seek(Model):
    """Look again for somebody: the roster changed."""

    command: Literal["seek"] = "seek"


Order = Annotated[Assign | Relieve | Seek, Field(discriminator="command")]
ORDER: Final[TypeAdapter[Order]] = TypeAdapter(Order)
FULL_RETRY: Final = timedelta(minutes=5)
_NOT_SPOKEN_OF: Final = frozenset({NobodyReason.ROSTER_DOES_NOT_BIND, NobodyReason.NOBODY_LISTED})


def seeks_holder(state: LadderState, now: datetime) -> bool:
    """Whether somebody is to be looked for now."""
    assign_at = state.place.assign_at
    return state.stopped is None and assign_at is not None and assign_at <= now


def may_find_sooner(
    state: LadderState, policy: Policy, roster: Roster, loads: Mapping[str, int], now: datetime
) -> bool:
    """Whether a case that nobody holds should be looked at again, by the roster as it is now."""
    place = state.place
    waits = state.stopped is None and place.holder is None and not seeks_holder(state, now)
    if not waits or policy.rungs[place.rung].assign is None:
        return False
    found = find_holder(state, policy, roster, loads, now)
    if found.staff_number is not None:
        return True
    sooner = place.assign_at is None or (found.again_at or place.assign_at) < place.assign_at
    return found.again_at is not None and sooner


def find_holder(
    state: LadderState, policy: Policy, roster: Roster, loads: Mapping[str, int], now: datetime
) -> Assign:
    """Whom the rule of the case's rung names, or when to look again."""
    place = state.place
    rule = policy.rungs[place.rung].assign or AssignRule()
    found = choose(
        roster,
        rule,
        place.owner_group,
        barred=barred(state, policy, place.rung),
        avoided=place.gave_back,
        language=state.locale,
        loads=loads,
        now=now,
    )
    if isinstance(found, Assigned):
        return Assign(staff_number=found.agent.staff_number, why=found.reason)
    # Somebody full may close a case at any time: nobody tells, so it is asked again.
    retry = now + FULL_RETRY if found.reason is NobodyReason.ALL_FULL else None
    instants = [at for at in (found.again_at, retry) if at is not None]
    return Assign(why=found.reason, again_at=min(instants, default=None))


def ordering(order: Order, name: str | None = None) -> Callable[[Turn], None]:
    """The order as `engine.decide_command` wants it; `name` is the agent's, for the customer."""

    def carry_out(turn: Turn) -> None:
        if turn.state.stopped is not None:
            return
        match order:
            case Assign():
                _assign(turn, order, name)
            case Relieve():
                _relieve(turn, order)
            case Seek():
                _seek(turn)

    return carry_out


def _assign(turn: Turn, order: Assign, name: str | None) -> None:
    place = turn.state.place
    if place.holder is not None or place.assign_at is None or place.assign_at > turn.now:
        return
    if order.staff_number is None:
        _look_again(turn, order)
    elif order.staff_number not in barred(turn.state, turn.policy, place.rung):
        holder = Holder(staff_number=order.staff_number, name=name)
        give_to(turn, holder, HolderReason.ASSIGNED)


def _look_again(turn: Turn, order: Assign) -> None:
    place = turn.state.place
    place.assign_at = order.again_at
    if order.again_at is None and order.why not in _NOT_SPOKEN_OF:
        # The roster has nobody for it; the group may still claim it.
        turn.emit(NobodyAvailable, group=place.owner_group)


def _seek(turn: Turn) -> None:
    if turn.state.place.holder is None:
        seek(turn)


def _relieve(turn: Turn, order: Relieve) -> None:
    holder = turn.state.place.holder
    if holder is not None and holder.staff_number == order.staff_number:
        take_back(turn, HolderReason.ABSENT)
