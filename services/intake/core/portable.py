"""A case as its customer is given it: what they told, what was decided about it, and why.

Owns what is left out: names of staff (their numbers stay), the person who represents the customer.
"""

from __future__ import annotations

from typing import Any, Final

from schemas.export import ExportedCase, ExportedContact, ExportedFile, ExportedStep
from schemas.report import Actor
from schemas.vocabulary import Role
from services.intake.core.state import Case, ContactRecord, EvidenceRecord, Happening

_STAFF: Final = frozenset({Role.AGENT, Role.SUPERVISOR, Role.OPS})


def portable(case: Case) -> ExportedCase:
    """All of a case that is its customer's."""
    plain = case.model_dump(mode="json")
    kept = ExportedCase.model_fields.keys() & plain.keys()
    return ExportedCase.model_validate(
        {
            **{name: plain[name] for name in kept},
            "case_id": str(case.id),
            "why": case.triage,
            "represented": _represented(plain["representative"]),
            "promises": without_names(plain["promises"]),
            "contacts": [_contact(record) for record in case.contacts],
            "evidence": [_file(case, record) for record in case.evidence],
            "timeline": [_step(happening) for happening in case.timeline],
        }
    )


def without_names(value: Any) -> Any:
    """JSON without the names of staff; their numbers stay."""
    if isinstance(value, dict):
        staff = "staff_number" in value or value.get("role") in _STAFF
        kept = {k: each for k, each in value.items() if not (staff and k == "name")}
        return {k: without_names(each) for k, each in kept.items() if k != "representative"}
    return [without_names(each) for each in value] if isinstance(value, list) else value


def _represented(representative: dict[str, Any] | None) -> dict[str, Any] | None:
    """That somebody acts for them, and by what right; who that is, is that person's."""
    if representative is None:
        return None
    return {name: representative[name] for name in ("relation", "proof")}


def _contact(record: ContactRecord) -> ExportedContact:
    agent = record.contact.agent
    return ExportedContact(
        occurred_at=record.occurred_at.isoformat(),
        channel=record.contact.channel,
        direction=record.contact.direction,
        staff_number=agent.staff_number if agent else None,
        summary=record.contact.summary,
        description=record.description,
    )


def _file(case: Case, record: EvidenceRecord) -> ExportedFile:
    path = f"/v1/exports/intake/{case.id}/evidence/{record.sha256}"
    return ExportedFile.model_validate({**record.model_dump(mode="json"), "path": path})


def _step(happening: Happening) -> ExportedStep:
    return ExportedStep(
        at=happening.at.isoformat(),
        event=happening.event,
        status=happening.status,
        by_role=happening.by_role,
        staff_number=_number(happening.by),
        detail=without_names(happening.detail),
    )


def _number(by: Actor | None) -> str | None:
    return by.id if by is not None and by.role in _STAFF else None
