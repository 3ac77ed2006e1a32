"""The life of a case as one table: what may happen in which status, and the status after it.

Owns every change of status; nothing else may change one. Never looks at what a command says.
`docs/lifecycle.md` is generated from this table by `page()`.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from enum import StrEnum
from typing import Final

from schemas.vocabulary import Status


class CommandName(StrEnum):
    """What people may order (`POST /v1/cases/{id}/commands`)."""

    REPLY = "reply"
    ASK_CUSTOMER = "ask_customer"
    WAIT_THIRD_PARTY = "wait_third_party"
    THIRD_PARTY_ANSWERED = "third_party_answered"
    PROVIDE = "provide"
    PROMISE = "promise"
    KEEP_PROMISE = "keep_promise"
    CLASSIFY = "classify"
    VERIFY_IDENTITY = "verify_identity"
    CONSENT = "consent"
    RECORD_ACT = "record_act"
    RESOLVE = "resolve"
    CONFIRM = "confirm"
    REOPEN = "reopen"
    WITHDRAW = "withdraw"
    CLOSE = "close"
    MERGE = "merge"
    SPLIT = "split"


class Arrival(StrEnum):
    """What reaches a case without being an order."""

    CUSTOMER_CONTACT = "customer_contact"
    OPERATOR_CONTACT = "operator_contact"
    EVIDENCE = "evidence"
    FACTS = "facts"


class Linking(StrEnum):
    """What joins a case to others of the same cause (`PUT /v1/incidents/{id}/cases/{case_id}`)."""

    LINK = "link"


Move = CommandName | Arrival | Linking
_ACTIVE: Final = (Status.OPEN, Status.WAITING_CUSTOMER, Status.WAITING_THIRD_PARTY)
_UNSETTLED: Final = (*_ACTIVE, Status.RESOLVED)
_NOT_MERGED: Final = (*_UNSETTLED, Status.CLOSED, Status.WITHDRAWN)


def _stays(statuses: Iterable[Status]) -> dict[Status, Status]:
    return {status: status for status in statuses}


def _to(after: Status, statuses: Iterable[Status]) -> dict[Status, Status]:
    return dict.fromkeys(statuses, after)


TABLE: Final[Mapping[Move, Mapping[Status, Status]]] = {
    CommandName.REPLY: _stays(_UNSETTLED),
    CommandName.ASK_CUSTOMER: _to(Status.WAITING_CUSTOMER, [Status.OPEN]),
    CommandName.WAIT_THIRD_PARTY: _to(Status.WAITING_THIRD_PARTY, [Status.OPEN]),
    CommandName.THIRD_PARTY_ANSWERED: _to(Status.OPEN, [Status.WAITING_THIRD_PARTY]),
    CommandName.PROVIDE: _to(Status.OPEN, [Status.WAITING_CUSTOMER]),
    # The ladder stands still once a case is resolved, so a new promise would have no clock.
    CommandName.PROMISE: _stays(_ACTIVE),
    CommandName.KEEP_PROMISE: _stays(_UNSETTLED),
    CommandName.CLASSIFY: _stays(_UNSETTLED),
    CommandName.VERIFY_IDENTITY: _stays(_UNSETTLED),
    # A consent can be taken back at any time, also after the case has ended.
    CommandName.CONSENT: _stays(_NOT_MERGED),
    # What the law asks for may be done, or become known, after the case has ended.
    CommandName.RECORD_ACT: _stays(_NOT_MERGED),
    CommandName.RESOLVE: _to(Status.RESOLVED, _ACTIVE),
    CommandName.CONFIRM: _to(Status.CLOSED, [Status.RESOLVED]),
    CommandName.REOPEN: _to(Status.OPEN, [Status.RESOLVED, Status.CLOSED]),
    CommandName.WITHDRAW: _to(Status.WITHDRAWN, _UNSETTLED),
    CommandName.CLOSE: _to(Status.CLOSED, _UNSETTLED),
    CommandName.MERGE: _to(Status.MERGED, _UNSETTLED),
    CommandName.SPLIT: _stays(_UNSETTLED),
    # What the customer sends while we wait for them is their answer; it never reopens a case.
    Arrival.CUSTOMER_CONTACT: {**_stays(_NOT_MERGED), Status.WAITING_CUSTOMER: Status.OPEN},
    Arrival.EVIDENCE: {**_stays(_NOT_MERGED), Status.WAITING_CUSTOMER: Status.OPEN},
    Arrival.OPERATOR_CONTACT: _stays(_NOT_MERGED),
    Arrival.FACTS: _stays(_NOT_MERGED),
    # Whose case has ended waits for no news; the end of a case ends its link.
    Linking.LINK: _stays(_ACTIVE),
}
_KINDS: Final = {CommandName: "command", Arrival: "arrival", Linking: "incident"}


def status_after(move: Move, status: Status) -> Status | None:
    """The status after a move; None where the move is not legal in this status."""
    return TABLE[move].get(status)


def legal_statuses(move: Move) -> tuple[Status, ...]:
    """The statuses in which a move is legal, in the order of the vocabulary."""
    return tuple(status for status in Status if status in TABLE[move])


def is_over(status: Status) -> bool:
    """Whether nobody works on a case in this status, unless it is reopened."""
    return status not in _ACTIVE


def diagram() -> str:
    """The moves that change a status, as a mermaid state diagram."""
    edges: dict[tuple[Status, Status], list[str]] = defaultdict(list)
    for move, row in TABLE.items():
        for before, after in row.items():
            if before is not after:
                edges[before, after].append(move.value)
    lines = [f"    {a} --> {b}: {', '.join(moves)}" for (a, b), moves in sorted(edges.items())]
    ends = [f"    {status} --> [*]" for status in (Status.CLOSED, Status.WITHDRAWN, Status.MERGED)]
    return "\n".join(["stateDiagram-v2", f"    [*] --> {Status.OPEN}", *lines, *ends])


def page() -> str:
    """The whole of `docs/lifecycle.md`."""
    rows = "\n".join(
        f"| `{move.value}` | {_KINDS[type(move)]} "
        f"| {', '.join(_cell(before, after) for before, after in row.items())} |"
        for move, row in TABLE.items()
    )
    return _PAGE.format(diagram=diagram(), rows=rows)


def _cell(before: Status, after: Status) -> str:
    return f"{before}" if before is after else f"{before} → {after}"


_PAGE: Final = """\
# The life of a case

Generated from the table in `services/intake/core/lifecycle.py`; a test keeps it current. Print it
anew with `python -c "from services.intake.core.lifecycle import page; print(page(), end='')"`.

```mermaid
{diagram}
```

Where no arrow stands, the status stays as it is. What is not in this table is refused with 409 and
the statuses in which it would be legal.

| move | kind | legal in (→ status after) |
| --- | --- | --- |
{rows}
"""
