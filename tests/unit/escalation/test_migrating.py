"""A running case moved to another policy: what its clocks do, what is refused, and the replay."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from schemas.pack_clocks import Budget, ClockRule
from schemas.vocabulary import Category, Lane
from services.escalation.core.commands import CommandRefusedError
from services.escalation.core.explain import explain
from services.escalation.core.migration_view import simulate
from services.escalation.core.policy import Policy, compile_policy
from services.escalation.core.replay import ReplayDiffersError, explain_again, replay
from services.escalation.core.state import write_state
from services.packs import SHIPPED_PACKS, load_pack, pinned
from tests.support.ladder import Ladder, at, changed_rung, wallet_policy

MONEY_SAFETY = {
    "category": "funds_not_received",
    "severity": "critical",
    "lane": "money_safety",
}


def minutes(amount: int) -> Budget:
    return Budget(amount=timedelta(minutes=amount), unit="business", calendar="service_hours")


def with_clocks(*clocks: ClockRule, without: tuple[str, ...] = ()) -> Policy:
    """The shipped pack, some clocks of the ordinary lane replaced, added or taken out."""
    pack = wallet_policy().pack
    lane = pack.lanes[Lane.ORDINARY]
    named = {clock.name: clock for clock in (*lane.clocks, *clocks)}
    kept = tuple(clock for name, clock in named.items() if name not in without)
    lanes = {**pack.lanes, Lane.ORDINARY: lane.model_copy(update={"clocks": kept})}
    loaded = pinned(pack.model_copy(update={"lanes": lanes, "version": "2"}))
    return compile_policy(loaded.pack, loaded.digest)


def rule(name: str, **fields: Any) -> ClockRule:
    return ClockRule(name=name, budget=minutes(30), **fields)


@pytest.fixture
def ladder() -> Ladder:
    found = Ladder()
    found.open()
    return found


def test_a_running_clock_goes_on_from_its_own_start_with_the_new_budget(ladder: Ladder) -> None:
    ladder.migrate(with_clocks(rule("first_response")), "2026-11-20 10:05")
    clock = ladder.clock("first_response")
    assert clock["started_at"] == "2026-11-20T09:58:00+08:00"
    assert clock["due_at"] == "2026-11-20T10:28:00+08:00"
    told = ladder.said("policy.migrated")[0]
    assert (told.previous.version, told.policy.version) == ("1", "2")
    assert ladder.view()["policy"]["version"] == "2"


def test_a_clock_that_the_new_policy_lacks_ends_and_its_own_begin(ladder: Ladder) -> None:
    law = rule("final_response", kind="statutory")
    service = rule("second_look", kind="service")
    ladder.migrate(with_clocks(law, service, without=("resolution",)), "2026-11-20 10:05")
    assert ladder.clock("resolution")["state"] == "stopped"
    assert ladder.clock("final_response")["started_at"] == "2026-11-20T09:58:00+08:00"
    assert ladder.clock("second_look")["started_at"] == "2026-11-20T10:05:00+08:00"


def test_the_rung_has_the_new_budget_and_the_case_the_new_group(ladder: Ladder) -> None:
    ladder.run_until("2026-11-20 10:20")
    assert ladder.view()["rung"] == "senior"
    target = changed_rung(
        "senior",
        acknowledge_within=minutes(30),
        group_by_category={Category.FUNDS_NOT_RECEIVED: "technical_support"},
    )
    ladder.migrate(target, "2026-11-20 10:25")
    assert ladder.clock("acknowledgement")["due_at"] == "2026-11-20T10:43:00+08:00"
    assert ladder.view()["owner_group"] == "technical_support"
    ladder.run_until("2026-11-20 10:43")
    assert ladder.view()["rung"] == "email"


def test_a_clock_that_is_overdue_by_the_new_policy_fires_at_the_next_wake_up_once(
    ladder: Ladder,
) -> None:
    tight = ClockRule(name="first_response", budget=minutes(5), on_breach={"escalate_to": "senior"})
    target = with_clocks(tight)
    trial = simulate(ladder.state, ladder.policy, target, at("2026-11-20 10:05"))
    assert trial["at_once"] == ["senior"]
    ladder.migrate(target, "2026-11-20 10:05")
    ladder.run_until("2026-11-20 10:06")
    assert ladder.rungs() == ["frontline", "senior"]
    missed = ladder.said("clock.missed")[0]
    assert missed.due_at == at("2026-11-20 10:03")


def test_a_simulation_says_what_the_migration_then_does_and_changes_nothing(
    ladder: Ladder,
) -> None:
    target = with_clocks(rule("first_response"), without=("resolution",))
    before = ladder.document
    state = ladder.state
    trial = simulate(state, ladder.policy, target, at("2026-11-20 10:05"))
    assert write_state(state) == before
    changes = {each["name"]: each for each in trial["clocks"]}
    assert changes.keys() == {"first_response", "resolution"}
    assert changes["resolution"]["after"] is None
    ladder.migrate(target, "2026-11-20 10:05")
    really = ladder.clock("first_response")["due_at"]
    assert changes["first_response"]["after"]["due_at"] == really
    assert trial["at_once"] == []


def test_the_journal_of_a_migrated_case_is_decided_again_with_both_policies(
    ladder: Ladder,
) -> None:
    ladder.command("claim", "2026-11-20 10:00")
    ladder.migrate(with_clocks(rule("first_response")), "2026-11-20 10:05")
    ladder.run_until("2026-11-24 12:00")
    journal = ladder.journal()
    assert [each.version for each in journal.earlier] == ["1"]
    assert replay(journal, ladder.policy, ladder.earlier).position == len(ladder.events)
    again = explain_again(journal, ladder.policy, ladder.earlier)
    assert again == {**explain(ladder.state, ladder.policy), "position": again["position"]}
    with pytest.raises(ReplayDiffersError, match="sha256"):
        replay(journal, ladder.policy)


def _stopped(ladder: Ladder) -> Policy:
    ladder.event("case.resolved", "2026-11-20 10:01")
    return with_clocks(rule("first_response"))


def _the_same(ladder: Ladder) -> Policy:
    return ladder.policy


def _without_rung(ladder: Ladder) -> Policy:
    pack = ladder.policy.pack
    kept = tuple(rung for rung in pack.ladder.rungs if rung.name != "frontline")
    changed = pack.ladder.model_copy(update={"rungs": kept, "entry": "senior"})
    loaded = pinned(pack.model_copy(update={"ladder": changed}))
    return compile_policy(loaded.pack, loaded.digest)


@pytest.mark.parametrize(
    ("make", "reason"),
    [
        (_stopped, "ladder_stopped"),
        (_the_same, "same_policy"),
        (_without_rung, "unknown_rung"),
    ],
)
def test_what_cannot_be_migrated_is_refused_by_simulation_and_command_alike(
    ladder: Ladder, make: Any, reason: str
) -> None:
    target = make(ladder)
    with pytest.raises(CommandRefusedError, match=reason):
        simulate(ladder.state, ladder.policy, target, ladder.now)
    with pytest.raises(CommandRefusedError, match=reason):
        ladder.migrate(target)


def test_nobody_migrates_without_a_simulation_of_the_case_as_it_is(ladder: Ladder) -> None:
    target = with_clocks(rule("first_response"))
    with pytest.raises(CommandRefusedError, match="not_simulated"):
        ladder.migrate(target, simulation="of yesterday")
    with pytest.raises(CommandRefusedError, match="role_not_allowed"):
        ladder.command("migrate", role="agent", to=target.digest, simulation="x", reason="because")


def test_the_laws_clocks_follow_the_regimes_of_the_new_policy_from_receipt(ladder: Ladder) -> None:
    loaded = load_pack(SHIPPED_PACKS / "wallet-uk")
    british = compile_policy(loaded.pack, loaded.digest)
    ladder.migrate(british, "2026-11-20 10:05")
    lawful = [clock for clock in ladder.view()["clocks"] if clock["kind"] == "statutory"]
    assert lawful
    assert {clock["state"] for clock in lawful} == {"running"}
    due = {clock["name"]: clock["due_at"] for clock in lawful}
    ladder.event("case.classified", "2026-11-20 10:06", **MONEY_SAFETY)
    kept = [clock for clock in ladder.view()["clocks"] if clock["kind"] == "statutory"]
    assert {clock["name"]: clock["due_at"] for clock in kept} == due
    assert {clock["state"] for clock in kept} == {"running"}
    ladder.migrate(wallet_policy(), "2026-11-20 10:10")
    left = [clock for clock in ladder.view()["clocks"] if clock["kind"] == "statutory"]
    assert {clock["state"] for clock in left} == {"stopped"}
