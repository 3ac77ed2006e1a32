"""The courier: leases deliveries that are due, sends them outside any transaction, settles them.

Owns leases, bounded concurrency, the order in which a recipient hears of a case, and what is
written after an attempt. A lease that ends (a crash, a stop) lets another courier send the same
frozen message again under the same key: at least once on the wire, one row in the ledger.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import structlog

from schemas.topics import DELIVERIES
from schemas.vocabulary import DeliveryChannel, DeliveryStatus
from services.kit.db import RETRYABLE_ERRORS
from services.kit.entities import Decision
from services.kit.unit import Entities, Unit
from services.notifier import metrics
from services.notifier.channels.outgoing import Channel, Outgoing
from services.notifier.core.retry import Fault, FaultKind, next_attempt
from services.notifier.core.vocabulary import Reason
from services.notifier.leases import is_dead
from services.notifier.store import QUERIES, to_event

_log = structlog.get_logger(__name__)
_IDLE_S = 5.0
_PASSING: tuple[type[BaseException], ...] = (TimeoutError, *RETRYABLE_ERRORS)
_DONE = frozenset({DeliveryStatus.SENT, DeliveryStatus.FAILED})


@dataclass(frozen=True, slots=True)
class Pace:
    """How many at once, and how long an attempt and its lease may take (real time)."""

    slots: int
    timeout_s: float
    lease: timedelta


@dataclass(frozen=True, slots=True)
class Leased:
    """A delivery that this courier may send until its lease ends."""

    id: UUID
    case_id: UUID
    subject: UUID
    channel: DeliveryChannel
    attempts: int
    body: bytes


@dataclass(frozen=True, slots=True)
class Attempt:
    """What became of sending a leased delivery."""

    leased: Leased
    status: DeliveryStatus
    reason: Reason
    next_attempt_at: datetime | None = None


class Courier:
    """Carries deliveries. `owner` is this process alone; `jitter` answers numbers in [0, 1)."""

    def __init__(
        self,
        entities: Entities,
        channels: Mapping[DeliveryChannel, Channel],
        pace: Pace,
        owner: str,
        jitter: Callable[[], float],
    ) -> None:
        self._entities = entities
        self._channels = channels
        self._pace = pace
        self._owner = owner
        self._jitter = jitter
        self._under_way: set[asyncio.Task[None]] = set()
        self._attempts: list[Attempt] = []
        self.on_attempt: Callable[[], None] = lambda: None
        self.settled = 0
        self._inherited = False

    async def step(self) -> float:
        """Settle what was sent, take what is due; answers the seconds until the next look."""
        if not self._inherited:
            await self._inherit()
        await self._settle()
        free = self._pace.slots - len(self._under_way)
        if free <= 0:
            return _IDLE_S
        for leased in await self._claim(free):
            task = asyncio.create_task(self._carry(leased))
            self._under_way.add(task)
            task.add_done_callback(self._under_way.discard)
        return 0 if self._attempts else await self._rest_s()

    async def close(self) -> None:
        """Wait for what is under way, settle it, let go of the channels."""
        if self._under_way:
            await asyncio.wait(self._under_way, timeout=1.5)
        await self._settle()
        for channel in self._channels.values():
            await channel.close()

    async def busy(self, _: datetime) -> tuple[list[str], dict[str, int]]:
        """What is in flight, and a counter that moves with work done; retries later are quiet."""
        now = await self._entities.now()
        row = await self._entities.db.fetchrow(QUERIES["in_flight"], now.real)
        counts = {"sending": row["sending"], "deliveries due": row["waiting"]} if row else {}
        busy = [f"{what}: {count}" for what, count in counts.items() if count]
        return busy, {"settled": self.settled}

    async def _inherit(self) -> None:
        """Once: take over what a process that died on this host was sending."""
        db = self._entities.db
        rows = await db.fetch(QUERIES["lease_owners"])
        gone = [row["lease_owner"] for row in rows if is_dead(row["lease_owner"], self._owner)]
        await db.execute(QUERIES["inherit"], gone, (await self._entities.now()).real)
        self._inherited = True

    async def _claim(self, free: int) -> list[Leased]:
        now = (await self._entities.now()).real
        until = now + self._pace.lease
        rows = await self._entities.db.fetch(QUERIES["claim"], now, free, self._owner, until)
        return [_leased(row) for row in rows]

    async def _carry(self, leased: Leased) -> None:
        """Send one delivery; what comes of it is settled by the next step."""
        try:
            attempt = await self._attempt(leased)
        except _PASSING as error:
            # Without the database nothing can be written down: the lease ends by itself.
            _log.warning("delivery_left", delivery=str(leased.id), error=type(error).__name__)
            return
        self._attempts.append(attempt)
        self.on_attempt()

    async def _attempt(self, leased: Leased) -> Attempt:
        real_now = (await self._entities.now()).real
        began_at = asyncio.get_running_loop().time()
        await self._entities.sealer.load([leased.subject])
        try:
            outgoing = self._opened(leased)
            if outgoing is None:
                return Attempt(leased, DeliveryStatus.FAILED, Reason.SUBJECT_ERASED)
            fault = await self._send(leased.channel, outgoing, real_now)
        except Exception as error:
            # A defect of ours in one message must neither stop the others nor be tried for ever.
            # Its own words may quote the message.
            _log.error("send_failed", delivery=str(leased.id), error=type(error).__name__)
            fault = Fault(FaultKind.INTERNAL)
        outcome = fault.kind if fault else "accepted"
        metrics.ATTEMPTS.labels(channel=leased.channel, outcome=outcome).inc()
        took = timedelta(seconds=asyncio.get_running_loop().time() - began_at)
        return self._after(leased, fault, real_now + took)

    def _opened(self, leased: Leased) -> Outgoing | None:
        plaintext = self._entities.sealer.open(leased.subject, leased.body, leased.id.bytes)
        return None if plaintext is None else Outgoing.model_validate_json(plaintext)

    async def _send(
        self, channel: DeliveryChannel, outgoing: Outgoing, real_now: datetime
    ) -> Fault | None:
        try:
            async with asyncio.timeout(self._pace.timeout_s):
                return await self._channels[channel].send(outgoing, real_now)
        except TimeoutError:
            return Fault(FaultKind.CONNECTION, detail="timeout")

    def _after(self, leased: Leased, fault: Fault | None, real_now: datetime) -> Attempt:
        if fault is None:
            return Attempt(leased, DeliveryStatus.SENT, Reason.OWED)
        step = next_attempt(leased.attempts, fault, real_now, self._jitter())
        _log.warning(
            "delivery_fault", delivery=str(leased.id), channel=leased.channel, fault=fault.kind,
            detail=fault.detail, again=step.at is not None,
        )  # fmt: skip
        status = DeliveryStatus.FAILED if step.at is None else DeliveryStatus.PLANNED
        return Attempt(leased, status, step.reason, step.at)

    async def _settle(self) -> None:
        """Write all finished attempts in one transaction; they are kept until it commits."""
        finished = list(self._attempts)
        if not finished:
            return
        async with self._entities.transaction() as unit:
            await unit.lock(attempt.leased.case_id for attempt in finished)
            rows = await self._write(unit, finished)
            for row in rows:
                _say(unit, row)
        del self._attempts[: len(finished)]
        self.settled += len(finished)
        for row in rows:
            metrics.DELIVERIES.labels(channel=row["channel"], status=row["status"]).inc()

    async def _write(self, unit: Unit, finished: Sequence[Attempt]) -> list[Any]:
        columns = [
            (
                attempt.leased.id,
                attempt.leased.attempts,
                attempt.status.value,
                attempt.reason.value,
                unit.now if attempt.status is DeliveryStatus.SENT else None,
                attempt.next_attempt_at,
            )
            for attempt in finished
        ]
        arrays = [list(column) for column in zip(*columns, strict=True)]
        return list(await unit.conn.fetch(QUERIES["settle"], self._owner, *arrays))

    async def _rest_s(self) -> float:
        now = (await self._entities.now()).real
        row = await self._entities.db.fetchrow(QUERIES["next_attempt"], now)
        if row is None:
            return _IDLE_S
        ahead_s: float = (row["at"] - now).total_seconds()
        return min(_IDLE_S, max(0.02, ahead_s))


def _leased(row: Mapping[str, Any]) -> Leased:
    return Leased(
        row["id"],
        row["case_id"],
        row["subject"],
        DeliveryChannel(row["channel"]),
        row["attempts"],
        row["body"],
    )


def _say(unit: Unit, row: Mapping[str, Any]) -> None:
    """Say on topic `deliveries` what became of a delivery, in its case's stream."""
    status = DeliveryStatus(row["status"])
    if status not in _DONE:
        return
    entity = unit.entities[row["case_id"]]
    event = to_event(status, row, unit.now_for(entity))
    decision = Decision(
        None, ((DELIVERIES, event),), wake_at=entity.wake_at, held_until=entity.held_until
    )
    unit.apply(entity, decision, row["id"])
