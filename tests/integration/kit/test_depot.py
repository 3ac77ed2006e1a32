"""Every store of objects keeps the same promises: a folder, memory, and what the environment names.

`RECOURSE_TEST_STORE` (with `RECOURSE_TEST_STORE_OPTIONS`, JSON) adds a cloud's.
"""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from services.kit.depot import Depot
from services.kit.faults import NotFound, Unavailable

STORES = ["folder", "memory", *(["named"] if "RECOURSE_TEST_STORE" in os.environ else [])]
LATER = datetime.now(UTC) + timedelta(hours=1)
EARLIER = LATER - timedelta(days=1)


@pytest.fixture(params=STORES)
def depot(request: pytest.FixtureRequest, tmp_path: Path) -> Depot:
    namespace = os.urandom(4).hex()
    if request.param == "named":
        options = json.loads(os.environ.get("RECOURSE_TEST_STORE_OPTIONS", "{}"))
        return Depot(os.environ["RECOURSE_TEST_STORE"], namespace, options)
    return Depot(
        (tmp_path / "with space").as_uri() if request.param == "folder" else "memory:///", namespace
    )


async def put(depot: Depot, content: bytes, unique: bytes = b"unique") -> str:
    name = depot.name(unique)
    async with depot.writing(name) as writing:
        for at in range(0, len(content), 70_000):
            await writing.write(content[at : at + 70_000])
    return name


async def put_half(depot: Depot, name: str, half: bytes, fault: type[BaseException]) -> None:
    async with depot.writing(name) as writing:
        await writing.write(half)
        raise fault


async def read(depot: Depot, name: str) -> bytes:
    return b"".join([piece async for piece in depot.read(name)])


async def names(depot: Depot, before: datetime = LATER) -> set[str]:
    return {name async for page in depot.older_than(before) for name in page}


@pytest.mark.parametrize("size", [1, 70_000, 1_000_000, 12_000_000])
async def test_what_was_written_is_read(depot: Depot, size: int) -> None:
    content = os.urandom(size)
    name = await put(depot, content)
    assert await read(depot, name) == content
    assert await names(depot) == {name}
    assert await names(depot, EARLIER) == set()


@pytest.mark.parametrize("size", [0, 100_000, 12_000_000])
@pytest.mark.parametrize("fault", [RuntimeError, asyncio.CancelledError, KeyboardInterrupt])
async def test_what_was_not_finished_is_not_there(
    depot: Depot, size: int, fault: type[BaseException]
) -> None:
    name = depot.name(b"unique")
    with pytest.raises(fault):
        await put_half(depot, name, bytes(size), fault)
    with pytest.raises(NotFound):
        await read(depot, name)
    assert await names(depot) == set()
    if depot.folder is not None:
        assert [path for path in depot.folder.rglob("*") if path.is_file()] == []


async def test_deleting_is_done_once_and_does_no_harm_again(depot: Depot) -> None:
    one, two = await put(depot, b"1", b"one"), await put(depot, b"2", b"two")
    await depot.delete([one, depot.name(b"never")])
    await depot.delete([one])
    assert await names(depot) == {two}
    assert await depot.fault() is None
    assert await names(depot) == {two}
    with pytest.raises(NotFound):
        await read(depot, one)


async def test_installations_do_not_see_each_other(tmp_path: Path) -> None:
    ours, theirs = Depot(tmp_path.as_uri(), "ours"), Depot(tmp_path.as_uri(), "theirs")
    await put(ours, b"x")
    assert await names(theirs) == set()


async def test_only_old_halves_are_dropped(tmp_path: Path) -> None:
    depot = Depot(tmp_path.as_uri(), "ns")
    name = await put(depot, b"whole")
    old, new = (tmp_path / f"{name}{end}" for end in ("#1", "#2"))
    for half in (old, new):
        half.write_bytes(b"half")
    os.utime(old, (time.time() - 100_000,) * 2)
    assert await names(depot) == {name}
    assert await depot.drop_unfinished(EARLIER) == 1
    assert (old.exists(), new.exists()) == (False, True)
    assert await read(depot, name) == b"whole"


async def test_a_store_that_is_away_is_said_to_be(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("no folder")
    options = {"aws_access_key_id": "a", "aws_secret_access_key": "b", "aws_region": "eu"}
    gone = {"aws_endpoint": "http://127.0.0.1:9"}
    for depot in (
        Depot((tmp_path / "file").as_uri(), "ns"),
        Depot("s3://bucket/prefix", "ns", {**options, **gone}),
        Depot("s3://bucket", "ns", {"no_such_option": "x"}),
        Depot("nonsense://x", "ns"),
    ):
        assert await depot.fault() == "the store of files does not answer"
        with pytest.raises(Unavailable):
            await put(depot, b"x")
        with pytest.raises(Unavailable):
            await names(depot)


async def test_a_folder_that_is_taken_away_is_away_and_not_empty(tmp_path: Path) -> None:
    depot = Depot((tmp_path / "mounted").as_uri(), "ns")
    name = await put(depot, b"x")
    shutil.rmtree(tmp_path / "mounted")
    (tmp_path / "mounted").write_text("in the way")
    with pytest.raises(Unavailable):
        await put(depot, bytes(1_000_000), b"other")
    with pytest.raises(Unavailable):
        await read(depot, name)
