"""Objects too long for the database: written and read as streams, in a folder or a cloud's store.

Owns what `obstore` is told, and that an object is there whole or not at all. Knows nothing of what
the objects are; nobody may put anything into it that is not sealed. Never used inside a
transaction: a store is a network call away.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Iterable, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from datetime import datetime, timedelta
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import unquote, urlsplit

import obstore
import structlog
from obstore.exceptions import BaseError
from obstore.store import LocalStore, from_url

from services.kit.faults import NotFound, Unavailable

if TYPE_CHECKING:
    from obstore import AsyncWritableFile
    from obstore.store import ClientConfig, ObjectStore, RetryConfig

_log = structlog.get_logger(__name__)
_FOLDER_PART: Final = 256 * 1024
_CLOUD_PART: Final = 5 * 1024 * 1024
"""The clouds take no shorter part of an upload, except the last; each upload holds a few."""
_READ_PART: Final = 64 * 1024
_PAGE: Final = 1000
_CONNECT: Final = "5s"
_TIMEOUT: Final = "30s"
_RETRY: Final[RetryConfig] = {"max_retries": 3, "retry_timeout": timedelta(seconds=20)}


class Writing:
    """An object that is being written: nobody sees it before it is whole."""

    def __init__(self, writer: AsyncWritableFile) -> None:
        self._writer = writer

    async def write(self, content: bytes) -> None:
        """Add to it. Raises `Unavailable`."""
        if content:
            with _told():
                await self._writer.write(content)


class Depot:
    """The objects below one address: `file:///...`, `s3://...`, `gs://...`, `az://...`, `memory:///`.

    `options` are the store's own (keys, endpoint, region); what is not among them is taken from the
    environment, as the cloud's own tools do. `namespace` begins every name, so that installations
    that share an address do not see each other's objects.
    """

    def __init__(self, url: str, namespace: str, options: Mapping[str, str] | None = None) -> None:
        parts = urlsplit(url)
        self.folder = Path(unquote(parts.path)) if parts.scheme == "file" else None
        self._url = url
        self._namespace = namespace
        self._options = dict(options or {})

    @cached_property
    def _store(self) -> ObjectStore:
        """Made when first used: a store that is away must not keep a service from starting."""
        if self.folder is not None:
            return LocalStore(self.folder, mkdir=True)
        if self._url.startswith("memory:"):
            return from_url(self._url)
        return _cloud(self._url, self._options)

    def name(self, unique: bytes) -> str:
        """A name that says nothing; folders stay small."""
        text = unique.hex()
        return f"{self._namespace}/{text[:2]}/{text}"

    async def fault(self) -> str | None:
        """What keeps it from taking objects, found by writing one and deleting it."""
        name = self.name(b"trial")
        try:
            async with self.writing(name) as writing:
                await writing.write(b"trial")
            await self.delete([name])
        except Unavailable as error:
            return str(error)
        return None

    @asynccontextmanager
    async def writing(self, name: str) -> AsyncIterator[Writing]:
        """Write an object: durable when this ends, and gone if it ends by an exception."""
        with _told():
            writer = obstore.open_writer_async(
                self._store,
                name,
                buffer_size=_FOLDER_PART if self.folder else _CLOUD_PART,
                max_concurrency=1,
            )
        try:
            yield Writing(writer)
        except BaseException as error:
            await _let_go(writer, error)
            raise
        with _told():
            await writer.close()
            if self.folder is not None:
                await asyncio.to_thread(_make_durable, self.folder / name)

    async def read(self, name: str) -> AsyncIterator[bytes]:
        """The pieces of an object. Raises `NotFound`, `Unavailable`."""
        with _told():
            try:
                found = await obstore.get_async(self._store, name)
            except FileNotFoundError as error:
                raise NotFound("no such object") from error
            async for piece in found.stream(min_chunk_size=_READ_PART):
                yield bytes(piece)

    async def delete(self, names: Iterable[str]) -> None:
        """Have objects there no more. Raises `Unavailable`."""
        for name in names:
            with _told():
                try:
                    await obstore.delete_async(self._store, name)
                except FileNotFoundError:
                    continue

    async def older_than(self, instant: datetime) -> AsyncIterator[list[str]]:
        """The names of objects that were last written before an instant, page by page."""
        with _told():
            pages = obstore.list(self._store, prefix=self._namespace, chunk_size=_PAGE)
            async for page in pages:
                yield [each["path"] for each in page if each["last_modified"] < instant]

    async def drop_unfinished(self, before: datetime) -> int:
        """Delete what dead processes left half written in a folder; a cloud has a rule for that."""
        if self.folder is None:
            return 0
        with _told():
            return await asyncio.to_thread(
                _drop_staged, self.folder / self._namespace, before.timestamp()
            )


def _cloud(url: str, options: Mapping[str, str]) -> ObjectStore:
    """A cloud's store. Raises `ValueError` where the options are none of its own."""
    client: ClientConfig = {"connect_timeout": _CONNECT, "timeout": _TIMEOUT}
    if any(value.startswith("http://") for value in options.values()):
        client["allow_http"] = True
    config: Any = dict(options)
    try:
        return from_url(url, config=config, client_options=client, retry_config=_RETRY)
    except BaseException as error:
        # What Rust did not expect is no `Exception`, and would end the process.
        if isinstance(error, Exception) or type(error).__name__ != "PanicException":
            raise
        raise ValueError("an option is not one of this store") from None


@contextmanager
def _told() -> Iterator[None]:
    """Say in our words what the store says. Never what it was asked: options may be in it."""
    try:
        yield
    except (BaseError, OSError, ValueError) as error:
        _log.warning("depot_away", error=type(error).__name__)
        raise Unavailable("the store of files does not answer") from error


async def _let_go(writer: AsyncWritableFile, error: BaseException) -> None:
    try:
        await writer.__aexit__(type(error), error, error.__traceback__)
    except (BaseError, OSError) as second:
        _log.warning("depot_did_not_let_go", error=type(second).__name__)


def _make_durable(path: Path) -> None:
    """Have file and names on the disk itself: `obstore` leaves that to the system."""
    for each in (path, path.parent, path.parent.parent, path.parent.parent.parent):
        number = os.open(each, os.O_RDONLY)
        try:
            os.fsync(number)
        finally:
            os.close(number)


def _drop_staged(folder: Path, before: float) -> int:
    """`obstore` writes `NAME#1` and renames it in the end."""
    dropped = 0
    for path in folder.glob("*/*#*"):
        try:
            if path.stat().st_mtime < before:
                path.unlink()
                dropped += 1
        except FileNotFoundError:
            continue
    return dropped
