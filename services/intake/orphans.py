"""Deletes what no file needs: objects whose transaction never came, halves of dead processes.

Owns the pace. Works in real time, and only on what is older than a day, so that whatever is being
received now is safe. Where the database names no object at all it deletes none: it is then not
the one that belongs to the store.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

import structlog

from services.intake import evidence_store, metrics
from services.kit.depot import Depot
from services.kit.faults import Unavailable
from services.kit.unit import Entities

_log = structlog.get_logger(__name__)
_AGE: Final = timedelta(days=1)
_REST_S: Final = 3600.0
_SOON_S: Final = 60.0


@dataclass(frozen=True, slots=True)
class Orphans:
    """The chore; any number of replicas may do it at once."""

    entities: Entities
    depot: Depot

    async def step(self) -> float:
        """Look through the whole store once; answers the seconds to rest.

        A store that is away must not take intake out of service, so that it is no failure here.
        """
        now = await self.entities.now()
        try:
            await self._look_through(now.real - _AGE)
        except Unavailable:
            metrics.EVIDENCE_STORE_UP.set(0)
            return _SOON_S
        metrics.EVIDENCE_STORE_UP.set(1)
        return _REST_S

    async def _look_through(self, before: datetime) -> None:
        unfinished = await self.depot.drop_unfinished(before)
        deleted = 0
        async for names in self.depot.older_than(before):
            unnamed = await evidence_store.unnamed(self.entities.db, names) if names else []
            await self.depot.delete(unnamed)
            deleted += len(unnamed)
        metrics.EVIDENCE_ORPHANS.inc(deleted + unfinished)
        if deleted or unfinished:
            _log.info("orphans_deleted", objects=deleted, unfinished=unfinished)
