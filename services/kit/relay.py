"""The relay: the log is the outbox; positions first, then the log, publish in order, delete.

Owns publishing, heartbeats, the memory of which broker was published to, and republishing. Two
relays at once only make duplicates on the wire, which every reader's gap rule drops.
"""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from time import monotonic
from typing import Protocol
from uuid import UUID

import asyncpg
import structlog

from services.kit import clock, telemetry
from services.kit.foreign import NAMESPACE
from services.kit.ids import derive
from services.kit.unit import QUERIES, Entities
from services.kit.wire import Event

_log = structlog.get_logger(__name__)
_BATCH = 1000
_HEARTBEAT_S = 1.0
_LEASE = timedelta(seconds=3)


class NeverSendable(Exception):
    """This record can never be sent (too large for the broker, say)."""


class Outlet(Protocol):
    """Where events go. `publish` answers, in order, None or the error of each.

    `offsets` are the last that were acknowledged, of each partition; one that is not above what is
    in there went back.
    """

    offsets: dict[str, int]

    async def publish(
        self, messages: Sequence[tuple[str, bytes | None, list[tuple[str, bytes]], bytes]]
    ) -> Sequence[BaseException | None]: ...
    async def to_every_partition(
        self, topic: str, headers: list[tuple[str, bytes]], value: bytes
    ) -> None: ...
    async def cluster_id(self) -> str: ...
    async def rebuild(self) -> None: ...
    def went_back(self) -> list[str]: ...


class Relay:
    """The relay of one service; the replica that holds the lease works, the others wait."""

    def __init__(
        self,
        entities: Entities,
        outlet: Outlet,
        owner: str,
        readers: Mapping[str, Sequence[str]],
        seconds: Callable[[], float] = monotonic,
    ) -> None:
        self._entities = entities
        self._outlet = outlet
        self._owner = owner
        self._readers = readers
        self._seconds = seconds
        self._beat_at = float("-inf")
        self._leased_at = float("-inf")
        self._cluster: str | None = None
        self.published = 0

    async def step(self) -> float:
        """Publish one batch, beat when it is time; answers the seconds to rest."""
        if not await self._has_lease():
            telemetry.HEARTBEAT_BEHIND.set(0)
            return _LEASE.total_seconds() / 3
        await self._notice_another_broker()
        rows = await self._next_rows()
        if rows:
            await self._publish(rows)
        rest_s = await self._beat_if_due()
        return 0 if len(rows) == _BATCH else rest_s

    async def _has_lease(self) -> bool:
        """Whether we may publish; asked in the database only when a third of the lease is over."""
        if self._seconds() - self._leased_at < _LEASE.total_seconds() / 3:
            return True
        asked_at = self._seconds()
        row = await self._entities.db.fetchrow(QUERIES["lease"], "relay", self._owner, _LEASE)
        if row is None:
            return False
        if asked_at - self._leased_at > _LEASE.total_seconds():  # another may have published since
            self._outlet.offsets |= json.loads(row["sent"] or "{}")
        self._leased_at, self._cluster = asked_at, row["cluster"]
        return True

    async def resign(self) -> None:
        """Give the lease up, so that another replica need not wait."""
        self._leased_at = float("-inf")
        await self._entities.db.execute(QUERIES["release_lease"], "relay", self._owner)

    async def _next_rows(self) -> list[asyncpg.Record]:
        db = self._entities.db
        heads = await db.fetch(QUERIES["unpublished"], _BATCH)
        if not heads:
            return []
        instants = [head["at"] for head in heads]
        positions = [head["pos"] for head in heads]
        return await db.fetch(QUERIES["log_rows"], min(instants), max(instants), positions)

    async def _publish(self, rows: Sequence[asyncpg.Record]) -> None:
        messages = [self._message(row) for row in rows]
        errors = await self._outlet.publish(messages)
        sent, failed_entities = [], set()
        for row, error in zip(rows, errors, strict=True):
            if error is None and row["entity"] not in failed_entities:
                sent.append(row["pos"])
            elif error is not None:
                failed_entities.add(row["entity"])
        offsets = json.dumps(self._outlet.offsets)
        await self._entities.db.execute(QUERIES["published"], sent, offsets)
        self.published += len(sent)
        for topic, count in Counter(row["topic"] for row in rows).items():
            telemetry.PUBLISHED.labels(topic=topic).inc(count)
        await self._after_errors(rows, errors)

    async def _after_errors(
        self, rows: Sequence[asyncpg.Record], errors: Sequence[BaseException | None]
    ) -> None:
        failures = [(r, e) for r, e in zip(rows, errors, strict=True) if e is not None]
        for row, error in failures:
            if isinstance(error, NeverSendable):
                _log.error("sending_stopped", entity=str(row["entity"]), error=str(error)[:200])
                await self._entities.db.execute(
                    QUERIES["stop_sending"], row["entity"], type(error.__cause__).__name__
                )
        if failures:
            # One oversized record makes an idempotent producer fail every later send.
            await self._outlet.rebuild()
        lasting = [error for _, error in failures if not isinstance(error, NeverSendable)]
        if lasting:
            raise lasting[0]

    def _message(
        self, row: asyncpg.Record
    ) -> tuple[str, bytes | None, list[tuple[str, bytes]], bytes]:
        event = self._event(row)
        key = str(row["entity"]).encode() if row["entity"] else None
        return row["topic"], key, self._entities.codec.headers(event), event.value

    def _event(self, row: asyncpg.Record) -> Event:
        return self._entities.codec.make(
            row["id"], self._entities.streams.source, row["type"], row["entity"], row["seq"],
            row["after"], row["recordedat"], row["prevhash"], row["value"],
        )  # fmt: skip

    async def _beat_if_due(self) -> float:
        since_s = self._seconds() - self._beat_at
        if since_s < _HEARTBEAT_S:
            return max(0.01, _HEARTBEAT_S - since_s)
        self._beat_at = self._seconds()
        t, stopped, now = await self._complete_before()
        telemetry.HEARTBEAT_BEHIND.set((now.real - t).total_seconds())
        # Together, so that they share a request.
        topics = self._entities.streams.outputs
        try:
            await asyncio.gather(*(self._beat(topic, t, stopped, now.domain) for topic in topics))
        except Exception:
            # What an idempotent producer gave up is a hole in its numbers: it fails for ever.
            await self._outlet.rebuild()
            raise
        return _HEARTBEAT_S

    async def _beat(
        self, topic: str, t: datetime, stopped: Sequence[UUID], domain: datetime
    ) -> None:
        codec = self._entities.codec
        beat = codec.heartbeat(t, stopped)
        source = self._entities.streams.source
        event = codec.make(
            derive(NAMESPACE, f"{source}:{topic}:{t.isoformat()}"), source, beat.type_name(), None,
            0, "", domain.astimezone(UTC), b"", beat.halves()[0],
        )  # fmt: skip
        await self._outlet.to_every_partition(topic, codec.headers(event), event.value)

    async def _complete_before(self) -> tuple[datetime, list[UUID], clock.Now]:
        """T, the stopped cases, and the time.

        Two statements in this order, or a commit could slip between.
        """
        db = self._entities.db
        first = await db.fetchrow(QUERIES["oldest_transaction"])
        if first is None:
            raise RuntimeError("the database gave no time")
        second = await db.fetchrow(QUERIES["announce"], first["t"])
        if second is None:
            raise RuntimeError("the database gave no instant")
        return second["t"], second["stopped"], clock.of_row(first)

    async def _notice_another_broker(self) -> None:
        """The embedded broker forgets everything on restart, and has a fresh id each start."""
        current = await self._outlet.cluster_id()
        another = self._cluster not in (None, current)
        for topic in list(self._readers) if another else self._outlet.went_back():
            await self.republish(topic)
        if another:
            self._outlet.offsets.clear()
            await self._entities.db.execute(QUERIES["forget_fetched"])
        if self._cluster != current:
            await self._entities.db.execute(QUERIES["remember_cluster"], current)
            self._cluster = current

    async def republish(self, topic: str) -> None:
        """Queue a topic again from the last point that every reader of it has confirmed."""
        rows = await self._entities.db.fetch(QUERIES["confirmed_of"], topic)
        known = {row["consumer"]: row["t"] for row in rows}
        readers = self._readers.get(topic, ())
        if not readers:
            return
        since = min(known.get(reader, clock.EPOCH) for reader in readers)
        tag = await self._entities.db.execute(QUERIES["republish"], topic, since)
        count = int(tag.rsplit(" ", 1)[-1])
        telemetry.REPUBLISHED.inc(count)
        _log.warning("republished", topic=topic, since=since.isoformat(), events=count)
