"""Load by HTTP: a client so lean that what it measures is the server.

Owns one keep-alive connection per concurrent caller. Every answer is checked and timed.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from benchmarks.measurement import NotMeasured
from services.local.ports import LOOPBACK


@dataclass(frozen=True, slots=True)
class Load:
    """Requests per second, and how long each of them took."""

    rate: float
    took_ms: tuple[float, ...]


async def put(port: int, path: str, bodies: Sequence[bytes], concurrency: int) -> Load:
    """What comes of posting these JSON bodies; each must be answered 201."""
    requests = iter([_request(path, body) for body in bodies])
    took_ms: list[float] = []
    began = time.perf_counter()
    await asyncio.gather(*(_caller(port, requests, took_ms) for _ in range(concurrency)))
    return Load(len(bodies) / (time.perf_counter() - began), tuple(took_ms))


async def _caller(port: int, requests: Iterator[bytes], took_ms: list[float]) -> None:
    reader, writer = await asyncio.open_connection(LOOPBACK, port)
    try:
        for request in requests:
            began = time.perf_counter()
            writer.write(request)
            await _created(reader)
            took_ms.append(1000 * (time.perf_counter() - began))
    finally:
        writer.close()


async def _created(reader: asyncio.StreamReader) -> None:
    head = await reader.readuntil(b"\r\n\r\n")
    lengths = [line for line in head.lower().split(b"\r\n") if line.startswith(b"content-length")]
    body = await reader.readexactly(int(lengths[0].partition(b":")[2]))
    if b" 201 " not in head[:16]:
        raise NotMeasured(f"answered {head[:40]!r} {body[:300]!r}")


def _request(path: str, body: bytes) -> bytes:
    head = (
        f"POST {path} HTTP/1.1\r\nHost: bench\r\nContent-Type: application/json\r\n"
        f"Content-Length: {len(body)}\r\n\r\n"
    )
    return head.encode() + body
