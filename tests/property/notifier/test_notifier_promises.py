"""What holds of the notifier's core whatever comes."""

from __future__ import annotations

from datetime import timedelta

from hypothesis import given
from hypothesis import strategies as st

from schemas.case import IncidentUpdated
from schemas.conversation import CustomerAsked, CustomerRepliedTo, PromiseMade
from schemas.event import EventData
from schemas.pack import GroupRule, Notify
from schemas.vocabulary import DeliveryChannel
from services.notifier.core.advance import Step, advance, lapse
from services.notifier.core.plan import Reach, asked_for, plan, wishes
from services.notifier.core.recipient import ChannelAddress, Preferences
from services.notifier.core.redact import MARK, redact
from services.notifier.core.retry import LONGEST_WAIT, Fault, FaultKind, next_attempt
from services.notifier.core.story import load
from services.notifier.core.vocabulary import Template
from services.notifier.core.wording import LANGUAGES, context, voice_for
from services.notifier.render import Renderer
from tests.support.notifier_stories import CASE, PACK, T0, at, case_opened, every_event, heard

RENDERER = Renderer()
LATER = [event for events in every_event() for event in events[1:]]
HISTORIES = st.lists(st.sampled_from(LATER), max_size=12)
ADDRESSES = st.sampled_from(
    [
        ChannelAddress(channel=DeliveryChannel.EMAIL, address="a@example.com"),
        ChannelAddress(channel=DeliveryChannel.EMAIL, address="b@example.com", verified=False),
        ChannelAddress(channel=DeliveryChannel.WEBHOOK, address="https://example.com/"),
        ChannelAddress(channel=DeliveryChannel.IN_APP),
    ]
)
PREFERENCES = st.none() | st.builds(
    Preferences,
    channels=st.none() | st.lists(ADDRESSES, max_size=4).map(tuple),
    locale=st.sampled_from([None, "zh-CN", "zh-Hant-TW", "en", "fr", "zh-Nowhere-XX", "xx"]),
    time_zone=st.sampled_from([None, "Asia/Kathmandu", "America/St_Johns"]),
    preferences=st.dictionaries(
        st.sampled_from(Template), st.lists(st.sampled_from(DeliveryChannel)).map(tuple), max_size=5
    ),
)
REACH = Reach(
    Notify(), {"senior": GroupRule(title={}, mailbox="s@example.com")}, timedelta(hours=1)
)


def steps(history: list[EventData], applied: list[int]) -> list[Step]:
    """The steps of a history in whatever order; the ladder has seen more or less of `cases`."""
    found = [advance(CASE, None, heard(case_opened(), 0), PACK)]
    for number, (event, seen) in enumerate(zip(history, applied, strict=True), start=1):
        one = heard(event, number, number, seen)
        found.append(advance(CASE, found[-1].story, one, PACK))
    return found


@given(HISTORIES, PREFERENCES, PREFERENCES, st.integers(0, 200), st.data())
def test_every_owed_word_is_planned_once_per_channel_and_can_be_written(
    history: list[EventData],
    own: Preferences | None,
    of_group: Preferences | None,
    delay_min: int,
    data: st.DataObject,
) -> None:
    size = len(history)
    applied = data.draw(st.lists(st.integers(0, size + 1), min_size=size, max_size=size))
    for minutes, step in enumerate(steps(history, applied)):
        for word in step.announcements:
            now = at(minutes + delay_min)
            said = {word.owner_group: of_group, word.recipient: own}
            stated = {name: one for name, one in said.items() if one is not None}
            assert set(stated) <= asked_for([word]) | {word.owner_group}
            deliveries = plan(word, stated, REACH, now)
            assert deliveries
            assert len({delivery.channel for delivery in deliveries}) == len(deliveries)
            assert len({delivery.reason for delivery in deliveries}) == 1
            old = now - word.cause.recorded_at > REACH.stale_after
            assert not (old and any(delivery.goes_out for delivery in deliveries))
            voice = voice_for(word, wishes(word, stated), PACK)
            content = context(word, PACK, voice, now)
            message = RENDERER.message(word.template, voice.language, content)
            assert voice.language in LANGUAGES
            assert str(CASE) in message.subject
            assert str(CASE) in message.text


@given(HISTORIES, st.data())
def test_a_word_that_waits_is_told_exactly_once(
    history: list[EventData], data: st.DataObject
) -> None:
    size = len(history)
    applied = data.draw(st.lists(st.integers(0, size + 1), min_size=size, max_size=size))
    found = steps(history, applied)
    end = lapse(found[-1].story, at(10**6))
    told = [word for step in (*found, end) for word in step.announcements]
    keys = [(word.cause.event_id, word.recipient) for word in told]
    assert len(keys) == len(set(keys))
    assert end.wake_at is None
    spoken = (CustomerAsked, CustomerRepliedTo, PromiseMade, IncidentUpdated)
    owed = {heard(e, n).id for n, e in enumerate(history, start=1) if isinstance(e, spoken)}
    assert owed <= {event_id for event_id, _ in keys}


@given(HISTORIES)
def test_a_story_survives_being_stored(history: list[EventData]) -> None:
    for step in steps(history, [0] * len(history)):
        assert load(step.story.dump()) == step.story


@given(st.text(), st.lists(st.text(st.characters(exclude_characters=MARK), min_size=2), max_size=4))
def test_no_known_value_survives_redaction(text: str, known: list[str]) -> None:
    cleaned = redact(text + "".join(known), known)
    assert not [value for value in known if value in cleaned]


@given(
    st.integers(1, 20),
    st.sampled_from(FaultKind),
    st.none() | st.timedeltas(timedelta(0), timedelta(days=999)),
    st.floats(0, 1, exclude_max=True),
)
def test_the_next_attempt_is_later_and_within_a_day_or_never(
    attempt: int, kind: FaultKind, retry_after: timedelta | None, jitter: float
) -> None:
    step = next_attempt(attempt, Fault(kind, retry_after), T0, jitter)
    assert step.at is None or T0 < step.at <= T0 + LONGEST_WAIT
