"""Since when a case is overdue: from the earliest clock that was missed and is still owed."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

import pytest

from services.escalation.core.overdue import overdue_since
from services.escalation.core.queue_line import queue_row
from tests.support.ladder import Ladder, at, changed_rung

PROMISE = UUID("00000000-0000-4000-8000-000000000001")


@pytest.fixture
def ladder() -> Ladder:
    opened = Ladder()
    opened.open()
    return opened


def since(ladder: Ladder) -> datetime | None:
    return overdue_since(ladder.state)


def test_a_missed_answer_is_owed_until_somebody_speaks(ladder: Ladder) -> None:
    assert since(ladder) is None
    ladder.run_until("2026-11-20 11:00")
    assert since(ladder) == at("2026-11-20 10:13")
    assert queue_row(ladder.state, ladder.decisions[-1].waiting).overdue_since == since(ladder)
    ladder.event("customer.replied_to", "2026-11-20 11:01", channel="phone", text="we look")
    assert since(ladder) is None


def test_what_begins_anew_or_is_left_behind_is_not_owed(ladder: Ladder) -> None:
    ladder.event("customer.replied_to", "2026-11-20 10:00", channel="phone", text="we look")
    ladder.run_until("2026-11-20 17:00")
    missed = [event.clock for event in ladder.said("clock.missed")]
    assert missed == ["update"], "the customer was told, and is promised the next word"
    assert since(ladder) is None
    ladder.command("escalate", reason="x")
    ladder.run_until("2026-11-23 10:00")
    assert "acknowledgement" in [event.clock for event in ladder.said("clock.missed")]
    assert ladder.view()["rung"] == "email"
    assert since(ladder) == at("2026-11-20 17:58"), "the resolution, not the acknowledgement"


def test_a_promise_that_is_kept_late_is_answered(ladder: Ladder) -> None:
    by_when = at("2026-11-20 12:00")
    ladder.event("promise.made", "2026-11-20 10:00", promise_id=PROMISE, what="x", by_when=by_when)
    ladder.run_until("2026-11-20 12:30")
    assert since(ladder) == by_when
    ladder.event("promise.kept", "2026-11-20 12:40", promise_id=PROMISE)
    assert since(ladder) is None
    (stopped,) = [e for e in ladder.said("clock.stopped") if e.clock == f"promise:{PROMISE}"]
    assert (stopped.met, stopped.stopped_at) == (False, at("2026-11-20 12:40"))


def test_on_the_highest_rung_an_acknowledgement_is_owed_until_it_comes() -> None:
    ladder = Ladder(changed_rung("senior", then=None))
    ladder.open()
    ladder.command("escalate", reason="x")
    ladder.event("customer.replied_to", "2026-11-20 10:00", channel="phone", text="we look")
    ladder.run_until("2026-11-20 11:00")
    assert since(ladder) == at("2026-11-20 10:58")
    ladder.command("acknowledge", "2026-11-20 11:05", by="A2001")
    assert since(ladder) is None


def test_a_case_that_is_over_is_not_overdue(ladder: Ladder) -> None:
    ladder.run_until("2026-11-20 11:00")
    ladder.event("case.resolved", "2026-11-20 11:01")
    assert since(ladder) is None
