"""Brings an installation's ground to what is wanted, and waits for servers that are still coming.

Owns the patience and the account of what was there; what is wanted is said elsewhere.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping
from dataclasses import dataclass
from time import monotonic
from typing import Final, TypeVar

import asyncpg
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import KafkaError

from services.ground.roles import prepare
from services.ground.settings import DatabaseSettings, Roles, roles_of
from services.ground.topics import TopicPlan, TopicShape, create_missing, differences, look
from services.kit.broker_security import client_options
from services.kit.db import UNREACHABLE
from services.kit.settings import KafkaSettings

_PAUSE_S: Final = 0.5
_TIMEOUT_MS: Final = 10_000
_FAULTS: Final = (KafkaError, OSError, asyncpg.PostgresError, *UNREACHABLE)
_Done = TypeVar("_Done")


class NotReady(RuntimeError):
    """A server did not do what it was asked in time; the message says which and why."""


@dataclass(frozen=True, slots=True)
class TopicReport:
    """What was wanted, what is there now, and what of that was created just now."""

    wanted: Mapping[str, TopicShape]
    found: Mapping[str, TopicShape]
    created: frozenset[str]

    @property
    def well(self) -> bool:
        """Whether every topic is there as wanted."""
        return all(self._is_as_wanted(name) for name in self.wanted)

    def lines(self) -> Iterator[str]:
        """One line for each topic."""
        for name, wanted in self.wanted.items():
            if name not in self.found:
                yield f"missing  {name}"
            elif self._is_as_wanted(name):
                yield f"{'created' if name in self.created else 'ok     '}  {name}: {wanted.text()}"
            else:
                yield f"differs  {name}: {'; '.join(differences(wanted, self.found[name]))}"

    def _is_as_wanted(self, name: str) -> bool:
        return name in self.found and not differences(self.wanted[name], self.found[name])


async def reconciled(settings: KafkaSettings, *, create: bool, wait_s: float) -> TopicReport:
    """The topics after what is missing was created, if it is to be. Raises NotReady."""
    # It logs each of its tries; ours are told once.
    logging.getLogger("aiokafka").setLevel(logging.CRITICAL)
    plan = TopicPlan(settings.topics_prefix, settings.partitions, settings.replication)

    async def once() -> TopicReport:
        async with _admin(settings) as admin:
            created = await create_missing(admin, plan) if create else []
            return TopicReport(plan.wanted(), await look(admin, plan), frozenset(created))

    return await _patiently(once, f"Kafka at {settings.kafka_bootstrap}", wait_s)


async def prepared(settings: DatabaseSettings, wait_s: float) -> Roles:
    """The roles, once they and their schemas are there. Raises NotReady and ValueError."""
    roles = roles_of(settings)

    async def once() -> None:
        await prepare(settings.admin_dsn, roles.passwords, roles.database)

    await _patiently(once, "PostgreSQL", wait_s)
    return roles


async def _patiently(once: Callable[[], Awaitable[_Done]], server: str, wait_s: float) -> _Done:
    """Try until it works: a server that has just started refuses many things for a while."""
    deadline = monotonic() + wait_s
    while True:
        try:
            return await once()
        except _FAULTS as error:
            if monotonic() >= deadline:
                raise NotReady(f"{server}: {str(error) or type(error).__name__}") from error
        await asyncio.sleep(_PAUSE_S)


@contextlib.asynccontextmanager
async def _admin(settings: KafkaSettings) -> AsyncIterator[AIOKafkaAdminClient]:
    admin = AIOKafkaAdminClient(**client_options(settings), request_timeout_ms=_TIMEOUT_MS)
    try:
        await admin.start()
        yield admin
    finally:
        await admin.close()
