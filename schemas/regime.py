"""The frozen model of a regime: what a law or a supervisor gives a complaint, clock by clock.

A regime is data (`packs/regimes/<name>.yaml`). How its dates are derived is the business of
`services/escalation/core/statutes`; whether its names point somewhere, of `schemas/regime_checks`.
Instants of a case are named by the facts and acts that a regime declares; `received` is always
there. A local date of the trigger is day 0 and is not counted.
"""

from __future__ import annotations

from collections.abc import Iterable
from enum import StrEnum
from typing import Annotated, Final, Literal

from pydantic import AliasChoices, Field, model_validator

from schemas.event import Model
from schemas.pack_clocks import Name, Texts

RECEIVED: Final = "received"
"""The instant at which the complaint was received: known for every case."""

FactValue = str | bool
FactKind = Literal["date", "word", "yes_no"]
DateUnit = Literal["business_days", "calendar_days", "weeks", "months"]


class SourceStatus(StrEnum):
    """How a rule was checked."""

    PRIMARY_SEEN = "primary_seen"
    PRIMARY_PARTIAL = "primary_partial"
    SECONDARY_SEEN = "secondary_seen"
    MEMORY = "memory"

    @property
    def exact(self) -> bool:
        """Whether a number resting on it may be shown as exact."""
        return self is not SourceStatus.MEMORY

    @property
    def wording(self) -> str:
        """What is said of it to people."""
        return _WORDING[self]


def weakest(statuses: Iterable[SourceStatus]) -> SourceStatus:
    """What may be said of something that rests on all of these."""
    return max(statuses, key=list(SourceStatus).index)


_WORDING: Final = {
    SourceStatus.PRIMARY_SEEN: "the rule's text was read",
    SourceStatus.PRIMARY_PARTIAL: "part of the rule's text was read, the rest is secondary",
    SourceStatus.SECONDARY_SEEN: "confirmed in a secondary source only",
    SourceStatus.MEMORY: "not exact: recalled, no text seen; a lawyer must confirm it",
}


class Role(StrEnum):
    """Whose a clock is, and what kind of answer it gives."""

    DEADLINE = "deadline"
    CONSUMER_DEADLINE = "consumer_deadline"
    OPENS = "opens"
    FACT = "fact"
    VALUE = "value"
    INNER = "inner"
    """A date that others lean on and that no case waits for."""

    @property
    def has_date(self) -> bool:
        """Whether the clock is a date rather than a fact or an amount."""
        return self not in {Role.FACT, Role.VALUE}


class Step(Model):
    """So many dates onward."""

    amount: Annotated[int, Field(ge=1, le=1000)]
    unit: DateUnit


class Condition(Model):
    """One thing that must be so: exactly one of its forms.

    `fact` with `is`: a fact has one of these values. `act`: something was done, with `by` not after
    the last date of a clock. `date` with `within_days` and `after`: a date lies so close after
    another. `verdict` with `is`: what a clock of role `fact` says. `all_of`, `any_of`, `none_of`.
    """

    fact: Name | None = None
    act: Name | None = None
    date: Name | None = None
    verdict: Name | None = None
    all_of: tuple[Condition, ...] = ()
    any_of: tuple[Condition, ...] = ()
    none_of: tuple[Condition, ...] = ()
    one_of: tuple[FactValue, ...] = Field(default=(), validation_alias=AliasChoices("is", "one_of"))
    by: Name | None = None
    after: Name | None = None
    within_days: Annotated[int, Field(ge=1)] | None = None

    @model_validator(mode="after")
    def _one_form(self) -> Condition:
        forms = ("fact", "act", "date", "verdict", "all_of", "any_of", "none_of")
        given = [form for form in forms if getattr(self, form)]
        if len(given) != 1:
            found = ", ".join(given) or "none"
            raise ValueError(f"a condition is one of {', '.join(forms)}; here: {found}")
        needs = {"fact": bool(self.one_of), "verdict": bool(self.one_of)}
        needs["date"] = self.after is not None and self.within_days is not None
        if not needs.get(given[0], True):
            wanted = "`after` and `within_days`" if given == ["date"] else "`is: [...]`"
            raise ValueError(f"a condition on a {given[0]} needs {wanted}")
        return self


class Way(Model):
    """One way to count: from the first known of `since`, these steps, where `when` holds."""

    since: tuple[Name, ...] = (RECEIVED,)
    count: tuple[Step, ...] = ()
    """Without steps it is the date of the trigger itself."""
    when: Condition | None = None
    source_status: SourceStatus | None = None
    """How this way was checked, where it was not as well as the clock."""


class Restart(Model):
    """An act from which a clock is counted anew, unless it had run out before it."""

    act: Name
    asked_by: Name | None = None
    """The act that asked for it; asked in time, it restarts the clock whenever it comes."""
    source_status: SourceStatus | None = None


class Suspension(Model):
    """The stretch between two acts is not counted, in the clock's own unit."""

    stopped_by: Name
    resumed_by: Name
    at_most: Name | None = None
    """A clock beyond whose date no suspension carries this one."""
    source_status: SourceStatus | None = None


class Compensation(Model):
    """An amount for each calendar day between a clock's date and an act that came later."""

    amount: Annotated[int, Field(ge=1)]
    currency: Annotated[str, Field(pattern=r"^[A-Z]{3}$")]
    after: Name
    until: Name


class StatutoryClock(Model):
    """One clock of a regime."""

    name: Name
    title: Texts
    role: Role = Role.DEADLINE
    ways: tuple[Way, ...] = ()
    """The ways that are open; which one counts is said by `choose`."""
    choose: Literal["first", "earliest", "latest"] = "first"
    end: Literal["end_of_day", "close_of_business"] = "end_of_day"
    only_if: Condition | None = None
    """Without this the clock does not exist."""
    falls_to: Name | None = None
    """The clock whose date is the last one where `only_if` can no longer come true."""
    restarts: tuple[Restart, ...] = ()
    suspensions: tuple[Suspension, ...] = ()
    rolled_as: Name | None = None
    """The name of the same date moved to the next working day, where the law may move it."""
    target_as: Name | None = None
    """The name of the last working day not after the date: what to work to."""
    holds: Condition | None = None
    """When a clock of role `fact` is true."""
    meanwhile: bool | None = None
    """What it says while that is not yet known."""
    compensation: Compensation | None = None
    met_by: tuple[Name, ...] = ()
    """The acts that meet it."""
    must_send: str | None = None
    next_venue: str | None = None
    citation: str
    source_status: SourceStatus
    note: str | None = None


class Duty(Model):
    """What is owed without a number of days."""

    what: Texts
    citation: str
    source_status: SourceStatus
    effective_from: str | None = None


class Regime(Model):
    """The clocks of one rule, for complaints received while it is in force."""

    name: Name
    code: Annotated[str, Field(pattern=r"^[A-Z][A-Z0-9-]{1,39}$")]
    """What the rule is called whatever its version."""
    title: Texts
    authority: str
    time_zone: str
    calendar: Name
    """The pinned calendar by whose business days it is counted, unless the pack has its own."""
    effective_from: str | None = None
    """The first local date of receipt for which it is in force."""
    effective_until: str | None = None
    """The last one."""
    facts: dict[Name, FactKind] = {}
    from_transaction: tuple[Name, ...] = ()
    """The facts that are the transaction's own date where nobody says otherwise."""
    acts: tuple[Name, ...] = ()
    next_venue: str
    kept_by: Literal["operator", "authority"] = "operator"
    """Who has to keep its deadlines: what an authority owes is shown, and nobody climbs for it."""
    clocks: tuple[StatutoryClock, ...]
    duties: tuple[Duty, ...] = ()
    note: str | None = None

    def clock(self, name: str) -> StatutoryClock:
        """The clock of a name. Raises `KeyError`."""
        found = next((clock for clock in self.clocks if clock.name == name), None)
        if found is None:
            raise KeyError(name)
        return found

    def in_force_on(self, day: str) -> bool:
        """Whether complaints received on a local date (ISO) fall under this version."""
        return (self.effective_from or "") <= day <= (self.effective_until or "9999-12-31")
