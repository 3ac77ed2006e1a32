"""Whatever happens to a case, in whatever order the world tells it, the ladder keeps its word."""

from __future__ import annotations

from collections import Counter
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid5

from hypothesis import given, settings
from hypothesis import strategies as st

from services.escalation.core.commands import CommandRefusedError
from services.escalation.core.deadlines import deadlines
from services.escalation.core.records import OfferState
from tests.support.ladder import CASE, Ladder

STARTS = "2026-11-20 09:58"
EVENTS: dict[str, dict[str, Any]] = {
    "customer.replied_to": {"channel": "phone"},
    "customer.asked": {},
    "customer.answered": {},
    "facts.added": {"names": ["already_tried"]},
    "case.resolved": {"outcome": "x"},
    "case.reopened": {},
    "case.confirmed": {},
    "case.withdrawn": {},
    "consent.given": {"consent_to": "social", "wording_sha256": "0" * 64},
    "identity.verified": {"method": "code"},
    "incident.linked": {"incident_id": CASE},
    "incident.updated": {"incident_id": CASE},
    "incident.unlinked": {"incident_id": CASE},
}
COMMANDS: dict[str, dict[str, Any]] = {
    "claim": {},
    "release": {},
    "acknowledge": {},
    "escalate": {"reason": "x"},
    "de_escalate": {"reason": "x"},
    "pause": {"reason": "x"},
    "resume": {},
    "accept_offer": {"rung": "social", "role": "customer"},
    "decline_offer": {"rung": "social", "role": "customer"},
}
ENDINGS = {"case.resolved", "case.confirmed", "case.withdrawn"}
STEP = st.one_of(
    st.tuples(st.just("event"), st.sampled_from(sorted(set(EVENTS) - ENDINGS))),
    st.tuples(st.just("command"), st.sampled_from(sorted(COMMANDS))),
    st.tuples(st.just("wake"), st.sampled_from(["due", "due", "due", "stale", "now"])),
    st.tuples(st.just("wake"), st.just("due")),
    st.tuples(st.just("late"), st.sampled_from(["customer.replied_to", "customer.asked"])),
    st.tuples(st.just("pass"), st.integers(1, 60 * 24 * 4).map(str)),
    st.sampled_from([("event", name) for name in sorted(ENDINGS)] + [("wake", "due")] * 9),
)
STORY = st.lists(STEP, min_size=3, max_size=40)


def tell(ladder: Ladder, step: tuple[str, str]) -> None:
    """One step of a story; refused commands leave nothing behind."""
    kind, what = step
    if kind == "pass":
        ladder.now += timedelta(minutes=int(what))
        ladder.real_now += timedelta(minutes=int(what))
    elif kind == "event":
        ladder.event(what, ladder.now, **EVENTS[what])
    elif kind == "late":
        # No event of a case is recorded before the one that precedes it.
        recorded = max(ladder.recorded_at, ladder.now - timedelta(hours=3))
        ladder.event(what, recorded, **EVENTS[what])
    elif kind == "wake" and what == "now":
        ladder.wake(ladder.now)
    elif kind == "wake":
        if ladder.wake_at is not None:
            ladder.wake(max(ladder.wake_at, ladder.now), stale=what == "stale")
    else:
        try:
            ladder.command(what, **COMMANDS[what])
        except CommandRefusedError:
            return


def told(story: list[tuple[str, str]]) -> Ladder:
    ladder = Ladder()
    ladder.open(STARTS)
    for step in story:
        tell(ladder, step)
    return ladder


@given(STORY)
@settings(max_examples=60, deadline=None)
def test_a_rung_is_entered_once_per_visit(story: list[tuple[str, str]]) -> None:
    ladder = told(story)
    entered = Counter(
        (event.episode, event.rung, event.visit) for event in ladder.said("rung.entered")
    )
    assert max(entered.values()) == 1
    offered = Counter(event.offer_id for event in ladder.said("offer.made"))
    assert max(offered.values(), default=0) <= 1


@given(STORY)
@settings(max_examples=60, deadline=None)
def test_nothing_fires_after_the_end(story: list[tuple[str, str]]) -> None:
    ladder = told(story)
    if ladder.state.stopped is None:
        ladder.event("case.withdrawn", ladder.now)
    said = len(ladder.events)
    ladder.wake(ladder.now + timedelta(days=400))
    assert len(ladder.events) == said
    assert ladder.wake_at is None
    assert ladder.state.open_offers() == []


@given(STORY)
@settings(max_examples=60, deadline=None)
def test_early_and_doubled_wake_ups_change_nothing(story: list[tuple[str, str]]) -> None:
    ladder = told(story)
    ladder.wake(ladder.now)
    settled = ladder.document
    for _ in range(2):
        assert ladder.wake(ladder.now).events == ()
        assert ladder.document == settled
    waiting = ladder.wake_at
    if waiting is not None:
        assert waiting > ladder.now
        ladder.wake(max(ladder.now, waiting - timedelta(microseconds=1)))
        assert ladder.document == settled


@given(STORY)
@settings(max_examples=40, deadline=None)
def test_wake_ups_in_between_make_no_difference_to_events(story: list[tuple[str, str]]) -> None:
    """Timers that run before each event, or never: what the events come to is the same."""
    plain = [step for step in story if step[0] in ("event", "pass")]
    eager = [part for step in plain for part in (("wake", "now"), step, ("wake", "now"))]
    lazy, busy = told(plain), told(eager)
    lazy.wake(lazy.now)
    busy.wake(busy.now)
    assert lazy.state.stopped == busy.state.stopped
    assert lazy.state.episode == busy.state.episode
    assert lazy.state.consents == busy.state.consents
    assert [pause.cause for pause in lazy.state.pauses] == [
        pause.cause for pause in busy.state.pauses
    ]


@given(STORY, STORY, st.randoms(use_true_random=False))
@settings(max_examples=25, deadline=None)
def test_cases_do_not_touch_each_other(
    one: list[tuple[str, str]], other: list[tuple[str, str]], random: Any
) -> None:
    """Any interleaving that keeps the order of each case ends in the same two documents."""
    alone = [told(one), told(other)]
    together = [Ladder(), Ladder()]
    for ladder in together:
        ladder.open(STARTS)
    remaining = [list(one), list(other)]
    while any(remaining):
        chosen = random.choice([index for index, steps in enumerate(remaining) if steps])
        tell(together[chosen], remaining[chosen].pop(0))
    assert [ladder.document for ladder in together] == [ladder.document for ladder in alone]


@given(STORY)
@settings(max_examples=60, deadline=None)
def test_a_running_case_is_never_silent(story: list[tuple[str, str]]) -> None:
    """Unless somebody else has the move, an open case always has a promised next word."""
    ladder = told(story)
    ladder.wake(ladder.now)
    state = ladder.state
    if state.stopped is None and state.open_pause() is None:
        assert ladder.wake_at is not None
        assert any(record.runs and record.name == "update" for record in state.clocks)


@given(STORY)
@settings(max_examples=60, deadline=None)
def test_paused_is_never_overdue_and_offers_need_consent(story: list[tuple[str, str]]) -> None:
    ladder = told(story)
    ladder.wake(ladder.now)
    assert all(found.at > ladder.now for found in deadlines(ladder.state, ladder.policy))
    for offer in ladder.state.offers:
        if offer.state is OfferState.ACCEPTED:
            assert ladder.state.consents == {"social": True}


@given(st.uuids(version=4))
@settings(max_examples=30, deadline=None)
def test_ids_derive_from_the_trigger(case_id: UUID) -> None:
    ladders = [Ladder(case_id=case_id), Ladder(case_id=case_id)]
    for ladder in ladders:
        ladder.open(STARTS)
        ladder.run_until("2026-11-30 10:00")
    assert ladders[0].document == ladders[1].document
    assert ladders[0].state.offers[0].id == uuid5(case_id, "offer:1:social:1")
