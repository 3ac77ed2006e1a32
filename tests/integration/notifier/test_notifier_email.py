"""The e-mail channel against a real SMTP server that answers as it is told."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
from aiosmtpd.controller import Controller

from services.notifier.channels.email import EmailChannel, SmtpSettings
from services.notifier.channels.outgoing import Outgoing
from services.notifier.core.retry import FaultKind
from tests.support.smtp_sink import Sink, serving

NOW = datetime(2026, 11, 20, 2, 0, tzinfo=UTC)


@pytest.fixture
def sink() -> Sink:
    return Sink()


@pytest.fixture
def server(sink: Sink) -> Iterator[Controller]:
    with serving(sink) as controller:
        yield controller


def settings(server: Controller, **changes: Any) -> SmtpSettings:
    base = {"host": "127.0.0.1", "port": server.port, "sender": "care@wallet.example"}
    return SmtpSettings(**{**base, "sender_name": "钱包客服", "connections": 1, **changes})


@pytest.fixture
async def channel(server: Controller) -> AsyncIterator[EmailChannel]:
    channel = EmailChannel(settings(server))
    yield channel
    await channel.close()


def outgoing(key: str = "k-1", to: str = "customer@example.com") -> Outgoing:
    return Outgoing(
        key=key,
        thread="case-1",
        address=to,
        subject="我们已收到您的问题",
        text="您好\n.一行以点开头\n",
        html="<p>您好</p>",
        language="zh",
        template="case_received",
        planned_at=NOW,
    )


async def test_a_mail_arrives_whole_with_its_headers(sink: Sink, channel: EmailChannel) -> None:
    assert await channel.send(outgoing(), NOW) is None
    (mail,) = sink.mails
    assert mail["Message-ID"] == "<k-1@wallet.example>"
    assert mail["References"] == mail["In-Reply-To"] == "<case-case-1@wallet.example>"
    assert mail["Auto-Submitted"] == "auto-generated"
    assert mail["Content-Language"] == "zh"
    assert mail["Subject"] == "我们已收到您的问题"
    assert mail["From"] == "钱包客服 <care@wallet.example>"
    text, html = mail.get_body(("plain",)), mail.get_body(("html",))
    assert text is not None
    assert html is not None
    assert text.get_content().splitlines() == ["您好", ".一行以点开头"]
    assert html.get_content().strip() == "<p>您好</p>"


async def test_the_connection_is_reused_and_the_thread_is_one(
    sink: Sink, channel: EmailChannel
) -> None:
    for number in range(3):
        assert await channel.send(outgoing(f"k-{number}"), NOW) is None
    assert len(sink.sessions) == 1
    assert len({mail["References"] for mail in sink.mails}) == 1
    assert len({mail["Message-ID"] for mail in sink.mails}) == 3


async def test_the_same_delivery_is_the_same_mail_at_every_attempt(
    sink: Sink, channel: EmailChannel
) -> None:
    for _ in range(2):
        assert await channel.send(outgoing(), NOW) is None
    first, second = sink.mails
    assert first["Message-ID"] == second["Message-ID"]
    assert first["Date"] == second["Date"]


@pytest.mark.parametrize(
    ("stage", "answer", "kind"),
    [
        ("rcpt", "550 no such user", FaultKind.REFUSED),
        ("rcpt", "450 try later", FaultKind.BUSY),
        ("data", "554 spam", FaultKind.REFUSED),
        ("data", "451 local error", FaultKind.BUSY),
    ],
)
async def test_a_refusal_is_final_or_not_by_its_code(
    sink: Sink, channel: EmailChannel, stage: str, answer: str, kind: FaultKind
) -> None:
    setattr(sink, stage, answer)
    fault = await channel.send(outgoing(), NOW)
    assert fault is not None
    assert fault.kind is kind
    assert fault.detail == answer[:3]
    setattr(sink, stage, "250 OK")
    assert await channel.send(outgoing("k-2"), NOW) is None


async def test_a_server_that_is_away_is_a_connection_fault_and_comes_back(
    sink: Sink, server: Controller, channel: EmailChannel
) -> None:
    assert await channel.send(outgoing(), NOW) is None
    server.stop()
    fault = await channel.send(outgoing("k-2"), NOW)
    assert fault is not None
    assert fault.kind is FaultKind.CONNECTION
    with serving(sink):
        assert await channel.send(outgoing("k-2"), NOW) is None
    assert sink.mails[-1]["Message-ID"] == "<k-2@wallet.example>"


async def test_nothing_personal_is_in_a_faults_detail(sink: Sink, channel: EmailChannel) -> None:
    sink.rcpt = "550 customer@example.com is unknown"
    fault = await channel.send(outgoing(), NOW)
    assert fault is not None
    assert "customer" not in fault.detail
