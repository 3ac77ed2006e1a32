"""Files on their way into a real process: many at once, slow ones, broken ones, its death."""

from __future__ import annotations

import asyncio
import os
import random
import time
from asyncio.subprocess import Process
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from hashlib import sha256
from pathlib import Path

import httpx
import pytest

from tests.support.cases import report_body
from tests.support.intake_process import started
from tests.support.kit import until

MIB = 1024 * 1024
PLANTED = b"planted: card 6222 0000 1111 2222 "
HEAD = b'--b\r\nContent-Disposition: form-data; name="file"; filename="f.txt"\r\n\r\n'
FORM = {"content-type": "multipart/form-data; boundary=b"}
AT_ONCE, EACH = 16, 20 * MIB
GROWTH = 96 * MIB
"""Well under a third of the 320 MiB that arrive at once; what was measured is in docs/howto."""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "evidence"


@asynccontextmanager
async def intake(
    dsns: dict[str, str], folder: Path, **more: str
) -> AsyncIterator[tuple[httpx.AsyncClient, Process]]:
    """A process that takes no events: there is no broker, and none is needed for this."""
    settings = {
        "RECOURSE_KAFKA_BOOTSTRAP": "127.0.0.1:9",
        "RECOURSE_EVIDENCE_STORE": folder.as_uri(),
        "RECOURSE_EVIDENCE_MAX_BYTES": str(EACH),
        **more,
    }
    async with started(dsns, "/livez", settings) as (client, process):
        yield client, process


async def opened(client: httpx.AsyncClient) -> str:
    answer = await client.post("/v1/cases", json=report_body())
    assert answer.status_code == 201, answer.text
    return f"/v1/cases/{answer.json()['id']}/evidence"


def files(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*") if path.is_file()]


def memory(process: Process, line: str) -> int:
    """`VmRSS` or `VmHWM` of a process, in bytes."""
    status = Path(f"/proc/{process.pid}/status").read_text()
    return int(status.split(f"{line}:")[1].split()[0]) * 1024


async def pieces(content: bytes, *, ends: bool = True) -> AsyncIterator[bytes]:
    yield HEAD
    for at in range(0, len(content), 65_536):
        yield content[at : at + 65_536]
    if ends:
        yield b"\r\n--b--\r\n"


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="memory is read from /proc")
async def test_many_large_files_at_once_cost_little_memory(
    dsns: dict[str, str], folder: Path
) -> None:
    contents = [random.Random(n).randbytes(EACH - 8) for n in range(AT_ONCE)]
    contents = [b"\x89PNG\r\n\x1a\n" + content for content in contents]
    async with intake(dsns, folder) as (client, process):
        url = await opened(client)
        await client.post(url, files={"file": ("warm", b"warm")})
        before = memory(process, "VmRSS")
        answers = await asyncio.gather(
            *(client.post(url, content=pieces(content), headers=FORM) for content in contents)
        )
        uploaded = memory(process, "VmHWM") - before
        assert [answer.status_code for answer in answers] == [201] * AT_ONCE
        digests = await asyncio.gather(*(_digest_of(client, url, answer) for answer in answers))
        downloaded = memory(process, "VmHWM") - before
    assert digests == [sha256(content).hexdigest() for content in contents]
    print(f"growth: {uploaded / MIB:.0f} MiB sent, {downloaded / MIB:.0f} MiB fetched")
    assert max(uploaded, downloaded) < GROWTH


async def _digest_of(client: httpx.AsyncClient, url: str, sent: httpx.Response) -> str:
    digest = sha256()
    async with client.stream("GET", f"{url}/{sent.json()['sha256']}") as answer:
        async for piece in answer.aiter_bytes():
            digest.update(piece)
    return digest.hexdigest()


async def _half_sent(client: httpx.AsyncClient, url: str, folder: Path) -> asyncio.Task[object]:
    """A sender that stops in the middle of a file, once some of it lies in the store."""
    never = asyncio.Event()

    async def half() -> AsyncIterator[bytes]:
        async for piece in pieces(PLANTED * 60_000, ends=False):
            yield piece
        await never.wait()

    sending = asyncio.create_task(client.post(url, content=half(), headers=FORM))

    async def some_of_it_lies_there() -> bool:
        assert not sending.done(), sending.result()
        return any(path.stat().st_size > MIB for path in files(folder))

    await until(some_of_it_lies_there)
    return sending


async def test_a_sender_who_leaves_midway_leaves_nothing(
    dsns: dict[str, str], folder: Path
) -> None:
    async with intake(dsns, folder) as (client, _):
        url = await opened(client)
        sending = await _half_sent(client, url, folder)
        assert all(PLANTED not in path.read_bytes() for path in files(folder))
        sending.cancel()

        async def nothing_is_left() -> bool:
            return files(folder) == []

        await until(nothing_is_left)
        metrics = (await client.get("/metrics/")).text
        assert 'recourse_evidence_refused_total{reason="left"} 1.0' in metrics
        case = (await client.get(url.removesuffix("/evidence"))).json()
        assert case["evidence"] == []


async def _answer_to_half(client: httpx.AsyncClient, url: str, half: bytes) -> bytes:
    """The first line that a sender hears who has sent half a form, and sends no more."""
    reader, writer = await asyncio.open_connection(client.base_url.host, client.base_url.port)
    head = f"POST {url} HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n"
    writer.write(f"{head}Content-Type: {FORM['content-type']}\r\n\r\n".encode())
    for piece in (HEAD, half):
        writer.write(b"%x\r\n%b\r\n" % (len(piece), piece))
    answer = await asyncio.wait_for(reader.readuntil(b"\r\n"), 20)
    writer.close()
    return answer


async def test_a_sender_who_stops_is_told_so(dsns: dict[str, str], folder: Path) -> None:
    async with intake(dsns, folder, RECOURSE_UPLOAD_IDLE_S="0.5") as (client, _):
        url = await opened(client)
        assert b" 408 " in await _answer_to_half(client, url, PLANTED * 60_000)
        assert files(folder) == []


async def test_one_that_is_too_large_is_told_so_at_once(dsns: dict[str, str], folder: Path) -> None:
    async with intake(dsns, folder, RECOURSE_EVIDENCE_MAX_BYTES=str(MIB)) as (client, _):
        url = await opened(client)
        assert b" 413 " in await _answer_to_half(client, url, b"x" * (MIB + 1))
        assert files(folder) == []


async def test_what_a_killed_process_left_is_sealed_and_deleted_by_the_next(
    dsns: dict[str, str], folder: Path
) -> None:
    async with intake(dsns, folder) as (client, process):
        url = await opened(client)
        sending = await _half_sent(client, url, folder)
        process.kill()
        await process.wait()
        sending.cancel()
    (half,) = files(folder)
    assert PLANTED[:12] not in half.read_bytes()
    os.utime(half, (time.time() - 25 * 3600,) * 2)
    async with intake(dsns, folder) as (client, _):

        async def deleted() -> bool:
            return files(folder) == []

        await until(deleted)
        whole = await client.post(url, content=pieces(PLANTED * 60_000), headers=FORM)
        assert whole.status_code == 201, whole.text
