"""Policies and people across deploys: what a running case is pinned to is never taken away."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

from services.packs import DEFAULT_PACK, canonical, digest_of
from tests.support.escalation import NINE_FIFTY_EIGHT, Escalation
from tests.support.escalation import escalation as running


def stricter_pack(folder: Path) -> Path:
    """The shipped pack with five minutes for a first response."""
    text = (DEFAULT_PACK / "pack.yaml").read_text(encoding="utf-8")
    assert "amount: PT15M" in text
    changed = text.replace("amount: PT15M", "amount: PT5M").replace('version: "1"', 'version: "2"')
    (folder / "pack.yaml").write_text(changed, encoding="utf-8")
    return folder


async def test_a_running_case_keeps_its_policy_through_a_deploy(
    dsns: dict[str, str], escalation: Escalation, tmp_path: Path
) -> None:
    case_id = await escalation.opened()
    async with running(dsns, packs_dir=stricter_pack(tmp_path)) as deployed:
        assert deployed.digest != escalation.digest
        await escalation.set_clock(NINE_FIFTY_EIGHT + timedelta(minutes=10))
        await deployed.timers.step()
        assert (await deployed.ladder(case_id))["rung"] == "frontline"
        await escalation.set_clock(NINE_FIFTY_EIGHT + timedelta(minutes=15))
        await deployed.timers.step()
        ladder = await deployed.ladder(case_id)
        assert (ladder["rung"], ladder["policy"]["digest"]) == ("senior", escalation.digest)
        listed = await deployed.get("/v1/policies")
        assert {item["version"] for item in listed["items"]} == {"1", "2"}


async def test_policies_and_calendars_are_served_by_digest_with_what_runs_under_them(
    dsns: dict[str, str], escalation: Escalation, tmp_path: Path
) -> None:
    await escalation.opened()
    async with running(dsns, packs_dir=stricter_pack(tmp_path)) as deployed:
        items = (await deployed.get("/v1/policies"))["items"]
        told = {item["version"]: item for item in items}
        assert (told["1"]["current"], told["1"]["asked"]) == (False, None)
        assert (told["2"]["current"], told["2"]["asked"]) == (True, 1)
        assert (told["1"]["running_cases"], told["2"]["running_cases"]) == (1, 0)
        document = await deployed.client.get(f"/v1/policies/{escalation.digest}")
        assert digest_of(document.text) == escalation.digest

        calendars = (await deployed.get("/v1/policies/calendars"))["items"]
        assert [line["name"] for line in calendars] == ["always"] * 2 + ["service_hours"] * 2
        always = told["1"]["calendars"]["always"]
        (pinned,) = [line for line in calendars if line["digest"] == always]
        assert (pinned["policies"], pinned["horizon"]) == ([escalation.digest], None)
        whole = await deployed.get(f"/v1/policies/calendars/{pinned['digest']}")
        assert digest_of(canonical(whole)) == pinned["digest"]

        for path in ("sha256:none", "calendars/sha256:none"):
            absent = await deployed.client.get(f"/v1/policies/{path}")
            assert absent.status_code == 404
            assert absent.headers["content-type"] == "application/problem+json"


async def test_a_roster_file_replaces_the_example_and_binds(
    dsns: dict[str, str], escalation: Escalation, tmp_path: Path
) -> None:
    case_id = await escalation.opened()
    file = tmp_path / "roster.yaml"
    file.write_text("agents: [{staff_number: E7, name: Ada, groups: [frontline]}]")
    async with running(dsns, roster_file=file) as given:
        refused = await given.order(case_id, "claim", by="A1024")
        assert refused.json()["reason"] == "unknown_agent"
        claimed = await given.order(case_id, "claim", by="E7")
        assert claimed.json()["holder"] == {"staff_number": "E7", "name": "Ada"}
    async with running(dsns) as without:
        answer = await without.client.get("/v1/roster/agents/A1024")
        assert answer.status_code == 404, "the example does not come back"


async def test_a_command_fires_nothing_on_stale_knowledge(escalation: Escalation) -> None:
    case_id = await escalation.opened()
    await escalation.heard(timedelta(minutes=1))
    await escalation.set_clock(NINE_FIFTY_EIGHT + timedelta(minutes=15))
    assert (await escalation.order(case_id, "claim")).json()["rung"] == "frontline"
    await escalation.heard(timedelta(0))
    assert (await escalation.order(case_id, "acknowledge")).json()["rung"] == "senior"
