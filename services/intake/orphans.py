"""Deletes what no file needs: objects whose transaction never came, halves of dead processes.

Owns the pace. Each minute go the objects whose files were let go. Each hour the store is looked
through, in real time, for what is older than a day, so that whatever is being received now is safe;
where the database names no object at all nothing is deleted then: it is not the one that belongs
to the store.
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
_LOOK_EACH: Final = timedelta(hours=1)
_REST_S: Final = 60.0
_BATCH: Final = 1000


@dataclass(slots=True)
class Orphans:
    """The chore; any number of replicas may do it at once."""

    entities: Entities
    depot: Depot
    _look_at: datetime | None = None

    async def step(self) -> float:
        """Delete what is to go; answers the seconds to rest.

        A store that is away must not take intake out of service, so that it is no failure here.
        """
        now = (await self.entities.now()).real
        try:
            await self._delete_gone()
            if self._look_at is None or now >= self._look_at:
                await self._look_through(now - _AGE)
                self._look_at = now + _LOOK_EACH
                metrics.EVIDENCE_STORE_UP.set(1)
        except Unavailable:
            metrics.EVIDENCE_STORE_UP.set(0)
            self._look_at = None
        return _REST_S

    async def _delete_gone(self) -> None:
        while names := await evidence_store.gone(self.entities.db, _BATCH):
            await self.depot.delete(names)
            await evidence_store.deleted(self.entities.db, names)

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
