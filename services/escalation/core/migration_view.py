"""What a migration would do to one case, said before it is done.

Owns the trial on a copy and its wording. The copy is thrown away: nothing is changed.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any, Final

from schemas.escalation import LadderEvent, OfferMade, RungEntered
from schemas.report import Actor
from schemas.vocabulary import Role
from services.escalation.core.engine import decide_command, decide_wake
from services.escalation.core.migrating import check, migrate
from services.escalation.core.policy import Policy
from services.escalation.core.state import LadderState, copy_of
from services.escalation.core.turn import Turn
from services.escalation.core.views import clock_view

_TRIAL: Final = Actor(role=Role.OPS, id="simulation")


def simulate(state: LadderState, policy: Policy, target: Policy, now: datetime) -> dict[str, Any]:
    """Clocks before and after, and the rungs that the case would enter, or be offered, at once.

    Raises `CommandRefusedError` where it could not be moved.
    """
    before = _clocks(state, policy)

    def carry_out(turn: Turn) -> None:
        migrate(turn, check(turn, target), _TRIAL)

    moved = decide_command(
        copy_of(state),
        carry_out,
        command_id=state.case_id,
        by_role=Role.OPS,
        policy=policy,
        now=now,
    )
    after = _clocks(moved.state, target)
    woken = decide_wake(moved.state, target, now, real_now=now, stale=False, lateness_ms=0)
    return {
        "from": policy.pin.model_dump(),
        "to": target.pin.model_dump(),
        "clocks": [
            {"name": name, "before": before.get(name), "after": after.get(name)}
            for name in sorted(before.keys() | after.keys())
            if before.get(name) != after.get(name)
        ],
        "at_once": [name for event in woken.events if (name := _rung(event)) is not None],
    }


def _clocks(state: LadderState, policy: Policy) -> dict[str, dict[str, Any]]:
    """The running clocks by name: what is counted, and until when."""
    shown = ("state", "budget", "unit", "started_at", "due_at")
    views = [clock_view(record, state, policy) for record in state.running()]
    return {view["name"]: {name: view[name] for name in shown} for view in views}


def _rung(event: LadderEvent) -> str | None:
    match event:
        case RungEntered():
            return event.rung
        case OfferMade():
            return event.offered_rung
        case _:
            return None
