"""Which object holds which file of which case, and the sealed key that opens it.

Owns the tables of files; the objects themselves are the depot's.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID

from services.intake.core.state import Case
from services.intake.store import QUERIES, Session


@dataclass(frozen=True, slots=True)
class KeptObject:
    """A durable object that holds a file; `file_key` opens it, and is sealed."""

    name: str
    file_key: bytes
    size: int


class InObject(NamedTuple):
    """Where a file is."""

    subject: UUID
    kept: KeptObject


class InDatabase(NamedTuple):
    """Where files once were: the sealed file itself."""

    subject: UUID
    content: bytes


async def add(session: Session, case: Case, file: bytes, kept: KeptObject, now: datetime) -> bool:
    """Name the object that holds a file; False if another one holds it already."""
    tag = await session.execute(
        QUERIES["add_file"], case.id, file, case.subject, kept.name, kept.file_key, kept.size, now
    )
    return tag == "INSERT 0 1"


async def find(session: Session, case_id: UUID, file: bytes) -> InObject | InDatabase | None:
    """Where a file is; None if it is not kept here."""
    row: Any = await session.fetchrow(QUERIES["file"], case_id, file)
    if row is None:
        return None
    if row["content"] is not None:
        return InDatabase(row["subject"], row["content"])
    return InObject(row["subject"], KeptObject(row["object"], row["file_key"], row["size"]))


async def forget(session: Session, case_ids: Iterable[UUID]) -> None:
    """Let go of every file of some cases, in whoever's transaction this is: erasure, retention.

    The objects are deleted behind it by the chore, within a minute where the store answers.
    """
    await session.execute(QUERIES["forget_files"], sorted(set(case_ids)))


async def gone(session: Session, most: int) -> list[str]:
    """Some objects that are to be deleted."""
    return [row["object"] for row in await session.fetch(QUERIES["gone_objects"], most)]


async def deleted(session: Session, objects: Sequence[str]) -> None:
    """These objects are deleted."""
    await session.execute(QUERIES["objects_deleted"], list(objects))


async def unnamed(session: Session, objects: Sequence[str]) -> list[str]:
    """Of these objects those that no file needs."""
    rows = await session.fetch(QUERIES["unnamed_objects"], list(objects))
    return [row["object"] for row in rows]
