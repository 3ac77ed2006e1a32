"""What the law asks for reaches a case over HTTP, under a pack with regimes."""

from __future__ import annotations

from services.packs import SHIPPED_PACKS
from tests.support.cases import report_body
from tests.support.intake import TEN
from tests.support.intake import intake as running


async def test_an_act_is_recorded_by_command_and_an_unknown_one_is_refused(
    dsns: dict[str, str],
) -> None:
    async with running(dsns, packs_dir=SHIPPED_PACKS / "wallet-us") as intake:
        await intake.set_clock(TEN)
        body = report_body(facts={"eft_kind": "pos_debit"})
        case_id = (await intake.post("", body)).json()["id"]
        at = "2026-11-20T09:30:00+08:00"
        taken = await intake.order(case_id, "record_act", act="error_determined", at=at)
        assert taken.status_code == 200, taken.text
        assert (await intake.event_names())[-1] == "act.recorded"
        timeline = (await intake.get(f"/{case_id}"))["timeline"]
        assert timeline[-1]["event"] == "act.recorded"
        refused = await intake.order(case_id, "record_act", act="prayed", at=at)
        assert refused.status_code == 422
        assert "no regime of this case counts 'prayed'" in refused.text
        assert "error_determined" in refused.text
