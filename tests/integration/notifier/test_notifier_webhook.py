"""The webhook channel against a real HTTP server that answers as it is told."""

from __future__ import annotations

import base64
import json
from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import pytest
from standardwebhooks import Webhook

from services.notifier.channels.address_guard import (
    ForbiddenAddress,
    checked_address,
    is_public,
)
from services.notifier.channels.outgoing import Outgoing
from services.notifier.channels.webhook import WebhookChannel, signed_headers
from services.notifier.core.retry import FaultKind
from tests.support.certificates import tls_for
from tests.support.http_endpoint import Endpoint, answering

SECRET = "whsec_" + base64.b64encode(b"0123456789abcdef0123456789abcdef").decode()


@pytest.fixture
def endpoint() -> Iterator[Endpoint]:
    with answering() as server:
        yield server


@pytest.fixture
async def channel() -> AsyncIterator[WebhookChannel]:
    channel = WebhookChannel(allow_local=True)
    yield channel
    await channel.close()


def outgoing(address: str, key: str = "k-1") -> Outgoing:
    return Outgoing(
        key=key,
        thread="case-1",
        address=address,
        subject="我们已收到您的问题",
        text="您好",
        html="",
        language="zh",
        template="case_received",
        planned_at=datetime(2026, 11, 20, 2, 0, tzinfo=UTC),
        secret=SECRET,
    )


def real_now() -> datetime:
    return datetime.now(UTC)


async def test_a_notification_verifies_with_the_standard_library(
    endpoint: Endpoint, channel: WebhookChannel
) -> None:
    assert await channel.send(outgoing(endpoint.url), real_now()) is None
    ((path, headers, body),) = endpoint.requests
    content = Webhook(SECRET).verify(body, headers)
    assert path == "/hook?x=1"
    assert headers["webhook-id"] == "k-1"
    assert headers["host"] == f"localhost:{endpoint.server_port}"
    assert content["type"] == "notification.case_received"
    assert content["data"]["text"] == "您好"
    assert "recipient" not in content["data"]  # as an older release froze it
    assert json.loads(body) == content


async def test_a_groups_endpoint_learns_for_which_agent_a_message_is(
    endpoint: Endpoint, channel: WebhookChannel
) -> None:
    for_agent = outgoing(endpoint.url).model_copy(update={"recipient": "agent:A2001"})
    assert await channel.send(for_agent, real_now()) is None
    ((_, _, body),) = endpoint.requests
    assert json.loads(body)["data"]["recipient"] == "agent:A2001"


async def test_every_attempt_sends_the_same_id_and_bytes(
    endpoint: Endpoint, channel: WebhookChannel
) -> None:
    for _ in range(2):
        await channel.send(outgoing(endpoint.url), real_now())
    first, second = endpoint.requests
    assert first[1]["webhook-id"] == second[1]["webhook-id"]
    assert first[2] == second[2]


@pytest.mark.parametrize(("certified", "accepted"), [("localhost", True), ("other.test", False)])
async def test_tls_is_verified_for_the_name_though_the_address_is_called(
    tmp_path: Path, certified: str, accepted: bool
) -> None:
    server_tls, client_tls = tls_for(certified, tmp_path)
    guarded = WebhookChannel(allow_local=True, tls=client_tls)
    with answering(server_tls) as secure:
        url = f"https://localhost:{secure.server_port}/"
        fault = await guarded.send(outgoing(url), real_now())
        await guarded.close()
        assert (fault is None) is accepted
        assert len(secure.requests) == (1 if accepted else 0)
    if not accepted:
        assert fault is not None
        assert fault.kind is FaultKind.CONNECTION


def test_the_timestamp_is_right_in_any_zone() -> None:
    now = real_now()
    there = now.astimezone(timezone(timedelta(hours=8)))
    headers = signed_headers("k", SECRET, "{}", there)
    assert headers == signed_headers("k", SECRET, "{}", now)
    Webhook(SECRET).verify("{}", headers)


@pytest.mark.parametrize(
    ("code", "kind"),
    [
        (410, FaultKind.GONE),
        (429, FaultKind.BUSY),
        (503, FaultKind.BUSY),
        (500, FaultKind.ERROR_ANSWER),
        (404, FaultKind.ERROR_ANSWER),
        (302, FaultKind.ERROR_ANSWER),
    ],
)
async def test_what_an_answer_means(
    endpoint: Endpoint, channel: WebhookChannel, code: int, kind: FaultKind
) -> None:
    endpoint.answer = (code, {"location": endpoint.url})
    fault = await channel.send(outgoing(endpoint.url), real_now())
    assert fault is not None
    assert fault.kind is kind
    assert len(endpoint.requests) == 1


@pytest.mark.parametrize(
    ("text", "wait"),
    [
        ("120", timedelta(seconds=120)),
        ("Fri, 20 Nov 2026 02:05:00 GMT", timedelta(minutes=5)),
        ("Fri, 20 Nov 2020 02:05:00 GMT", timedelta(0)),
        ("soon", None),
        ("-5", None),
        ("9" * 30, timedelta(seconds=10**8)),
    ],
)
async def test_retry_after_in_both_its_forms(
    endpoint: Endpoint, channel: WebhookChannel, text: str, wait: timedelta | None
) -> None:
    endpoint.answer = (503, {"retry-after": text})
    now = datetime(2026, 11, 20, 2, 0, tzinfo=UTC)
    fault = await channel.send(outgoing(endpoint.url), now)
    assert fault is not None
    assert fault.retry_after == wait


async def test_an_endpoint_that_is_away_is_a_connection_fault(
    endpoint: Endpoint, channel: WebhookChannel
) -> None:
    away = outgoing("http://127.0.0.1:1/hook")
    fault = await channel.send(away, real_now())
    assert fault is not None
    assert fault.kind is FaultKind.CONNECTION
    unknown = await channel.send(outgoing("http://no-such-host.invalid/"), real_now())
    assert unknown is not None
    assert unknown.kind is FaultKind.CONNECTION


@pytest.mark.parametrize(
    "host",
    ["localhost", "127.0.0.1", "[::1]", "10.0.0.1", "169.254.169.254", "0.0.0.0", "2130706433"],
)
async def test_the_operators_own_network_is_never_called(endpoint: Endpoint, host: str) -> None:
    guarded = WebhookChannel(allow_local=False)
    fault = await guarded.send(outgoing(f"http://{host}:{endpoint.server_port}/"), real_now())
    await guarded.close()
    assert fault is not None
    assert fault.kind is FaultKind.FORBIDDEN_ADDRESS
    assert endpoint.requests == []


@pytest.mark.parametrize("address", ["ftp://example.com/", "http:///", "file:///etc/passwd"])
async def test_only_http_is_spoken(channel: WebhookChannel, address: str) -> None:
    fault = await channel.send(outgoing(address), real_now())
    assert fault is not None
    assert fault.kind is FaultKind.FORBIDDEN_ADDRESS


@pytest.mark.parametrize(
    ("address", "public"),
    [
        ("8.8.8.8", True),
        ("2606:4700::1111", True),
        ("192.168.1.1", False),
        ("100.64.0.1", False),
        ("::ffff:127.0.0.1", False),
        ("::ffff:8.8.8.8", True),
        ("2002:7f00:0001::", False),
        ("fe80::1%eth0", False),
        ("fd00::1", False),
        ("224.0.0.1", False),
        ("64:ff9b::7f00:1", False),
    ],
)
def test_which_addresses_are_public(address: str, public: bool) -> None:
    assert is_public(address) is public


async def test_the_guard_answers_an_address_not_a_name() -> None:
    assert await checked_address("127.0.0.1", 80, allow_local=True) == "127.0.0.1"
    with pytest.raises(ForbiddenAddress):
        await checked_address("127.0.0.1", 80, allow_local=False)
