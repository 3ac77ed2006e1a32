"""What the notifier remembers of a case."""

from __future__ import annotations

from schemas import case, conversation, escalation
from schemas.report import Contact
from schemas.vocabulary import Channel, ConsentTo, Direction, Status
from services.notifier.core.story import AskedState, LineKind, load
from tests.support.notifier_stories import (
    T0,
    at,
    case_opened,
    entered,
    event_id,
    every_event,
    offered,
    on_rung,
    said,
    started,
    story_of,
)


def test_the_document_survives_a_round_trip() -> None:
    for events in every_event():
        story = story_of(*events)
        assert load(story.dump()) == story


def test_the_conversation_is_told_in_order_with_agents_and_staff_numbers() -> None:
    earlier = said(
        case.ContactAdded,
        contact_id=event_id("call"),
        channel=Channel.PHONE,
        direction=Direction.INBOUND,
        occurred_at=at(-30),
        started_at=at(-30),
        contact=Contact(channel=Channel.PHONE, summary="first call"),
    )
    replied = said(conversation.CustomerRepliedTo, channel=Channel.PHONE, text="we look into it")
    story = story_of(case_opened(), earlier, replied)
    assert story.started_at == at(-30)
    assert story.conversation[0].text == "first call"
    last = story.conversation[-1]
    assert (last.kind, last.staff_number, last.agent_name) == (LineKind.REPLIED, "A1024", "李四")


def test_whoever_takes_the_case_over_sees_what_an_incident_told_the_customer() -> None:
    news = said(case.IncidentUpdated, incident_id=event_id("incident"), text="服务恢复中")
    story = story_of(case_opened(), started(), news)
    last = story.conversation[-1]
    assert (last.text, last.inbound, last.staff_number) == ("服务恢复中", False, "A1024")


def test_what_was_proved_and_what_was_held_for_the_solution_is_remembered() -> None:
    story = story_of(case_opened(), said(case.IdentityVerified, method="video"))
    assert (story_of(case_opened()).identity_verified, story.identity_verified) == (False, True)
    assert story_of(case_opened(identity_verified=True)).identity_verified
    solved = said(case.CaseResolved, status=Status.RESOLVED, outcome="refunded", summary="by card")
    again = said(case.CaseReopened, episode=2, reason="never came", by=None)
    last = story_of(case_opened(), solved, again).conversation[-2:]
    assert [(line.inbound, line.text) for line in last] == [
        (False, "refunded: by card"),
        (True, "never came"),
    ]


def test_the_next_promised_time_is_the_earliest_that_is_still_to_come() -> None:
    promised = said(
        conversation.PromiseMade, promise_id=event_id("p"), by_when=at(10), what="call back"
    )
    story = story_of(case_opened(), started(), promised)
    assert story.next_promised_at(at(2)) == at(10)
    assert story.next_promised_at(at(11)) == at(15)
    kept = said(conversation.PromiseKept, promise_id=event_id("p"))
    assert story_of(case_opened(), started(), promised, kept).next_promised_at(at(2)) == at(15)
    assert story.next_promised_at(at(16)) is None


def test_a_new_rung_has_no_holder_yet() -> None:
    claimed = on_rung(escalation.HolderChanged, staff_number="A1024", name="李四")
    story = story_of(case_opened(), started(), claimed)
    assert story.standing is not None
    assert story.standing.holder is not None
    higher = story_of(case_opened(), started(), claimed, entered("senior"))
    assert higher.standing is not None
    assert higher.standing.holder is None
    assert higher.standing.owner_group == "senior"


def test_consent_is_remembered_until_it_is_taken_back() -> None:
    given = said(conversation.ConsentGiven, consent_to=ConsentTo.SOCIAL, wording_sha256="0")
    revoked = said(conversation.ConsentRevoked, consent_to=ConsentTo.SOCIAL, wording_sha256="0")
    assert story_of(case_opened(), given).consents == {"social"}
    assert story_of(case_opened(), given, revoked).consents == frozenset()


def test_an_offer_is_open_until_it_is_answered() -> None:
    made = offered(escalation.OfferMade, "social")
    assert len(story_of(case_opened(), made).offers) == 1
    for answer in (escalation.OfferAccepted, escalation.OfferDeclined, escalation.OfferExpired):
        assert story_of(case_opened(), made, offered(answer, "social")).offers == ()


def test_what_other_departments_were_asked_for_is_known_by_its_clock() -> None:
    clock = {"clock": "action:freeze", "kind": "service"}
    asked = on_rung(escalation.ClockStarted, **clock, started_at=T0, budget="PT10M", unit="elapsed")
    late = on_rung(escalation.ClockMissed, **clock, missed_at=at(10))
    closed = on_rung(escalation.ClockStopped, **clock, met=False, stopped_at=at(12))
    other = on_rung(
        escalation.ClockStarted, clock="update", kind="service", started_at=T0, budget="PT4H",
        unit="business",
    )  # fmt: skip
    assert story_of(case_opened(), started(), other).asked == {}
    assert story_of(case_opened(), started(), asked).asked == {"freeze": AskedState.OPEN}
    assert story_of(case_opened(), started(), asked, late).asked == {"freeze": AskedState.LATE}
    everything = story_of(case_opened(), started(), asked, late, closed)
    assert everything.asked == {"freeze": AskedState.CLOSED}


def test_an_erased_customer_is_still_a_story() -> None:
    story = story_of(
        case_opened(None, description=None, contact=None, transaction=None, facts={}), started()
    )
    assert story.customer.email is None
    assert story.conversation == ()
    assert (story.status, story.started_at) == (Status.OPEN, T0)
