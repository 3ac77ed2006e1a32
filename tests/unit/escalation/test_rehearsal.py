"""Histories played again: like went like, and a changed pack shows who is moved and how far."""

from __future__ import annotations

import json
from datetime import datetime, timedelta
from typing import Any

import pytest

from schemas.escalation import LadderEvent
from schemas.pack_clocks import Budget
from schemas.vocabulary import Category, Lane, Severity
from services.escalation.core.policy import Policy, compile_policy
from services.escalation.core.rehearsal.alike import Likeness
from services.escalation.core.rehearsal.comparison import Difference, Verdict, differences
from services.escalation.core.rehearsal.course import Audience, Course, told
from services.escalation.core.rehearsal.history import History, history_of
from services.escalation.core.rehearsal.play import play
from services.escalation.core.rehearsal.report import Bounds, as_data, as_markdown
from services.escalation.core.rehearsal.tally import Tally
from services.notifier.core.announce import announcements
from services.notifier.core.announcement import Cause, Moment
from services.packs import pinned
from tests.support.ladder import Ladder, at, changed_rung, wallet_policy
from tests.support.notifier_stories import event_id, every_event, story_of

UNTIL = at("2026-12-04 09:00")


def history(ladder: Ladder) -> History:
    """As an export carries it: through JSON and back, without what was decided."""
    found = history_of(ladder.case_id, [entry for entry in ladder.entries if entry.name != "wake"])
    return History.model_validate_json(found.model_dump_json())


def played(found: History, policy: Policy, until: datetime = UNTIL) -> Course:
    return play(found, wallet_policy().pack, policy, until)


def moved(found: History, policy: Policy) -> dict[str, Difference]:
    both = differences(played(found, wallet_policy()), played(found, policy))
    return {each.rung: each for each in both}


def changed_pack(**changes: Any) -> Policy:
    loaded = pinned(wallet_policy().pack.model_copy(update=changes))
    return compile_policy(loaded.pack, loaded.digest)


def acknowledged_within(minutes: int) -> Policy:
    budget = Budget(amount=timedelta(minutes=minutes), unit="business", calendar="service_hours")
    return changed_rung("senior", acknowledge_within=budget)


def busy_case() -> Ladder:
    """Claimed, answered, asked, left alone until it stood on the e-mail rung, then resolved."""
    ladder = Ladder()
    ladder.open()
    ladder.command("claim", "2026-11-20 10:02")
    ladder.event("customer.replied_to", "2026-11-20 10:05", channel="email")
    ladder.event("customer.asked", "2026-11-20 10:10", facts=("evidence.payment_receipt",))
    ladder.event("customer.answered", "2026-11-21 20:00")
    ladder.run_until("2026-11-24 15:00")
    ladder.event("case.resolved", "2026-11-24 15:00")
    ladder.event("case.confirmed", "2026-11-25 09:00")
    return ladder


def silent_case() -> Ladder:
    ladder = Ladder()
    ladder.open()
    ladder.run_until("2026-12-04 09:00")
    return ladder


@pytest.mark.parametrize("lived", [busy_case, silent_case])
def test_a_case_played_under_its_own_policy_goes_the_way_it_went(lived: Any) -> None:
    ladder = lived()
    course = played(history(ladder), wallet_policy())
    really = Course()
    for event in ladder.events:
        really.note([(type(event), vars(event))], UNTIL)
    assert [(s.rung, s.visit, s.at) for s in course.steps if not s.offered] == [
        (s.rung, s.visit, s.at) for s in really.steps if not s.offered
    ]
    assert course.messages == really.messages
    assert course.missed == really.missed
    assert not course.refused


def test_a_tighter_acknowledgement_moves_what_follows_by_the_difference() -> None:
    found = moved(history(silent_case()), acknowledged_within(30))
    assert found["senior"].verdict is Verdict.SAME
    assert found["email"].verdict is Verdict.EARLIER
    assert found["email"].shift == timedelta(minutes=-30)
    assert moved(history(silent_case()), acknowledged_within(90))["email"].shift == timedelta(
        minutes=30
    )


def test_what_no_longer_comes_and_what_comes_anew() -> None:
    forgiving = acknowledged_within(60 * 24 * 30)
    ladder = busy_case()
    was_there = {step.rung for step in played(history(ladder), wallet_policy()).steps}
    assert "email" in was_there
    assert moved(history(ladder), forgiving)["email"].verdict is Verdict.NEVER
    back = differences(played(history(ladder), forgiving), played(history(ladder), wallet_policy()))
    assert {each.rung: each.verdict for each in back}["email"] is Verdict.NEW


def test_a_category_that_changes_its_lane_takes_its_cases_along() -> None:
    pack = wallet_policy().pack
    rule = pack.categories[Category.FUNDS_NOT_RECEIVED]
    urgent = rule.model_copy(update={"lane": Lane.MONEY_SAFETY, "severity": Severity.CRITICAL})
    policy = changed_pack(categories={**pack.categories, Category.FUNDS_NOT_RECEIVED: urgent})
    found = moved(history(silent_case()), policy)
    assert found["senior"].shift == timedelta(minutes=-10)


def test_a_command_that_the_changed_policy_refuses_is_counted_and_the_rest_goes_on() -> None:
    ladder = Ladder()
    ladder.open()
    ladder.command("escalate", "2026-11-20 10:00", reason="hard", to="email")
    pack = wallet_policy().pack
    rungs = tuple(
        rung.model_copy(update={"then": "social"}) if rung.name == "senior" else rung
        for rung in pack.ladder.rungs
        if rung.name != "email"
    )
    lanes = {
        lane: rule.model_copy(
            update={"rung_budgets": {k: v for k, v in rule.rung_budgets.items() if k != "email"}}
        )
        for lane, rule in pack.lanes.items()
    }
    policy = changed_pack(ladder=pack.ladder.model_copy(update={"rungs": rungs}), lanes=lanes)
    course = played(history(ladder), policy)
    assert course.refused == {"escalate: unknown_rung": 1}
    assert course.steps[-1].rung == "regulator"


def test_a_pack_that_differs_elsewhere_only_is_known_to_lead_nowhere_else() -> None:
    found = history(silent_case())
    pack = wallet_policy().pack
    words = changed_pack(title={"en": "Another title"}, version="2").pack
    other_lane = pack.lanes[Lane.MONEY_SAFETY].model_copy(update={"rung_budgets": {}})
    elsewhere = changed_pack(lanes={**pack.lanes, Lane.MONEY_SAFETY: other_lane})
    assert Likeness(pack, words).holds_for(found)
    assert Likeness(pack, elsewhere.pack).holds_for(found)
    assert played(found, elsewhere) == played(found, wallet_policy())
    assert not Likeness(pack, acknowledged_within(30).pack).holds_for(found)


def test_messages_are_those_that_the_notifier_would_send() -> None:
    checked = 0
    for events in every_event():
        event = events[-1]
        if not isinstance(event, LadderEvent) or event.event_name == "holder.changed":
            continue  # who holds a case is not rehearsed
        before = story_of(*events[:-1]) if events[:-1] else None
        moment = Moment(
            event, Cause(event_id("e"), at("2026-11-20 10:00")), before, story_of(*events)
        )
        found = announcements(moment)
        customers = sum(each.to_customer for each in found)
        groups = sum(each.to_group for each in found)
        counted = told(type(event), vars(event))
        assert counted.count(Audience.CUSTOMER) == customers, event.event_name
        if event.event_name != "rung.retracted":  # never happens without a stale stream
            assert counted.count(Audience.GROUP) == groups, event.event_name
        checked += 1
    assert checked > 10


def test_a_report_says_whom_it_moves_and_stops_a_change_beyond_its_bounds() -> None:
    found = history(silent_case())
    tighter = acknowledged_within(30)
    before, after = played(found, wallet_policy()), played(found, tighter)
    one, two = Tally(), Tally()
    for tally in (one, two):
        tally.add(found.case_id, before, after, differences(before, after), tighter.zone)
    one.join(two)
    one.give_up(7, "entries: Field required")
    report = as_data(one, tighter, Bounds(earlier=5, unplayable=0))
    assert report == json.loads(json.dumps(report))
    assert (report["cases"], report["changed"]) == (2, 2)
    email = report["escalations"]["email"]["earlier"]
    assert email["count"] == 2
    assert email["moved_by_up_to"] == {"1 h": 2}
    assert str(found.case_id) in email["cases"]
    assert report["exceeded"] == ["earlier: 6 > 5", "unplayable: 1 > 0"]
    assert not report["passed"]
    text = as_markdown(report)
    assert "must not pass" in text
    assert "| email | 0 | 2 | 0 | 0 | 0 |" in text
    assert "| senior | senior | 2 -> 2 | 10:00 (2) -> 10:00 (2) |" in text
    assert "| email | written_care | 2 -> 2 | 11:00 (2) -> 10:00 (2) |" in text
    assert as_data(one, tighter, Bounds(unplayable=1))["passed"]
