"""What the kit must know of a service before it runs it, and what the service then consists of.

Owns two shapes; does nothing.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from fastapi import APIRouter

from services.kit.entities import Logic
from services.kit.erasure.letting_go import Forgets, nothing_beside
from services.kit.foreign import ForeignLogic
from services.kit.identity.access import Access
from services.kit.loop import BackgroundLoop
from services.kit.quiet import Extra
from services.kit.retention.classes import DataClass
from services.kit.rows import Streams
from services.kit.settings import Settings
from services.kit.unit import Entities
from services.kit.wire import Codec


async def _nothing_more(_: datetime) -> tuple[list[str], dict[str, int]]:
    return [], {}


@dataclass(frozen=True, slots=True)
class Parts:
    """What a service is made of, built once the database answers.

    `access` says who may use each route; one that it does not name is nobody's.
    `busy` adds to the quiet report: what is in flight, and counters that move with work done.
    `forget` lets go of what the service keeps of a data subject beside its entities.
    `retention` are the classes of data that it keeps beside those of every service.
    `channels` are notifications that wake the service's own loops; `closing` runs at the end.
    """

    routers: Sequence[APIRouter]
    access: Access = field(default_factory=lambda: Access({}))
    logic: Logic | None = None
    foreign: ForeignLogic | None = None
    loops: Sequence[BackgroundLoop] = ()
    busy: Extra = _nothing_more
    forget: Forgets = nothing_beside
    retention: Sequence[DataClass] = ()
    channels: Mapping[str, Callable[[], None]] = field(default_factory=dict)
    closing: Sequence[Callable[[], Awaitable[None]]] = ()


@dataclass(frozen=True, slots=True)
class Blueprint:
    """A service. Topics are without prefix; `readers` says who reads each topic it writes.

    `examinations` are what a doctor may ask beside database, keys and broker: each answers what
    is worth a look.
    """

    name: str
    title: str
    streams: Streams
    foreign_topics: tuple[str, ...]
    control_topic: str
    readers: Mapping[str, Sequence[str]]
    codec: Codec
    migrations: Path
    build: Callable[[Entities, Settings], Awaitable[Parts]]
    examinations: Mapping[str, Callable[[Entities, Settings], Awaitable[Sequence[str]]]] = field(
        default_factory=dict
    )
