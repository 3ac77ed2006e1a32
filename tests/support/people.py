"""Agents and rosters to test with."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from services.escalation.core.roster import Agent, Roster
from tests.support.calendars import OFFICE_HOURS

SHANGHAI_OFFICE: dict[str, Any] = {"time_zone": "Asia/Shanghai", "weekly": OFFICE_HOURS}
FRIDAY_TEN = datetime.fromisoformat("2026-11-20T10:00:00+08:00")


def agent(staff_number: str = "A1", **fields: Any) -> Agent:
    """An agent of group `frontline` who is there around the clock, changed by `fields`."""
    plain = {"staff_number": staff_number, "name": f"Agent {staff_number}", "groups": ["frontline"]}
    return Agent.model_validate(plain | fields)


def away(from_at: str, until_at: str | None = None) -> dict[str, str | None]:
    """An absence between two instants of November 2026 in Shanghai, such as "20T10:00"."""
    ends = None if until_at is None else f"2026-11-{until_at}:00+08:00"
    return {"from_at": f"2026-11-{from_at}:00+08:00", "until_at": ends}


def roster_of(*agents: Agent, binding: bool = True, **fields: Any) -> Roster:
    """A roster of these agents."""
    found = {each.staff_number: each for each in agents}
    return Roster(agents=found, binding=binding, **fields)
