"""The operational routes of every service: `/livez`, `/readyz`, `/internal/...`.

Owns what ready means: the database answers, the consumer has joined its group, every loop's last
step went well. Live only means that the event loop turns.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence

from fastapi import APIRouter
from fastapi.responses import JSONResponse

from services.kit.bus import Bus
from services.kit.clinic import Clinic
from services.kit.db import UNREACHABLE
from services.kit.loop import BackgroundLoop
from services.kit.quiet import Extra, QuietReport
from services.kit.retention.chore import Retention
from services.kit.unit import Entities


class Operations:
    """The routes of one service."""

    def __init__(
        self,
        entities: Entities,
        loops: Sequence[BackgroundLoop],
        bus: Bus,
        busy: Extra,
        counters: Callable[[], dict[str, int]],
        clinic: Clinic,
        republish: Callable[[str], Awaitable[None]],
        retention: Retention,
        stale_after_s: float,
    ) -> None:
        self._entities = entities
        self._loops = loops
        self._bus = bus
        self._clinic = clinic
        self._republish = republish
        self._retention = retention
        self._quiet = QuietReport(entities, bus, busy, counters, stale_after_s)

    def router(self) -> APIRouter:
        """The routes; none of them is part of the public description."""
        router = APIRouter(include_in_schema=False)

        @router.get("/livez")
        async def live() -> dict[str, str]:
            return {"status": "live"}

        @router.get("/readyz")
        async def ready() -> JSONResponse:
            unwell = await self._unwell()
            content = {"status": "not ready" if unwell else "ready", "unwell": unwell}
            return JSONResponse(content, 503 if unwell else 200)

        @router.get("/internal/quiet")
        async def quiet(since: int) -> JSONResponse:
            return JSONResponse(await self._quiet(since))

        return router

    def clinic(self) -> APIRouter:
        """The routes behind `recourse dead-letters`, `parked` and `republish`; loopback only."""
        router = APIRouter(prefix="/internal", include_in_schema=False)
        router.get("/dead-letters")(self._clinic.dead_letters)
        router.get("/dead-letters/{hash}")(self._clinic.show)
        router.post("/dead-letters/{hash}/requeue")(self._clinic.requeue)
        router.post("/dead-letters/{hash}/skip")(self._clinic.skip)
        router.get("/parked")(self._clinic.parked)
        router.get("/retention")(self._retention.report)

        @router.post("/republish/{topic}")
        async def republish(topic: str) -> dict[str, str]:
            await self._republish(topic)
            return {"republished": topic}

        return router

    async def _unwell(self) -> list[str]:
        unwell = [loop.name for loop in self._loops if not loop.well]
        if not self._bus.well():
            unwell.append("consumer")
        try:
            await asyncio.wait_for(self._entities.now(), 2)
        except UNREACHABLE:
            unwell.append("database")
        return unwell
