"""People on a real database: what is written is known, here at once and soon in other replicas."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from structlog.testing import capture_logs

from services.escalation.store import loads
from services.kit.listener import Listener
from tests.support.escalation import Escalation
from tests.support.escalation import escalation as running
from tests.support.kit import until
from tests.support.people import SHANGHAI_OFFICE, agent, away

_LISTENING = "SELECT FROM pg_stat_activity WHERE query LIKE 'LISTEN%roster%' AND state = 'idle'"
AGENTS = "/v1/roster/agents"


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
    answer = await escalation.put("A7", **fields)
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
    answer = await escalation.put("A7", **wrong)
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
    await escalation.put("A7")
    assert staff.roster.binding
    assert [each.staff_number for each in staff.roster.members("frontline")] == ["A7"]
    await escalation.put("A8")
    before = staff.roster
    await escalation.put("A7", absent=True)
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
        await escalation.put("A7", absent=True)
        await until(known)


async def test_a_change_is_found_without_a_notification(
    dsns: dict[str, str], escalation: Escalation
) -> None:
    async with running(dsns) as other:
        await escalation.put("A7")
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
        await given.put("E7", absent=True)
    async with running(dsns, roster_file=file) as again:
        assert again.staff.roster.agents["E7"].absent
    file.write_text("agents: [{staff_number: E7, name: Ada, groups: [senior]}]")
    async with running(dsns, roster_file=file) as changed:
        assert changed.staff.roster.agents["E7"] == agent("E7", name="Ada", groups=["senior"])


async def test_who_is_taken_out_of_the_file_has_left(
    dsns: dict[str, str], escalation: Escalation, tmp_path: Path
) -> None:
    """So has a stranger who held a case while the example bound nobody; not who the API wrote."""
    stranger, leaver, stayer = [await escalation.opened(number) for number in range(3)]
    await escalation.order(stranger, "claim", by="X9")
    file = tmp_path / "roster.yaml"
    file.write_text("agents: [{staff_number: E7, name: Ada}, {staff_number: E8, name: Bea}]")
    async with running(dsns, roster_file=file) as given:
        await given.relieve()
        assert (await given.ladder(stranger))["holder"] is None
        await given.order(leaver, "claim", by="E8")
        await given.put("A9")
        await given.order(stayer, "claim", by="A9")
    file.write_text("agents: [{staff_number: E7, name: Ada}]")
    async with running(dsns, roster_file=file) as changed:
        assert changed.staff.roster.left == {"X9", "E8"}
        await changed.relieve()
        assert (await changed.ladder(leaver))["holder"] is None
        assert (await changed.ladder(leaver))["holders"][0]["left"] == "absent"
        assert (await changed.order(leaver, "claim", by="E8")).json()["reason"] == "unknown_agent"
        assert (await changed.ladder(stayer))["holder"]["staff_number"] == "A9"
    file.write_text("agents: [{staff_number: E7, name: Ada}, {staff_number: E8, name: Bea}]")
    async with running(dsns, roster_file=file) as again:
        assert again.staff.roster.left == {"X9"}


async def test_who_is_not_written_yet_keeps_the_case(escalation: Escalation) -> None:
    """Writing a roster one by one takes nothing from those whose turn has not come."""
    case_id = await escalation.opened()
    await escalation.order(case_id, "claim", by="A1")
    await escalation.put("A2")
    await escalation.relieve()
    assert (await escalation.ladder(case_id))["holder"]["staff_number"] == "A1"


async def test_what_does_not_fit_is_logged_at_start(
    dsns: dict[str, str], escalation: Escalation
) -> None:
    await escalation.put("A7", name="Ada Lovelace", groups=["nigth"])
    with capture_logs() as logged:
        async with running(dsns):
            pass
    said = [entry["doubt"] for entry in logged if entry["event"] == "roster_doubtful"]
    assert said[0].startswith("/v1/roster: no pack has a group 'nigth' (agents: 1): write one of")
    assert said[1].endswith("rung frontline: nobody in the roster is of group frontline")
    assert "Lovelace" not in str(logged)


async def test_names_rest_sealed(escalation: Escalation) -> None:
    await escalation.put("A7", name="Ada Lovelace")
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
