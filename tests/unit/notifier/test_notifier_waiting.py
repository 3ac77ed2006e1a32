"""Words that wait until the ladder has said to when the next promised time moved."""

from __future__ import annotations

from schemas import conversation, escalation
from schemas.vocabulary import Channel, Status, StopReason
from services.notifier.core.advance import advance, lapse
from services.notifier.core.story import Story
from services.notifier.core.waiting import PATIENCE
from tests.support.notifier_stories import (
    CASE,
    PACK,
    at,
    case_opened,
    entered,
    heard,
    ladder_moved,
    on_rung,
    said,
    started,
    story_of,
)

REPLIED = said(conversation.CustomerRepliedTo, channel=Channel.PHONE, text="we look into it")


def reply_heard() -> Story:
    """A case with a running promise, just after a reply at position 2 of `cases`."""
    before = story_of(case_opened(), started())
    step = advance(CASE, before, heard(REPLIED, 2, sequence=2), PACK)
    assert step.announcements == ()
    assert step.wake_at == at(2) + PATIENCE
    return step.story


def test_a_reply_is_told_with_the_time_that_the_ladder_says_after_it() -> None:
    old = advance(CASE, reply_heard(), heard(ladder_moved(15), 2, applied=1), PACK)
    assert old.announcements == ()  # the ladder had not seen the reply yet
    step = advance(CASE, old.story, heard(ladder_moved(242), 3, applied=2), PACK)
    (word,) = step.announcements
    assert word.template == "customer_replied_to"
    assert word.cause.event_id == heard(REPLIED, 2).id
    assert word.story.next_promised_at(at(3)) == at(242)
    assert (step.story.waiting, step.wake_at) == ((), None)


def test_without_an_answer_of_the_ladder_it_is_told_without_a_time() -> None:
    waiting = reply_heard()
    early = lapse(waiting, at(2) + PATIENCE / 2)
    assert early.announcements == ()
    assert early.wake_at == at(2) + PATIENCE
    late = lapse(waiting, at(2) + PATIENCE)
    (word,) = late.announcements
    assert word.story.next_promised_at(at(3)) is None
    assert late.wake_at is None
    assert late.story.standing == waiting.standing


def test_where_no_promise_runs_nothing_waits() -> None:
    paused = on_rung(
        escalation.ClockPaused, clock="update", kind="service", reason="waiting_customer",
        next_update_at=None,
    )  # fmt: skip
    before = story_of(case_opened(), started(), paused)
    assert len(advance(CASE, before, heard(REPLIED, 3), PACK).announcements) == 1


def test_a_policy_whose_promise_does_not_move_is_told_at_once() -> None:
    lane = PACK.lanes[case_opened().lane]
    still = tuple(clock.model_copy(update={"promised_to_customer": False}) for clock in lane.clocks)
    lanes = {case_opened().lane: lane.model_copy(update={"clocks": still})}
    quiet = PACK.model_copy(update={"lanes": lanes})
    before = story_of(case_opened(), started())
    (word,) = advance(CASE, before, heard(REPLIED, 2), quiet).announcements
    assert word.story.next_promised_at(at(3)) == at(15)


def test_a_question_before_the_ladder_started_follows_the_first_message() -> None:
    asked = said(conversation.CustomerAsked, status=Status.WAITING_CUSTOMER, text="receipt?")
    story = advance(CASE, story_of(case_opened()), heard(asked, 1, sequence=2), PACK).story
    first = advance(CASE, story, heard(started(), 2, applied=1), PACK)
    assert [word.template for word in first.announcements] == ["case_received"]
    second = advance(CASE, first.story, heard(ladder_moved(30), 3, applied=2), PACK)
    assert [word.template for word in second.announcements] == ["customer_asked"]


def test_what_waited_comes_before_what_the_ladder_event_itself_says() -> None:
    step = advance(CASE, reply_heard(), heard(entered("senior"), 3, applied=2), PACK)
    customer = [word.template for word in step.announcements if word.to_customer]
    assert customer == ["customer_replied_to", "rung_entered"]
    assert [told.template for told in step.story.told][-2:] == customer


def test_a_ladder_that_stops_has_nothing_to_say_to_a_word_that_came_after_the_end() -> None:
    """The case was resolved at position 1 of `cases`, and then the agent spoke once more."""
    stopped = on_rung(escalation.LadderStopped, reason=StopReason.RESOLVED)
    step = advance(CASE, reply_heard(), heard(stopped, 3, applied=1), PACK)
    (word,) = step.announcements
    assert word.template == "customer_replied_to"
    assert word.story.next_promised_at(at(3)) is None
    assert (step.story.waiting, step.wake_at) == ((), None)


def test_a_promise_that_a_reply_ends_is_waited_for_too() -> None:
    lane = PACK.lanes[case_opened().lane]
    answering = tuple(
        clock.model_copy(update={"restarts_on": (), "stops_on": ("agent.spoke",)})
        for clock in lane.clocks
    )
    lanes = {case_opened().lane: lane.model_copy(update={"clocks": answering})}
    pack = PACK.model_copy(update={"lanes": lanes})
    before = story_of(case_opened(), started())
    assert advance(CASE, before, heard(REPLIED, 2, sequence=2), pack).announcements == ()
