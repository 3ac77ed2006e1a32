"""What other backends are asked to do (topic `actions`), and what they answer.

Owns both shapes. Requests carry opaque ids and amounts in clear, since other backends cannot
unseal; answers (topic `actions-answered`) are foreign messages, deduplicated by their CloudEvents
(`source`, `id`). Never decides when something is asked.
"""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, ClassVar, Final
from uuid import UUID

from pydantic import AliasChoices, BaseModel, ConfigDict, Field

from schemas.event import EventData
from schemas.report import Facts
from schemas.vocabulary import ActionName, StopReason


class ActionEvent(EventData):
    """What every event on `actions` carries. `idempotency_key` is the same for every copy."""

    action_id: UUID
    action: ActionName
    idempotency_key: str


class ActionRequested(ActionEvent):
    """Another backend is asked to do something once, before `expires_at` (domain time).

    `due_at` is when we count on its answer.
    """

    event_name: ClassVar[str] = "action.requested"

    parameters: dict[str, Any] = {}
    requested_at: datetime
    due_at: datetime
    expires_at: datetime
    identity_verified: bool = False


class ActionCancelled(ActionEvent):
    """An action is not wanted any more; what was done already is answered all the same."""

    event_name: ClassVar[str] = "action.cancelled"

    reason: StopReason | None = None
    """The end of the case that led to it; None where a person cancelled it."""


class ActionExpired(ActionEvent):
    """Nobody finished an action in time: it must not be done any more."""

    event_name: ClassVar[str] = "action.expired"

    expires_at: datetime


ACTION_EVENTS: Final[tuple[type[ActionEvent], ...]] = (
    ActionRequested,
    ActionCancelled,
    ActionExpired,
)


class _Answer(BaseModel):
    """Names the action by its id; fields that we do not know are the other backend's business."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    action_id: Annotated[UUID, Field(validation_alias=AliasChoices("action_id", "idempotency_key"))]
    reference: Annotated[str | None, Field(max_length=200)] = None
    """The other backend's own number for it."""


class ActionAccepted(_Answer):
    """`action.accepted`: it will be done; the clock runs on until it is."""


class ActionDone(_Answer):
    """`action.done`: it is done; `result` may hold what it came to."""

    result: Facts = {}


class ActionRefused(_Answer):
    """`action.refused`: it will not be done, and why."""

    reason: Annotated[str | None, Field(max_length=2000)] = None


ActionAnswer = ActionAccepted | ActionDone | ActionRefused
FOREIGN_ANSWERS: Final[dict[str, type[ActionAnswer]]] = {
    "action.accepted": ActionAccepted,
    "action.done": ActionDone,
    "action.refused": ActionRefused,
}
