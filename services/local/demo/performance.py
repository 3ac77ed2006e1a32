"""Plays the script: lets time pass, and makes customers and agents do what it says.

Owns the order of things at one instant, and what the players learn on the way (ids, positions).
Judges nothing except answers that the script does not allow for.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from services.local.demo.cast import DemoCase, Road
from services.local.demo.client import Api, UnexpectedAnswerError
from services.local.demo.malformed import send_malformed_by_http, send_malformed_by_kafka
from services.local.demo.plots import CHAT, REPORT_AGAIN
from services.local.demo.reporting import Place, Reporter
from services.local.demo.responder import until_answered
from services.local.demo.script import REPORT, Act, Moment, Script

ON_THE_LADDER: Final = frozenset(
    {
        "claim", "release", "acknowledge", "escalate", "de_escalate", "pause", "resume", "recuse",
        "hand_over", "accept_offer", "decline_offer",
    }
)  # fmt: skip
"""The commands that escalation takes; all others are intake's."""


@dataclass(slots=True)
class Played:
    """What came of the play: the id of each case by its name, and what was answered wrongly."""

    ids: dict[str, str] = field(default_factory=dict)
    malformed: list[Place] = field(default_factory=list)
    wrong: list[str] = field(default_factory=list)


@dataclass(slots=True)
class Performance:
    """One play. `progress` hears of each moment when it is over."""

    script: Script
    api: Api
    reporter: Reporter
    progress: Callable[[Moment], None]
    played: Played = field(default_factory=Played)
    _positions: dict[str, str] = field(default_factory=dict)
    _promises: dict[str, str] = field(default_factory=dict)

    async def play(self) -> Played:
        """From the first moment to the end of the script. Raises `DemoFailed`."""
        for number, moment in enumerate(self.script.moments):
            await self.api.go_to(moment.at)
            if number == 0:
                await self._send_malformed()
            await self._at(moment)
            self.progress(moment)
        await self.api.go_to(self.script.end)
        await self.api.until_quiet()
        return self.played

    async def _send_malformed(self) -> None:
        """Before any good report, so that good ones must get past them in every partition."""
        http, kafka = (
            next(case for case in self.script.cases if case.road is road) for road in Road
        )
        self.played.wrong += await send_malformed_by_http(self.api, http.report)
        self.played.malformed += await send_malformed_by_kafka(self.reporter, kafka.report)

    async def _at(self, moment: Moment) -> None:
        await asyncio.gather(*(self._one_after_the_other(acts) for acts in moment.acts))
        unknown = [acts[0].case for acts in moment.acts if acts[0].case.name not in self.played.ids]
        if unknown:
            await self.api.until_quiet()
            await asyncio.gather(*(self._find(case) for case in unknown))
        await self._answered(moment)

    async def _answered(self, moment: Moment) -> None:
        """What was asked of other backends is answered before time goes on."""
        await self.api.until_quiet()
        names = {acts[0].case.name for acts in moment.acts}
        await until_answered(
            self.api, [id for name, id in self.played.ids.items() if name in names]
        )

    async def _one_after_the_other(self, acts: Sequence[Act]) -> None:
        for act in acts:
            if act.number > 0 and act.case.name not in self.played.ids:
                return
            try:
                await self._do(act)
            except UnexpectedAnswerError as error:
                self.played.wrong.append(f"{act.case.name}: {act.do} at {act.at}: {error}")

    async def _do(self, act: Act) -> None:
        by_name = {REPORT: self._report, REPORT_AGAIN: self._report_again, CHAT: self._chat}
        others = self._order_ladder if act.do in ON_THE_LADDER else self._order_case
        await by_name.get(act.do, others)(act)

    async def _report(self, act: Act) -> None:
        if act.case.road is Road.KAFKA:
            await self.reporter.report(act.body)
        else:
            await self._report_by_http(act, act.body, "")

    async def _report_again(self, act: Act) -> None:
        """Twice more on each road; all of them are one case."""
        for attempt in (1, 2):
            await self.reporter.report(act.case.report, attempt)
            await self._report_by_http(act, act.case.report, f"-{attempt}")

    async def _chat(self, act: Act) -> None:
        report = act.case.report
        chat = {
            **report,
            "source": "chat",
            "external_id": f"chat-{act.case.number:04}",
            "occurred_at": act.at.isoformat(),
            "contact": {"channel": "chat", "direction": "inbound"},
        }
        if act.case.road is Road.KAFKA:
            await self.reporter.report(chat)
        else:
            await self._report_by_http(act, chat, "")

    async def _report_by_http(self, act: Act, report: dict[str, Any], suffix: str) -> None:
        answer = await self.api.order("/v1/cases", report, _key(act) + suffix)
        known = self.played.ids.setdefault(act.case.name, answer["id"])
        if known != answer["id"]:
            self.played.wrong.append(f"{act.case.name}: {act.do} opened a second case")
        self._positions[act.case.name] = answer["position"]

    async def _find(self, case: DemoCase) -> None:
        """The id of a case that came by Kafka: its customer has no other."""
        found = await self.api.items("/v1/cases", {"customer": case.customer_id})
        if len(found) == 1:
            self.played.ids[case.name] = found[0]["id"]
        else:
            self.played.wrong.append(f"{case.name}: reported by Kafka, found {len(found)} times")

    async def _order_case(self, act: Act) -> None:
        body = {"command": act.do, "by": act.by, **act.body, **await self._learnt(act)}
        path = f"/v1/cases/{self._id(act)}/commands"
        answer = await self.api.order(path, body, _key(act))
        self._positions[act.case.name] = answer["position"]
        if "promise_id" in answer:
            self._promises[act.case.name] = answer["promise_id"]

    async def _order_ladder(self, act: Act) -> None:
        body = {"command": act.do, "by": act.by, **act.body}
        path = f"/v1/ladders/{self._id(act)}/commands"
        await self.api.order(path, body, _key(act), self._after(act))

    async def _learnt(self, act: Act) -> dict[str, Any]:
        """What the player knows only from what was answered or shown."""
        match act.do:
            case "keep_promise":
                return {"promise": self._promises[act.case.name]}
            case "merge":
                return {"into": self.played.ids[f"{act.body['into']}-{act.case.copy}"]}
            case "consent":
                return {"wording": await self._wording_shown(act)}
            case _:
                return {}

    async def _wording_shown(self, act: Act) -> str:
        """The wording of the offer that asks for this consent, in the customer's language."""
        ladder = await self.api.get(f"/v1/ladders/{self._id(act)}", self._after(act))
        for offer in ladder["offers"]:
            if offer["consent_to"] == act.body["to"]:
                return str(offer["wording"][act.case.language])
        raise UnexpectedAnswerError(f"{act.body['to']} is not offered")

    def _id(self, act: Act) -> str:
        return self.played.ids[act.case.name]

    def _after(self, act: Act) -> dict[str, str]:
        position = self._positions.get(act.case.name)
        return {"after": position} if position else {}


def _key(act: Act) -> str:
    return f"demo-{act.case.number}-{act.number}"
