"""Wake-ups: claim what is due, ask the core, write; early, late and doubled ones change nothing.

Owns the claim, the isolation of a wake-up that cannot be decided, and holding while the stream
of an entity's partition is silent. Never decides whether something fires.
"""

from __future__ import annotations

from datetime import datetime, timedelta

import structlog

from services.kit import clock, telemetry
from services.kit.db import DATA_ERRORS
from services.kit.entities import Decided, Entity, Logic, Wake
from services.kit.ids import derive
from services.kit.together import all_of
from services.kit.unit import QUERIES, Entities, Unit

_log = structlog.get_logger(__name__)
_IDLE_S = 1.0
_HELD_ELSEWHERE_S = 0.02
_LANES = 2
_BACK_OFF = timedelta(minutes=5)
_US = timedelta(microseconds=1)


class Timers:
    """The timers of one service; any number of replicas may run them."""

    def __init__(
        self, entities: Entities, logic: Logic, *, stale_after_s: float, batch: int = 500
    ) -> None:
        self._entities = entities
        self._logic = logic
        self._stale_after_s = stale_after_s
        self._batch = batch
        self._started_at: datetime | None = None
        self._more = False
        self.fired = 0

    async def step(self) -> float:
        """Fire what is due, a batch or two; answers the seconds until the next look.

        Behind a full batch there is more: two transactions then run at once, as if there were two
        replicas, so that one decides while the database works for the other.
        """
        if not self._more:
            rest_s = await self._rest_s()
            if rest_s > 0:
                return rest_s
        lanes = _LANES if self._more else 1
        claimed = await all_of(self._fire_or_isolate() for _ in range(lanes))
        self._more = max(claimed) >= self._batch
        return 0 if any(claimed) else _HELD_ELSEWHERE_S

    async def _fire_or_isolate(self) -> int:
        try:
            return await self._fire(self._batch)
        except DATA_ERRORS as error:
            _log.error("wake_batch_refused", error=type(error).__name__)
            return await self._fire_one_by_one()

    async def _fire(self, limit: int) -> int:
        async with self._entities.transaction() as unit:
            rows = await unit.conn.fetch(QUERIES["claim"], unit.now, limit)
            if not rows:
                return 0
            entities = await unit.adopt(rows)
            await unit.look_at_the_clock()
            beats = await self._beats(unit)
            decided = [d for e in entities if (d := self._decide(unit, e, beats)) is not None]
            await self._logic.write(unit, decided)
        self.fired += len(decided)
        telemetry.FIRED.inc(len(decided))
        return len(rows)

    async def _fire_one_by_one(self) -> int:
        """After the database refused a batch: find the one by firing each alone."""
        fired = 0
        for _ in range(self._batch):
            try:
                taken = await self._fire(1)
            except DATA_ERRORS:
                await self._put_off_first()
                taken = 1
            if not taken:
                break
            fired += taken
        return fired

    async def _put_off_first(self) -> None:
        async with self._entities.transaction() as unit:
            rows = await unit.conn.fetch(QUERIES["claim"], unit.now, 1)
            for entity in await unit.adopt(rows):
                self._put_off(unit, entity, "refused_by_database")

    def _decide(self, unit: Unit, entity: Entity, beats: dict[int, datetime]) -> Decided | None:
        if entity.state is None or entity.wake_at is None:
            entity.wake_at = None  # its subject was erased: nobody is left to escalate for
            unit.touch(entity)
            return None
        due_at = entity.wake_at
        silent_s = self._silent_s(unit, entity, beats)
        lateness_ms = unit.clock.lateness_ms(due_at, entity.known_at)
        trigger = derive(entity.id, f"wake:{(due_at - clock.EPOCH) // _US}")
        stale = silent_s > self._stale_after_s
        wake = Wake(trigger, unit.real_now, stale, silent_s, lateness_ms)
        try:
            decision = self._logic.on_wake(entity, wake, unit.now_for(entity))
        except Exception:
            _log.exception("wake_failed", entity=str(entity.id))
            self._put_off(unit, entity, "decision_failed")
            return None
        telemetry.TIMER_LAG.observe(lateness_ms / 1000)
        return unit.apply(entity, decision, trigger)

    def _put_off(self, unit: Unit, entity: Entity, reason: str) -> None:
        """A wake-up that cannot be decided stops one entity for a while, and is seen."""
        telemetry.DEAD_LETTERS.labels(reason=f"wake_{reason}").inc()
        entity.held_until = unit.real_now + _BACK_OFF
        unit.touch(entity)

    def _silent_s(self, unit: Unit, entity: Entity, beats: dict[int, datetime]) -> float:
        """The age of the heartbeat of the entity's partition; before the first: since we began."""
        self._started_at = self._started_at or unit.real_now
        beat = beats.get(entity.partition or 0, self._started_at)
        return (unit.real_now - beat).total_seconds()

    async def _beats(self, unit: Unit) -> dict[int, datetime]:
        inputs = self._entities.streams.inputs
        rows = await unit.conn.fetch(QUERIES["progress_of"], inputs[0]) if inputs else []
        return {row["part"]: row["t"] for row in rows}

    async def _rest_s(self) -> float:
        """Seconds until the next wake-up, at most a second; 0 while one is due."""
        row = await self._entities.db.fetchrow(QUERIES["oldest_due"])
        if row is not None and row["grace_over"]:
            await self._entities.db.execute(QUERIES["unhold_grace"])
            return 0
        if row is None or row["at"] is None:
            return _IDLE_S
        now = clock.of_row(row)
        if row["at"] <= now.domain:
            return 0
        if now.speed == 0:
            return _IDLE_S
        ahead_s: float = (row["at"] - now.domain).total_seconds() / (now.speed or 1)
        return min(_IDLE_S, ahead_s)
