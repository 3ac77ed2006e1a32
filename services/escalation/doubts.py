"""Whether roster and packs fit together: asked at start (a warning each) and by `recourse doctor`.

Owns finding the file and line of each doubt, where it comes from a file. What is doubtful is the
core's to say. Changes nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from schemas.pack import Pack
from schemas.pack_checks import PackProblem, Place
from services.escalation.core.doubts import (
    Doubt,
    Staffed,
    doubts_about_names,
    doubts_about_rungs,
)
from services.escalation.core.roster import RosterFile
from services.escalation.settings import EscalationSettings
from services.escalation.staff import GivenRoster, load_roster
from services.escalation.store import QUERIES, Session
from services.packs import DEFAULT_PACK, load_pack, pack_document


async def doubts_of(session: Session, settings: EscalationSettings) -> Sequence[str]:
    """The same, from the files that the settings name. Raises `InvalidFileError`."""
    given = load_roster(settings.roster_file) if settings.roster_file is not None else None
    return await doubts(session, settings, given)


async def doubts(
    session: Session, settings: EscalationSettings, given: GivenRoster | None
) -> Sequence[str]:
    """What is worth a look, one line each. Nothing is doubted of a roster that binds nobody."""
    state = await session.fetchrow(QUERIES["roster_state"])
    if given is None and not state["given"]:
        return ()
    staffed = await _staffed(session, given.roster if given else RosterFile())
    folders = settings.pack_folders or (DEFAULT_PACK,)
    packs = {folder: load_pack(folder).pack for folder in folders}
    stored = await session.fetch(QUERIES["policy_groups"])
    known = {row["name"] for row in stored}.union(*(pack.groups for pack in packs.values()))
    return [
        *_located(doubts_about_names(staffed, known), given),
        *(line for folder, pack in packs.items() for line in _unstaffed(staffed, pack, folder)),
    ]


def _unstaffed(staffed: Staffed, pack: Pack, folder: Path) -> Iterator[str]:
    return pack_document(folder).lines_about(doubts_about_rungs(staffed, pack))


async def _staffed(session: Session, given: RosterFile) -> Staffed:
    """The roster in the database, and of the file what was not taken in yet."""
    agents = {agent.staff_number: (agent.groups, agent.supervisor) for agent in given.agents}
    for row in await session.fetch(QUERIES["agents_in_groups"]):
        agents[row["staff_number"]] = (row["groups"], row["supervisor"])
    groups = {group.name: group.supervisor for group in given.groups}
    groups |= {row["name"]: row["supervisor"] for row in await session.fetch(QUERIES["all_groups"])}
    members: dict[str, list[str]] = {}
    for number, (names, _) in agents.items():
        for name in names:
            members.setdefault(name, []).append(number)
    named = (*(supervisor for _, supervisor in agents.values()), *groups.values())
    supervisors = frozenset(supervisor for supervisor in named if supervisor is not None)
    return Staffed(frozenset(agents), members, frozenset(groups), supervisors)


def _located(found: Iterable[Doubt], given: GivenRoster | None) -> Iterator[str]:
    """Each doubt with the line that first says the name; what only the API wrote has no line."""
    places = _places(given.roster) if given else {}
    for doubt in found:
        place = places.get(doubt.name)
        if given is None or place is None:
            yield f"/v1/roster: {doubt.message}"
        else:
            yield from given.document.lines_about([PackProblem(place, doubt.message)])


def _places(given: RosterFile) -> dict[str, Place]:
    """Where the file says each name of a group or supervisor first."""
    places: dict[str, Place] = {}
    for position, agent in enumerate(given.agents):
        for number, name in enumerate(agent.groups):
            places.setdefault(name, ("agents", position, "groups", number))
        if agent.supervisor is not None:
            places.setdefault(agent.supervisor, ("agents", position, "supervisor"))
    for position, group in enumerate(given.groups):
        places.setdefault(group.name, ("groups", position, "name"))
        if group.supervisor is not None:
            places.setdefault(group.supervisor, ("groups", position, "supervisor"))
    return places
