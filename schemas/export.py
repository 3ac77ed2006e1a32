"""What a data subject is given of theirs: the parts that the services answer, and the whole file.

Owns the shapes; instants are ISO 8601 with offset. Staff appears by staff number only.
"""

from __future__ import annotations

from typing import Any, Final, Literal

from pydantic import BaseModel, ConfigDict, Field

FORMAT: Final = "recourse.subject-export"
VERSION: Final = 1


class _Exported(BaseModel):
    model_config = ConfigDict(frozen=True)


class ExportedContact(_Exported):
    """One time that customer and operator met."""

    occurred_at: str
    channel: str
    direction: str
    staff_number: str | None
    summary: str | None
    description: str | None


class ExportedFile(_Exported):
    """A file that was sent; its bytes are beside the document, or at `path`."""

    fact: str
    sha256: str
    media_type: str
    name: str | None
    at: str
    path: str = Field(description="where its bytes are given")


class ExportedStep(_Exported):
    """One thing that happened to the case, and who did it. `detail` has the reason, as written."""

    at: str
    event: str
    status: str
    by_role: str
    staff_number: str | None
    detail: dict[str, Any]


class ExportedCase(_Exported):
    """A case as intake holds it: what was told, decided, promised and consented to."""

    case_id: str
    source: str
    external_id: str
    status: str
    category: str
    severity: str
    why: dict[str, str] = Field(description="why category, severity, lane... are what they are")
    language: str
    opened_at: str
    occurred_at: str
    started_at: str
    customer: dict[str, Any]
    represented: dict[str, Any] | None = Field(description="by whom: relation and proof only")
    description: str
    transaction: dict[str, Any] | None
    money_at_risk: dict[str, Any] | None
    facts: dict[str, Any]
    missing_facts: list[str]
    contacts: list[ExportedContact]
    evidence: list[ExportedFile]
    promises: list[dict[str, Any]]
    consents: list[dict[str, Any]] = Field(description="with the wording that was shown")
    outcome: str | None
    summary: str | None
    merged_into: str | None
    split_into: list[str]
    timeline: list[ExportedStep]


class ExportedLadder(_Exported):
    """A case as escalation holds it: every clock, rung, offer and action with its reason."""

    case_id: str
    brief: str | None = Field(description="what one agent wrote for the next")
    explanation: dict[str, Any] = Field(description="as `GET /v1/ladders/{case_id}/explain`")


class ExportedMessage(_Exported):
    """A message to the subject, as it was sent."""

    id: str
    template: str
    channel: str
    status: str
    reason: str | None
    planned_at: str
    sent_at: str | None
    address: str | None
    language: str | None
    subject: str | None
    text: str | None


class ExportedMessages(_Exported):
    """The messages about one case."""

    case_id: str
    messages: list[ExportedMessage]


class _Page(_Exported):
    subject: str
    service: str
    taken_at: str
    next: str | None


class ExportedCases(_Page):
    """A page of what intake holds."""

    items: list[ExportedCase]


class ExportedLadders(_Page):
    """A page of what escalation holds."""

    items: list[ExportedLadder]


class ExportedConversation(_Page):
    """A page of what the notifier holds."""

    items: list[ExportedMessages]
    preferences: dict[str, Any] | None = Field(description="how they wanted to be told")


class WholeCase(_Exported):
    """One case in the file."""

    case: ExportedCase | None
    ladder: ExportedLadder | None
    messages: list[ExportedMessage]


class SubjectExport(_Exported):
    """The file that `recourse export` writes."""

    format: Literal["recourse.subject-export"] = FORMAT
    version: Literal[1] = VERSION
    subject: str
    taken_at: str
    preferences: dict[str, Any] | None
    cases: dict[str, WholeCase]
