"""A pack in the shadow of the real one: it follows every case, tells nobody, and is compared."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import NAMESPACE_URL, UUID, uuid5

import pytest

from services.escalation.shadow_report import verdict
from services.kit.loop import BackgroundLoop
from services.packs import DEFAULT_PACK
from tests.support.escalation import NINE_FIFTY_EIGHT, Escalation
from tests.support.escalation import escalation as running

_SHADOW_EVENTS = """SELECT convert_from(value, 'UTF8')::json AS said, seq FROM log
WHERE topic = 'escalations-shadow' ORDER BY pos"""

_COPY = """INSERT INTO journal (case_id, kind, trigger_id, name, recorded_at, decided_at, data,
    reason, wake_at, first_sequence, events)
SELECT $1, kind, trigger_id, name, recorded_at, decided_at, data, reason, wake_at, first_sequence,
    events FROM journal WHERE case_id = $2"""


@dataclass
class Followed:
    """An escalation whose shadow loop a test steps by hand."""

    real: Escalation
    loop: BackgroundLoop

    async def follow(self) -> None:
        """Let the shadow read everything: a step to read, two to know that nothing is under way."""
        for _ in range(4):
            await self.loop._step()

    async def steps(self) -> list[tuple[str, str]]:
        rows = await self.real.entities.db.fetch(_SHADOW_EVENTS)
        assert {row["seq"] for row in rows} <= {0}

        found = [json.loads(row["said"]) for row in rows]
        return [(each["rung"], _minute(each["at"])) for each in found]

    async def report(self) -> dict[str, Any]:
        return await self.real.get("/v1/policies/shadow")


def _minute(text: str) -> str:
    shanghai = datetime.fromisoformat(text).astimezone(NINE_FIFTY_EIGHT.tzinfo)
    return shanghai.strftime("%d %H:%M")


@pytest.fixture
async def followed(dsns: dict[str, str], tmp_path: Path) -> AsyncIterator[Followed]:
    text = (DEFAULT_PACK / "pack.yaml").read_text(encoding="utf-8")
    changed = text.replace("amount: PT15M", "amount: PT5M").replace('version: "1"', 'version: "2"')
    (tmp_path / "pack.yaml").write_text(changed, encoding="utf-8")
    async with running(dsns, shadow_pack_dir=tmp_path) as real:
        loop = next(loop for loop in real.parts.loops if loop.name == "shadow")
        await real.set_clock(NINE_FIFTY_EIGHT)
        yield Followed(real, loop)


async def test_the_shadow_goes_its_own_way_and_says_where(followed: Followed) -> None:
    real = followed.real
    case_id = await real.opened()
    await followed.follow()
    assert await followed.steps() == [("frontline", "20 09:58")]
    await real.go_to("11-20T10:04")
    await followed.follow()
    assert await followed.steps() == [("frontline", "20 09:58"), ("senior", "20 10:03")]
    assert (await real.ladder(case_id))["rung"] == "frontline"
    report = await followed.report()
    assert (report["policy"]["version"], report["cases"]) == ("2", 1)
    assert report["escalations"]["senior"]["only_shadow_so_far"]["count"] == 1
    await real.go_to("11-20T11:30")
    await followed.follow()
    senior = (await followed.report())["escalations"]["senior"]
    assert senior["earlier"] == {"count": 1, "cases": [str(case_id)]}
    assert (await followed.report())["escalations"]["email"]["earlier"]["count"] == 1


async def test_what_people_do_counts_in_the_shadow_too(followed: Followed) -> None:
    real = followed.real
    case_id = await real.opened()
    await real.set_clock(NINE_FIFTY_EIGHT + timedelta(minutes=2))
    await real.order(case_id, "escalate", reason="hard", to="senior")
    await real.order(case_id, "acknowledge")
    await followed.follow()
    await real.go_to("11-20T10:30")
    await followed.follow()
    assert await followed.steps() == [("frontline", "20 09:58"), ("senior", "20 10:00")]
    assert (await followed.report())["escalations"]["senior"]["same"]["count"] == 1


async def test_a_decision_that_is_seen_late_is_followed_all_the_same(followed: Followed) -> None:
    """Its number was drawn before that of another case, which was committed first."""
    real = followed.real
    first, slow = await real.opened(1), uuid5(NAMESPACE_URL, "slow")
    async with real.entities.transaction() as unit:
        await unit.conn.execute(_COPY, slow, first)
        late = await real.opened(2)
        await followed.follow()
        assert await _cases(real) == {first, late}
    await followed.follow()
    assert await _cases(real) == {first, slow, late}


async def _cases(real: Escalation) -> set[UUID]:
    return {
        row["case_id"] for row in await real.entities.db.fetch("SELECT case_id FROM shadow_case")
    }


async def test_cases_from_before_are_not_followed_and_quiet_waits_for_the_shadow(
    dsns: dict[str, str], escalation: Escalation, tmp_path: Path
) -> None:
    await escalation.opened(1)
    (tmp_path / "pack.yaml").write_text((DEFAULT_PACK / "pack.yaml").read_text("utf-8"), "utf-8")
    async with running(dsns, shadow_pack_dir=tmp_path) as real:
        loop = next(loop for loop in real.parts.loops if loop.name == "shadow")
        found = Followed(real, loop)
        now = (await real.entities.now()).domain
        outstanding, _ = await real.parts.busy(now)
        assert "the shadow has not read everything" in outstanding
        await found.follow()
        assert (await found.report())["cases"] == 0
        outstanding, _ = await real.parts.busy(now)
        assert not [text for text in outstanding if "shadow" in text]


async def test_without_a_shadow_there_is_nothing_to_report(escalation: Escalation) -> None:
    answer = await escalation.client.get("/v1/policies/shadow")
    assert answer.status_code == 404
    assert "RECOURSE_SHADOW_PACK_DIR" in answer.json()["detail"]


def test_a_minute_apart_is_the_same() -> None:
    at = NINE_FIFTY_EIGHT
    assert verdict(at, at + timedelta(seconds=60)) == "same"
    assert verdict(at, at + timedelta(seconds=61)) == "later"
    assert verdict(at, at - timedelta(seconds=61)) == "earlier"
    assert verdict(at, None) == "only_real_so_far"
    assert verdict(None, at) == "only_shadow_so_far"
