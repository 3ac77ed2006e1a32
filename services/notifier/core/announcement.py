"""One recipient is owed one text: the value, the moment that leads to it, and how it is addressed.

Owns what an announcement is made of. Who is owed one is decided in `announce` and `hand_over`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from schemas import case
from schemas.vocabulary import Role
from services.notifier.core.story import AGENT_PREFIX, GROUP_PREFIX, Detail, Holder, Story
from services.notifier.core.vocabulary import Template

NOTHING: Final = Detail()


@dataclass(frozen=True, slots=True)
class Cause:
    """The event that makes somebody be told; `recorded_at` is its producer's domain time."""

    event_id: UUID
    recorded_at: datetime


@dataclass(frozen=True, slots=True)
class Announcement:
    """One recipient is owed one text: `story` is the case as it stands when they are told.

    `needs_consent` names whom the customer must have allowed to get it; without their personal
    data, then.
    """

    recipient: str
    template: Template
    story: Story
    detail: Detail
    cause: Cause
    needs_consent: str | None = None

    @property
    def to_group(self) -> bool:
        """Whether a group at the operator is told."""
        return self.recipient.startswith(GROUP_PREFIX)

    @property
    def to_agent(self) -> bool:
        """Whether one agent is told."""
        return self.recipient.startswith(AGENT_PREFIX)

    @property
    def to_customer(self) -> bool:
        """Whether the customer is told, and not the operator's people."""
        return not (self.to_group or self.to_agent)

    @property
    def owner_group(self) -> str:
        """The group recipient in whose queue the case is."""
        standing = self.story.standing
        return GROUP_PREFIX + (standing.owner_group if standing else "")


@dataclass(frozen=True, slots=True)
class Moment:
    """One event, and the story before and after it; `customer_rungs` are driven by the customer."""

    event: Any
    cause: Cause
    before: Story | None
    after: Story
    customer_rungs: frozenset[str] = frozenset()

    @property
    def consent(self) -> str | None:
        """Whom the customer must have allowed to see the case where it now stands."""
        standing = self.after.standing
        if standing is None or standing.rung not in self.customer_rungs:
            return None
        # A customer-driven rung is named after its path.
        return standing.path


Announcer = Callable[[Moment], tuple[Announcement, ...]]


def for_customer(moment: Moment, template: Template, detail: Detail = NOTHING) -> Announcement:
    """The customer is told."""
    recipient = str(moment.after.customer.recipient)
    return Announcement(recipient, template, moment.after, detail, moment.cause)


def for_group(moment: Moment, name: str, template: Template, detail: Detail) -> Announcement:
    """A group is told."""
    return Announcement(GROUP_PREFIX + name, template, moment.after, detail, moment.cause)


def for_agent(moment: Moment, number: str, template: Template, detail: Detail) -> Announcement:
    """An agent is told."""
    return Announcement(AGENT_PREFIX + number, template, moment.after, detail, moment.cause)


def speaker(event: case.CaseEvent) -> Holder | None:
    """The agent who spoke, if it was one."""
    if event.by is None or event.by.role not in {Role.AGENT, Role.SUPERVISOR}:
        return None
    return Holder(staff_number=event.by.id, name=event.by.name)
