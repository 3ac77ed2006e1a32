"""`/local`: what only a local stack has. Its processes, its clock, its quiet, its mail."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from services.kit.http import problem
from services.local.clock import BadClockRequest, ClockGoesBack
from services.local.mail import MailSink, selected
from services.local.process import Supervised
from services.local.quiet import NotQuiet, QuietWatch
from services.local.simulated_time import SimulatedTime


@dataclass(frozen=True, slots=True)
class LocalApi:
    """The parts that `/local` shows and drives; `time` is None where time is real."""

    processes: Mapping[str, Supervised]
    quiet: QuietWatch
    sink: MailSink
    time: SimulatedTime | None

    def routes(self) -> list[Route]:
        """The routes below `/local`."""
        return [
            Route("/local/processes", self.show_processes),
            Route("/local/clock", self.show_clock),
            Route("/local/clock", self.move_clock, methods=["POST"]),
            Route("/local/quiet", self.wait_quiet, methods=["POST"]),
            Route("/local/mail", self.show_mail),
        ]

    async def show_processes(self, request: Request) -> Response:
        """Pid (null while it is down) and number of restarts of each process."""
        return JSONResponse(
            {
                name: {"pid": process.pid, "restarts": process.restarts, "ready": process.is_ready}
                for name, process in self.processes.items()
            }
        )

    async def show_clock(self, request: Request) -> Response:
        """Domain time."""
        return JSONResponse({"now": self._now(), "simulated": self.time is not None})

    async def move_clock(self, request: Request) -> Response:
        """Advance the simulated clock; answered when all that follows from it is done."""
        if self.time is None:
            return problem(409, "clock-is-real", "Time is not simulated: start with --clock")
        try:
            now = await self.time.go(await _json_body(request))
        except BadClockRequest as error:
            return problem(422, "invalid", "The clock cannot do that", errors=error.errors)
        except ClockGoesBack as error:
            return problem(409, "clock-goes-back", str(error), now=self._now())
        except NotQuiet as error:
            return _not_quiet(error, self._now())
        return JSONResponse({"now": now.isoformat()})

    async def wait_quiet(self, request: Request) -> Response:
        """Answered when everything in flight is done; time unchanged."""
        try:
            seen = await self.quiet.wait()
        except NotQuiet as error:
            return _not_quiet(error, self._now())
        counters = {service: dict(report.counters) for service, report in seen.items()}
        return JSONResponse({"now": self._now(), "counters": counters})

    async def show_mail(self, request: Request) -> Response:
        """What the SMTP sink received."""
        query = request.query_params
        try:
            mails = selected(self.sink.mails, query.get("to"), query.get("after"))
        except ValueError:
            detail = "an ISO 8601 instant with offset, or a mail's id, is wanted"
            errors = [{"pointer": "/after", "detail": detail}]
            return problem(422, "invalid", "No such selection of mails", errors=errors)
        return JSONResponse([mail.as_json() for mail in mails])

    def _now(self) -> str:
        return (datetime.now(UTC) if self.time is None else self.time.now).isoformat()


async def _json_body(request: Request) -> Any:
    try:
        return await request.json()
    except (json.JSONDecodeError, UnicodeDecodeError) as error:
        raise BadClockRequest([{"pointer": "", "detail": f"not JSON: {error}"}]) from error


def _not_quiet(error: NotQuiet, now: str) -> Response:
    return problem(504, "not-quiet", str(error), outstanding=error.outstanding, now=now)
