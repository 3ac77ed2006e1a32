"""The clocks of a policy pack: budgets, what starts and ends a clock, what a missed one leads to.

Owns this part of the frozen model of `schemas/pack.py`. How time is counted is escalation's
business.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated, Any, Final, Literal

from pydantic import Field, StringConstraints, model_validator

from schemas.event import Model

Name = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_-]{0,63}$")]
Texts = dict[str, str]
"""A text per language tag, such as {"en": ..., "zh": ...}."""


class Budget(Model):
    """An amount of time in a unit: `PT15M` business time, or 2 business_days."""

    amount: timedelta | int
    unit: Literal["elapsed", "business", "business_days", "calendar_days", "weeks", "months"]
    calendar: Name

    # What is derived from budgets is looked up by them all the time: pydantic's own take ten times
    # as long. Few budgets that differ have one amount.
    def __hash__(self) -> int:
        return hash(self.amount)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Budget):
            return NotImplemented
        mine = (self.amount, self.unit, self.calendar)
        return self is other or mine == (other.amount, other.unit, other.calendar)


PauseWord = Literal["waiting_customer", "waiting_third_party", "agent", "incident"]
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
    pauses: tuple[PauseWord, ...] = ()
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
