"""What people and backends do with a running stack, in the words of the walkthrough.

Owns the requests and reports of the acceptance tests. Asserts only that what must succeed does.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass, field
from typing import Any

import httpx

from tests.support.cases import report_body
from tests.support.stack import RunningStack

AGENT = {"role": "agent", "id": "A1024", "name": "李四"}
SENIOR = {"role": "agent", "id": "A2001", "name": "王芳"}
Json = dict[str, Any]


def report_of(number: str, **changes: Any) -> Json:
    """The report of the walkthrough, of another customer, call and transaction."""
    body = report_body(external_id=f"call-{number}")
    body["customer"] |= {"id": f"cust-{number}", "email": f"c{number}@example.com"}
    body["transaction"] |= {"id": f"tx-{number}"}
    return {**body, **changes}


@dataclass
class Desk:
    """Everything that is asked of a stack over HTTP."""

    stack: RunningStack
    _keys: itertools.count[int] = field(default_factory=itertools.count)

    async def post(self, path: str, body: Any, key: str | None = None) -> httpx.Response:
        """POST with an idempotency key."""
        headers = {"Idempotency-Key": key or f"desk-{next(self._keys)}"}
        return await self.stack.client.post(path, json=body, headers=headers)

    async def get(self, path: str, **parameters: Any) -> Any:
        """GET that must succeed."""
        answer = await self.stack.client.get(path, params=parameters)
        assert answer.status_code == 200, answer.text
        return answer.json()

    async def report(self, body: Json, status: int = 201, key: str | None = None) -> Json:
        """Report; answers the body."""
        answer = await self.post("/v1/cases", body, key)
        assert answer.status_code == status, answer.text
        return dict(answer.json())

    async def try_case(
        self, case_id: str, command: str, by: Json = AGENT, **body: Any
    ) -> httpx.Response:
        """A command on the case."""
        path = f"/v1/cases/{case_id}/commands"
        return await self.post(path, {"command": command, "by": by, **body})

    async def case(self, case_id: str, command: str, by: Json = AGENT, **body: Any) -> Json:
        """A command on the case that must be obeyed."""
        return _obeyed(await self.try_case(case_id, command, by, **body))

    async def try_ladder(
        self, case_id: str, command: str, by: Json = AGENT, after: str | None = None, **body: Any
    ) -> httpx.Response:
        """A command on the ladder."""
        suffix = "" if after is None else f"?after={after}"
        path = f"/v1/ladders/{case_id}/commands{suffix}"
        return await self.post(path, {"command": command, "by": by, **body})

    async def ladder(self, case_id: str, command: str, by: Json = AGENT, **body: Any) -> Json:
        """A command on the ladder that must be obeyed."""
        return _obeyed(await self.try_ladder(case_id, command, by, **body))

    async def seen(self, case_id: str, after: str | None = None) -> Json:
        """The ladder as an agent reads it."""
        parameters = {} if after is None else {"after": after}
        return dict(await self.get(f"/v1/ladders/{case_id}", **parameters))

    async def deliveries(self, case_id: str) -> list[Json]:
        """Everything told about a case."""
        return list((await self.get("/v1/deliveries", case_id=case_id, limit=500))["items"])

    async def mails(self, to: str, case_id: str | None = None) -> list[Json]:
        """The mails that an address received, of one case if it is named."""
        mails: list[Json] = await self.get("/local/mail", to=to)
        return [mail for mail in mails if case_id is None or case_id in mail["subject"]]


def clock(ladder: Json, name: str) -> Json:
    """One clock of a ladder by its name."""
    (found,) = [clock for clock in ladder["clocks"] if clock["name"] == name]
    return dict(found)


def customer(report: Json) -> Json:
    """The customer of a report as an actor."""
    return {"role": "customer", "id": report["customer"]["id"]}


def reason_of(answer: httpx.Response) -> str:
    """The reason of a 409."""
    assert answer.status_code == 409, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    return str(answer.json()["reason"])


def _obeyed(answer: httpx.Response) -> Json:
    assert answer.status_code == 200, answer.text
    return dict(answer.json())
