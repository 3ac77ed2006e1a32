"""Making the decisions of a journal again, and saying where they come out differently.

Owns: the comparison of every reproduced instant, reason and event id with what was written down.
Pure: the engine that decides here is the one that decided then.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any
from uuid import uuid5

from schemas.topics import ESCALATIONS
from services.escalation.core.again import decide_again
from services.escalation.core.commands import CommandRefusedError
from services.escalation.core.explain import explain
from services.escalation.core.journal import Entry, Journal, Said
from services.escalation.core.policy import Policy
from services.escalation.core.state import LadderState, read_state
from services.escalation.core.turn import Decision


class ReplayDiffersError(ValueError):
    """The first place at which the journal and its replay differ."""


@dataclass(frozen=True, slots=True)
class Replayed:
    """The ladder after every entry; `position` is the last event's on topic `escalations`."""

    state: LadderState
    position: int


def explain_again(
    journal: Journal, policy: Policy, earlier: Iterable[Policy] = ()
) -> dict[str, Any]:
    """The body of `GET /v1/ladders/{id}/explain`, from the journal alone.

    `earlier` are the policies under which the case was before. Raises `ReplayDiffersError`.
    """
    replayed = replay(journal, policy, earlier)
    position = f"{ESCALATIONS}:{replayed.position}"
    return {**explain(replayed.state, policy), "position": position}


def replay(journal: Journal, policy: Policy, earlier: Iterable[Policy] = ()) -> Replayed:
    """Decides every entry again, in order. Raises `ReplayDiffersError`."""
    _check_pin(journal, policy)
    known = {each.digest: each for each in (policy, *earlier)}
    state: LadderState | None = None
    position = 0
    for number, entry in enumerate(journal.entries, start=1):
        try:
            under = known[state.policy.digest if state else _opened_under(entry, policy)]
            decision = decide_again(journal.case_id, state, entry, under, known)
        except (CommandRefusedError, KeyError, ValueError) as error:
            raise ReplayDiffersError(f"entry {number} ({entry.name}): {error}") from error
        for difference in _differences(entry, decision, position):
            raise ReplayDiffersError(f"entry {number} ({entry.name}): {difference}")
        position += len(decision.events)
        state = read_state(decision.document)
    if state is None:
        raise ReplayDiffersError("the journal has no entry")
    return Replayed(state, position)


def _opened_under(entry: Entry, policy: Policy) -> str:
    pin = entry.data.get("policy")
    return str(pin["digest"]) if isinstance(pin, dict) else policy.digest


def _check_pin(journal: Journal, policy: Policy) -> None:
    if policy.digest != journal.policy.digest:
        raise ReplayDiffersError(
            f"policy digest: the journal says {journal.policy.digest}, its policy has "
            f"{policy.digest}"
        )
    ours = policy.calendar_digests()
    for name in sorted(ours.keys() | journal.calendars.keys()):
        if ours.get(name) != journal.calendars.get(name):
            raise ReplayDiffersError(
                f"calendar {name}: the journal says {journal.calendars.get(name)}, its policy has "
                f"{ours.get(name)}"
            )


def _differences(entry: Entry, decision: Decision, position: int) -> Iterator[str]:
    if decision.outcome is not entry.reason:
        yield _told("reason", entry.reason.value, decision.outcome.value)
    again = said_by(entry, decision, position)
    for said, found in zip(entry.produced, again, strict=False):
        yield from _event_differences(said, found)
    if len(again) != len(entry.produced):
        yield _told("number of events", len(entry.produced), len(again))
    if decision.wake_at != entry.wake_at:
        yield _told("wake_at", entry.wake_at, decision.wake_at)


def said_by(entry: Entry, decision: Decision, position: int) -> tuple[Said, ...]:
    """The decision's events as published; `position` is that of the last event before.

    The id of every event derives from its trigger and its place in the case's stream.
    """
    return tuple(
        Said(
            id=uuid5(entry.trigger, f"{ESCALATIONS}:{sequence}"),
            type=event.type_name(),
            sequence=sequence,
            data=event.split()[0],
        )
        for sequence, event in enumerate(decision.events, start=position + 1)
    )


def _event_differences(said: Said, found: Said) -> Iterator[str]:
    for name in ("sequence", "type", "id"):
        if getattr(said, name) != getattr(found, name):
            yield _told(f"{name} of {said.type}", getattr(said, name), getattr(found, name))
    yield from _field_differences(said, found.data)


def _field_differences(said: Said, found: Mapping[str, Any]) -> Iterator[str]:
    """Only what was said then: a later release may say more."""
    for name, value in said.data.items():
        if found.get(name) != value:
            yield _told(f"{said.type} {name}", value, found.get(name))


def _told(what: str, journal: object, again: object) -> str:
    return f"{what}: the journal says {journal}, the replay {again}"
