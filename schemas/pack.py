"""The frozen model of a policy pack: what a pack may say, and nothing about how it is carried out.

A pack is data (`packs/<name>/*.yaml`). Intake reads categories, severities, lanes and facts from
it, escalation calendars, clocks and the ladder, the notifier groups and texts. Reading YAML,
line-numbered errors and digests are the business of whoever loads it.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated, Any, Final, Literal

from pydantic import Field, StringConstraints, model_validator

from schemas.event import Model
from schemas.vocabulary import Category, Lane, Severity, Side

Name = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_-]{0,63}$")]
Texts = dict[str, str]
"""A text per language tag, such as {"en": ..., "zh": ...}."""


class FactNeed(Model):
    """A fact that a category needs, and why the customer is asked for it."""

    fact: str
    why: Texts


class CategoryRule(Model):
    """What a category means for a case."""

    title: Texts
    severity: Severity = Severity.NORMAL
    lane: Lane = Lane.ORDINARY
    facts: tuple[FactNeed, ...] = ()
    keywords: tuple[str, ...] = ()


class Budget(Model):
    """An amount of time in a unit: `PT15M` business time, or 2 business_days."""

    amount: timedelta | int
    unit: Literal["elapsed", "business", "business_days", "calendar_days", "weeks", "months"]
    calendar: Name


EndRule = Literal["same_time", "end_of_day", "close_of_business"]
Roll = Literal["none", "following", "preceding"]
AGENT_SPOKE: Final = "agent.spoke"
CUSTOMER_SPOKE: Final = "customer.spoke"
_MEANINGS: Final[dict[str | None, dict[str, tuple[str, ...]]]] = {
    "inform": {
        "starts_on": ("case.opened", "case.reopened"),
        "stops_on": (),
        "restarts_on": (AGENT_SPOKE, "incident.updated"),
    },
    "answer": {
        "starts_on": ("case.opened", "case.reopened", CUSTOMER_SPOKE),
        "stops_on": (AGENT_SPOKE,),
        "restarts_on": (),
    },
}


class OnBreach(Model):
    """What a missed clock leads to."""

    escalate_to: Name | None = None
    reason: str = "clock_missed"
    tell_customer: bool = False
    restart: bool = False


class ClockRule(Model):
    """One clock of a lane. Events are named as on the topics (`customer.replied_to`).

    `agent.spoke` stands for every word of an agent to the customer: customer.replied_to,
    customer.asked, promise.made, case.resolved, and an outbound contact. `customer.spoke` stands
    for every word of the customer: the opening or reopening, an inbound contact, customer.answered,
    and evidence or facts that the customer sent. A clock that was answered starts anew when an
    event of `starts_on` comes again.

    `meaning` spells out the two meanings of "next update": `inform` promises a word at least so
    often, each word of an agent starting it anew; `answer` runs from the first unanswered word of
    the customer to the agent's next one.
    """

    name: Name
    kind: Literal["service", "statutory", "promise"] = "service"
    meaning: Literal["inform", "answer"] | None = None
    starts_on: tuple[str, ...] = ("case.opened",)
    stops_on: tuple[str, ...] = ("case.resolved",)
    restarts_on: tuple[str, ...] = ()
    budget: Budget
    end: EndRule = "same_time"
    """Where on its last date the clock ends."""
    roll: Roll = "none"
    """Where a deadline goes that falls on a closed date of the calendar."""
    pauses: tuple[Literal["waiting_customer", "waiting_third_party", "agent"], ...] = ()
    warn_at_percent: tuple[Annotated[int, Field(gt=0, lt=100)], ...] = ()
    on_breach: OnBreach = OnBreach()
    extension_max: Budget | None = None
    """What all extensions together may add; without it the clock cannot be extended."""
    promised_to_customer: bool = False
    must_send: str | None = None
    """What is owed when this clock runs out, such as a final response or a delay letter."""
    citation: str | None = None
    verified: str | None = None

    @model_validator(mode="before")
    @classmethod
    def _spell_out_the_meaning(cls, rule: Any) -> Any:
        events = _MEANINGS.get(rule.get("meaning")) if isinstance(rule, dict) else None
        return rule if events is None else {**events, **rule}


def resumable(rule: ClockRule) -> bool:
    """Whether a case that is imported may bring along how much of this budget is used up.

    A clock that counts dates, or that the law gives, runs from its own start instead.
    """
    return rule.kind != "statutory" and isinstance(rule.budget.amount, timedelta)


class Offer(Model):
    """How a customer-driven rung is offered: the wording shown, by language, and its expiry."""

    wording: Texts
    expires_after: Budget
    consent_to: Literal["social", "regulator"]


class Rung(Model):
    """One rung. Operator rungs are entered; customer rungs are offered and entered on acceptance.

    `budget` starts when the rung is really entered; `acknowledge_within` runs until the holder
    acknowledges. When either runs out the case goes to `then` (None: it stays and is updated on).
    """

    name: Name
    path: Literal["phone", "senior", "email", "social", "regulator"]
    side: Side
    group: Name
    group_by_category: dict[Category, Name] = {}
    budget: Budget | None = None
    acknowledge_within: Budget | None = None
    then: Name | None = None
    max_visits: Annotated[int, Field(ge=1, le=20)] = 3
    offer: Offer | None = None


class LaneRule(Model):
    """The clocks of a lane, and budgets that differ from the rung's own."""

    clocks: tuple[ClockRule, ...]
    rung_budgets: dict[Name, Budget] = {}
    acknowledge_within: dict[Name, Budget] = {}


class Ladder(Model):
    """The rungs in order, where a case enters, and where it enters when it is reopened."""

    entry: Name
    reopen_entry: Name
    rungs: tuple[Rung, ...]


class PauseRule(Model):
    """How long agents may stop a case's clocks, all pauses of an episode together."""

    cap: timedelta


class GroupRule(Model):
    """A group of people at the operator: how they are reached, beside their queue."""

    title: Texts
    mailbox: str | None = None
    webhook: str | None = None


class MatchRule(Model):
    """Which cases this pack takes; an empty rule takes all."""

    name: Name
    when: str = "true"


class CalendarRule(Model):
    """A calendar as data; `uses` names a pinned holiday file in `packs/calendars/`."""

    time_zone: str
    weekly: dict[str, tuple[tuple[str, str], ...]]
    uses: tuple[str, ...] = ()
    holidays: tuple[str, ...] = ()
    working_days: dict[str, str] = {}
    shifts: dict[str, tuple[tuple[str, str], ...]] = {}
    breaks: dict[str, tuple[tuple[str, str], ...]] = {}
    horizon: str | None = None


class Notify(Model):
    """On which channels a customer and a group are told, in this order."""

    customer: tuple[str, ...] = ("email", "in_app")
    group: tuple[str, ...] = ("email",)


class Pack(Model):
    """A whole policy pack."""

    name: Name
    version: str
    title: Texts
    time_zone: str = "UTC"
    """The IANA zone in which instants of a case are shown to people at the operator."""
    collapse_window: timedelta
    stale_grace: timedelta
    categories: dict[Category, CategoryRule]
    calendars: dict[Name, CalendarRule]
    match: tuple[MatchRule, ...]
    lanes: dict[Lane, LaneRule]
    ladder: Ladder
    pauses: PauseRule
    groups: dict[Name, GroupRule]
    notify: Notify = Notify()
    holiday_files: dict[str, Any] = {}
    """The pinned holiday data that `uses` names, inlined by the loader so the digest covers it."""
