"""`recourse policy explain`: which rule of which pack would take a case, why, and what follows.

Owns asking intake's core who takes it and playing its opening through the engine; nothing here
decides anything that a service would not decide the same way.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final
from uuid import UUID

from schemas.report import Report
from services.escalation.core.explain import explain as explain_ladder
from services.escalation.core.views import ladder_view
from services.intake.core.admit import opening
from services.intake.core.matching import Choice, Tried, choose, facts_of
from services.intake.core.state import Policy as IntakePolicy
from services.policy import wording
from services.policy.examples import Move, moves_of
from services.policy.loading import ReadPolicy
from services.policy.reasoning import parts_of
from services.policy.trial import Trial

_SUBJECT: Final = UUID(int=0)
_AHEAD: Final = timedelta(days=60)


@dataclass(frozen=True, slots=True)
class Explained:
    """A case as the packs would take it."""

    report: Report
    chosen: Choice
    taker: ReadPolicy
    ladder: dict[str, Any]
    arithmetic: dict[str, Any]
    moves: tuple[Move, ...]
    """Where it would go if nobody did anything, for two months."""


def explain_case(report: Report, policies: Sequence[ReadPolicy]) -> Explained:
    """What would happen to the case of this report under these packs."""
    offered = [IntakePolicy(read.policy.pin, read.pack) for read in policies]
    chosen = choose(report, offered)
    digest = chosen.policy.pin.digest
    taker = next(read for read in policies if read.policy.digest == digest)
    trial = Trial(taker.policy)
    event = opening(report, _SUBJECT, chosen)
    trial.tell(event.event_name, report.occurred_at, event.model_dump())
    state = trial.state
    ladder = ladder_view(state, taker.policy)
    arithmetic = explain_ladder(state, taker.policy)
    trial.run_until(report.occurred_at + _AHEAD)
    moves = tuple(moves_of(trial, taker.policy.zone))
    return Explained(report, chosen, taker, ladder, arithmetic, moves)


def rules_asked(found: Explained) -> Iterator[dict[str, Any]]:
    """Every rule that was asked, in order, with what each part of it came to."""
    for number, tried in enumerate(found.chosen.tried, start=1):
        yield {
            "number": number,
            "pack": tried.policy.pin.name,
            "rule": tried.rule,
            "when": _when(tried),
            "met": tried.verdict.met,
            "parts": [
                {"text": part.text, "met": part.verdict.met, "why": part.said()}
                for part in parts_of(_when(tried), _values(found, tried))
            ],
        }


def _when(tried: Tried) -> str:
    return next(rule.when for rule in tried.policy.pack.match if rule.name == tried.rule)


def _values(found: Explained, tried: Tried) -> dict[str, Any]:
    return facts_of(found.report, choose(found.report, [tried.policy]).triage)


def clocks_of(found: Explained, *, segments: bool) -> Iterator[dict[str, Any]]:
    """The clocks that start as the case opens, each with budget, due instant and what follows."""
    lane, policy = found.chosen.triage.lane, found.taker.policy
    arithmetic = {clock["name"]: clock["segments"] for clock in found.arithmetic["clocks"]}
    for clock in found.ladder["clocks"]:
        rule = policy.clock_rule(lane, clock["name"])
        yield {
            "clock": clock["name"],
            "budget": wording.budget(policy.pack, rule.budget) if rule else clock["budget"],
            "due_at": clock["due_at"],
            "provisional": clock["provisional"],
            "then": rule.on_breach.escalate_to if rule else None,
            **({"segments": arithmetic[clock["name"]]} if segments else {}),
        }


def to_plain(found: Explained, *, segments: bool) -> dict[str, Any]:
    """The whole explanation, JSON-ready."""
    return {
        "asked": list(rules_asked(found)),
        "pack": found.taker.policy.pin.model_dump(mode="json"),
        "rule": found.chosen.rule,
        "triage": found.chosen.reasons(),
        "category": found.chosen.triage.category.value,
        "severity": found.chosen.triage.severity.value,
        "lane": found.chosen.triage.lane.value,
        "rung": found.ladder["rung"],
        "group": found.ladder["owner_group"],
        "clocks": list(clocks_of(found, segments=segments)),
        "if_nobody_does_anything": [
            move.model_dump(mode="json", exclude_none=True) for move in found.moves
        ],
    }


def lines_of(found: Explained, *, segments: bool) -> Iterator[str]:
    """The explanation as a person reads it."""
    for asked in rules_asked(found):
        verdict = "met" if asked["met"] else "not met"
        yield f"{asked['number']}. {asked['pack']}/{asked['rule']}: {verdict}"
        yield from (f"     {part['text']}  ({part['why']})" for part in asked["parts"])
    yield _verdict(found)
    told = to_plain(found, segments=segments)
    yield f"category {told['category']}, severity {told['severity']}, lane {told['lane']}"
    yield f"enters rung {told['rung']}, group {told['group']}"
    for clock in told["clocks"]:
        then = f", then {clock['then']}" if clock["then"] else ""
        doubt = " (provisional: beyond the calendar)" if clock["provisional"] else ""
        yield f"  clock {clock['clock']}: {clock['budget']}, due {clock['due_at']}{doubt}{then}"
        for step in clock.get("segments", ()):
            yield f"    {step['from']} to {step['to']}: {step['counted']} ({step['why']})"
    yield "if nobody does anything:"
    yield from (f"  {move.said()}" for move in found.moves)


def _verdict(found: Explained) -> str:
    name = found.taker.pack.name
    if found.chosen.rule is None:
        return f"no rule takes the case: it comes under {name}, the last pack"
    return f"{name} takes the case by its rule {found.chosen.rule}"
