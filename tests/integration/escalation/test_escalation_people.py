"""People on a real database: what is written is known, here at once and soon in other replicas."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

from services.escalation.store import loads
from services.kit.listener import Listener
from tests.support.escalation import Escalation
from tests.support.escalation import escalation as running
from tests.support.kit import until
from tests.support.people import SHANGHAI_OFFICE, agent, away

_LISTENING = "SELECT FROM pg_stat_activity WHERE query LIKE 'LISTEN%roster%' AND state = 'idle'"
AGENTS = "/v1/roster/agents"


async def put(replica: Escalation, staff_number: str, **fields: Any) -> httpx.Response:
    body = {"name": "Ada", "groups": ["frontline"], **fields}
    return await replica.client.put(f"{AGENTS}/{staff_number}", json=body)


@asynccontextmanager
async def listening(dsns: dict[str, str], replica: Escalation) -> AsyncIterator[None]:
    """The replica's own loops run, and its notifications are heard."""
    listener = Listener(dsns["escalation"], replica.parts.channels)
    for loop in replica.parts.loops:
        loop.start()
    listener.start()
    yield
    await listener.stop()
    for loop in replica.parts.loops:
        await loop.stop()


async def test_hours_and_absences_are_written_and_read(escalation: Escalation) -> None:
    fields = {
        "working_hours": {**SHANGHAI_OFFICE, "holidays": ["--05-01"]},
        "absences": [away("20T10:00", "21T10:00"), away("27T10:00")],
    }
    answer = await put(escalation, "A7", **fields)
    assert answer.status_code == 200, answer.text
    found = await escalation.get(f"{AGENTS}/A7")
    assert found == answer.json()
    assert found["working_hours"]["weekly"]["mon"] == [["09:00", "12:00"], ["13:00", "18:00"]]
    assert found["working_hours"]["holidays"] == ["--05-01"]
    assert [absence["until_at"] is None for absence in found["absences"]] == [False, True]
    listed = await escalation.get(AGENTS)
    assert listed["items"] == [found]


async def test_what_is_wrong_is_named_by_pointer(escalation: Escalation) -> None:
    wrong: dict[str, Any] = {
        "absences": [away("20T10:00", "20T09:00")],
        "working_hours": {"time_zone": "Shanghai", "weekly": {"mon": [["9", "17:00"]]}},
    }
    answer = await put(escalation, "A7", **wrong)
    assert answer.status_code == 422
    pointers = {error["pointer"] for error in answer.json()["errors"]}
    assert pointers == {
        "/absences/0",
        "/working_hours/time_zone",
        "/working_hours/weekly/mon/0",
    }


async def test_a_change_is_known_at_once_where_it_was_made(escalation: Escalation) -> None:
    staff = escalation.staff
    assert staff.roster.binding is False
    assert staff.roster.agent("A1024") is not None, "the example"
    await put(escalation, "A7")
    assert staff.roster.binding
    assert [each.staff_number for each in staff.roster.members("frontline")] == ["A7"]
    await put(escalation, "A8")
    before = staff.roster
    await put(escalation, "A7", absent=True)
    assert staff.roster.agents["A8"] is before.agents["A8"], "only who changed is read again"
    assert staff.roster.agents["A7"].absent
    assert not before.agents["A7"].absent, "what was handed out does not change"
    title = {"title": {"en": "Night"}, "supervisor": "S1"}
    await escalation.client.put("/v1/roster/groups/night", json=title)
    assert staff.roster.supervised_by("S1") == ("night",)


async def test_other_replicas_hear_of_a_change(
    dsns: dict[str, str], escalation: Escalation, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("services.escalation.app._ROSTER_S", 3600.0)  # no poll helps
    async with running(dsns) as other, listening(dsns, other):

        async def listens() -> bool:
            return bool(await escalation.entities.db.fetch(_LISTENING))

        async def known() -> bool:
            found = other.staff.roster.agent("A7")
            return found is not None and found.absent

        await until(listens)
        await put(escalation, "A7", absent=True)
        await until(known)


async def test_a_change_is_found_without_a_notification(
    dsns: dict[str, str], escalation: Escalation
) -> None:
    async with running(dsns) as other:
        await put(escalation, "A7")
        assert other.staff.roster.agent("A7") is None
        await other.staff.refresh(other.entities.db)
        assert other.staff.roster.agent("A7") == escalation.staff.roster.agent("A7")
        unchanged = other.staff.roster
        await other.staff.refresh(other.entities.db)
        assert other.staff.roster is unchanged, "nothing is read again for nothing"


async def test_starting_again_with_the_same_file_undoes_no_change(
    dsns: dict[str, str], escalation: Escalation, tmp_path: Path
) -> None:
    file = tmp_path / "roster.yaml"
    file.write_text("agents: [{staff_number: E7, name: Ada, groups: [frontline]}]")
    async with running(dsns, roster_file=file) as given:
        await put(given, "E7", absent=True)
    async with running(dsns, roster_file=file) as again:
        assert again.staff.roster.agents["E7"].absent
    file.write_text("agents: [{staff_number: E7, name: Ada, groups: [senior]}]")
    async with running(dsns, roster_file=file) as changed:
        assert changed.staff.roster.agents["E7"] == agent("E7", name="Ada", groups=["senior"])


async def test_names_rest_sealed(escalation: Escalation) -> None:
    await put(escalation, "A7", name="Ada Lovelace")
    row = await escalation.entities.db.fetchrow("SELECT a::text AS a FROM agent a")
    assert row is not None
    assert "Lovelace" not in row["a"]
    assert b"Lovelace".hex() not in row["a"]


async def test_loads_are_counted_per_holder(escalation: Escalation) -> None:
    for number in range(3):
        case_id = await escalation.opened(number)
        answer = await escalation.order(case_id, "claim", by="A1" if number else "A2")
        assert answer.status_code == 200
    await escalation.opened(9)
    found = await loads(escalation.entities.db, ["A1", "A2", "A3", "A1"])
    assert found == {"A1": 2, "A2": 1, "A3": 0}
