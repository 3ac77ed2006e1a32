"""What happens by itself: the deadlines of a forecast, one after the other.

Owns the consequences of each kind of deadline.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

from schemas.vocabulary import RungReason
from services.local.demo.expected.ladder import Ladder, is_promise
from services.local.demo.expected.timers import (
    ACKNOWLEDGEMENT,
    ALL_PAUSES,
    RUNG,
    Timer,
    of_budget,
)

_OWN_REASONS = {
    RUNG: RungReason.RUNG_BUDGET_SPENT,
    ACKNOWLEDGEMENT: RungReason.ACKNOWLEDGEMENT_MISSED,
}
_PAUSE_END, _SILENCE_END, _TIMER, _OFFER = range(4)
"""The kinds, in the order in which they happen at one instant."""


def run_until(ladder: Ladder, until: datetime) -> None:
    """Everything that is due until then happens, earliest first."""
    while ladder.running:
        due = min(_waiting(ladder), default=None)
        if due is None or due[0] > until:
            return
        at, kind, position = due
        if kind == _PAUSE_END:
            ladder.resume(at, "agent")
        elif kind == _SILENCE_END:
            _acknowledge_anew(ladder, at)
        elif kind == _TIMER:
            _run_out(ladder, ladder.timers[position], at)
        else:
            _expire(ladder, list(ladder.offers)[position], at)


def _waiting(ladder: Ladder) -> Iterator[tuple[datetime, int, int]]:
    if ladder.pause_ends_at is not None:
        yield ladder.pause_ends_at, _PAUSE_END, 0
    if ladder.acknowledged_until is not None:
        yield ladder.acknowledged_until, _SILENCE_END, 0
    for position, timer in enumerate(ladder.timers):
        if timer.due_at is not None:
            yield timer.due_at, _TIMER, position
    for position, (until, _) in enumerate(ladder.offers.values()):
        yield until, _OFFER, position


def _acknowledge_anew(ladder: Ladder, at: datetime) -> None:
    """An acknowledgement for a while is over: the rung must acknowledge again."""
    ladder.acknowledged_until = None
    budget = ladder.rules.acknowledge_within(ladder.rung, ladder.lane)
    if budget is not None:
        ladder.run(of_budget(ladder.rules, ACKNOWLEDGEMENT, budget, at, ALL_PAUSES), at)


def _run_out(ladder: Ladder, timer: Timer, at: datetime) -> None:
    ladder.timers.remove(timer)
    ladder.clocks_missed += 1
    if is_promise(timer):
        ladder.tell("case_delayed")
        ladder.climb_on(ladder.rung, RungReason.PROMISE_BROKEN, at)
    elif timer.rule is None:
        ladder.climb_on(ladder.rung, _OWN_REASONS[timer.name], at)
    else:
        _breach(ladder, timer, at)


def _breach(ladder: Ladder, timer: Timer, at: datetime) -> None:
    """A clock of the lane was missed: the pack says what follows."""
    rule = timer.rule
    assert rule is not None, "a clock of the lane has its rule"  # noqa: S101
    breach, height = rule.on_breach, ladder.rules.height
    if breach.tell_customer:
        ladder.tell("case_delayed")
    target = breach.escalate_to
    if target is not None and height(target) > height(ladder.rung):
        ladder.climb(target, RungReason(breach.reason), at)
    if breach.restart:
        ladder.start(rule, at)


def _expire(ladder: Ladder, rung: str, at: datetime) -> None:
    del ladder.offers[rung]
    ladder.climb_on(rung, RungReason.OFFER_EXPIRED, at)
