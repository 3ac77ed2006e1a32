"""A clock of a case as the forecast keeps it: how much is left, and since when it runs.

Owns the arithmetic of budgets and pauses, on the calendar's own addition and subtraction.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta

from schemas.pack_clocks import Budget, ClockRule
from services.escalation.core.calendar import BusinessTime
from services.local.demo.expected.rules import Rules, UnforeseenError

ACKNOWLEDGEMENT = "acknowledgement"
RUNG = "rung"
PROMISE = "promise"
ALL_PAUSES = frozenset({"waiting_customer", "waiting_third_party", "agent"})


@dataclass(slots=True)
class Timer:
    """One running clock. `due_at` is derived; None while a pause holds it.

    `fixed_at` is set for what is counted in days or was promised: no budget of time is left to
    lay out, so such a timer cannot be paused here.
    """

    name: str
    started_at: datetime
    stops_for: frozenset[str]
    calendar: BusinessTime | None = None
    left: timedelta = timedelta(0)
    runs_since: datetime | None = None
    fixed_at: datetime | None = None
    rule: ClockRule | None = None
    was_held: bool = False

    @property
    def due_at(self) -> datetime | None:
        """When it runs out."""
        if self.fixed_at is not None:
            return self.fixed_at
        return None if self.runs_since is None else self._later(self.runs_since, self.left)

    def settle(self, pauses: Collection[str], at: datetime) -> None:
        """Stops or goes on, as the pauses want it from now."""
        held = not self.stops_for.isdisjoint(pauses)
        if held and self.fixed_at is not None:
            raise UnforeseenError(f"{self.name} counts dates and is paused at {at}")
        if held and self.runs_since is not None:
            self.left -= self._between(self.runs_since, at)
            self.runs_since, self.was_held = None, True
        elif not held and self.runs_since is None:
            self.runs_since = at

    def spend_other(self, rules: Rules, rule: ClockRule) -> None:
        """Takes the budget of another lane, counted from the timer's own start."""
        if self.was_held:
            raise UnforeseenError(f"{self.name} was paused before its lane changed")
        fresh = of_budget(rules, self.name, rule.budget, self.started_at, rule.pauses)
        self.calendar, self.left, self.runs_since = fresh.calendar, fresh.left, fresh.runs_since
        self.stops_for, self.rule = fresh.stops_for, rule

    def _later(self, start: datetime, amount: timedelta) -> datetime:
        return start + amount if self.calendar is None else self.calendar.add(start, amount)

    def _between(self, start: datetime, end: datetime) -> timedelta:
        return end - start if self.calendar is None else self.calendar.between(start, end)


def of_budget(
    rules: Rules, name: str, budget: Budget, start: datetime, stops_for: Collection[str]
) -> Timer:
    """A timer that runs from `start`."""
    timer = Timer(name, start, frozenset(stops_for))
    time = rules.calendars[budget.calendar]
    if isinstance(budget.amount, timedelta):
        timer.calendar = time if budget.unit == "business" else None
        timer.left, timer.runs_since = budget.amount, start
    elif budget.unit == "business_days":
        timer.fixed_at = time.days.add(start, budget.amount)
    else:
        raise UnforeseenError(f"{name} is counted in {budget.unit}")
    return timer


def expiry(rules: Rules, budget: Budget, start: datetime) -> datetime:
    """When a budget that nothing pauses is spent."""
    due_at = of_budget(rules, "offer", budget, start, ()).due_at
    if due_at is None:
        raise UnforeseenError("a budget that runs has an end")
    return due_at
