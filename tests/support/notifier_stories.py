"""Builders for the notifier's tests: a case with everything in it, and the events around it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID, uuid5

from schemas import case, conversation, escalation
from schemas.event import EventData
from schemas.report import Actor, AgentRef, Contact, Customer, Transaction
from schemas.vocabulary import (
    Category,
    Channel,
    ConsentTo,
    Direction,
    HolderReason,
    Lane,
    Role,
    RungReason,
    Severity,
    Side,
    Status,
    StopReason,
)
from services.notifier.core.advance import Heard, Step, advance
from services.notifier.core.story import Story
from services.packs import DEFAULT_PACK, load_pack

PACK = load_pack(DEFAULT_PACK).pack
"""The shipped policy."""
T0 = datetime(2026, 11, 20, 1, 58, tzinfo=UTC)
"""Friday 09:58 in Shanghai, as in the walkthrough."""
CASE = UUID("11111111-1111-5111-8111-111111111111")
SUBJECT = UUID("22222222-2222-5222-8222-222222222222")
PIN = case.PackPin(name="wallet-default", version="1", digest=load_pack(DEFAULT_PACK).digest)
AGENT = Actor(role=Role.AGENT, id="A1024", name="李四")
ZH = Customer(
    id="cust-1001",
    name="张三",
    locale="zh-CN",
    time_zone="Asia/Shanghai",
    email="customer@example.com",
    phone="+8613800000000",
)
EN = ZH.model_copy(update={"name": "Jo Miller", "locale": "en-US", "time_zone": "America/New_York"})


def at(minutes: float) -> datetime:
    """An instant some minutes after the first contact."""
    return T0 + timedelta(minutes=minutes)


def event_id(name: str) -> UUID:
    """A stable id for an event of a test."""
    return uuid5(CASE, name)


def case_opened(customer: Customer | None = ZH, **changes: Any) -> case.CaseOpened:
    """The walkthrough's case."""
    fields: dict[str, Any] = {
        "status": Status.OPEN,
        "data_subject": SUBJECT,
        "category": Category.FUNDS_NOT_RECEIVED,
        "severity": Severity.NORMAL,
        "lane": Lane.ORDINARY,
        "policy": PIN,
        "channel": Channel.PHONE,
        "occurred_at": T0,
        "started_at": T0,
        "locale": customer.locale if customer else "en",
        "time_zone": customer.time_zone if customer else "UTC",
        "missing_facts": ("evidence.payment_receipt",),
        "customer": customer,
        "description": "转账显示成功，对方没有收到。我的电话是13800000000。",
        "contact": Contact(
            channel=Channel.PHONE,
            agent=AgentRef(name="李四", staff_number="A1024"),
            summary="客户张三来电，称交易 tx-5567 未到账",
        ),
        "transaction": Transaction(
            id="tx-5567", at=at(-17), amount=Decimal("1280.00"), currency="CNY",
            counterparty="merchant-88",
        ),
        "facts": {"counterparty_contacted": True, "already_tried": "restarted the app"},
    }  # fmt: skip
    return case.CaseOpened(**{**fields, **changes})


def said(kind: type[case.CaseEvent], /, **fields: Any) -> Any:
    """An event of topic `cases`, said by the agent unless the fields differ."""
    return kind(**{"status": Status.OPEN, "by": AGENT, "by_role": Role.AGENT, **fields})


def on_rung(event: type[escalation.LadderEvent], /, rung: str = "frontline", **fields: Any) -> Any:
    """An event of topic `escalations` while the case is on a rung."""
    paths = {"frontline": "phone"}
    groups = {"email": "written_care", "social": "social_care", "regulator": "regulatory_affairs"}
    base: dict[str, Any] = {
        "episode": 1,
        "rung": rung,
        "path": paths.get(rung, rung),
        "owner_group": groups.get(rung, rung),
        "next_update_at": at(15),
        "next_due_at": at(480),
    }
    return event(**{**base, **fields})


def started(**fields: Any) -> escalation.LadderStarted:
    """The ladder's start."""
    base = {"policy": PIN, "started_at": T0, "reason": RungReason.OPENED}
    event: escalation.LadderStarted = on_rung(escalation.LadderStarted, **{**base, **fields})
    return event


def entered(rung: str, **fields: Any) -> escalation.RungEntered:
    """A rung entered because the rung before ran out."""
    base = {
        "side": Side.OPERATOR,
        "entered_at": at(60),
        "due_at": at(540),
        "reason": RungReason.RESOLUTION_MISSED,
        "clock": "resolution",
    }
    event: escalation.RungEntered = on_rung(escalation.RungEntered, rung, **{**base, **fields})
    return event


def offered(kind: type[escalation.OfferEvent], /, rung: str, **fields: Any) -> Any:
    """An event of the offer of a customer-driven rung, made on rung email."""
    base: dict[str, Any] = {
        "offered_rung": rung,
        "offered_path": rung,
        "offer_id": event_id(f"offer {rung}"),
    }
    if kind is escalation.OfferMade:
        base |= {
            "expires_at": at(4320),
            "consent_to": rung,
            "reason": RungReason.RUNG_BUDGET_SPENT,
        }
    return on_rung(kind, "email", **{**base, **fields})


def held_by(
    number: str | None, reason: HolderReason, rung: str = "frontline", **fields: Any
) -> Any:
    """Another agent holds the case, or nobody."""
    names = {"A1024": "李四", "A1025": "赵敏", "A2001": "王五", "A3001": "刘洋", "A4001": "周婷"}
    base = {"staff_number": number, "name": names.get(number or ""), "reason": reason}
    return on_rung(escalation.HolderChanged, rung, **{**base, **fields})


def retracted(rung: str = "senior") -> escalation.RungRetracted:
    """A rung taken back: the case is on the first one again."""
    event: escalation.RungRetracted = on_rung(
        escalation.RungRetracted, retracted_rung=rung, retracted_visit=1,
        reason=RungReason.LATE_EVENT, because_of=event_id("late"),
    )  # fmt: skip
    return event


def heard(event: EventData, minutes: float, sequence: int = 1, applied: int = 10**6) -> Heard:
    """An event as it came; one of the ladder has seen everything unless `applied` says less."""
    name = f"{type(event).event_name} {minutes}"
    return Heard(event, event_id(name), at(minutes), sequence, applied)


def tell(*events: EventData) -> list[Step]:
    """The steps of these events, one minute apart."""
    story: Story | None = None
    steps: list[Step] = []
    for minutes, event in enumerate(events):
        steps.append(advance(CASE, story, heard(event, minutes), PACK))
        story = steps[-1].story
    return steps


def story_of(*events: EventData) -> Story:
    """The story after these events, one minute apart."""
    return tell(*events)[-1].story


def ladder_moved(minutes: float) -> escalation.ClockStarted:
    """The ladder's answer to what an agent said: the promise clock begins again."""
    event: escalation.ClockStarted = on_rung(
        escalation.ClockStarted, clock="update", kind="service", started_at=at(2), budget="PT4H",
        unit="business", next_update_at=at(minutes),
    )  # fmt: skip
    return event


def every_event() -> tuple[tuple[EventData, ...], ...]:
    """For each event that tells somebody: the events before it, and it last."""
    receipt = ("evidence.payment_receipt",)
    base = (case_opened(), started())
    claimed = held_by("A1024", HolderReason.CLAIMED)
    asked = said(
        conversation.CustomerAsked,
        status=Status.WAITING_CUSTOMER,
        facts=receipt,
        text="请上传转账回执。",
    )
    replied = said(
        conversation.CustomerRepliedTo, channel=Channel.PHONE, text="正在向对方银行查询。"
    )
    promised = said(
        conversation.PromiseMade,
        promise_id=event_id("promise"),
        by_when=at(90),
        what="查询银行流水",
    )
    more = said(
        case.ContactAdded,
        contact_id=event_id("chat"),
        channel=Channel.CHAT,
        direction=Direction.INBOUND,
        occurred_at=at(5),
        started_at=T0,
        contact=Contact(channel=Channel.CHAT, summary="客户再次询问"),
        by=None,
    )
    moved = ladder_moved(243)
    paused = on_rung(
        escalation.ClockPaused, clock="update", kind="service", reason="waiting_customer",
        next_update_at=None,
    )  # fmt: skip
    held = (*base, more, claimed, replied, promised, moved)
    missed = on_rung(
        escalation.ClockMissed, clock="update", kind="service", missed_at=at(15),
        tell_customer=True, next_update_at=at(240),
    )  # fmt: skip
    consent = said(
        conversation.ConsentGiven,
        consent_to=ConsentTo.SOCIAL,
        wording_sha256="0" * 64,
        wording="同意",
    )
    social = entered(
        "social", side=Side.CUSTOMER, reason=RungReason.OFFER_ACCEPTED, text="张三已同意"
    )
    incident = said(case.IncidentUpdated, incident_id=event_id("incident"), text="服务已恢复。")
    resolved = said(
        case.CaseResolved, status=Status.RESOLVED, outcome="refunded", summary="款项已到账。"
    )
    stopped = on_rung(escalation.LadderStopped, reason=StopReason.RESOLVED)
    reopened = said(case.CaseReopened, episode=2, reason="仍未到账", by=None)
    email = (*held, entered("senior"), entered("email"))
    return (
        base,
        (*base, claimed),
        (*base, claimed, asked, paused),
        (*base, claimed, replied, moved),
        (*base, claimed, promised, moved),
        (*held, missed),
        (*held, entered("senior")),
        email,
        (*held, entered("senior"), retracted()),
        *changes_of_hands(held, email, (*email, consent, social)),
        *(
            (*held, entered("senior", reason=reason, clock=None))
            for reason in (
                RungReason.SEVERITY_RAISED,
                RungReason.ACTION_LATE,
                RungReason.ACTION_REFUSED,
                RungReason.NOBODY_AVAILABLE,
            )
        ),
        (*email, offered(escalation.OfferMade, "social")),
        (*email, offered(escalation.OfferMade, "regulator")),
        (*email, consent, offered(escalation.OfferAccepted, "social")),
        (*email, consent, offered(escalation.OfferAccepted, "social"), social),
        (*held, resolved),
        (*held, resolved, stopped, said(case.CaseConfirmed, status=Status.CLOSED)),
        (*held, said(case.CaseWithdrawn, status=Status.WITHDRAWN, reason="已自行解决")),
        (*held, said(case.CaseClosed, status=Status.CLOSED, reason="超过确认期限")),
        (*held, resolved, stopped, reopened, started(episode=2, reason=RungReason.REOPENED)),
        (*base, incident, moved),
    )  # fmt: skip


Events = tuple[EventData, ...]


def changes_of_hands(held: Events, email: Events, social: Events) -> tuple[Events, ...]:
    """Every way in which a case gets another holder, or loses the one it had.

    The events before: A1024 holds it on the front line; it is on the written path; on social media.
    """
    brief = "客户已把全部情况告诉我们，请勿重复询问；客户电话 13800000000。"
    frozen = on_rung(
        escalation.ClockStarted, clock="action:freeze", kind="service", started_at=at(5),
        budget="PT10M", unit="elapsed",
    )  # fmt: skip
    given = held_by("A1025", HolderReason.HANDED_OVER, previous_staff_number="A1024", brief=brief)
    lost = {"previous_staff_number": "A1024"}
    written = held_by("A3001", HolderReason.CLAIMED, "email")
    return (
        (*held, frozen, given),
        (*held, held_by(None, HolderReason.SILENT, **lost)),
        (*held, entered("senior"), held_by("A2001", HolderReason.ASSIGNED, "senior")),
        (
            *email,
            written,
            held_by(None, HolderReason.ABSENT, "email", previous_staff_number="A3001"),
        ),
        (*social, held_by("A4001", HolderReason.HANDED_OVER, "social", brief=brief)),
        (*held, entered("senior"), retracted(), held_by("A1024", HolderReason.RETRACTED)),
        (
            *held,
            entered("senior"),
            held_by(None, HolderReason.GROUP_CHANGED, "senior", owner_group="technical_support"),
        ),
    )
