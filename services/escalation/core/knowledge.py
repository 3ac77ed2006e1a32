"""What the ladder learns from the events of its case, beside time.

Owns: consent, proved identity, what actions are about, whom the customer complains about. Never
moves the case; an agent who is complained about loses it.
"""

from __future__ import annotations

from typing import Any

from schemas.case import (
    ActRecorded,
    CaseClassified,
    CaseEvent,
    CaseOpened,
    FactsAdded,
    IdentityVerified,
)
from schemas.conversation import ConsentGiven, ConsentRevoked
from schemas.report import Transaction
from schemas.vocabulary import HolderReason
from services.escalation.core.act_record import ActRecord
from services.escalation.core.classifying import classify
from services.escalation.core.holders import take_back
from services.escalation.core.turn import Turn


def take_note(turn: Turn, event: CaseEvent) -> None:
    """Remembers what one event says."""
    match event:
        case ConsentGiven():
            turn.state.consents[event.consent_to] = True
        case ConsentRevoked():
            turn.state.consents[event.consent_to] = False
        case IdentityVerified():
            turn.state.identity_verified = True
        case CaseClassified():
            classify(turn, event)
        case CaseOpened():
            _learn_opening(turn, event)
        case FactsAdded():
            turn.state.known |= _of_transaction(event.transaction)
            _learn_complaints(turn, event.complained_about)
            turn.state.statutory |= event.statutory
        case ActRecorded():
            record = ActRecord(act=event.act, at=event.at, cause=turn.cause)
            turn.state.acts.append(record)
        case _:
            pass


def _learn_opening(turn: Turn, event: CaseOpened) -> None:
    if event.customer is not None:
        turn.state.known["customer"] = event.customer.id
    turn.state.known |= _of_transaction(event.transaction)
    turn.state.statutory |= event.statutory
    _learn_complaints(turn, event.complained_about)


def _of_transaction(transaction: Transaction | None) -> dict[str, Any]:
    if transaction is None:
        return {}
    known = {
        "transaction": transaction.id,
        "amount": str(transaction.amount) if transaction.amount is not None else None,
        "currency": transaction.currency,
    }
    return {name: value for name, value in known.items() if value is not None}


def _learn_complaints(turn: Turn, staff_numbers: tuple[str, ...]) -> None:
    state = turn.state
    state.complained_about += [each for each in staff_numbers if each not in state.complained_about]
    holder = state.place.holder
    if holder is not None and holder.staff_number in state.complained_about:
        take_back(turn, HolderReason.COMPLAINED_ABOUT)
