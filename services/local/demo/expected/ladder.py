"""A case on its ladder as the forecast sees it: where it stands, what runs, who was told.

Owns moving up and down, offers, and the words that each move owes to whom.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from datetime import datetime

from schemas.pack_clocks import ClockRule
from schemas.vocabulary import Category, Lane, RungReason, Side
from services.local.demo.expected.rules import Rules
from services.local.demo.expected.timers import (
    ACKNOWLEDGEMENT,
    ALL_PAUSES,
    PROMISE,
    RUNG,
    Timer,
    expiry,
    of_budget,
)

TO_CUSTOMER = "customer"
TO_GROUP = "group"
TO_AGENT = "agent"
TO_AGENTS_INBOX = "inbox of an agent"


@dataclass(frozen=True, slots=True)
class RungEntry:
    """One entry into a rung, as `history` of the ladder shows it."""

    episode: int
    rung: str
    visit: int
    reason: str
    entered_at: datetime


@dataclass(slots=True)
class Ladder:
    """The state of one case. `said` counts (template, to whom)."""

    rules: Rules
    category: Category
    lane: Lane
    episode: int = 0
    status: str = "open"
    rung: str = ""
    holder: str | None = None
    running: bool = False
    timers: list[Timer] = field(default_factory=list)
    offers: dict[str, tuple[datetime, int]] = field(default_factory=dict)
    """Rungs open to the customer: until when, and as which visit."""
    pauses: set[str] = field(default_factory=set)
    pause_ends_at: datetime | None = None
    acknowledged_until: datetime | None = None
    clocks_missed: int = 0
    visits: Counter[str] = field(default_factory=Counter)
    history: list[RungEntry] = field(default_factory=list)
    said: Counter[tuple[str, str]] = field(default_factory=Counter)

    def tell(self, template: str, whom: str = TO_CUSTOMER) -> None:
        """Somebody is owed a word."""
        self.said[template, whom] += 1

    def begin(self, rung: str, trigger: str, at: datetime) -> None:
        """An episode begins: entry rung, then the lane's clocks."""
        self.episode += 1
        self.running, self.status = True, "open"
        self.visits.clear()
        self.pauses.clear()
        reopened = self.episode > 1
        self._stand_on(rung, RungReason.REOPENED if reopened else RungReason.OPENED, at)
        self.tell("case_reopened" if reopened else "case_received")
        if self.rules.rung(rung).path != "phone":
            self._brief(rung)
        for rule in self.rules.clocks(self.lane):
            if trigger in rule.starts_on:
                self.start(rule, at)

    def start(self, rule: ClockRule, at: datetime) -> None:
        """A clock of the lane runs from now, unless a pause holds it."""
        timer = of_budget(self.rules, rule.name, rule.budget, at, rule.pauses)
        timer.rule = rule
        self.run(timer, at)

    def run(self, timer: Timer, at: datetime) -> None:
        """One more timer."""
        timer.settle(self.pauses, at)
        self.timers.append(timer)

    def end(self, *names: str) -> None:
        """These timers run no more."""
        self.timers = [timer for timer in self.timers if timer.name not in names]

    def pause(self, cause: str, at: datetime) -> None:
        """The timers that allow this cause stand still."""
        self.pauses.add(cause)
        self._settle(at)

    def resume(self, at: datetime, *causes: str) -> None:
        """They go on, unless something else holds them."""
        self.pauses.difference_update(causes)
        if "agent" in causes:
            self.pause_ends_at = None
        self._settle(at)

    def climb(self, target: str, reason: RungReason, at: datetime) -> None:
        """Up to a rung: entered when it is the operator's, offered when it is the customer's."""
        rule = self.rules.rung(target)
        if rule.side is Side.OPERATOR:
            self.enter(target, reason, at)
        elif rule.offer is not None and target not in self.offers:
            self.visits[target] += 1
            until = expiry(self.rules, rule.offer.expires_after, at)
            self.offers[target] = until, self.visits[target]
            self.tell("offer_made")

    def climb_on(self, rung: str, reason: RungReason, at: datetime) -> None:
        """Up from a rung to the one after it, if there is one."""
        following = self.rules.rung(rung).then
        if following is not None:
            self.climb(following, reason, at)

    def enter(self, rung: str, reason: RungReason, at: datetime, visit: int | None = None) -> None:
        """Stands on another rung; nobody holds the case there yet."""
        self.end(RUNG, ACKNOWLEDGEMENT)
        self.resume(at, "agent")
        self._stand_on(rung, reason, at, visit)
        if self.rules.rung(rung).side is Side.CUSTOMER:
            self.tell("group_handover", TO_GROUP)
            return
        self.tell("rung_entered")
        self._brief(rung)

    def _brief(self, rung: str) -> None:
        written = self.rules.rung(rung).path == "email"
        self.tell("group_written_brief" if written else "group_brief", TO_GROUP)

    def stop(self, status: str) -> None:
        """The ladder ends with the case."""
        self.status, self.running = status, False
        self.pause_ends_at = self.acknowledged_until = None
        self.timers, self.offers = [], {}
        self.pauses.clear()

    def _stand_on(
        self, rung: str, reason: RungReason, at: datetime, visit: int | None = None
    ) -> None:
        if visit is None:
            self.visits[rung] += 1
            visit = self.visits[rung]
        self.rung, self.holder, self.acknowledged_until = rung, None, None
        self.history.append(RungEntry(self.episode, rung, visit, reason.value, at))
        budgets = {
            RUNG: self.rules.rung_budget(rung, self.lane),
            ACKNOWLEDGEMENT: self.rules.acknowledge_within(rung, self.lane),
        }
        for name, budget in budgets.items():
            if budget is not None:
                self.run(of_budget(self.rules, name, budget, at, ALL_PAUSES), at)

    def _settle(self, at: datetime) -> None:
        for timer in self.timers:
            timer.settle(self.pauses, at)


def is_promise(timer: Timer) -> bool:
    """Whether a timer is an agent's promise."""
    return timer.name.startswith(PROMISE)
