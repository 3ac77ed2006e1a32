"""A pack's `examples.yaml`: its own tests, each one case from its opening on.

Owns their format, playing them, and what a person reads where a pack does not keep one: at which
step it parted from what was promised. Instants without offset are in the pack's zone.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Final
from zoneinfo import ZoneInfo

from pydantic import Field, ValidationError

from schemas.escalation import OfferMade, RungEntered
from schemas.event import Model
from schemas.pack_checks import PackProblem
from schemas.vocabulary import Status
from services.escalation.core.policy import Policy
from services.escalation.core.views import ladder_view
from services.file_mistakes import mistakes_of
from services.policy.trial import Trial
from services.yaml_files import Document, read_yaml

_UNPLAYABLE: Final = (ValueError, LookupError, ArithmeticError, TypeError)


class Step(Model):
    """What happens to the case at an instant: an event of topic `cases`."""

    at: datetime
    event: str
    status: Status | None = None
    fields: dict[str, Any] = Field(default={}, alias="with")


class Move(Model):
    """An entry into a rung, or an offer of one."""

    at: datetime
    rung: str | None = None
    group: str | None = None
    offer: str | None = None
    reason: str

    def said(self) -> str:
        """The move as a person reads it."""
        what = f"offer {self.offer}" if self.offer else f"rung {self.rung}"
        group = f", group {self.group}" if self.group else ""
        return f"{self.at.isoformat().removesuffix(':00')} {what} ({self.reason}{group})"


class Example(Model):
    """One case: how it is opened, what happens, and every move until the end, no other."""

    name: str
    open: dict[str, Any]
    steps: tuple[Step, ...] = ()
    until: datetime
    expect: tuple[Move, ...]
    deadlines: dict[str, str] | None = None
    """At the end, of each clock of the law its strict last date and state: `2026-09-16 missed`."""


class ExampleFile(Model):
    """All examples of a pack."""

    examples: tuple[Example, ...]


@dataclass(frozen=True, slots=True)
class Examples:
    """The examples and where they stand."""

    document: Document
    examples: tuple[Example, ...]


def read_examples(folder: Path) -> Examples | None:
    """The examples of the pack in a folder; None where it has none. Raises `InvalidFileError`."""
    file = folder / "examples.yaml"
    if not file.is_file():
        return None
    document = read_yaml(file)
    try:
        found = ExampleFile.model_validate(document.plain)
    except ValidationError as error:
        raise document.error(mistakes_of(error, ExampleFile, document.plain)) from error
    return Examples(document, found.examples)


def broken_promises(policy: Policy, examples: Examples) -> Iterator[PackProblem]:
    """The examples that the policy does not keep, each with where it parts from its promise."""
    for position, example in enumerate(examples.examples):
        yield from _difference(policy, example, position)


def _difference(policy: Policy, example: Example, position: int) -> Iterator[PackProblem]:
    place: tuple[str | int, ...] = ("examples", position)
    try:
        trial = played(policy, example)
        found = list(moves_of(trial, policy.zone))
    except _UNPLAYABLE as error:
        detail = " ".join(str(error).split())[:200]
        yield PackProblem(place, f"{example.name}: cannot be played: {detail}")
        return
    for number, said in enumerate(example.expect):
        wanted = said.model_copy(update={"at": _local(_instant(said.at, policy.zone), policy.zone)})
        got = found[number] if number < len(found) else None
        if got is None or not _same(got, wanted):
            seen = got.said() if got else "nothing more happens"
            message = f"{example.name}: expected {wanted.said()}, but {seen}"
            yield PackProblem((*place, "expect", number), message)
            return
    if len(found) > len(example.expect):
        extra = found[len(example.expect)].said()
        yield PackProblem((*place, "expect"), f"{example.name}: nobody expected {extra}")
    yield from _other_deadlines(example, trial, place)


def _other_deadlines(
    example: Example, trial: Trial, place: tuple[str | int, ...]
) -> Iterator[PackProblem]:
    if example.deadlines is None:
        return
    found = statutory_deadlines(trial)
    for name in sorted({*found, *example.deadlines}):
        wanted, got = example.deadlines.get(name, "no clock"), found.get(name, "no clock")
        if wanted != got:
            message = f"{example.name}: expected {name} {wanted}, but {got}"
            yield PackProblem((*place, "deadlines", name), message)


def statutory_deadlines(trial: Trial) -> dict[str, str]:
    """The strict last date and the state of each clock of the law, by its name in the case."""
    return {
        clock["name"]: f"{clock['statute']['strict']} {clock['state']}"
        for clock in ladder_view(trial.state, trial.policy)["clocks"]
        if clock["statute"] is not None
    }


def played(policy: Policy, example: Example) -> Trial:
    """The case as it stands at the end of its example."""
    zone = policy.zone
    trial = Trial(policy)
    opening = dict(example.open)
    trial.open(_instant(opening.pop("at"), zone), **opening)
    for step in example.steps:
        at = _instant(step.at, zone)
        trial.run_until(at)
        status = {"status": step.status} if step.status else {}
        trial.tell(step.event, at, {**step.fields, **status})
    trial.run_until(ends_at(policy, example))
    return trial


def ends_at(policy: Policy, example: Example) -> datetime:
    """Until when the case is looked at."""
    return _instant(example.until, policy.zone)


def moves_of(trial: Trial, zone: ZoneInfo) -> Iterator[Move]:
    """Every entry into a rung and every offer so far, at the zone's local time."""
    made_at = {offer.id: offer.made_at for offer in trial.state.offers}
    for event in trial.events:
        if isinstance(event, RungEntered):
            at, rung = _local(event.entered_at, zone), event.rung
            yield Move(at=at, rung=rung, group=event.owner_group, reason=event.reason.value)
        if isinstance(event, OfferMade):
            at = _local(made_at[event.offer_id], zone)
            yield Move(at=at, offer=event.offered_rung, reason=event.reason.value)


def _same(got: Move, wanted: Move) -> bool:
    """An example that names no group leaves it open."""
    shown = got if wanted.group else got.model_copy(update={"group": None})
    return shown == wanted


def _instant(said: str | datetime, zone: ZoneInfo) -> datetime:
    at = datetime.fromisoformat(said) if isinstance(said, str) else said
    return at if at.tzinfo else at.replace(tzinfo=zone)


def _local(instant: datetime, zone: ZoneInfo) -> datetime:
    return instant.astimezone(zone).replace(tzinfo=None)
