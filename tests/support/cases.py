"""Builders for intake's tests: a small policy, reports, cases and commands."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from schemas.case import PackPin
from schemas.pack import CategoryRule, FactNeed, Ladder, LaneRule, Pack, PauseRule, Rung
from schemas.report import Report
from schemas.vocabulary import Category, Lane, Severity, Side
from services.intake.core.admit import admit
from services.intake.core.commands import COMMAND, Command
from services.intake.core.outcome import Outcome, Refused
from services.intake.core.state import Case, Policies, Policy

NOW = datetime(2026, 11, 20, 2, 0, tzinfo=UTC)
SUBJECT = UUID(int=7)
AGENT = {"role": "agent", "id": "A1024", "name": "李四"}

RECEIPT = FactNeed(
    fact="evidence.payment_receipt",
    why={"en": "It shows the transfer left.", "zh": "付款凭证能证明转账已发出。"},
)
TRANSACTION_ID = FactNeed(fact="transaction.id", why={"en": "To find the transfer."})
CONTACTED = FactNeed(fact="counterparty_contacted", why={"en": "They may hold the money."})


def policy(version: str = "1") -> Policy:
    """A pack with three categories."""
    pack = Pack(
        name="small",
        version=version,
        title={"en": "Small"},
        collapse_window=timedelta(hours=24),
        stale_grace=timedelta(minutes=5),
        categories={
            Category.FUNDS_NOT_RECEIVED: CategoryRule(
                title={"en": "Funds not received"},
                facts=(TRANSACTION_ID, CONTACTED, RECEIPT),
                keywords=("没有收到", "not received", "transfer"),
            ),
            Category.UNAUTHORISED_TRANSACTION: CategoryRule(
                title={"en": "Unauthorised"},
                severity=Severity.CRITICAL,
                lane=Lane.MONEY_SAFETY,
                facts=(TRANSACTION_ID,),
                keywords=("盗刷", "unauthorised", "fraud"),
            ),
            Category.APP_FAULT: CategoryRule(
                title={"en": "App fault"}, severity=Severity.LOW, keywords=("闪退", "app")
            ),
        },
        calendars={},
        match=(),
        lanes={Lane.ORDINARY: LaneRule(clocks=())},
        ladder=Ladder(
            entry="frontline",
            reopen_entry="frontline",
            rungs=(Rung(name="frontline", path="phone", side=Side.OPERATOR, group="frontline"),),
        ),
        pauses=PauseRule(cap=timedelta(days=5)),
        groups={},
    )
    return Policy(PackPin(name="small", version=version, digest=f"sha256:{version}"), pack)


POLICY = policy()
POLICIES = Policies((POLICY,), {POLICY.pin.digest: POLICY})


def report_body(**changes: Any) -> dict[str, Any]:
    """The report of the walkthrough, with some top-level fields changed (None: left out)."""
    body = {
        "source": "call-centre",
        "external_id": "call-778",
        "category": "funds_not_received",
        "description": "转账显示成功,对方没有收到",
        "occurred_at": "2026-11-20T09:58:00+08:00",
        "customer": {
            "id": "cust-1001",
            "name": "张三",
            "locale": "zh-CN",
            "time_zone": "Asia/Shanghai",
            "email": "customer@example.com",
            "phone": "+8613800000000",
            "identity_verified": True,
        },
        "contact": {
            "channel": "phone",
            "direction": "inbound",
            "external_id": "call-778",
            "agent": {"name": "李四", "staff_number": "A1024"},
            "summary": "来电中断",
        },
        "transaction": {
            "id": "tx-5567",
            "at": "2026-11-20T09:41:12+08:00",
            "amount": "1280.00",
            "currency": "CNY",
            "counterparty": "merchant-88",
        },
        "facts": {"counterparty_contacted": True, "already_tried": "restarted the app"},
        "evidence": [],
    }
    return {name: value for name, value in {**body, **changes}.items() if value is not None}


def report(**changes: Any) -> Report:
    """The same as a model."""
    return Report.model_validate(report_body(**changes))


def open_case(now: datetime = NOW, **changes: Any) -> Case:
    """A case that this report opened."""
    outcome = admit(
        report(**changes),
        subject=SUBJECT,
        known=None,
        candidates=(),
        policies=POLICIES,
        now=now,
    )
    return taken(outcome).case


def command(name: str, **fields: Any) -> Command:
    """A command by the agent."""
    return COMMAND.validate_python({"command": name, "by": AGENT, **fields})


def taken(outcome: Outcome | Refused) -> Outcome:
    """The outcome, if it was not refused."""
    assert isinstance(outcome, Outcome), outcome
    return outcome


def refused(outcome: Outcome | Refused) -> Refused:
    """The refusal, if there was one."""
    assert isinstance(outcome, Refused), outcome
    return outcome


def names(outcome: Outcome) -> list[str]:
    """The names of the events, in order."""
    return [event.event_name for event in outcome.events]
