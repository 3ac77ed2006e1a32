"""Policies and people across deploys: what a running case is pinned to is never taken away."""

from __future__ import annotations

import json
from datetime import timedelta
from pathlib import Path

from services.escalation.core.rehearsal.history import History
from services.escalation.offline import explain_offline
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


async def test_a_case_is_migrated_only_as_it_was_simulated(
    dsns: dict[str, str], escalation: Escalation, tmp_path: Path
) -> None:
    case_id = await escalation.opened()
    async with running(dsns, packs_dir=stricter_pack(tmp_path)) as deployed:
        wanted = {"to": deployed.digest, "reason": "new hours", "role": "supervisor"}
        trial = await deployed.get(f"/v1/ladders/{case_id}/migration", to=deployed.digest)
        assert [change["name"] for change in trial["clocks"]] == ["first_response"]
        assert trial["clocks"][0]["after"]["budget"] == "PT5M"
        refused = await deployed.order(case_id, "migrate", simulation="guessed", **wanted)
        assert (refused.status_code, refused.json()["reason"]) == (409, "not_simulated")
        token = trial["simulation"]
        await deployed.order(case_id, "acknowledge")  # refused, changes nothing
        moved = await deployed.order(case_id, "migrate", simulation=token, **wanted)
        assert moved.status_code == 200, moved.text
        assert moved.json()["policy"]["digest"] == deployed.digest
        again = await deployed.order(case_id, "migrate", simulation=token, **wanted)
        assert again.json()["reason"] == "same_policy"
        await escalation.set_clock(NINE_FIFTY_EIGHT + timedelta(minutes=5))
        await deployed.timers.step()
        assert (await deployed.ladder(case_id))["rung"] == "senior"
        export = await deployed.get(f"/v1/ladders/{case_id}/export")
        assert [earlier["digest"] for earlier in export["earlier"]] == [escalation.digest]
        explained = explain_offline(str(case_id), json.dumps(export).encode())
        assert explained == await deployed.get(f"/v1/ladders/{case_id}/explain")
        unknown = f"sha256:{'0' * 64}"
        answer = await deployed.client.get(f"/v1/ladders/{case_id}/migration?to={unknown}")
        assert answer.status_code == 404


async def test_histories_come_page_by_page_and_say_what_happened_to_whom(
    escalation: Escalation,
) -> None:
    cases = sorted([await escalation.opened(number) for number in (1, 2, 3)])
    await escalation.order(cases[0], "claim")
    await escalation.set_clock(NINE_FIFTY_EIGHT + timedelta(minutes=15))
    await escalation.timers.step()
    first = await escalation.get("/v1/ladders/export", limit=2)
    rest = await escalation.get("/v1/ladders/export", limit=2, cursor=first["next"])
    assert rest["next"] is None
    found = [History.model_validate(item) for item in (*first["items"], *rest["items"])]
    assert [history.case_id for history in found] == cases
    assert {history.policy for history in found} == {escalation.digest}
    assert [entry.name for entry in found[0].entries] == ["recourse.case.opened.v1", "claim"]
    bad = await escalation.client.get("/v1/ladders/export?cursor=rubbish")
    assert bad.status_code == 422


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
