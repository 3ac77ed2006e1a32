"""The whole local stack around stand-ins for the services, each a process of its own."""

from __future__ import annotations

import asyncio
import base64
import json
import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Sequence
from datetime import datetime
from email.message import EmailMessage
from pathlib import Path
from typing import Any

import aiosmtplib
import httpx
import pytest
import pytest_asyncio

from services.local import stack
from services.local.description import Stack, StackOptions
from services.local.faults import StartFailed
from services.local.ports import LOOPBACK, free_port, listen
from services.local.state import read_description

pytestmark = pytest.mark.system

FAKE = Path(__file__).with_name("fake_service.py")
ROOT = Path(__file__).parents[3]
START = "2026-11-20T09:50:00+08:00"
DEADLINE_S = 30.0


def fake_command(service: str) -> Sequence[str]:
    return [sys.executable, str(FAKE), service]


def options(state: Path, clock: str | None = START) -> StackOptions:
    return StackOptions(
        state=state,
        clock=datetime.fromisoformat(clock) if clock else None,
        port=free_port(),
        command=fake_command,
    )


@pytest_asyncio.fixture(scope="module")
async def state(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("stack")


@pytest_asyncio.fixture(scope="module")
async def http(state: Path) -> AsyncIterator[httpx.AsyncClient]:
    async with (
        stack.running(options(state)) as running,
        httpx.AsyncClient(base_url=running.http, timeout=DEADLINE_S) as client,
    ):
        yield client


async def order(http: httpx.AsyncClient, path: str, due: str) -> None:
    assert (await http.post(path, json={"due": due})).status_code == 201


async def done_at(http: httpx.AsyncClient, path: str) -> dict[datetime, datetime | None]:
    rows = (await http.get(path)).json()
    return {
        datetime.fromisoformat(due): datetime.fromisoformat(done) if done else None
        for due, done in rows
    }


async def test_the_clock_stops_at_every_due_instant_on_its_way(http: httpx.AsyncClient) -> None:
    dues = [f"2026-11-20T10:{minute}:00+08:00" for minute in ("00", "05", "20")]
    for due in dues:
        await order(http, "/v1/cases", due)
    await order(http, "/v1/ladders", "2026-11-20T10:03:00+08:00")
    assert (await http.post("/local/quiet")).status_code == 200
    assert set((await done_at(http, "/v1/cases")).values()) == {None}

    moved = await http.post("/local/clock", json={"advance": "PT15M"})
    assert moved.json() == {"now": "2026-11-20T10:05:00+08:00"}

    instants = [datetime.fromisoformat(due) for due in dues]
    assert await done_at(http, "/v1/cases") == {
        instants[0]: instants[0],
        instants[1]: instants[1],
        instants[2]: None,
    }
    (pair,) = (await done_at(http, "/v1/ladders")).items()
    assert pair[0] == pair[1]
    assert (await http.get("/local/clock")).json()["now"] == "2026-11-20T10:05:00+08:00"


async def test_a_bad_clock_request_is_422_and_going_back_409(http: httpx.AsyncClient) -> None:
    bad = await http.post("/local/clock", json={"advance": "15"})
    assert bad.status_code == 422
    assert bad.headers["content-type"] == "application/problem+json"
    assert bad.json()["errors"][0]["pointer"] == "/advance"
    assert (await http.post("/local/clock", content=b"{")).status_code == 422
    back = await http.post("/local/clock", json={"to": "2026-11-20T09:00:00+08:00"})
    assert back.status_code == 409


async def test_each_service_is_told_what_it_needs_and_no_more(
    http: httpx.AsyncClient, state: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    environment = (await http.get("/v1/cases/environment")).json()
    allowed = {"PATH", "HOME", "LANG", "LC_CTYPE", "PYTHONPATH", "PYTHONUNBUFFERED"}
    assert {name for name in environment if not name.startswith("RECOURSE_")} <= allowed
    assert "//intake:" in environment["RECOURSE_DATABASE_DSN"]
    assert "//keys:" in environment["RECOURSE_KEYS_DSN"]
    assert len(base64.b64decode(environment["RECOURSE_MASTER_KEY"])) == 32
    assert environment["RECOURSE_SIMULATED_CLOCK"] == "true"
    assert environment["RECOURSE_PARTITIONS"] == "4"
    for private in ("master.key", "passwords.json", "stack.json"):
        assert (state / private).stat().st_mode & 0o077 == 0


async def test_a_running_stack_can_be_found_by_its_state_folder(
    http: httpx.AsyncClient, state: Path
) -> None:
    description = read_description(state)
    assert description is not None
    assert description["http"] == str(http.base_url).rstrip("/")
    assert set(description["dsn"]) == {"intake", "escalation", "notifier", "keys"}
    with pytest.raises(StartFailed, match="another stack runs"):
        async with stack.running(options(state)):
            pass


async def test_mail_is_shown_with_domain_time(http: httpx.AsyncClient) -> None:
    environment = (await http.get("/v1/deliveries/environment")).json()
    message = EmailMessage()
    message["From"], message["To"], message["Subject"] = "d@example.com", "c@example.com", "案件"
    message.set_content("您好")
    before = (await http.get("/local/clock")).json()["now"]
    port = int(environment["RECOURSE_SMTP_PORT"])
    await aiosmtplib.send(message, hostname=environment["RECOURSE_SMTP_HOST"], port=port)
    (mail,) = (await http.get("/local/mail", params={"to": "c@example.com"})).json()
    assert (mail["subject"], mail["from"], mail["at"]) == ("案件", "d@example.com", before)
    assert set(mail) == {"id", "from", "to", "subject", "headers", "text", "html", "at"}
    assert (await http.get("/local/mail", params={"after": mail["id"]})).json() == []
    assert (await http.get("/local/mail", params={"after": "x"})).status_code == 422


async def test_killed_parts_come_back_and_are_counted(http: httpx.AsyncClient) -> None:
    before: dict[str, Any] = (await http.get("/local/processes")).json()
    assert set(before) == {"postgres", "kafka", "intake", "escalation", "notifier"}
    for process in before.values():
        os.kill(process["pid"], signal.SIGKILL)
    async with asyncio.timeout(DEADLINE_S):
        while True:
            now = (await http.get("/local/processes")).json()
            if all(now[name]["restarts"] and now[name]["ready"] for name in before):
                break
            await asyncio.sleep(0.02)
    assert all(now[name]["pid"] != before[name]["pid"] for name in before)
    assert (await http.post("/local/quiet")).status_code == 200
    moved = await http.post("/local/clock", json={"advance": "PT1S"})
    assert moved.status_code == 200
    assert (await http.get("/readyz")).status_code == 200


async def test_the_clock_never_goes_back_over_a_restart_and_state_is_kept(tmp_path: Path) -> None:
    async with stack.running(options(tmp_path)) as first, client_of(first) as http:
        await http.post("/local/clock", json={"to": "2026-11-20T12:00:00+08:00"})
        await order(http, "/v1/cases", "2026-11-20T13:00:00+08:00")
    assert read_description(tmp_path) is None
    async with stack.running(options(tmp_path, START)) as again, client_of(again) as http:
        assert (again.kafka, again.postgres) == (first.kafka, first.postgres)
        clock = (await http.get("/local/clock")).json()
        assert clock == {"now": "2026-11-20T12:00:00+08:00", "simulated": True}
        assert list((await done_at(http, "/v1/cases")).values()) == [None]


async def test_real_time_cannot_be_advanced(tmp_path: Path) -> None:
    async with stack.running(options(tmp_path, None)) as running, client_of(running) as http:
        refused = await http.post("/local/clock", json={"advance": "PT1M"})
        assert refused.status_code == 409
        assert refused.headers["content-type"] == "application/problem+json"
        assert (await http.post("/local/quiet")).status_code == 200
        environment = (await http.get("/v1/cases/environment")).json()
        assert "RECOURSE_SIMULATED_CLOCK" not in environment


def client_of(running: Stack) -> httpx.AsyncClient:
    return httpx.AsyncClient(base_url=running.http, timeout=DEADLINE_S)


RUN_UP = f"""
import sys
from pathlib import Path
from services.local.description import StackOptions
from services.local.up import UpOptions, run_until_signal
command = lambda service: [sys.executable, {str(FAKE)!r}, service]
options = StackOptions(state=Path(sys.argv[1]), port=int(sys.argv[2]), command=command)
sys.exit(run_until_signal(UpOptions(options, json_line=True)))
"""


def test_up_prints_one_line_and_a_signal_ends_all_of_it(tmp_path: Path) -> None:
    command = [sys.executable, "-c", RUN_UP, str(tmp_path), str(free_port())]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment) as up:
        assert up.stdout is not None
        said = json.loads(up.stdout.readline())
        assert set(said) == {"http", "kafka", "postgres", "topics_prefix"}
        processes = httpx.get(said["http"] + "/local/processes").json()
        up.send_signal(signal.SIGTERM)
        assert up.stdout.read() == ""
        assert up.wait(timeout=10) == 0
    for process in processes.values():
        with pytest.raises(ProcessLookupError):
            os.kill(process["pid"], 0)
    assert not (tmp_path / "stack.json").exists()


@pytest.mark.parametrize("wrong", ["port", "host"])
def test_up_says_why_it_cannot_start(tmp_path: Path, wrong: str) -> None:
    taken = listen(0)
    told = {
        "port": ["--port", str(taken.getsockname()[1])],
        "host": ["--host", "0.0.0.0"],
    }
    ended = subprocess.run(
        [sys.executable, "-m", "services.cli", "up", "--state", str(tmp_path), *told[wrong]],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
    )
    taken.close()
    assert (ended.returncode, ended.stdout) == (1, "")
    assert "recourse up: " in ended.stderr
    assert (LOOPBACK if wrong == "port" else "loopback") in ended.stderr
