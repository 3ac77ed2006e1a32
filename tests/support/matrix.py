"""The requests of the authorisation matrix: for each route of the documents, one to each object.

Owns the bodies and the objects. What is expected is a table in `tests/data`; a route that this
module does not know how to ask fails, so that nobody forgets it.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

import httpx

from services.kit.identity.principal import Role
from tests.support.cases import report_body
from tests.support.town import Town, as_json

ROLES: Final = ("nobody", *(role.value for role in Role))
PEOPLE: Final = {
    "backend": "core-banking",
    "agent": "A1024",
    "supervisor": "A3001",
    "customer": "cust-own",
    "ops": "ops-1",
}
OBJECTS: Final = ("own", "foreign", "absent")
ABSENT: Final = str(uuid.UUID(int=404))
_SAID = {"text": "We are at it.", "channel": "chat"}
_SPARE: Final = ("cust-spare-1", "cust-spare-2")
_PNG = b"\x89PNG\r\n\x1a\n" + bytes(64)


@dataclass(frozen=True)
class Objects:
    """What the matrix is about: cases, people, an incident, deliveries, a policy."""

    cases: Mapping[str, str]
    people: Mapping[str, str]
    messages: Mapping[str, str]
    incident: str
    digest: str
    calendar: str
    evidence: str
    erasure: str


@dataclass(frozen=True)
class Ask:
    """One request about one object (or about none in particular)."""

    whose: str
    method: str
    path: str
    arguments: Mapping[str, Any]


async def populate(town: Town) -> Objects:
    """One case of the customer who asks, one of somebody else's, and what hangs on them."""
    town_intake = town.clients["intake"]
    backend = town.as_("backend", PEOPLE["backend"])
    supervisor = town.as_("supervisor", PEOPLE["supervisor"])
    cases = {}
    for whose in ("own", "foreign"):
        body = report(whose)
        answer = await town_intake.post("/v1/cases", json=body, headers=backend)
        assert answer.status_code == 201, answer.text
        cases[whose] = answer.json()["id"]
        file = {"file": ("receipt.png", _PNG)}
        url = f"/v1/cases/{cases[whose]}/evidence"
        sent = await town_intake.post(url, files=file, headers=backend)
        assert sent.status_code == 201, sent.text
    outage = {"title": "Outage", "by": {"role": "supervisor", "id": PEOPLE["supervisor"]}}
    incident = await town_intake.post("/v1/incidents", json=outage, headers=supervisor)
    assert incident.status_code == 201, incident.text
    await town.settle()
    agent = {"name": "Ada", "groups": ["frontline"]}
    put = await town.clients["escalation"].put(
        "/v1/roster/agents/A1024", json=agent, headers=supervisor
    )
    assert put.status_code == 200, put.text
    policies = await town.clients["escalation"].get("/v1/policies", headers=supervisor)
    calendars = await town.clients["escalation"].get("/v1/policies/calendars", headers=supervisor)
    return Objects(
        {**cases, "absent": ABSENT},
        {"own": "cust-own", "foreign": "cust-foreign", "absent": "cust-absent"},
        await _messages(town, cases),
        incident.json()["id"],
        policies.json()["items"][0]["digest"],
        calendars.json()["items"][0]["digest"],
        sent.json()["sha256"],
        await _asked_to_erase(town),
    )


async def _asked_to_erase(town: Town) -> str:
    """An erasure that another person asked for, of somebody who has a key and no case."""
    sealer = town.houses["intake"].entities.sealer
    spare = [sealer.subject_of("customer", person) for person in _SPARE]
    await sealer.load(spare, create=True)
    by = {"role": "ops", "id": "ops-9"}
    body = {"customer": _SPARE[0], "reason": "customer_request", "by": by}
    headers = town.as_("ops", "ops-9")
    asked = await town.clients["intake"].post("/v1/erasures", json=body, headers=headers)
    assert asked.status_code == 201, asked.text
    return str(asked.json()["id"])


async def _messages(town: Town, cases: Mapping[str, str]) -> dict[str, str]:
    rows = await town.houses["notifier"].entities.db.fetch(
        "SELECT id, case_id FROM delivery WHERE channel = 'in_app'"
    )
    by_case = {str(row["case_id"]): str(row["id"]) for row in rows}
    return {**{whose: by_case[case] for whose, case in cases.items()}, "absent": ABSENT}


def report(whose: str, **changes: Any) -> dict[str, Any]:
    """A report about a person's own transfer."""
    customer = {**report_body()["customer"], "id": f"cust-{whose}"}
    transaction = {**report_body()["transaction"], "id": f"tx-{whose}"}
    body = report_body(customer=customer, transaction=transaction, external_id=f"call-{whose}")
    return {**body, **changes}


def asks(method: str, path: str, role: str, objects: Objects) -> Iterator[Ask]:
    """The requests that a role makes on a route: one for each object that the route can name."""
    by = {"role": role, "id": PEOPLE.get(role, "nobody")}
    name = f"{method} {path}"
    if "{case_id}" in path or "{recipient_id}" in path:
        for whose in OBJECTS:
            body = _body(name, role, by)
            if path.endswith("/migration"):
                body = {"params": {"to": objects.digest}}
            yield Ask(whose, method, _filled(path, whose, objects), body)
    elif name in _BY_PERSON or path.startswith("/v1/exports/"):
        for whose in OBJECTS:
            yield Ask(whose, method, path, _about(name, role, objects.people[whose]))
    else:
        yield Ask("-", method, _filled(path, "own", objects), _body(name, role, by))


_BY_PERSON: Final = ("GET /v1/cases", "POST /v1/cases")


def _about(name: str, role: str, person: str) -> dict[str, Any]:
    if name == "GET /v1/cases" or "/v1/exports/" in name:
        return {"params": {"customer": person}}
    whose = person.removeprefix("cust-")
    return as_json(stated(report(whose), verified=role != "customer"))


def stating(objects: Objects) -> Iterator[Ask]:
    """Reports that say of their customer that somebody verified them."""
    for whose in OBJECTS:
        person = objects.people[whose].removeprefix("cust-")
        yield Ask(whose, "POST", "/v1/cases", as_json(stated(report(person), verified=True)))


def stated(body: Mapping[str, Any], *, verified: bool) -> dict[str, Any]:
    """A report that says whether its customer was verified."""
    return {**body, "customer": {**body["customer"], "identity_verified": verified}}


def _filled(path: str, whose: str, objects: Objects) -> str:
    parameters = {
        "case_id": objects.cases[whose],
        "recipient_id": objects.people[whose],
        "delivery_id": objects.messages[whose],
        "incident_id": objects.incident,
        "erasure_id": objects.erasure,
        "digest": objects.digest,
        "sha256": objects.evidence,
        "group": "frontline",
        "staff_number": "A1024",
    }
    if "/calendars/" in path:
        parameters["digest"] = objects.calendar
    if path.startswith("/v1/roster/supervisors"):
        parameters["staff_number"] = "A3001"
    return path.format(**parameters)


def _body(name: str, role: str, by: Mapping[str, str]) -> dict[str, Any]:
    """The body that a role sends; what has no body has none here."""
    known: dict[str, Any] = {
        "POST /v1/cases/{case_id}/contacts": {"channel": "chat", "summary": "again"},
        "POST /v1/erasures": {"customer": _SPARE[1], "reason": "customer_request", "by": by},
        "POST /v1/erasures/{erasure_id}/confirm": {"by": by},
        "POST /v1/imports": _imported(),
        "POST /v1/incidents": {"title": "Another", "by": by},
        "POST /v1/incidents/{incident_id}/updates": {"text": "Soon.", "by": by},
        "POST /v1/incidents/{incident_id}/close": {"text": "Over.", "by": by},
        "PUT /v1/incidents/{incident_id}/cases/{case_id}": {"by": by},
        "DELETE /v1/incidents/{incident_id}/cases/{case_id}": {"by": by},
        "PUT /v1/roster/agents/{staff_number}": {"name": "Ada", "groups": ["frontline"]},
        "PUT /v1/roster/groups/{group}": {"name": "frontline", "supervisor": "A3001"},
        "PUT /v1/recipients/{recipient_id}": {"locale": "en"},
    }
    if name == "POST /v1/cases/{case_id}/evidence":
        return {"files": {"file": ("receipt.png", _PNG)}}
    if name == "POST /v1/cases/{case_id}/commands":
        consent = {"command": "consent", "to": "social", "wording": "w", "given": True}
        said = consent if role == "customer" else {"command": "reply", **_SAID}
        return as_json({**said, "by": by})
    if name == "POST /v1/ladders/{case_id}/commands":
        return as_json({"command": "escalate", "reason": "please", "by": by})
    if name in known:
        return as_json(known[name])
    assert name.startswith("GET ") or name in _BODILESS, f"say how to ask {name}"
    return {}


_BODILESS: Final = (
    "DELETE /v1/roster/agents/{staff_number}",
    "POST /v1/recipients/{recipient_id}/inbox/{delivery_id}/read",
)


def _imported() -> dict[str, Any]:
    opened = {"mode": "historical", "opened_at": "2026-11-01T09:00:00+08:00", "status": "closed"}
    return {**report("imported"), **opened}


def request_of(client: httpx.AsyncClient, ask: Ask, headers: Mapping[str, str]) -> httpx.Request:
    """The request itself, as somebody."""
    arguments = dict(ask.arguments)
    arguments["headers"] = {**arguments.get("headers", {}), **headers}
    return client.build_request(ask.method, ask.path, **arguments)
