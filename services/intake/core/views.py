"""The bodies that intake answers with: a new case, one case, a line of a list.

Owns their shape (walkthrough, section 1). Reads the document only; never decides.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from services.intake.core import facts
from services.intake.core.state import Case, ContactRecord, Policy

Body = dict[str, Any]


def summary(case: Case, position: str, policy: Policy) -> Body:
    """What `POST /v1/cases` and every command answer."""
    return {
        "id": str(case.id),
        "status": case.status,
        "episode": case.episode,
        "category": case.category,
        "severity": case.severity,
        "lane": case.lane,
        "triage": _triage(case),
        "missing_facts": missing_facts(case, policy),
        "started_at": case.started_at.isoformat(),
        "import_mode": case.import_mode,
        "incident": str(case.incident) if case.incident else None,
        "position": position,
    }


def whole(case: Case, position: str, policy: Policy) -> Body:
    """What `GET /v1/cases/{id}` answers."""
    document = case.model_dump(
        mode="json", exclude={"subject", "triage", "missing_facts", "contacts"}
    )
    contacts = [_contact(record) for record in case.contacts]
    return {**document, **summary(case, position, policy), "contacts": contacts}


def line(row: Mapping[str, Any]) -> Body:
    """One item of `GET /v1/cases`, from a row of the search."""
    return {
        "id": str(row["case_id"]),
        "status": row["status"],
        "episode": row["episode"],
        "category": row["category"],
        "severity": row["severity"],
        "lane": row["lane"],
        "opened_at": row["opened_at"].isoformat(),
        "started_at": row["started_at"].isoformat(),
    }


def missing_facts(case: Case, policy: Policy) -> list[dict[str, str]]:
    """The missing facts with the reason for asking, in the customer's language."""
    wanted = facts.needs(policy, case.category, case.representative)
    return facts.explain(case.missing_facts, wanted, case.customer.locale)


def _triage(case: Case) -> Body:
    values = {
        "category": case.category,
        "severity": case.severity,
        "lane": case.lane,
        "language": case.language,
        "money_at_risk": case.money_at_risk and case.money_at_risk.model_dump(mode="json"),
    }
    found = {
        name: {"value": value, "reason": case.triage[name]}
        for name, value in {**values, "policy": case.policy.name}.items()
        if name in case.triage
    }
    if "policy" in found and "match_rule" in case.triage:
        found["policy"]["rule"] = case.triage["match_rule"]
    return found


def _contact(record: ContactRecord) -> Body:
    body = record.contact.model_dump(mode="json", exclude={"occurred_at"})
    moved = {"moved_to": str(record.moved_to)} if record.moved_to else {}
    return {
        "id": str(record.id),
        "occurred_at": record.occurred_at.isoformat(),
        **body,
        "description": record.description,
        **moved,
    }
