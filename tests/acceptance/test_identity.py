"""`recourse up --identity`: everybody is asked who they are, and the test provider tells."""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest

from tests.support.cases import report_body
from tests.support.stack import START, RunningStack, environment, recourse_up

pytestmark = pytest.mark.system


@pytest.fixture(scope="module")
async def asked() -> AsyncIterator[RunningStack]:
    async with recourse_up(START, "--identity") as running:
        yield running


async def token(stack: RunningStack, role: str, sub: str) -> dict[str, str]:
    answer = await stack.client.post("/local/token", json={"role": role, "sub": sub})
    assert answer.status_code == 200, answer.text
    return {"Authorization": f"Bearer {answer.json()['access_token']}"}


async def recourse(stack: RunningStack, *arguments: str) -> tuple[int, str]:
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "services.cli", *arguments, "--state", str(stack.state)),
        env=environment(),
        stdout=asyncio.subprocess.PIPE,
    )
    said, _ = await process.communicate()
    return process.returncode or 0, said.decode()


async def reported(stack: RunningStack) -> dict[str, Any]:
    answer = await stack.client.post(
        "/v1/cases", json=report_body(), headers=await token(stack, "backend", "call-centre")
    )
    assert answer.status_code in (200, 201), answer.text
    return dict(answer.json())


async def test_a_case_goes_through_the_whole_stack_with_tokens(asked: RunningStack) -> None:
    case = (await reported(asked))["id"]
    await asked.to("11-20T10:05")
    agent = await token(asked, "agent", "A1024")
    url = f"/v1/ladders/{case}"
    claimed = await asked.client.post(f"{url}/commands", json={"command": "claim"}, headers=agent)
    assert claimed.status_code == 200, claimed.text
    assert claimed.json()["holder"]["staff_number"] == "A1024"
    own = await asked.client.get(url, headers=await token(asked, "customer", "cust-1001"))
    assert own.status_code == 200
    other = await asked.client.get(url, headers=await token(asked, "customer", "cust-2002"))
    assert other.status_code == 404


async def test_without_a_token_nothing_is_told(asked: RunningStack) -> None:
    for path in ("/v1/cases", "/v1/queues/frontline", "/v1/deliveries", "/openapi.json"):
        answer = await asked.client.get(path)
        assert answer.status_code == 401, path
        assert answer.headers["www-authenticate"].startswith("Bearer")
    described = await asked.client.get("/openapi.json", headers=await token(asked, "agent", "A1"))
    assert described.status_code == 200
    assert {"/v1/cases", "/v1/queues/{group}"} <= described.json()["paths"].keys()


async def test_a_key_made_by_the_command_works_everywhere_until_it_is_revoked(
    asked: RunningStack,
) -> None:
    code, said = await recourse(asked, "keys", "create", "monitor", "--role", "ops")
    assert code == 0
    key = said.strip()
    headers = {"Authorization": f"Bearer {key}"}
    services = json.loads((asked.state / "stack.json").read_text())["services"]
    async with httpx.AsyncClient(trust_env=False) as client:
        for url in services.values():
            assert (await client.get(f"{url}/metrics/")).status_code == 401
            assert (await client.get(f"{url}/metrics/", headers=headers)).status_code == 200
        _, listed = await recourse(asked, "keys", "list", "--json")
        (row,) = json.loads(listed)
        assert (row["name"], row["role"], row["revoked_at"]) == ("monitor", "ops", None)
        assert key not in listed
        code, _ = await recourse(asked, "keys", "revoke", row["prefix"])
        assert code == 0
        async with asyncio.timeout(30):
            while (await client.get(f"{url}/metrics/", headers=headers)).status_code != 401:
                await asyncio.sleep(0.5)
    assert (await recourse(asked, "keys", "revoke", row["prefix"]))[0] == 1


@pytest.mark.parametrize("body", [{}, {"role": "king", "sub": "x"}, {"role": "agent"}, [], 7])
async def test_the_provider_gives_no_token_for_nonsense(asked: RunningStack, body: Any) -> None:
    assert (await asked.client.post("/local/token", json=body)).status_code == 422
