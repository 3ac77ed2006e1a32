"""A journal, carried elsewhere, leads to the same decisions, the same ids, the same explanation."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Collection
from datetime import datetime, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.escalation.core.explain import explain
from services.escalation.core.journal import Entry, Journal
from services.escalation.core.replay import ReplayDiffersError, explain_again, replay
from services.escalation.core.state import LadderState, write_state
from tests.property.test_engine import STARTS, STORY, tell, told
from tests.support.ladder import Ladder, at, changed_rung, statutory_policy

STORIES = st.lists(STORY, min_size=2, max_size=3)


@given(STORY)
@settings(max_examples=60, deadline=None)
def test_a_journal_replayed_gives_the_same_decisions_and_ids(story: list[tuple[str, str]]) -> None:
    """Every reason, instant and id is compared inside `replay`; the document here."""
    ladder = told(story)
    replayed = replay(ladder.journal(), ladder.policy)
    assert replayed.position == len(ladder.events)
    assert explain(replayed.state, ladder.policy) == explain(ladder.state, ladder.policy)
    # All but what people wrote and are called, which a journal does not hold.
    assert without_texts(replayed.state) == without_texts(ladder.state)


def without_texts(state: LadderState) -> dict[str, Any]:
    plain: dict[str, Any] = json.loads(write_state(state))
    plain.pop("undos", None)
    for pause in plain.get("pauses", ()):
        pause.pop("text", None)
    for clock in plain.get("clocks", ()):
        for extension in clock.get("extensions", ()):
            del extension["reason"]
    plain["place"] = {k: v for k, v in plain["place"].items() if k not in {"holder", "brief"}}
    return plain


def resumed(ladder: Ladder) -> None:
    used_up = {"resolution": "PT7H", "update": "PT1H"}
    ladder.open(STARTS, import_mode="resume", status="waiting_customer", consumed=used_up)


def historical(ladder: Ladder) -> None:
    ladder.open(STARTS, import_mode="historical", status="open")


def reported(ladder: Ladder) -> None:
    ladder.open(STARTS)


@given(STORY, st.sampled_from([resumed, historical, reported]), st.booleans())
@settings(max_examples=60, deadline=None)
def test_imports_and_statutory_clocks_replay_too(
    story: list[tuple[str, str]], begin: Callable[[Ladder], None], statutory: bool
) -> None:
    ladder = Ladder(statutory_policy() if statutory else None)
    begin(ladder)
    for step in story:
        tell(ladder, step)
    found = explain_again(ladder.journal(), ladder.policy)
    assert found.pop("position") == f"escalations:{len(ladder.events)}"
    assert found == explain(ladder.state, ladder.policy)
    if begin is historical and ladder.state.episode == 1:
        assert (ladder.state.clocks, ladder.wake_at) == ([], None)
    fired = [firing for decision in ladder.decisions for firing in decision.firings]
    warned = Counter((each.what, each.cycle) for each in fired if "@" in each.what)
    assert max(warned.values(), default=1) == 1
    deadlines = Counter((each.episode, each.what, each.cycle, each.due_at) for each in fired)
    assert max(deadlines.values(), default=1) == 1


@given(STORY, st.data())
@settings(max_examples=40, deadline=None)
def test_a_journal_that_was_changed_is_found_out(
    story: list[tuple[str, str]], data: st.DataObject
) -> None:
    ladder = told(story)
    journal = ladder.journal()
    number = data.draw(st.integers(0, len(journal.entries) - 1))
    entry = journal.entries[number]
    changes = data.draw(st.sampled_from(_forgeries(entry)))
    forged = entry.model_copy(update=changes)
    entries = (*journal.entries[:number], forged, *journal.entries[number + 1 :])
    with pytest.raises(ReplayDiffersError, match=f"^entry {number + 1} "):
        replay(journal.model_copy(update={"entries": entries}), ladder.policy)


def _forgeries(entry: Entry) -> list[dict[str, object]]:
    """Ways to lie about one entry: its next instant, its events, their ids and instants."""
    an_hour = timedelta(hours=1)
    lies: list[dict[str, object]] = [
        {"wake_at": entry.wake_at - an_hour if entry.wake_at else entry.now}
    ]
    if entry.produced:
        first, *rest = entry.produced
        lies += [
            {"produced": rest},
            {"produced": (first.model_copy(update={"id": entry.trigger}), *rest)},
            {"produced": (first.model_copy(update={"data": {**first.data, "visit": 0}}), *rest)},
        ]
    return lies


@given(STORIES, st.randoms(use_true_random=False))
@settings(max_examples=25, deadline=None)
def test_any_interleaving_of_cases_gives_the_same_journals(
    stories: list[list[tuple[str, str]]], random: object
) -> None:
    """Only the order within a case counts: not that of its batch, its partition or its replica."""
    alone = [told(story) for story in stories]
    together = [Ladder() for _ in stories]
    for ladder in together:
        ladder.open(STARTS)
    order = [number for number, story in enumerate(stories) for _ in story]
    random.shuffle(order)  # type: ignore[attr-defined]  # Hypothesis hands out a random.Random
    remaining = [iter(story) for story in stories]
    for number in order:
        tell(together[number], next(remaining[number]))
    assert [ladder.journal() for ladder in together] == [ladder.journal() for ladder in alone]


@given(STORY, st.lists(st.tuples(st.integers(0, 40), st.integers(0, 600)), max_size=20))
@settings(max_examples=50, deadline=None)
def test_wake_ups_that_nobody_asked_for_change_nothing(
    story: list[tuple[str, str]], extra: list[tuple[int, int]]
) -> None:
    """Early and doubled ones, thrown in anywhere: no entry, no event, the same document."""
    plain, disturbed = Ladder(), Ladder()
    for ladder in (plain, disturbed):
        ladder.open(STARTS)
    for number, step in enumerate(story):
        for place, early_s in extra:
            waiting = disturbed.wake_at
            if place == number and waiting is not None and waiting > disturbed.now:
                instant = max(disturbed.now, waiting - timedelta(seconds=1 + early_s))
                _wake_at(disturbed, instant)
        tell(plain, step)
        tell(disturbed, step)
    assert _without_ids(disturbed) == _without_ids(plain)


def _wake_at(ladder: Ladder, instant: object) -> None:
    """Wakes without moving the time that the next step happens at."""
    now, triggers = ladder.now, ladder.triggers
    before, entries = ladder.document, len(ladder.entries)
    assert ladder.wake(instant).events == ()  # type: ignore[arg-type]  # a datetime
    assert (ladder.document, len(ladder.entries)) == (before, entries)
    ladder.now, ladder.triggers = now, triggers


def _without_ids(ladder: Ladder) -> tuple[bytes | None, Journal]:
    return ladder.document, ladder.journal()


@given(STORY)
@settings(max_examples=40, deadline=None)
def test_a_late_wake_up_leads_to_the_same_instants_due(story: list[tuple[str, str]]) -> None:
    """The due instants of what fires do not depend on when it is noticed, ids neither."""
    prompt = told(story)
    waiting = prompt.wake_at
    if waiting is None or waiting < prompt.now:
        return
    late = told(story)
    late.wake(waiting + timedelta(hours=7))
    prompt.wake(waiting)
    first, again = prompt.decisions[-1].firings[0], late.decisions[-1].firings[0]
    assert (first.what, first.cycle, first.due_at) == (again.what, again.cycle, again.due_at)


def test_the_explanation_follows_from_the_journal_alone() -> None:
    ladder = Ladder()
    ladder.open(STARTS)
    ladder.run_until("2026-11-26 12:00")
    found = explain_again(ladder.journal(), ladder.policy)
    assert found == {
        **explain(ladder.state, ladder.policy),
        "position": f"escalations:{len(ladder.events)}",
    }
    assert len(found["rungs"]) > 2


def test_another_policy_or_calendar_is_named() -> None:
    ladder = Ladder()
    ladder.open(STARTS)
    journal = ladder.journal()
    wrong = journal.model_copy(update={"calendars": {**journal.calendars, "always": "sha256:0"}})
    with pytest.raises(ReplayDiffersError, match=r"^calendar always: "):
        replay(wrong, ladder.policy)
    other = journal.policy.model_copy(update={"digest": "sha256:0"})
    with pytest.raises(ReplayDiffersError, match=r"^policy digest: "):
        replay(journal.model_copy(update={"policy": other}), ladder.policy)


class NightShift(Ladder):
    """Its one group comes to work on Saturday at nine."""

    def staffing(
        self, group: str, barred: Collection[str], now: datetime, until: datetime | None
    ) -> bool:
        return until is None or until >= at("2026-11-21 09:00")


def test_a_group_that_is_late_for_one_rung_and_not_for_the_next_replays() -> None:
    ladder = NightShift(changed_rung("email", group="senior"))
    ladder.open(STARTS)
    ladder.run_until("2026-11-20 10:13")
    assert (ladder.rungs(), ladder.state.history[-1].passed) == (
        ["frontline", "email"],
        ("senior",),
    )
    assert replay(ladder.journal(), ladder.policy).state.place.rung == "email"
