"""Carrying out a script: requests that are tried until answered, messages, the passing of days.

Owns what a client does and what it was promised. Inputs of one case follow one another: a message
of a topic is taken before the next input of its case, and a ladder is ordered about when it knows.
"""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any, Final
from uuid import UUID

from fastapi import Request, Response

from schemas.report import Contact, Report
from schemas.topics import ACTIONS_ANSWERED, REPORTS
from services.escalation.core.commands import COMMAND as LADDER_COMMAND
from services.intake.core.commands import COMMAND as CASE_COMMAND
from services.intake.handlers import Done
from services.intake.store import Blind
from services.intake.wishes import Wish, Wishes, to_admit, to_hear, to_obey
from services.kit.faults import Invalid, NotFound, Refused
from services.kit.grouped import Ask, Grouped
from services.kit.idempotency import Answer, read_asked, run_once
from services.kit.unit import Unit
from tests.simulation import inputs
from tests.simulation.inputs import AGENT, SOURCE, Input
from tests.simulation.replica import Replica
from tests.simulation.world import World

_TRIES: Final = 60
Work = Callable[[Replica, Unit], Awaitable[Answer]]
Post = Callable[[Request, Replica], Awaitable[Response]]


@dataclass
class Conduct:
    """What was done, and what the services answered to it."""

    world: World
    positions: list[tuple[UUID, str]] = field(default_factory=list)
    answers: list[str] = field(default_factory=list)
    reported: set[str] = field(default_factory=set)
    garbage: int = 0
    _unsettled: set[int] = field(default_factory=set)
    _number: int = 0

    async def run(self, script: tuple[Input, ...]) -> None:
        """Everything, in order, and then until nothing is in flight."""
        for number, each in enumerate(script):
            self._number = number
            if self.world.rng:
                for _ in range(self.world.rng.randint(0, 8)):
                    await self.world.turn()
            await self._do(each)
        await self.world.drain()

    async def _do(self, each: Input) -> None:
        if f"r{each.case}" not in self.reported and each.kind not in ("report", "advance"):
            return  # a smaller history may have left its report out
        if (each.case in self._unsettled and each.name != "early") or each.kind in (
            "advance",
            "ladder",
            "answer",
        ):
            await self.world.drain()
            self._unsettled.clear()
        does = {
            "advance": self._advance,
            "report": self._report,
            "again": self._report,
            "same_matter": self._report,
            "case": self._order_case,
            "ladder": self._order_ladder,
            "answer": self._answer,
            "garbage": self._garble,
            "contact": self._tell,
            "fact": self._tell,
        }
        await does[each.kind](each)

    async def _garble(self, each: Input) -> None:
        """What nobody can read; it must stop nothing."""
        self.garbage += 1
        self._put(REPORTS, "case.reported", b"{", f"r{each.case}", f"g{self._number}")

    async def _advance(self, each: Input) -> None:
        """By way of every due instant, as the local stack does it."""
        for _ in range(each.amount):
            due = await self.world.next_due()
            if due is None:
                return
            await self.world.move_to(max(due, self.world.domain))
            await self.world.drain()

    async def _report(self, each: Input) -> None:
        road, _, category = each.name.partition(" ")
        name = f"r{each.case}" + (f"-{self._number}" if each.kind == "same_matter" else "")
        body = inputs.report(each.case, category or "refund", name)
        self.reported.add(name)
        if road == "kafka":
            await self._say(REPORTS, "case.reported", body, each.case, name)
            return

        wish = to_admit(Report.model_validate(body), _answer)
        await self._request("intake", "/v1/cases", _granting(wish))

    async def _tell(self, each: Input) -> None:
        """A contact or facts, by either road."""
        address = {"source": SOURCE, "external_id": f"r{each.case}"}
        name = f"{'early' if each.name == 'early' else 'm'}{self._number}"
        contact = inputs.contact(name)
        if each.kind == "fact" or each.name == "kafka":
            kind = f"{each.kind}.reported"
            del contact["external_id"]  # only the message's own id tells it from another
            at = {"occurred_at": self.world.domain.isoformat(), "contact": contact}
            more = at if each.kind == "contact" else {"facts": {"note": f"as of {self._number}"}}
            await self._say(REPORTS, kind, {"case": address, **more}, each.case, name)
            return
        case_id = await self.case_of(each.case)
        wish = to_hear(case_id, Contact.model_validate(contact), _answer)
        await self._request("intake", f"/v1/cases/{case_id}/contacts", _granting(wish))

    async def _order_case(self, each: Input) -> None:
        case_id = await self.case_of(each.case)
        fields = {"by": AGENT, **inputs.CASE_COMMANDS[each.name]}
        command = CASE_COMMAND.validate_python({"command": each.name, **fields})
        wish = to_obey(case_id, command, _answer)
        await self._request("intake", f"/v1/cases/{case_id}/commands", _granting(wish))

    async def _order_ladder(self, each: Input) -> None:
        case_id = await self.case_of(each.case)
        fields = {"by": AGENT, **inputs.LADDER_COMMANDS[each.name]}
        command = LADDER_COMMAND.validate_python({"command": each.name, **fields})

        async def work(replica: Replica, unit: Unit) -> Answer:
            entity, view = await replica.parts.obey(unit, case_id, command)
            body = {"case": str(case_id), "position": view["position"]}
            return Answer(200, body, subject=entity.subject)

        await self._request("escalation", f"/v1/ladders/{case_id}/commands", _working(work))

    async def _answer(self, each: Input) -> None:
        """Another backend answers the newest action of a case, if there is one."""
        case_id = await self.case_of(each.case)
        actions = await self.world.stores["escalation"].table("action")
        asked = sorted(str(row["action_id"]) for row in actions if row["case_id"] == case_id)
        if asked:
            value = {"action_id": asked[-1], "reason": "so"}
            await self._say(ACTIONS_ANSWERED, each.name, value, each.case, f"a{self._number}")

    async def _say(self, topic: str, kind: str, value: Any, case: int, id: str) -> None:
        self._unsettled.add(case)
        key = f"late-{case}" if id.startswith("early") else f"r{case}"
        self._put(topic, kind, json.dumps(value).encode(), key, id)

    def _put(self, topic: str, kind: str, value: bytes, key: str, id: str) -> None:
        headers = {"ce_specversion": "1.0", "ce_id": id, "ce_source": SOURCE, "ce_type": kind}
        pairs = [(name, text.encode()) for name, text in headers.items()]
        self.world.broker.say((topic, key.encode(), pairs, value))

    async def case_of(self, case: int) -> UUID:
        """The id of a case that is known, once its report was taken."""
        identity = Blind(self.world.some("intake").entities.sealer).identity(SOURCE, f"r{case}")
        for _ in range(2):
            for row in await self.world.stores["intake"].table("case_identity"):
                if row["identity"] == identity:
                    id_: UUID = row["case_id"]
                    return id_
            await self.world.drain()
        raise AssertionError(f"case {case} was reported and is not known")

    async def _request(self, service: str, path: str, post: Post) -> None:
        """Try until the service answers, as clients do, under one `Idempotency-Key`."""
        key = f"key-{self._number}"
        for _ in range(_TRIES):
            replica = self.world.some(service)
            answered: list[Any] = []

            async def ask(replica: Replica = replica, answered: list[Any] = answered) -> None:
                answered.append(await post(_post(path, key), replica))

            try:
                await self.world.attempt(replica, ask)
            except (Refused, NotFound, Invalid) as refusal:
                self.answers.append(f"{path}: {type(refusal).__name__} {refusal}")
                return
            if answered:
                body = json.loads(answered[0].body)
                self.answers.append(f"{path}: {answered[0].status_code}")
                self.positions.append((UUID(body["case"]), body["position"]))
                return
            await self.world.turn()
        raise AssertionError(f"{path} was never answered")


def _working(work: Work) -> Post:
    """A request with a transaction of its own."""
    return lambda request, replica: run_once(
        request, replica.entities, lambda unit: work(replica, unit)
    )


def _granting(wish: Wish) -> Post:
    """A request that may share a transaction: alone here, since one step follows another."""

    async def post(request: Request, replica: Replica) -> Response:
        grouped = Grouped(replica.entities, Wishes(replica.parts.desk))
        (answer,) = await grouped.carry_out(
            [Ask(await read_asked(request, replica.entities.sealer), wish)]
        )
        if isinstance(answer, Exception):
            raise answer
        return answer

    return post


def _answer(done: Done) -> Answer:
    body = {"case": str(done.case.id), "position": done.position}
    return Answer(200, body, subject=done.case.subject)


def _post(path: str, key: str) -> Request:
    scope = {
        "type": "http",
        "method": "POST",
        "path": path,
        "headers": [(b"host", b"simulated"), (b"idempotency-key", key.encode())],
        "query_string": b"",
        "scheme": "http",
        "server": ("simulated", 80),
    }

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": b"", "more_body": False}

    return Request(scope, receive)
