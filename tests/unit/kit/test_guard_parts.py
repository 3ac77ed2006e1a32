"""The parts of the guard that need no service: limits, depth, rules, exposure, who acts."""

from __future__ import annotations

import asyncio
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import SecretStr
from starlette.types import Message

from services.front.settings import FrontSettings
from services.kit.identity.access import CUSTOMER, STAFF, Access, Rule
from services.kit.identity.bodies import MAX_DEPTH, check_depth, parsed, read_body, replayed
from services.kit.identity.buckets import Buckets
from services.kit.identity.denial import Denied
from services.kit.identity.exposure import exposure, refuse_to_stand_open
from services.kit.identity.principal import Principal, Role
from services.kit.settings import Settings

OPEN = "unauthenticated_beyond_loopback_because_a_proxy_authenticates"


def test_a_bucket_lets_a_burst_through_and_then_the_rate() -> None:
    now = [0.0]
    buckets = Buckets(rate=2, burst=3, clock=lambda: now[0])
    assert [buckets.take("a") for _ in range(3)] == [0, 0, 0]
    assert buckets.take("a") == pytest.approx(0.5)
    assert buckets.take("b") == 0, "each has a bucket of their own"
    now[0] += 0.5
    assert buckets.take("a") == 0
    assert buckets.take("a") > 0
    now[0] += 1000
    assert [bool(buckets.take("a")) for _ in range(4)] == [False, False, False, True]


def test_the_memory_of_buckets_is_bounded() -> None:
    buckets = Buckets(rate=1, burst=1)
    for number in range(20_500):
        buckets.take(str(number))
    assert len(buckets._left) <= 10_000


def test_no_rate_is_no_limit() -> None:
    buckets = Buckets(rate=0, burst=0)
    assert not any(buckets.take("a") for _ in range(1000))


deep = st.recursive(
    st.none() | st.text(alphabet='[]{}"\\a', max_size=8),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=3), inner),
)


def depth_of(value: object) -> int:
    inner = value.values() if isinstance(value, dict) else value
    return 1 + max(map(depth_of, inner), default=0) if isinstance(value, list | dict) else 0  # type: ignore[call-overload]


@given(deep, st.integers(0, 6), st.booleans())
def test_depth_is_what_a_parser_would_find(value: object, most: int, ascii_only: bool) -> None:
    body = json.dumps(value, ensure_ascii=ascii_only).encode()
    if depth_of(value) <= most:
        check_depth(body, most)
        return
    with pytest.raises(Denied) as denied:
        check_depth(body, most)
    assert denied.value.answer.status_code == 422


@pytest.mark.parametrize("bomb", [b"[" * 200_000, b'{"a":' * 100_000])
def test_a_depth_bomb_is_refused_before_it_is_parsed(bomb: bytes) -> None:
    with pytest.raises(Denied):
        check_depth(bomb)
    for bad in (b"[" * (MAX_DEPTH - 1), b'{"by": 1, "by": 2}', b"NaN", b"\xff"):
        with pytest.raises(Denied):
            parsed(bad)


def receiving(*chunks: bytes) -> tuple[list[Message], object]:
    messages: list[Message] = [
        {"type": "http.request", "body": chunk, "more_body": True} for chunk in chunks
    ]
    messages.append({"type": "http.request", "body": b"", "more_body": False})

    async def receive() -> Message:
        return messages.pop(0)

    return messages, receive


async def test_a_body_is_read_up_to_its_bound_and_no_further() -> None:
    _, receive = receiving(b"12", b"345")
    assert await read_body(receive, 5, 1) == b"12345"  # type: ignore[arg-type]
    left, receive = receiving(b"123", b"456", b"789")
    with pytest.raises(Denied) as denied:
        await read_body(receive, 5, 1)  # type: ignore[arg-type]
    assert denied.value.answer.status_code == 413
    assert len(left) == 2


async def test_a_body_that_never_comes_is_408() -> None:
    async def receive() -> Message:
        await asyncio.Event().wait()
        raise AssertionError("unreachable")

    with pytest.raises(Denied) as denied:
        await read_body(receive, 5, 0.01)
    assert denied.value.answer.status_code == 408


async def test_a_client_that_left_has_no_body() -> None:
    async def receive() -> Message:
        return {"type": "http.disconnect"}

    assert await read_body(receive, 5, 1) is None
    again = replayed(b"x", receive)
    assert (await again())["body"] == b"x"
    assert (await again())["type"] == "http.disconnect"


def test_a_rule_is_found_by_method_and_path() -> None:
    access = Access(
        {
            "GET /v1/things/{id}": Rule(STAFF),
            "GET /v1/things/export": Rule(CUSTOMER, needs="private:read"),
            "POST /v1/things": Rule(STAFF),
        }
    )
    one = access.find("GET", "/v1/things/7")
    assert (one.rule and one.rule.scope, one.parameters) == ("things:read", {"id": "7"})
    export = access.find("GET", "/v1/things/export").rule
    assert export
    assert export.needs == "private:read"
    assert access.find("DELETE", "/v1/things/7").methods == {"GET"}
    for path in ("/v1/things/7/", "/v1/things/7/8", "/v1/things", "//v1/things/7", "/V1/things/7"):
        assert access.find("GET", path).rule is None
    assert access.missing(["GET /v1/others"]) == {"GET /v1/others"}


def test_what_is_ones_own_has_to_be_told() -> None:
    with pytest.raises(ValueError, match="thing"):
        Rule(owners=CUSTOMER)


@pytest.mark.parametrize(
    ("principal", "stated", "actor"),
    [
        (Principal(Role.AGENT, "A1"), None, {"role": "agent", "id": "A1"}),
        (
            Principal(Role.AGENT, "A1"),
            {"role": "agent", "id": "A1", "name": "李四"},
            {"role": "agent", "id": "A1", "name": "李四"},
        ),
        (
            Principal(Role.AGENT, "A1", "李四"),
            {"role": "agent", "id": "A1", "name": "somebody"},
            {"role": "agent", "id": "A1", "name": "李四"},
        ),
        (Principal(Role.SUPERVISOR, "A1"), {"role": "agent"}, {"role": "agent", "id": "A1"}),
        (Principal(Role.AGENT, "A1"), {"role": "supervisor", "id": "A1"}, None),
        (Principal(Role.AGENT, "A1"), {"role": "agent", "id": "A2"}, None),
        (Principal(Role.CUSTOMER, "c1"), {"role": "agent", "id": "c1"}, None),
        (Principal(Role.CUSTOMER, "c1"), {"role": "system", "id": "c1"}, None),
        (Principal(Role.CUSTOMER, "c1"), "c1", {"role": "customer", "id": "c1"}),
    ],
)
def test_who_acts(principal: Principal, stated: object, actor: object) -> None:
    assert principal.actor(stated) == actor


def settings(**wanted: object) -> Settings:
    return Settings(
        database_dsn="d",
        keys_dsn="k",
        master_key=SecretStr("m"),
        kafka_bootstrap="b:1",
        **wanted,  # type: ignore[arg-type]
    )


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "10.0.0.7", "example.org", "127.0.0.1.nip.io"])
def test_nothing_stands_open_beyond_loopback(host: str) -> None:
    fault = exposure(settings(http_host=host))
    assert fault is not None
    assert "RECOURSE_IDENTITY" in fault
    with pytest.raises(SystemExit, match="beyond loopback"):
        refuse_to_stand_open(settings(http_host=host))
    assert exposure(settings(http_host=host, identity="on")) is None
    assert exposure(settings(http_host=host, **{OPEN: True})) is None
    urls = {"intake_url": "http://a", "escalation_url": "http://b", "notifier_url": "http://c"}
    with pytest.raises(SystemExit, match="beyond loopback"):
        refuse_to_stand_open(FrontSettings(http_host=host, **urls))  # type: ignore[arg-type]


@pytest.mark.parametrize("host", ["127.0.0.1", "::1", "127.8.9.10", "localhost"])
def test_loopback_may_stand_open(host: str) -> None:
    assert exposure(settings(http_host=host)) is None


@pytest.mark.parametrize("name", ["identity_issuer", "identity_jwks_url"])
def test_keys_of_the_issuer_never_come_in_clear(name: str) -> None:
    assert exposure(settings(identity="on", **{name: "http://issuer.test"}))
    assert exposure(settings(identity="on", **{name: "https://issuer.test"})) is None
    assert exposure(settings(identity="on", **{name: "http://127.0.0.1:8700/local"})) is None
