"""A steady number of reports a second by HTTP, straight to intake, and when each was taken.

Owns the pace and the connections; lean, so that what is measured is the server. A report is sent
again until it is taken.
"""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Callable
from contextlib import suppress
from itertools import count
from urllib.parse import urlsplit

from tests.chaos.evidence import Ack
from tests.support.desk import report_of

_CALLERS = 24
_PATIENCE_S = 15.0


class Steady:
    """Offers `rate` reports a second until stopped. `taken`: the instants of the answers."""

    def __init__(
        self, address: str, rate: float, name: str, now: Callable[[], str], category: str
    ) -> None:
        self.acks: list[Ack] = []
        self.taken: list[float] = []
        self.offered = 0
        self.tries_again = 0
        self._port = urlsplit(address).port or 0
        self._rate, self._name, self._now, self._category = rate, name, now, category
        self._waiting: asyncio.Queue[str | None] = asyncio.Queue()
        self._enough = asyncio.Event()

    def stop(self) -> None:
        """Offer no more; what was offered is still brought to its end."""
        self._enough.set()

    async def run(self) -> None:
        """Offer until stopped; returns when everything offered was taken."""
        async with asyncio.TaskGroup() as group:
            for _ in range(_CALLERS):
                group.create_task(self._call())
            await self._offer()
            for _ in range(_CALLERS):
                self._waiting.put_nowait(None)

    async def _offer(self) -> None:
        began = time.monotonic()
        for number in count():
            with suppress(TimeoutError):
                pause_s = began + number / self._rate - time.monotonic()
                await asyncio.wait_for(self._enough.wait(), max(0.0, pause_s))
            if self._enough.is_set():
                return
            self.offered += 1
            self._waiting.put_nowait(f"{self._name}-{number}")

    async def _call(self) -> None:
        streams: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None
        while (name := await self._waiting.get()) is not None:
            body = report_of(name, occurred_at=self._now(), category=self._category)
            while True:
                try:
                    streams = streams or await asyncio.open_connection("127.0.0.1", self._port)
                    async with asyncio.timeout(_PATIENCE_S):
                        status, answer = await _exchange(*streams, json.dumps(body).encode(), name)
                except (OSError, asyncio.IncompleteReadError, TimeoutError):
                    status, answer = 0, b""
                    if streams is not None:
                        streams[1].transport.abort()
                    streams = None
                if status in (200, 201):
                    self._took(body["external_id"], json.loads(answer))
                    break
                self.tries_again += 1
                await asyncio.sleep(0.2)
        if streams is not None:
            streams[1].close()

    def _took(self, external_id: str, answer: dict[str, str]) -> None:
        self.taken.append(time.monotonic())
        self.acks.append(Ack("report", "http", external_id, answer["id"], answer["position"]))


async def _exchange(
    reader: asyncio.StreamReader, writer: asyncio.StreamWriter, body: bytes, key: str
) -> tuple[int, bytes]:
    head = (
        "POST /v1/cases HTTP/1.1\r\nHost: chaos\r\nContent-Type: application/json\r\n"
        f"Idempotency-Key: {key}\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    writer.write(head.encode() + body)
    lines = (await reader.readuntil(b"\r\n\r\n")).lower().split(b"\r\n")
    length = next(line for line in lines if line.startswith(b"content-length"))
    answer = await reader.readexactly(int(length.partition(b":")[2]))
    return int(lines[0].split()[1]), answer


def median_rate(taken: list[float], begin: float, end: float) -> float:
    """The median of the whole seconds between two instants."""
    counts = sorted(
        sum(begin + second <= at < begin + second + 1 for at in taken)
        for second in range(int(end - begin))
    )
    return float(counts[len(counts) // 2]) if counts else 0.0


def seconds_until(taken: list[float], since: float, rate: float, within_s: float) -> float | None:
    """When, after `since`, the first second began in which at least `rate` were taken."""
    for tenth in range(int(within_s * 10)):
        begin = since + tenth / 10
        if sum(begin <= at < begin + 1 for at in taken) >= rate:
            return tenth / 10
    return None
