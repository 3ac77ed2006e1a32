"""A TCP proxy that can be slow, silent, half-open or gone.

Owns the connections of one road (services to PostgreSQL, to Kafka, to SMTP). Knows no protocol,
but for the length before each answer of Kafka: answers that name an address are made to name ours.
"""

from __future__ import annotations

import asyncio
import contextlib
import struct
from dataclasses import dataclass, field

LOOPBACK = "127.0.0.1"
_CHUNK = 65536


@dataclass(eq=False)
class _Connection:
    """One client and what it is connected to. `dead`: the client hears nothing more."""

    client: asyncio.StreamWriter
    server: asyncio.StreamWriter
    dead: bool = False

    def reset(self) -> None:
        for writer in (self.client, self.server):
            writer.transport.abort()


@dataclass
class FaultProxy:
    """Listens on `port`, connects to `upstream`. `kafka`: answers that name upstream name us."""

    port: int
    upstream: int
    kafka: bool = False
    latency_s: float = 0.0
    taken: int = 0
    _open: set[_Connection] = field(default_factory=set)
    _flowing: asyncio.Event = field(default_factory=asyncio.Event)
    _refusing: bool = False
    _server: asyncio.Server | None = None

    async def __aenter__(self) -> FaultProxy:
        self._flowing.set()
        self._server = await asyncio.start_server(self._serve, LOOPBACK, self.port)
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._server is not None:
            self._server.close()
        self.heal()
        self._reset_all()

    def cut(self) -> None:
        """Every connection is reset, new ones too, until healed."""
        self._refusing = True
        self._reset_all()

    def blackhole(self) -> None:
        """Nothing arrives any more, and nobody is told; what was sent arrives once healed."""
        self._flowing.clear()

    def half_open(self) -> None:
        """The far side loses every connection there is; the near side is never told."""
        for connection in self._open:
            connection.dead = True
            connection.server.transport.abort()

    def slow(self, latency_s: float) -> None:
        """Every piece of data takes so much longer."""
        self.latency_s = latency_s

    def heal(self) -> None:
        """All is well again; half-open connections are reset, as by a side that restarted."""
        self._refusing, self.latency_s = False, 0.0
        self._flowing.set()
        for connection in [each for each in self._open if each.dead]:
            connection.reset()

    def _reset_all(self) -> None:
        for connection in list(self._open):
            connection.reset()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if self._refusing:
            writer.transport.abort()
            return
        self.taken += 1
        try:
            far_reader, far_writer = await asyncio.open_connection(LOOPBACK, self.upstream)
        except OSError:
            writer.transport.abort()
            return
        connection = _Connection(writer, far_writer)
        self._open.add(connection)
        try:
            async with asyncio.TaskGroup() as both:
                both.create_task(self._pump(connection, reader, far_writer))
                both.create_task(self._answers(connection, far_reader, writer))
        except* (OSError, asyncio.IncompleteReadError):
            pass
        finally:
            self._open.discard(connection)
            connection.reset()

    async def _pump(
        self, connection: _Connection, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        while data := await reader.read(_CHUNK):
            await self._pass_on(connection, writer, data)
        await self._end(connection)

    async def _answers(
        self, connection: _Connection, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        if not self.kafka:
            await self._lenient_pump(connection, reader, writer)
            return
        theirs, ours = _address(self.upstream), _address(self.port)
        with contextlib.suppress(asyncio.IncompleteReadError):
            while True:
                head = await reader.readexactly(4)
                body = await reader.readexactly(struct.unpack(">i", head)[0])
                await self._pass_on(connection, writer, head + body.replace(theirs, ours))
        await self._end(connection)

    async def _lenient_pump(
        self, connection: _Connection, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        try:
            await self._pump(connection, reader, writer)
        except OSError:
            await self._end(connection)

    async def _pass_on(
        self, connection: _Connection, writer: asyncio.StreamWriter, data: bytes
    ) -> None:
        if self.latency_s:
            await asyncio.sleep(self.latency_s)
        await self._flowing.wait()
        if not connection.dead:
            writer.write(data)
            await writer.drain()

    async def _end(self, connection: _Connection) -> None:
        """One side has ended: the other is told, unless the connection is half-open."""
        while connection.dead and not connection.client.transport.is_closing():
            await asyncio.sleep(0.05)
        raise ConnectionResetError


def _address(port: int) -> bytes:
    """How Kafka's answers write an address: the text of the host, then the port in four bytes."""
    return LOOPBACK.encode() + struct.pack(">i", port)
