"""The frozen model of a policy pack: what a pack may say, and nothing about how it is done.

A pack is data (`packs/<name>/*.yaml`). Intake reads categories, severities, lanes and facts from
it, escalation calendars, clocks and the ladder, the notifier groups and texts. Reading YAML,
line-numbered errors and digests are the business of whoever loads it.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated, Any, Literal

from pydantic import Field

from schemas.event import Model
from schemas.pack_clocks import Budget, ClockRule, Name, OnBreach, Texts
from schemas.regime import Regime
from schemas.vocabulary import ActionName, Category, Lane, Severity, Side


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


class Offer(Model):
    """How a customer-driven rung is offered: the wording shown, by language, and its expiry."""

    wording: Texts
    expires_after: Budget
    consent_to: Literal["social", "regulator"]


class AssignRule(Model):
    """Who is given a case that nobody has claimed: of those at work, the least loaded.

    Speakers of the customer's language come first (or alone, with `language: require`).
    """

    language: Literal["prefer", "require", "ignore"] = "prefer"
    skills: tuple[str, ...] = ()
    """All of these are needed."""
    most_cases: Annotated[int, Field(ge=1)] | None = None
    """Nobody is given more than this; who claims may hold more."""


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
    assign: AssignRule | None = None
    """Without it the group takes cases by claiming them."""
    silent_after: Budget | None = None
    """A holder from whom nothing was heard for so long loses the case to a colleague."""
    fresh_eyes: bool = False
    """Whether those who held the case on another rung of the episode may not hold it here."""
    when_nobody: Literal["next_rung", "wait"] = "next_rung"
    """What to do when the roster has nobody who could take the case before the rung is over."""
    offer: Offer | None = None


class ActionRule(Model):
    """An action that other backends can be asked for, and what a bad answer leads to."""

    title: Texts = {}
    answer_within: Budget
    """Its clock: so soon it must be done."""
    expires_after: Budget
    """From then on it must not be done any more."""
    needs_identity: bool = True
    """Whether the customer must have proved who they are before a person may ask for it."""
    needs: tuple[str, ...] = ()
    """Parameters without which it cannot be asked for."""
    late_to: Name | None = None
    refused_to: Name | None = None
    """The rungs to which a case goes up when it comes late, or is refused."""


class FirstAction(Model):
    """An action that a lane asks for by itself when a case comes into it."""

    action: ActionName
    even_unverified: bool = False
    """Whether it is asked for although the customer's identity is not proved yet."""


class LaneRule(Model):
    """The clocks of a lane, what it does first, and budgets that differ from the rung's own."""

    clocks: tuple[ClockRule, ...]
    first_actions: tuple[FirstAction, ...] = ()
    rung_budgets: dict[Name, Budget] = {}
    acknowledge_within: dict[Name, Budget] = {}


class Ladder(Model):
    """The rungs in order, where a case enters, and where it enters when it is reopened."""

    entry: Name
    reopen_entry: Name
    entry_by_severity: dict[Severity, Name] = {}
    """Where a case of a severity enters at least, and goes when it is found to be so severe."""
    rungs: tuple[Rung, ...]


class PauseRule(Model):
    """How long agents may stop a case's clocks, all pauses of an episode together."""

    cap: timedelta


class IncidentRule(Model):
    """How long an incident that says nothing may hold the clocks of its cases."""

    max_silence: Budget | None = None
    """From its link or last update on; without it they are held until somebody ends it."""


class GroupRule(Model):
    """A group of people at the operator: how they are reached, beside their queue."""

    title: Texts
    mailbox: str | None = None
    webhook: str | None = None


class RegimeRule(Model):
    """A regime under which cases of this pack fall, and what a missed deadline of it leads to.

    `begins_on` names the act that brings a case under it, such as a complaint that an authority
    forwarded; without it the case's own receipt does.
    """

    use: Name
    categories: tuple[Category, ...] = ()
    """Only cases of these; without them all."""
    begins_on: Name | None = None
    on_breach: OnBreach = OnBreach()


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
    collapse_category_window: Annotated[timedelta, Field(ge=timedelta(0))] = timedelta(0)
    """The same for contacts that name no transaction, by category; `PT0S`: never, for two
    matters of one kind may look alike."""
    stale_grace: timedelta
    categories: dict[Category, CategoryRule]
    calendars: dict[Name, CalendarRule]
    match: tuple[MatchRule, ...]
    lanes: dict[Lane, LaneRule]
    ladder: Ladder
    pauses: PauseRule
    incident: IncidentRule = IncidentRule()
    groups: dict[Name, GroupRule]
    actions: dict[ActionName, ActionRule] = {}
    notify: Notify = Notify()
    regimes: tuple[RegimeRule, ...] = ()
    holiday_files: dict[str, Any] = {}
    """The pinned holiday data that `uses` names, inlined by the loader so the digest covers it."""
    regime_files: dict[Name, Regime] = {}
    """The regimes that `regimes` names, inlined in the same way."""
