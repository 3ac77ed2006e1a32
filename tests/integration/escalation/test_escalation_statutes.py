"""A statutory deadline on a real database: it runs, is moved by an act, and is missed on time."""

from __future__ import annotations

from typing import Any

from services.packs import SHIPPED_PACKS
from tests.support.escalation import NINE_FIFTY_EIGHT
from tests.support.escalation import escalation as running

DETERMINE = "us-reg-e:determine_or_provisional_credit"


def clock(ladder: dict[str, Any], name: str) -> dict[str, Any]:
    return next(each for each in ladder["clocks"] if each["name"] == name)


async def test_it_runs_beside_the_service_clocks_and_takes_the_case_up(
    dsns: dict[str, str],
) -> None:
    async with running(dsns, packs_dir=SHIPPED_PACKS / "wallet-us") as escalation:
        await escalation.set_clock(NINE_FIFTY_EIGHT)
        late = await escalation.opened(1)
        kept = await escalation.opened(2)
        for case_id in (late, kept):
            await escalation.tell(case_id, "customer.asked", status="waiting_customer")
        # Thursday 19 November in New York: 20=1, 23-25=4, Thanksgiving, 27=5, 30=6, 1-4=10.
        shown = clock(await escalation.ladder(kept), DETERMINE)
        assert shown["due_at"] == "2026-12-05T00:00:00-05:00"
        assert shown["statute"]["strict"] == "2026-12-04"
        await escalation.go_to("12-04T10:00:00")
        await escalation.tell(
            kept,
            "act.recorded",
            act="provisional_credit_posted",
            at="2026-12-03T10:00-05:00",
            status="waiting_customer",
        )
        await escalation.go_to("12-05T13:00:00")
        assert (await escalation.ladder(late))["rung"] == "senior"
        ladder = await escalation.ladder(kept)
        assert (ladder["rung"], clock(ladder, DETERMINE)["state"]) == ("frontline", "met")
        assert clock(ladder, "us-reg-e:investigation_final")["statute"]["strict"] == "2027-01-03"
        explained = await escalation.get(f"/v1/ladders/{late}/explain")
        rung = explained["rungs"][-1]["rule"]
        assert rung["where"] == "regimes.us-reg-e.on_breach"
        assert await escalation.dead_letters() == []
