"""The fault proxy: it passes on, and each fault is what it says."""

from __future__ import annotations

import asyncio
import struct
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from services.local.ports import free_port
from tests.chaos.proxy import LOOPBACK, FaultProxy
from tests.chaos.service import through_proxies

HELLO = b"hello"


@asynccontextmanager
async def echoing(kafka: bool = False) -> AsyncIterator[FaultProxy]:
    """A proxy before a server that says everything back."""

    async def echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while data := await reader.read(1000):
            writer.write(data)
        writer.close()

    server = await asyncio.start_server(echo, LOOPBACK, 0)
    async with server, FaultProxy(free_port(), server.sockets[0].getsockname()[1], kafka) as proxy:
        yield proxy


async def connected(proxy: FaultProxy) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    return await asyncio.open_connection(LOOPBACK, proxy.port)


async def said_back(
    reader: asyncio.StreamReader, writer: asyncio.StreamWriter, within_s: float = 5
) -> bytes:
    writer.write(HELLO)
    return await asyncio.wait_for(reader.readexactly(len(HELLO)), within_s)


async def test_it_passes_on() -> None:
    async with echoing() as proxy:
        assert await said_back(*await connected(proxy)) == HELLO


async def test_a_cut_resets_what_is_open_and_what_comes() -> None:
    async with echoing() as proxy:
        reader, writer = await connected(proxy)
        await said_back(reader, writer)
        proxy.cut()
        with pytest.raises((ConnectionError, asyncio.IncompleteReadError)):
            await reader.readexactly(1)
        with pytest.raises((ConnectionError, asyncio.IncompleteReadError)):
            await said_back(*await connected(proxy))
        proxy.heal()
        assert await said_back(*await connected(proxy)) == HELLO


async def test_a_blackhole_keeps_silent_and_loses_nothing() -> None:
    async with echoing() as proxy:
        reader, writer = await connected(proxy)
        proxy.blackhole()
        with pytest.raises(TimeoutError):
            await said_back(reader, writer, 0.1)
        proxy.heal()
        assert await asyncio.wait_for(reader.readexactly(len(HELLO)), 5) == HELLO


async def test_a_half_open_connection_is_never_told_and_new_ones_work() -> None:
    async with echoing() as proxy:
        reader, writer = await connected(proxy)
        await said_back(reader, writer)
        proxy.half_open()
        with pytest.raises(TimeoutError):
            await said_back(reader, writer, 0.2)
        assert await said_back(*await connected(proxy)) == HELLO
        proxy.heal()
        with pytest.raises((ConnectionError, asyncio.IncompleteReadError)):
            await asyncio.wait_for(reader.readexactly(1), 5)


async def test_a_slow_road_takes_its_time() -> None:
    async with echoing() as proxy:
        proxy.slow(0.1)
        began = asyncio.get_running_loop().time()
        await said_back(*await connected(proxy))
        assert asyncio.get_running_loop().time() - began >= 0.2


async def test_an_answer_of_kafka_names_the_proxy() -> None:
    async with echoing(kafka=True) as proxy:
        reader, writer = await connected(proxy)
        body = b"..127.0.0.1" + struct.pack(">i", proxy.upstream) + b"127.0.0.1"
        frame = struct.pack(">i", len(body)) + body
        writer.write(frame[:9])
        await writer.drain()
        writer.write(frame[9:])
        answer = await asyncio.wait_for(reader.readexactly(len(frame)), 5)
        assert answer == frame.replace(
            b"127.0.0.1" + struct.pack(">i", proxy.upstream),
            b"127.0.0.1" + struct.pack(">i", proxy.port),
        )


def test_a_service_is_told_the_proxies_addresses_only() -> None:
    before = {
        "RECOURSE_DATABASE_DSN": "postgresql://intake:s3:cret@127.0.0.1:20001/recourse",
        "RECOURSE_KEYS_DSN": "postgresql://keys:x@127.0.0.1:20001/recourse",
        "RECOURSE_KAFKA_BOOTSTRAP": "127.0.0.1:20002",
        "RECOURSE_SMTP_PORT": "20003",
        "RECOURSE_HTTP_PORT": "20004",
    }
    assert through_proxies(before, {"postgres": 1, "kafka": 2, "smtp": 3}) == {
        "RECOURSE_DATABASE_DSN": "postgresql://intake:s3:cret@127.0.0.1:1/recourse",
        "RECOURSE_KEYS_DSN": "postgresql://keys:x@127.0.0.1:1/recourse",
        "RECOURSE_KAFKA_BOOTSTRAP": "127.0.0.1:2",
        "RECOURSE_SMTP_PORT": "3",
        "RECOURSE_HTTP_PORT": "20004",
    }
