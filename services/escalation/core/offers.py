"""Opening a customer-driven rung to the customer: an offer, never taken for them.

Owns: the making of an offer, its record and its event. Whether and when one is made, and what
follows when it is over, is in `climbing`.
"""

from __future__ import annotations

from typing import Any
from uuid import uuid5

from schemas.escalation import OfferMade
from schemas.pack import Rung
from services.escalation.core.policy import Policy, instant_after
from services.escalation.core.records import OfferRecord
from services.escalation.core.turn import Turn
from services.escalation.core.undo import Why, keep_undo


def offer(turn: Turn, rung: Rung, why: Why) -> OfferRecord | None:
    """Opens a customer-driven rung to the customer; None when it is open already."""
    if any(opened.rung == rung.name for opened in turn.state.open_offers()) or rung.offer is None:
        return None
    state = turn.state
    visit = state.visits[rung.name] = state.visits.get(rung.name, 0) + 1
    offer_id = uuid5(state.case_id, f"offer:{state.episode}:{rung.name}:{visit}")
    keep_undo(turn, rung.name, why, offer_id)
    record = OfferRecord(
        id=offer_id,
        episode=state.episode,
        rung=rung.name,
        visit=visit,
        made_at=turn.now,
        expires_at=instant_after(turn.policy, rung.offer.expires_after, turn.now),
        made_by=turn.cause,
        reason=why.reason,
    )
    state.offers.append(record)
    turn.emit(
        OfferMade,
        **offer_fields(turn.policy, record),
        expires_at=record.expires_at,
        consent_to=rung.offer.consent_to,
        reason=why.reason,
    )
    return record


def offer_fields(policy: Policy, record: OfferRecord) -> dict[str, Any]:
    """What every event of an offer says."""
    path = policy.rungs[record.rung].path
    return {"offered_rung": record.rung, "offered_path": path, "offer_id": record.id}
