"""What an erasure is asked for with, and what a case is recognised by where nobody could read it.

Owns the words of a request and what it answers. Decides nothing about keys.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from enum import StrEnum
from typing import Any, Literal, Self
from uuid import UUID

from pydantic import model_validator

from schemas.event import Model
from schemas.report import Identifier, ShortText
from schemas.vocabulary import Role
from services.intake.core.state import Case


class ErasureReason(StrEnum):
    """Why a data subject is erased; a text could be personal."""

    CUSTOMER_REQUEST = "customer_request"
    RETENTION_OVER = "retention_over"
    LEGAL_ORDER = "legal_order"
    RECORDED_IN_ERROR = "recorded_in_error"


class Operator(Model):
    """Who asks or confirms; only the id is kept, which is not private."""

    role: Literal[Role.OPS] = Role.OPS
    id: Identifier
    name: ShortText | None = None


class AskErasure(Model):
    """Whom to erase, named in one of three ways, and why."""

    subject: UUID | None = None
    case_id: UUID | None = None
    customer: Identifier | None = None
    reason: ErasureReason
    force_open_cases: bool = False
    by: Operator

    @model_validator(mode="after")
    def _named_once(self) -> Self:
        if sum(each is not None for each in (self.subject, self.case_id, self.customer)) != 1:
            raise ValueError("name one of subject, case_id and customer")
        return self


class ConfirmErasure(Model):
    """A second person agrees."""

    by: Operator


def known_by(case: Case) -> Iterator[str]:
    """The identifiers of a case and its customer; no names, which others bear too."""
    customer = case.customer
    yield str(case.id)
    yield from _told(customer.id, customer.email, customer.phone, case.external_id)
    yield from _told(case.transaction_id(), case.facts.get("transaction.id"))
    yield from _told(*(record.contact.external_id for record in case.contacts))


def customer_named(value: bytes) -> str | None:
    """The customer that a message names, if it can be read that far."""
    try:
        content = json.loads(value)
    except (ValueError, RecursionError):
        return None
    customer = content.get("customer") if isinstance(content, dict) else None
    named = customer.get("id") if isinstance(customer, dict) else None
    return named if isinstance(named, str) else None


def _told(*texts: Any) -> Iterator[str]:
    return (text for text in texts if isinstance(text, str))
