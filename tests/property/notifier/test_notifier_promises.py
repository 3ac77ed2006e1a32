"""What holds of the notifier's core whatever comes."""

from __future__ import annotations

from datetime import timedelta

from hypothesis import given
from hypothesis import strategies as st

from schemas.event import EventData
from schemas.pack import GroupRule, Notify
from schemas.vocabulary import DeliveryChannel
from services.notifier.core.advance import advance
from services.notifier.core.plan import Cause, Reach, plan
from services.notifier.core.recipient import ChannelAddress, Preferences
from services.notifier.core.redact import MARK, redact
from services.notifier.core.retry import LONGEST_WAIT, Fault, FaultKind, next_attempt
from services.notifier.core.story import Story, load
from services.notifier.core.vocabulary import Template
from services.notifier.core.wording import LANGUAGES, context, voice_for
from services.notifier.render import Renderer
from tests.support.notifier_stories import CASE, T0, at, case_opened, event_id, every_event, pack

PACK = pack()
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


def told(history: list[EventData]) -> list[tuple[int, Story]]:
    """The stories after each event, in any order of events whatever."""
    story = advance(CASE, None, case_opened(), T0).story
    stories = [(0, story)]
    for minutes, event in enumerate(history, start=1):
        story = advance(CASE, story, event, at(minutes)).story
        stories.append((minutes, story))
    return stories


@given(HISTORIES, PREFERENCES, st.integers(0, 200))
def test_every_owed_word_is_planned_once_per_channel_and_can_be_written(
    history: list[EventData], preferences: Preferences | None, delay_min: int
) -> None:
    before = [story for _, story in told(history)]
    for minutes, event in enumerate(history, start=1):
        for word in advance(CASE, before[minutes - 1], event, at(minutes)).announcements:
            cause = Cause(event_id(f"event {minutes}"), at(minutes))
            now = at(minutes + delay_min)
            deliveries = plan(word, cause, preferences, REACH, now)
            assert deliveries
            assert len({delivery.channel for delivery in deliveries}) == len(deliveries)
            assert len({delivery.reason for delivery in deliveries}) == 1
            assert not (delay_min > 60 and any(d.goes_out for d in deliveries))
            voice = voice_for(word, preferences)
            content = context(word, PACK, voice, now)
            message = RENDERER.message(word.template, voice.language, content)
            assert voice.language in LANGUAGES
            assert str(CASE) in message.subject
            assert str(CASE) in message.text


@given(HISTORIES)
def test_a_story_survives_being_stored(history: list[EventData]) -> None:
    for _, story in told(history):
        assert load(story.dump()) == story


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
