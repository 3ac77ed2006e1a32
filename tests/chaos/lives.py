"""Whether a case lived as the table of its lifecycle allows. Pure.

Owns which moves an event may stand for; the table itself is intake's.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Final

from schemas.vocabulary import Status
from services.intake.core.lifecycle import TABLE, Arrival, CommandName, Linking, Move
from tests.chaos.evidence import Evidence, data_of, name_of

_CONTACTS: Final[tuple[Move, ...]] = (Arrival.CUSTOMER_CONTACT, Arrival.OPERATOR_CONTACT)
_WORDS: Final[tuple[Move, ...]] = (
    Arrival.CUSTOMER_CONTACT,
    Arrival.EVIDENCE,
    CommandName.PROVIDE,
)
MOVES: Final[Mapping[str, tuple[Move, ...]]] = {
    "contact.added": _CONTACTS,
    "evidence.added": (Arrival.EVIDENCE,),
    "facts.added": (Arrival.FACTS, CommandName.PROVIDE),
    "case.classified": (CommandName.CLASSIFY,),
    "identity.verified": (CommandName.VERIFY_IDENTITY,),
    "case.waiting": (CommandName.WAIT_THIRD_PARTY, CommandName.THIRD_PARTY_ANSWERED),
    "customer.asked": (CommandName.ASK_CUSTOMER,),
    "customer.answered": _WORDS,
    "customer.replied_to": (CommandName.REPLY,),
    "promise.made": (CommandName.PROMISE,),
    "promise.kept": (CommandName.KEEP_PROMISE,),
    "consent.given": (CommandName.CONSENT,),
    "consent.revoked": (CommandName.CONSENT,),
    "act.recorded": (CommandName.RECORD_ACT,),
    "case.resolved": (CommandName.RESOLVE,),
    "case.confirmed": (CommandName.CONFIRM,),
    "case.reopened": (CommandName.REOPEN,),
    "case.withdrawn": (CommandName.WITHDRAW,),
    "case.closed": (CommandName.CLOSE, CommandName.CONFIRM),
    "case.merged": (CommandName.MERGE,),
    "case.split": (CommandName.SPLIT,),
    "incident.linked": (Linking.LINK,),
}


def only_legal_transitions(evidence: Evidence) -> Iterator[str]:
    """Every event of a case takes it from its status to one that the table names."""
    lives: dict[str, dict[int, tuple[str, Status]]] = {}
    for one in evidence.seen:
        if one.topic == "cases":
            status = Status(data_of(one.event)["status"])
            life = lives.setdefault(str(one.event.subject), {})
            life.setdefault(one.event.sequence, (name_of(one.event), status))
    for case_id, life in lives.items():
        before: Status | None = None
        for number in sorted(life):
            name, after = life[number]
            if not legal(name, before, after):
                yield f"case {case_id}: {name} at {number} from {before} to {after}"
            before = after


def legal(name: str, before: Status | None, after: Status) -> bool:
    """Whether an event of this name may take a case from one status to the other."""
    if before is None:
        return name == "case.opened" and after is Status.OPEN
    moves = MOVES.get(name, ())
    if any(TABLE[move].get(before) is after for move in moves):
        return True
    return name.startswith("incident.un") or (name == "incident.updated" and before is after)
