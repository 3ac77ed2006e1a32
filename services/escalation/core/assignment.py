"""Who is given a case that nobody has claimed.

Owns: the choice by a rung's rule, from those of the group who are at work and not barred: those
who have not given it back come first (the others only where nobody else is there), then speakers
of the customer's language, then the least loaded, then the smallest staff number. Pure and the
same in every order of the roster. Never hands anything over.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from operator import itemgetter
from typing import NamedTuple

from schemas.pack import AssignRule
from services.escalation.core.availability import is_at_work, may_take, next_at_work
from services.escalation.core.roster import Agent, Roster


class ChoiceReason(StrEnum):
    """What made the difference between the chosen agent and the others."""

    ONLY_ONE = "only_one"
    SPEAKS_LANGUAGE = "speaks_language"
    LEAST_LOADED = "least_loaded"
    FIRST_OF_EQUALS = "first_of_equals"


class NobodyReason(StrEnum):
    """What took away the last candidate."""

    ROSTER_DOES_NOT_BIND = "roster_does_not_bind"
    NOBODY_LISTED = "nobody_listed"
    ALL_BARRED = "all_barred"
    SKILL_MISSING = "skill_missing"
    LANGUAGE_MISSING = "language_missing"
    NOBODY_AT_WORK = "nobody_at_work"
    ALL_FULL = "all_full"


@dataclass(frozen=True, slots=True)
class Assigned:
    """The agent who is given the case, and why.

    `candidates` could have taken it. `avoided`: only those were there who had it and gave it back
    or were silent. `speaks_language` is None where no language was asked for.
    """

    agent: Agent
    reason: ChoiceReason
    speaks_language: bool | None
    load: int
    candidates: int
    avoided: bool


@dataclass(frozen=True, slots=True)
class NobodyFits:
    """Nobody can be given the case now; the next of those who could comes to work at `again_at`.

    None: none of them is ever going to come. Who is full may be free again at any time.
    """

    reason: NobodyReason
    again_at: datetime | None


Assignment = Assigned | NobodyFits


def choose(
    roster: Roster,
    rule: AssignRule,
    group: str,
    *,
    barred: Collection[str],
    avoided: Collection[str],
    language: str | None,
    loads: Mapping[str, int],
    now: datetime,
) -> Assignment:
    """Who is given the case by the rule, or nobody and why.

    `barred` never are, `avoided` only where nobody else is at work: for a colleague who is full it
    is waited. `loads` says how many cases each holds (none where it says nothing).
    """
    wanted = language if rule.language != "ignore" else None
    able = _able(roster, rule, group, barred, wanted)
    if isinstance(able, NobodyReason):
        return NobodyFits(able, None)
    there = [agent for agent in able if is_at_work(agent, now)]
    others = [agent for agent in there if agent.staff_number not in avoided]
    free = [agent for agent in others or there if _has_room(agent, rule, loads)]
    if free:
        return _best(free, avoided, wanted, loads)
    reason = NobodyReason.ALL_FULL if there else NobodyReason.NOBODY_AT_WORK
    return NobodyFits(reason, _next_coming(able, now))


def _able(
    roster: Roster, rule: AssignRule, group: str, barred: Collection[str], wanted: str | None
) -> Sequence[Agent] | NobodyReason:
    """Those who could take the case if they were there, or what keeps the last of them from it."""
    if not roster.binding:
        return NobodyReason.ROSTER_DOES_NOT_BIND
    left = roster.members(group)
    if not left:
        return NobodyReason.NOBODY_LISTED
    left = tuple(agent for agent in left if may_take(agent, barred))
    if not left:
        return NobodyReason.ALL_BARRED
    left = tuple(agent for agent in left if set(rule.skills).issubset(agent.skills))
    if not left:
        return NobodyReason.SKILL_MISSING
    if rule.language == "require" and wanted is not None:
        left = tuple(agent for agent in left if agent.speaks(wanted))
    return left or NobodyReason.LANGUAGE_MISSING


def _has_room(agent: Agent, rule: AssignRule, loads: Mapping[str, int]) -> bool:
    return rule.most_cases is None or loads.get(agent.staff_number, 0) < rule.most_cases


def _next_coming(able: Sequence[Agent], now: datetime) -> datetime | None:
    comings = (next_at_work(agent, now) for agent in able)
    return min((at for at in comings if at is not None and at > now), default=None)


class _Rank(NamedTuple):
    """Where a candidate stands; the least is chosen."""

    avoided: bool
    deaf: bool
    load: int
    staff_number: str


def _best(
    free: Sequence[Agent],
    avoided: Collection[str],
    wanted: str | None,
    loads: Mapping[str, int],
) -> Assigned:
    def rank(agent: Agent) -> _Rank:
        number = agent.staff_number
        deaf = wanted is not None and not agent.speaks(wanted)
        return _Rank(number in avoided, deaf, loads.get(number, 0), number)

    ranked = sorted(((rank(agent), agent) for agent in free), key=itemgetter(0))
    first, chosen = ranked[0]
    return Assigned(
        agent=chosen,
        reason=_difference(first, ranked[1][0] if len(ranked) > 1 else None),
        speaks_language=None if wanted is None else not first.deaf,
        load=first.load,
        candidates=len(free),
        avoided=first.avoided,
    )


def _difference(first: _Rank, second: _Rank | None) -> ChoiceReason:
    """What sets the first apart from the one who came after."""
    if second is None or first.avoided != second.avoided:
        return ChoiceReason.ONLY_ONE
    if first.deaf != second.deaf:
        return ChoiceReason.SPEAKS_LANGUAGE
    return ChoiceReason.LEAST_LOADED if first.load < second.load else ChoiceReason.FIRST_OF_EQUALS
